"""The guide for authors says nothing that does not work."""

import re
import sys
from pathlib import Path

import pytest

from orchestra.domain import definitions
from orchestra.domain.definitions.functions import resolve
from orchestra.errors import PermanentFailure

GUIDE = Path(__file__).parents[2] / "docs" / "writing-workflows.md"


@pytest.fixture
def greeting(tmp_path, monkeypatch):
    """The package that the guide builds, written out of its own text."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    blocks = re.findall(r"```(?:json|python)\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    package = tmp_path / "greeting"
    (package / "v1").mkdir(parents=True)
    names = ("workflow.json", "v1/version.json", "v1/steps.py", "__init__.py", "v1/__init__.py")
    for name, text in zip(names, [*blocks[:3], "", ""], strict=True):
        (package / name).write_text(text)
    yield package
    for name in [name for name in sys.modules if name.split(".")[0] == "greeting"]:
        del sys.modules[name]


def test_the_workflow_of_the_guide_is_valid_and_its_step_runs(greeting):
    assert definitions.read_package(greeting).warnings == []

    draft = resolve("greeting.v1.steps.draft")
    assert draft({"name": "Ana"}, {}, greeting="Hello") == {"text": "Hello, Ana!"}
    with pytest.raises(PermanentFailure):
        draft({}, {}, greeting="Hello")
