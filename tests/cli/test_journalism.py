"""`orchestra journalism` against a system that answers, or does not (X-25, X-26, X-28)."""

import json

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from orchestra.cli import journalism, main
from orchestra.cli.broker import free_port
from orchestra.cli.first_start import sign_ins
from orchestra.cli.journalism_words import outstanding
from orchestra.domain import interventions, keys, lifecycle, machine
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.execution import Outcome, Runner
from orchestra.models import Task
from tests.builders import reviewed, step
from tests.serving import serving_app

PAGE = "http://127.0.0.1:8000/orchestra/app/project/7"
STEPS = (
    step("document_creation", human=False, name="Document Creation"),
    step("reporting", "document_creation", name="Reporting", review_policy=reviewed()),
    step("copy_editing", "reporting", name="Copy Editing"),
)


@pytest.fixture
def url(app):
    with serving_app(app) as url:
        yield url


@pytest.fixture
def secret(session):
    secret = keys.create_key(session, SYSTEM, "newspaper")[1]
    session.commit()
    return secret


@pytest.fixture
def run(url, secret, tmp_path, monkeypatch):
    """Run the command against the system, with its key unless another environment is given."""
    monkeypatch.setattr(journalism, "PATIENCE_SECONDS", 0)
    monkeypatch.setattr(journalism, "LOOK_SECONDS", 0.01)
    usual = {
        "ORCHESTRA_DATA_DIR": str(tmp_path),
        "ORCHESTRA_URL": url,
        "ORCHESTRA_PROJECT_API_KEY": "newspaper",
        "ORCHESTRA_PROJECT_API_SECRET": secret,
    }

    def running(*arguments, **environment):
        return CliRunner().invoke(main, ["journalism", *arguments], env=usual | environment)

    return running


@pytest.fixture
def version(make, session):
    version = make.version(*STEPS, slug="journalism")
    session.commit()
    return version


@pytest.fixture
def project(make, session, version):
    """A project whose documents are made; its id."""
    project = make.project(version=version)
    lease = machine.claim(session, project.id, "document_creation", Runner("here", 1))
    machine.record(session, lease, Outcome(result={"articleURL": "/orchestra/documents/1/"}))
    session.commit()
    return project.id


def refused(result, *words):
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr


@pytest.mark.parametrize("form", [("status",), ("--status",)])
def test_the_status_is_what_a_client_is_told(run, project, form):
    """X-26"""
    told = json.loads(run(*form, "-p", str(project)).stdout)

    assert told["project"]["id"] == project
    assert told["tasks"]["document_creation"]["status"] == "Complete"


@pytest.mark.parametrize("form", [("finish",), ("--finish",)])
def test_an_unfinished_project_says_what_it_waits_for(run, project, url, form):
    """X-26"""
    refused(
        run(*form, "-p", str(project)),
        f"Project {project} is not finished. Reporting: waiting for somebody to take it.",
        f"See {url}/orchestra/app/project/{project}",
    )


def test_a_finished_one_gives_the_data_of_its_last_step(run, session, make, project):
    """X-26"""
    admin, writer, article = make.admin(), make.worker(), {"headline": "The last ferry"}
    reporting = project_task(session, project, "reporting")
    interventions.skip_task(session, Actor.of(admin), reporting)
    last = project_task(session, project, "copy_editing")
    lifecycle.assign_task(session, Actor.of(admin), last, writer)
    lifecycle.hand_over(session, Actor.of(writer), last, "submit", data=article, revision=1)
    session.commit()

    assert json.loads(run("finish", "-p", str(project)).stdout) == article


def project_task(session, project, slug):
    found = sa.select(Task.id).where(Task.project_id == project, Task.step == slug)
    return session.scalars(found).one()


@pytest.mark.parametrize("form", ["new", "--new"])
def test_a_new_project_is_told_of_even_if_no_worker_process_makes_its_documents(
    run, version, session, form
):
    """X-25"""
    result = run(form, "--description", "The last ferry")

    told = json.loads(result.stdout)["project"]
    assert (result.exit_code, json.loads(result.stdout)["project_id"]) == (1, told["id"])
    assert (told["short_description"], told["priority"], told["task_class"]) == (
        "The last ferry",
        10,
        0,
    )
    assert f"Project {told['id']} is there" in result.stderr
    assert "`orchestra doctor`" in result.stderr


