"""`orchestra sanity-check` (SB-17)."""

import json
from contextlib import nullcontext

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from orchestra.cli import main
from orchestra.cli import sanity as commands
from orchestra.domain import projects
from orchestra.domain.audit import SYSTEM
from orchestra.models import Message
from tests.check_functions import DAY, checks, project


@pytest.fixture
def run(app, monkeypatch):
    monkeypatch.setattr(commands, "ready_application", lambda: nullcontext(app))
    return lambda *arguments: CliRunner().invoke(main, ["sanity-check", *map(str, arguments)])


def messages(session):
    found = session.scalar(sa.select(sa.func.count()).select_from(Message))
    session.commit()
    return found


def test_a_dry_run_says_what_would_be_said_and_records_nothing(run, session, make):
    """SB-17"""
    one, other = (project(make, checks("late", repetition=DAY)) for _ in range(2))
    make.admin("mia")
    make.hold(one, "write", make.worker("ana", first_name="Ana"))
    session.commit()

    assert run("--dry-run").stdout.splitlines() == [
        f"project {one.id}, late, in inboxes: Ana: please look at it",
        f"project {other.id}, late, in inboxes: please look at it",
        "2 messages would be recorded.",
    ]
    assert messages(session) == 0
    only = run("--project", other.id)
    assert only.stdout.endswith("please look at it\n1 message.\n")
    assert messages(session) == 1
    assert run().stdout == "1 message.\n"
    assert run().stdout == "0 messages.\n"


def test_what_is_said_is_printed_for_machines_too(run, session, make):
    """C-16"""
    checked = project(make, checks("late", repetition=DAY))
    session.commit()

    printed = json.loads(run("--project", checked.id, "--json").stdout)
    assert printed["messages"] == 1
    (said,) = printed["said"]
    assert (said["project_id"], said["check_slug"]) == (checked.id, "late")
    assert json.loads(run("--json").stdout) == {"messages": 0}


def test_a_project_that_is_not_there_is_refused(run):
    refused = run("--project", 17)

    assert refused.exit_code == 1
    assert refused.stderr == "Error: There is no project 17.\n"


def test_a_project_that_is_not_checked_is_refused_with_the_reason(run, session, make):
    """SB-8, C-16"""
    paused = project(make, checks("late"))
    projects.pause(session, SYSTEM, paused.id)
    session.commit()

    refused = run("--project", paused.id)
    assert refused.exit_code == 1
    assert refused.stderr == (
        f"Error: Project {paused.id} is Paused; only active projects are checked.\n"
    )
