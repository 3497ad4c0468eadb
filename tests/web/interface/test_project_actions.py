"""What the dialogs of the project page ask for (N-15 to N-18, N-27)."""

import re

import pytest
import sqlalchemy as sa

from orchestra.domain import lifecycle
from orchestra.domain.audit import Actor
from orchestra.models import Project, Task
from tests.builders import step
from tests.web.conftest import form_step

CALL = "/orchestra/api/interface/project_management/eligible_workers/"


@pytest.fixture
def version(make):
    steps = [
        form_step("reporting", required_certifications=["reporter"]),
        step("photos", "reporting"),
        step("crawl", human=False),
    ]
    return make.version(*steps, certifications=["reporter"], slug="journalism")


@pytest.fixture
def project_id(session, start, version):
    project_id = start(version).id
    session.commit()
    return project_id


def task_id_of(session, project_id, slug):
    with session.begin():
        found = sa.select(Task.id).where(Task.project_id == project_id, Task.step == slug)
        return session.scalar(found)


@pytest.fixture
def at_mia(client, make, session, project_id):
    admin = make.admin("mia", first_name="Mia")
    session.commit()
    return client.sign_in(admin)


def test_workers_are_listed_with_the_reason_against_them(
    at_mia, make, session, version, project_id
):
    """N-27, P-34, P-64"""
    ana = make.worker("ana", first_name="Ana", last_name="Diaz")
    make.grant(ana, version.workflow.certifications[0])
    session.commit()
    task_id = task_id_of(session, project_id, "reporting")

    answer = at_mia.get(f"{CALL}?task_id={task_id}")

    assert answer.json["level"] == 0
    first, *others = answer.json["workers"]
    assert first == {"username": "ana", "name": "Ana Diaz", "eligible": True, "reason": None}
    assert {row["username"] for row in others} >= {"mia"}
    assert all("lacks the certification" in row["reason"] for row in others)


@pytest.mark.parametrize(
    ("query", "status", "kind"),
    [
        ("", 400, "malformed"),
        ("?task_id=x", 400, "malformed"),
        ("?task_id=4711", 404, "not_found"),
        ("?task_id={task}&level=-1", 400, "malformed"),
        ("?task_id={task}&level=3", 422, "invalid"),
        ("?task_id={machine}", 422, "wrong_step_kind"),
    ],
)
def test_a_wrong_question_is_refused(at_mia, session, project_id, query, status, kind):
    ids = {
        "task": task_id_of(session, project_id, "reporting"),
        "machine": task_id_of(session, project_id, "crawl"),
    }
    answer = at_mia.get(CALL + query.format(**ids))
    assert (answer.status_code, answer.json["error"]) == (status, kind)


def test_many_workers_cost_no_more_queries(at_mia, make, session, project_id, statements):
    """P-33, N-22"""
    task_id = task_id_of(session, project_id, "reporting")
    counts = []
    for _ in range(2):
        for _ in range(10):
            make.worker()
        session.commit()
        with statements() as seen:
            at_mia.get(f"{CALL}?task_id={task_id}")
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 20


def test_the_project_says_what_may_be_done_with_it(at_mia, session, project_id):
    """N-16, N-18"""
    body = {"project_id": project_id}
    answer = at_mia.call("project_management/project_information/", body).json
    assert answer["project"]["allowed_actions"] == [
        "pause", "edit", "create_subsequent_tasks", "message_team", "abort",
    ]  # fmt: skip
    assert answer["tasks"]["reporting"]["allowed_actions"] == ["assign", "staff", "why", "skip"]
    assert answer["tasks"]["crawl"]["allowed_actions"] == ["skip_with_data"]


def test_nothing_may_be_done_with_an_aborted_project(at_mia, session, project_id):
    """W-62"""
    body = {"project_id": project_id}
    at_mia.call("project_management/end_project/", body)
    answer = at_mia.call("project_management/project_information/", body).json
    assert answer["project"]["allowed_actions"] == []
    assert [task["allowed_actions"] for task in answer["tasks"].values()] == [[], []]
    assert session.get(Project, project_id).ended_at