def test_a_project_that_is_not_there_is_named_with_a_remedy(run, version):
    for command in ("status", "finish"):
        refused(run(command, "-p", "99"), "no project 99", "`orchestra journalism new` starts one")


def test_a_project_of_another_workflow_is_refused(run, make, session):
    other = make.project(step("rate"), slug="simple_workflow").id
    session.commit()

    refused(run("finish", "-p", str(other)), f"Project {other} is none of the newsroom")


def test_without_the_workflow_the_command_that_loads_it_is_named(run):
    refused(run("new"), "`orchestra workflows load journalism/v1`")


def test_a_system_that_does_not_answer_is_named_with_a_remedy(run):
    away = f"http://127.0.0.1:{free_port()}"

    refused(run("new", ORCHESTRA_URL=away), f"No Orchestra answers at {away}", "`orchestra up`")


def test_a_missing_key_and_a_wrong_one_are_told_with_a_remedy(run, tmp_path):
    missing = run("new", ORCHESTRA_PROJECT_API_SECRET="")
    refused(missing, f"no client key in {tmp_path}", "`orchestra api-key create NAME`")

    wrong = run("new", ORCHESTRA_PROJECT_API_SECRET="a secret that is not the right one")
    refused(wrong, "does not accept the client key newspaper", "`orchestra api-key create NAME`")


def test_a_form_without_the_id_of_a_project_is_wrong_usage(run):
    result = run("--finish")

    assert result.exit_code == 2
    assert "--finish -p ID" in result.stderr


def test_the_command_explains_itself_with_an_example(run):
    """X-28"""
    for arguments in (
        (),
        ("--help",),
        ("new", "--help"),
        ("status", "--help"),
        ("finish", "--help"),
    ):
        assert "Example: orchestra journalism" in run(*arguments).stdout


@pytest.mark.parametrize(
    ("project", "tasks", "words"),
    [
        (
            "Active",
            {"reporting": ("Processing", "rosa"), "photography": ("Pending Review", None)},
            "Reporting: rosa works on it. Photography: waiting for somebody to review it.",
        ),
        (
            "Active",
            {"reporting": ("Reviewing", "ravi"), "photography": ("Post-review Processing", "pia")},
            "Reporting: ravi reviews it. Photography: returned to pia.",
        ),
        (
            "Active",
            {"photography": ("Complete", None), "photo_adjustment": ("Failed", None)},
            "Photo Adjustment: failed; `orchestra tasks retry 3` tries it again.",
        ),
        (
            "Active",
            {"photo_adjustment": ("Processing", None)},
            "Photo Adjustment: running.",
        ),
        (
            "Paused",
            {"reporting": ("Awaiting Processing", None)},
            "It is paused; `orchestra projects resume 7` lets it go on. "
            "Reporting: waiting for somebody to take it.",
        ),
        (
            "Aborted",
            {"reporting": ("Aborted", None)},
            "It was aborted, so nothing will come of it.",
        ),
        ("Completed", {"copy_editing": ("Skipped", None)}, "It ended without the last step."),
    ],
)
def test_every_reason_to_wait_has_its_words(project, tasks, words):
    """X-26"""
    names = {"reporting": True, "photography": True, "photo_adjustment": False}
    information = {
        "project": {"id": 7, "status": project},
        "step_details": [
            {"slug": slug, "name": slug.replace("_", " ").title(), "is_human": is_human}
            for slug, is_human in (names | {"copy_editing": True}).items()
        ],
        "tasks": {slug: task(*state) for slug, state in tasks.items()},
    }

    assert outstanding(information, PAGE) == f"Project 7 is not finished. {words} See {PAGE}"


def task(status, worker):
    at_work = [{"worker": worker, "status": "Processing"}] if worker else []
    held = {"worker": "somebody", "status": "Submitted"}
    return {"id": 3, "status": status, "assignments": [held, *at_work]}


def test_the_start_tells_who_may_sign_in(make, session):
    """X-29"""
    for username in ("demo", "journalism-editor", "journalism-copy-editor"):
        make.worker(username)
    session.commit()

    *people, _ = sign_ins()

    assert people == [
        "Sign in as demo with the password demo.",
        "Sign in as journalism-editor with the password editor.",
        "Sign in as journalism-copy-editor with the password copy-editor.",
    ]
