"""The frame of the command line: exit codes, one line on stderr, help (C-16, X-28)."""

import json
import sqlite3

import click
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

import orchestra.cli
from orchestra.cli import COMMANDS, Unusable, main
from orchestra.database import reading, transaction
from orchestra.errors import BadConfiguration, Conflict, Unavailable


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setenv("ORCHESTRA_DATA_DIR", str(tmp_path))

    def run(*arguments, env=None):
        return CliRunner().invoke(main, arguments, env=env)

    return run


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (Conflict("It is taken."), 1, ["Error: It is taken."]),
        (Unusable("ORCHESTRA_DATABASE_URL: gone."), 3, ["Error: ORCHESTRA_DATABASE_URL: gone."]),
        (BadConfiguration(["A: is wrong.", "B: too."]), 3, ["A: is wrong.", "B: too."]),
        (PermissionError(13, "Permission denied", "x"), 3, ["Error: x: Permission denied."]),
        (OSError(28, "No space left on device"), 3, ["Error: No space left on device."]),
    ],
)
def test_an_error_is_told_on_stderr_and_by_the_exit_code(error, code, lines, run, monkeypatch):
    """C-16"""

    @click.command()
    def fail():
        raise error

    monkeypatch.setattr(orchestra.cli, "fail", fail, raising=False)
    monkeypatch.setitem(COMMANDS, "fail", "orchestra.cli:fail")

    result = run("fail")

    assert result.exit_code == code
    assert result.stderr.splitlines() == lines
    assert result.stdout == ""


def test_what_the_database_said_is_part_of_the_line(run, monkeypatch, app):
    """C-16: no traceback beside it."""

    @click.command()
    def fail():
        with transaction():
            raise sa.exc.OperationalError("SELECT 1", {}, Exception("disk I/O error\nmore"))

    monkeypatch.setattr(orchestra.cli, "fail", fail, raising=False)
    monkeypatch.setitem(COMMANDS, "fail", "orchestra.cli:fail")

    result = run("fail")

    assert result.exit_code == 1
    assert result.stderr == (
        "Error: The database is not reachable at the moment. Try again later. (disk I/O error)\n"
    )


@pytest.mark.parametrize("read_or_write", [reading, transaction])
def test_a_damaged_database_is_told_in_words_and_a_mistake_of_ours_is_not(read_or_write, app):
    """C-13, C-16"""
    damage = sqlite3.DatabaseError("database disk image is malformed")
    with pytest.raises(Unavailable, match="must be restored from a backup"), read_or_write():
        raise sa.exc.DatabaseError("SELECT 1", {}, damage)

    with pytest.raises(sa.exc.ProgrammingError), read_or_write():
        raise sa.exc.ProgrammingError("SELEKT 1", {}, Exception("syntax error"))


def test_wrong_usage_is_exit_code_2(run):
    assert run("settings", "--jason").exit_code == 2
    unknown = run("workflow", "list")
    assert unknown.exit_code == 2
    assert "No such command 'workflow'." in unknown.stderr
    assert "Did you mean 'workflows'?" in unknown.stderr
    assert "Did you mean" not in run("zzz").stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example(name, run):
    """X-28"""
    result = run(name, "--help")

    assert result.exit_code == 0
    assert f"Example: orchestra {name}" in result.output


def test_settings_are_printed_with_value_and_source(run):
    """E-4"""
    result = run("settings", "--json", env={"ORCHESTRA_SECRET_KEY": "hidden"})

    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert rows["ORCHESTRA_SECRET_KEY"]["value"] == "***"
    assert rows["ORCHESTRA_SECRET_KEY"]["source"] == "environment"
    assert rows["ORCHESTRA_LEASE_SECONDS"]["value"] == 60
    assert rows["ORCHESTRA_LEASE_SECONDS"]["source"] == "default"
    assert rows["ORCHESTRA_SANITY_INTERVAL"]["value"] == 300


def test_settings_are_readable_in_a_narrow_terminal(run):
    """E-4: two lines each, and no table whose last column is a few letters wide."""
    lines = run("settings", env={"COLUMNS": "60", "ORCHESTRA_WEB_PORT": "9000"}).stdout.splitlines()

    place = lines.index("ORCHESTRA_WEB_PORT = 9000  (environment)")
    assert lines[place + 1] == "    Port of the web process."
    assert "ORCHESTRA_SECRET_KEY =   (default)" in lines


def test_a_misspelt_setting_stops_a_command(run):
    """E-3"""
    result = run("settings", env={"ORCHESTRA_LEASE": "1"})

    assert result.exit_code == 3
    assert result.stderr.startswith("ORCHESTRA_LEASE: there is no such setting")