def test_what_is_out_of_force_is_told_apart(
    at_mia, make, session, version, project_id, take, hand_over
):
    """N-16, L-6, L-144"""
    ana = make.worker("ana")
    make.grant(ana, version.workflow.certifications[0])
    task_id = take(ana)
    hand_over(ana, task_id)
    session.commit()
    body = {"task_id": task_id, "revert_before": True, "commit": True}
    at_mia.call("project_management/revert_task/", body)

    answer = at_mia.call("project_management/project_information/", {"project_id": project_id})
    task = answer.json["tasks"]["reporting"]

    assert task["assignments"] == []
    (assignment,), (iteration,) = task["discarded_assignments"], task["discarded_iterations"]
    assert (assignment["worker"], iteration["worker"]) == ("ana", "ana")
    assert iteration["assignment"] == assignment["id"]
    assert iteration["submitted_data"] == {"headline": "Rain"}
    assert assignment["discarded_at"] == iteration["discarded_at"]
    (draw,) = task["review_draws"]
    assert draw["iteration"] == iteration["id"]
    assert list(draw) == [
        "iteration", "drawn", "rate", "max_reviews", "reviews", "outcome", "reason", "at",
    ]  # fmt: skip


def test_more_tasks_cost_no_more_queries(at_mia, make, session, start, statements):
    """N-22"""
    counts = []
    for size in (2, 12):
        version = make.version(*(step(f"step-{number}") for number in range(size)))
        project_id = start(version).id
        for task in session.scalars(sa.select(Task).where(Task.project_id == project_id)):
            lifecycle.assign_task(session, Actor.of(make.admin()), task.id, make.worker())
        session.commit()
        with statements() as seen:
            at_mia.call("project_management/project_information/", {"project_id": project_id})
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 20


def test_workers_are_not_told_what_admins_may_do(client, make, session, version, project_id, take):
    """N-17"""
    ana = make.worker("ana")
    make.grant(ana, version.workflow.certifications[0])
    take(ana)
    session.commit()
    body = {"project_id": project_id}
    answer = client.sign_in(ana).call("project_management/project_information/", body).json
    assert "allowed_actions" not in answer["project"]
    assert all("allowed_actions" not in task for task in answer["tasks"].values())


def offered(browser, project_id):
    """The actions on the page, on the project first."""
    page = browser.get(f"/orchestra/app/project/{project_id}").text
    return re.findall(r'data-act="(\w+)"', page)


def test_the_page_offers_what_is_allowed_and_says_what_needs_scripts(at_mia, session, project_id):
    """W-1, W-54, W-55, W-62"""
    page = at_mia.get(f"/orchestra/app/project/{project_id}").text
    assert "JavaScript is off." in page
    on_project = ["pause", "edit", "message_team", "create_subsequent_tasks", "abort"]
    on_tasks = ["assign", "staff", "why", "skip", "skip_with_data"]
    assert offered(at_mia, project_id) == on_project + on_tasks
    at_mia.call(
        "project_management/set_project_status/", {"project_id": project_id, "status": "Paused"}
    )
    assert offered(at_mia, project_id) == [
        "resume", "edit", "message_team", "abort", "assign", "why",
    ]  # fmt: skip
    at_mia.call("project_management/end_project/", {"project_id": project_id})
    assert offered(at_mia, project_id) == []


def test_the_page_offers_nothing_to_workers(client, make, session, version, project_id, take):
    """W-60"""
    ana = make.worker("ana")
    make.grant(ana, version.workflow.certifications[0])
    take(ana)
    session.commit()
    browser = client.sign_in(ana)
    assert offered(browser, project_id) == []
    assert "task-actions" not in browser.get(f"/orchestra/app/project/{project_id}").text
