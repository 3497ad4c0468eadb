"""What others made lies in the pages as they made it, with version, licence and hash."""

import hashlib
import json
from pathlib import Path

import pytest

import orchestra.web

WEB = Path(orchestra.web.__file__).parent
BROWSER = Path(__file__).parent.parent / "browser" / "vendor"
PACKAGES = json.loads((WEB / "static/vendor/vendored.json").read_text())["packages"]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package["package"])
def test_vendored_files_are_unchanged_and_have_their_licence(package):
    assert (WEB / package["licence_file"]).read_text()
    for name, expected in package["sha256"].items():
        assert hashlib.sha256((WEB / name).read_bytes()).hexdigest() == expected, name


def test_nothing_vendored_is_missing_in_the_list():
    listed = {name for package in PACKAGES for name in package["sha256"]}
    found = [*WEB.glob("static/vendor/*.js"), *WEB.glob("static/vendor/*.css")]
    found += WEB.glob("templates/icons/*.svg")
    assert {str(path.relative_to(WEB)) for path in found} == listed


def test_the_stylesheet_stays_small():
    """look.md: one small stylesheet, under 400 lines."""
    assert len((WEB / "static/app.css").read_text().splitlines()) < 400


def test_the_accessibility_check_of_the_tests_is_unchanged():
    (package,) = json.loads((BROWSER / "vendored.json").read_text())["packages"]
    for name, expected in package["sha256"].items():
        assert hashlib.sha256((BROWSER / name).read_bytes()).hexdigest() == expected
