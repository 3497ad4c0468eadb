"""The `orchestra projects` and `orchestra tasks` commands (specification X-33, C-16, X-36)."""

import json
from contextlib import nullcontext

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from orchestra.cli import main
from orchestra.cli import projects as commands
from orchestra.domain import execution, machine
from orchestra.models import AuditEvent, Project, Task, Verb
from tests.builders import step


@pytest.fixture
def run(app, monkeypatch):
    monkeypatch.setattr(commands, "ready_application", lambda settings=None: nullcontext(app))
    return lambda *arguments: CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture
def project(session, make):
    project = make.project(
        step("fetch", human=False, execution_function={"path": "tests.steps.fail_for_good"}),
        step("rate", "fetch"),
    )
    session.commit()
    return project.id


@pytest.fixture
def failed_task(session, project):
    lease = machine.claim(session, project, "fetch", execution.Runner("here", 1))
    machine.record(session, lease, execution.call(lease))
    session.commit()
    return lease.task_id


def test_projects_are_listed_in_words_and_as_json(run, project):
    assert "A project" in run("projects", "list").stdout

    (row,) = json.loads(run("projects", "list", "--json", "--status", "active").stdout)
    assert (row["id"], row["status"], row["open_tasks"]) == (project, "Active", 1)
    assert run("projects", "list", "--status", "paused").stdout == "No projects.\n"


def test_a_project_is_shown_as_the_client_api_tells_it(run, project):
    shown = json.loads(run("projects", "show", project).stdout)

    assert shown["project"]["short_description"] == "A project"
    assert run("projects", "show", 99).exit_code == 1


def test_a_project_is_paused_resumed_and_aborted_in_the_name_of_the_operator(run, session, project):
    assert run("projects", "pause", project, "--reason", "waiting").exit_code == 0
    again = run("projects", "pause", project)
    assert again.exit_code == 1
    assert again.stderr == f"Error: Project {project} is Paused and cannot be paused.\n"
    assert run("projects", "resume", project).exit_code == 0
    assert run("projects", "abort", project, "--yes").exit_code == 0

    assert session.get(Project, project).status == "aborted"
    event = session.scalars(
        sa.select(AuditEvent).where(AuditEvent.verb == Verb.PROJECT_RESUMED)
    ).one()
    assert (event.actor, event.source) == ("system", "cli")
    assert event.note


def test_a_reason_that_nobody_would_read_is_refused(run, session, project):
    refused = run("projects", "pause", project, "--reason", "x" * 1001)

    assert refused.stderr == "Error: Say why in at most 1000 characters, not 1001.\n"
    assert session.get(Project, project).status == "active"


def test_aborting_asks_unless_told_not_to(run, session, project):
    assert run("projects", "abort", project).exit_code == 1  # nobody answered

    assert session.get(Project, project).status == "active"


def test_a_failed_step_is_retried_or_skipped_with_data(run, session, failed_task):
    assert run("tasks", "retry", failed_task).exit_code == 0
    assert session.get(Task, failed_task).status == "awaiting_processing"

    assert run("tasks", "skip", failed_task, "--data", "{").exit_code == 1
    for given, advice in (
        ((), "give its result, a JSON object, with --data"),
        (("--data", "1"), "data: "),
    ):
        refused = run("tasks", "skip", failed_task, *given)
        assert (refused.exit_code, advice in refused.stderr) == (1, True), refused.stderr
    skipped = run("tasks", "skip", failed_task, "--data", '{"image": null}', "--note", "gone")
    assert skipped.exit_code == 0
    session.expire_all()
    task = session.get(Task, failed_task)
    assert (task.status, task.result, task.skip_note) == ("complete", {"image": None}, "gone")
