"""What client systems do with projects and tasks that exist (A-35, A-36, A-39)."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from orchestra.database import utcnow
from orchestra.models import (
    Assignment,
    AuditEvent,
    Project,
    ProjectStatus,
    Source,
    Task,
    TaskStatus,
    Verb,
)
from orchestra.web.api.endpoints import ENDPOINTS
from tests.builders import step
from tests.web.api.test_projects import error_of

HUGE = 2**62  # a number that no row can have


@pytest.fixture
def work(make, session):
    work = make.work()
    session.commit()
    return work


def events(session, verb):
    session.rollback()
    return session.scalars(sa.select(AuditEvent).where(AuditEvent.verb == verb)).all()


BODIES = {
    "create_project": lambda _work, body: body,
    "set_project_status": lambda work, _: {"project_id": work.project.id, "status": "Paused"},
    "message_project_team": lambda work, _: {"project_id": work.project.id, "message": "Hello"},
    "assign_worker_to_task": lambda work, _: {
        "task_id": work.task.id,
        "worker_id": work.reviewer.worker_id,
    },
    "staff_task": lambda work, _: {"task_id": work.task.id},
    "restaff_task": lambda work, _: {
        "task_id": work.task.id,
        "worker_username": work.writer.name,
    },
}


@pytest.mark.parametrize("name", [call.name for call in ENDPOINTS if call.changes])
def test_whatever_a_client_system_changes_is_recorded_as_its_doing(
    strict, make, session, body, name
):
    """P-56, P-61; one more call needs one more body here"""
    work = make.work(TaskStatus.PENDING_REVIEW)
    session.commit()
    response = strict.post(name, BODIES[name](work, body))
    assert response.status_code == 200, response.get_json()
    session.rollback()
    mine = sa.select(AuditEvent).where(AuditEvent.actor == "key:system")
    assert {event.source for event in session.scalars(mine)} == {Source.API}


# --- The page of a project ----------------------------------------------------------------------


def test_the_address_of_a_project_is_told(strict, work, change_settings):
    """A-35"""
    change_settings(url="https://orchestra.example.org")
    answer = strict.post("project_details_url", {"project_id": work.project.id}).get_json()
    assert answer == {
        "project_details_url": f"https://orchestra.example.org/orchestra/app/project/{work.project.id}"
    }


def test_no_project_has_no_address(strict):
    """A-35"""
    error_of(strict.post("project_details_url", {"project_id": HUGE}), 404, "not_found")
    error_of(strict.post("project_details_url", {}), 422, "invalid")


# --- Assigning ----------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["worker_id", "worker_username"])
def test_a_worker_gets_a_task_once_for_one_idempotency_key(strict, work, session, by):
    """A-36, A-22, L-49, P-56"""
    named = {"worker_id": work.writer.worker_id, "worker_username": work.writer.name}
    body = {"task_id": work.task.id, by: named[by]}
    answers = [
        strict.post("assign_worker_to_task", body, {"Idempotency-Key": "once"}) for _ in range(2)
    ]
    assignment = session.scalars(sa.select(Assignment)).one()
    assert assignment.worker_id == work.writer.worker_id
    assert session.scalar(sa.select(Task.status).where(Task.id == work.task.id)) is (
        TaskStatus.PROCESSING
    )
    expected = {"success": True, "assignment_id": assignment.id}
    assert [answer.get_json() for answer in answers] == [expected, expected]
    [event] = events(session, Verb.TASK_ASSIGNED)
    assert (event.actor, event.source, event.note) == ("key:system", Source.API, "api")


def test_a_reviewer_gets_the_next_level(strict, make, session):
    """A-36, L-48"""
    work = make.work(TaskStatus.PENDING_REVIEW)
    session.commit()
    body = {"task_id": work.task.id, "worker_username": work.reviewer.name}
    assert strict.post("assign_worker_to_task", body).status_code == 200
    assert work.at(1).worker_id == work.reviewer.worker_id


REFUSALS = {
    "no task": (404, "not_found"),
    "paused": (409, "project_paused"),
    "closed": (409, "project_closed"),
    "machine": (422, "wrong_step_kind"),
    "held": (409, "wrong_status"),
    "no worker": (404, "not_found"),
    "inactive": (422, "worker_inactive"),
    "on it": (409, "already_on_task"),
    "uncertified": (422, "not_certified"),
}


def prepared(case, make):
    """A task and a worker that do not fit for this reason; the body of the call."""
    reached = {"held": TaskStatus.PROCESSING, "on it": TaskStatus.PENDING_REVIEW}
    work = make.work(reached.get(case, TaskStatus.AWAITING_PROCESSING))
    body = {"task_id": work.task.id, "worker_id": work.writer.worker_id}
    if case == "paused":
        work.project.status = ProjectStatus.PAUSED
    if case == "closed":
        work.project.status = ProjectStatus.ABORTED
    if case == "inactive":
        work.workers[work.writer.name].is_active = False
    machine = make.project(step("write", human=False))
    needy = make.project(
        step("write", required_certifications=["writing"]), certifications=["writing"]
    )
    return body | {
        "no task": {"task_id": HUGE},
        "machine": {"task_id": make.task(machine, "write").id},
        "uncertified": {"task_id": make.task(needy, "write").id},
        "no worker": {"worker_id": HUGE},
    }.get(case, {})


@pytest.mark.parametrize("case", REFUSALS)
def test_a_worker_who_cannot_have_a_task_is_refused(strict, make, session, stored, case):
    """A-36, L-47"""
    body = prepared(case, make)
    session.commit()
    before = stored()
    error_of(strict.post("assign_worker_to_task", body), *REFUSALS[case])
    assert stored() == before


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"task_id": 1},
        {"worker_id": 1},
        {"task_id": 1, "worker_id": 1, "worker_username": "alice"},
        {"task_id": 1, "worker_id": "alice"},
        {"task_id": 1, "worker_username": None},
        {"task_id": 1, "worker_username": ""},
        {"task_id": 1, "worker_id": 1, "level": 1},
    ],
    ids=str,
)
def test_a_body_that_names_no_worker_is_invalid(strict, body):
    """A-36"""
    assert error_of(strict.post("assign_worker_to_task", body), 422, "invalid")["fields"]


# --- The status of a project --------------------------------------------------------------------


def test_a_project_is_paused_resumed_and_aborted(strict, work, session):
    """A-39, L-102 to L-104"""
    for status in ("Paused", "Active", "paused", "Aborted"):
        body = {"project_id": work.project.id, "status": status}
        response = strict.post("set_project_status", body)
        assert response.get_json() == {"success": True, "status": status.title()}
    session.rollback()
    session.expire_all()
    assert session.get(Project, work.project.id).status is ProjectStatus.ABORTED
    [paused, _] = events(session, Verb.PROJECT_PAUSED)
    [resumed] = events(session, Verb.PROJECT_RESUMED)
    [aborted] = events(session, Verb.PROJECT_ABORTED)
    told = {(event.actor, event.source) for event in (paused, resumed, aborted)}
    assert told == {("key:system", Source.API)}


def test_a_second_pause_is_refused_unless_it_is_a_repeat(strict, work, session):
    """A-39, A-22, L-107"""
    body = {"project_id": work.project.id, "status": "Paused"}
    once = {"Idempotency-Key": "pause"}
    assert strict.post("set_project_status", body, once).status_code == 200
    assert strict.post("set_project_status", body, once).status_code == 200
    again = strict.post("set_project_status", body, at=utcnow() - timedelta(seconds=9))
    error_of(again, 409, "wrong_status")
    assert len(events(session, Verb.PROJECT_PAUSED)) == 1


@pytest.mark.parametrize("status", ["Completed", "completed", "Happy", 2, None, ["Paused"]])
def test_a_status_that_nobody_can_set_is_invalid(strict, work, status, stored):
    """A-39, C-11"""
    before = stored()
    body = {"project_id": work.project.id, "status": status}
    answer = error_of(strict.post("set_project_status", body), 422, "invalid")
    assert list(answer["fields"]) == ["status"]
    assert stored() == before


def test_the_status_of_no_project_is_not_found(strict):
    body = {"project_id": HUGE, "status": "Paused"}
    error_of(strict.post("set_project_status", body), 404, "not_found")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("staff_task", {"task_id": HUGE}),
        ("restaff_task", {"task_id": HUGE, "worker_username": "alice"}),
        ("message_project_team", {"project_id": HUGE, "message": "Hello"}),
    ],
)
def test_a_number_that_no_row_can_have_is_not_found(strict, name, body):
    """A-5, C-9: nor is it an error of the database"""
    error_of(strict.post(name, body), 404, "not_found")
