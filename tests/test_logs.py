"""Log lines as a process writes them (E-14)."""

import subprocess
import sys

import pytest

WARNING = r"""
import logging
from orchestra import logs
from orchestra.config import Settings

logs.configure(Settings.from_env({}))
try:
    raise LookupError("the list \0 of \ud800 experts")
except LookupError as error:
    logging.getLogger("policies").warning("it failed", exc_info=error)
"""


@pytest.mark.parametrize("as_json", ["true", "false"])
def test_what_cannot_be_encoded_is_escaped_and_no_line_is_lost(as_json):
    """E-14"""
    logged = subprocess.run(
        [sys.executable, "-c", WARNING.replace("{}", f"{{'ORCHESTRA_LOG_JSON': '{as_json}'}}")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "it failed" in logged.stdout
    assert "\\ud800 experts" in logged.stdout
    assert logged.stderr == ""
