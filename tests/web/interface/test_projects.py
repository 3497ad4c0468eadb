"""The calls of project admins (N-14 to N-17): per call a success, a refusal, bad input."""

import pytest
import sqlalchemy as sa

from orchestra.models import Assignment, Attempt, Project, Task, TaskStatus
from tests.builders import own, step
from tests.web.conftest import form_step

MANAGE = "project_management/"
UNKNOWN = 4711


@pytest.fixture
def version(make):
    return make.version(form_step("reporting"), step("rate", "reporting"), slug="journalism")


@pytest.fixture
def ana(make):
    return make.worker("ana")


@pytest.fixture
def admin(make):
    return make.admin("mia")


@pytest.fixture
def project_id(session, start, version):
    project = start(version, data={"url": "https://example.org"})
    session.commit()
    return project.id


@pytest.fixture
def task_id(session, project_id, ana):
    task_id = session.scalar(sa.select(Task.id).where(Task.project_id == project_id))
    session.commit()
    return task_id


@pytest.fixture
def manage(client, session, admin, version):
    session.commit()
    client.sign_in(admin)
    return lambda call, **body: client.call(f"{MANAGE}{call}/", body)


def refused(answer, status, kind):
    assert (answer.status_code, answer.json["error"]) == (status, kind)
    return answer.json


def assignment_of(session, task_id):
    with session.begin():
        live = sa.select(Assignment).where(
            Assignment.task_id == task_id, Assignment.discarded_at.is_(None)
        )
        return session.scalars(live.order_by(Assignment.id.desc())).first()


NEW = {
    "workflow_slug": "journalism",
    "workflow_version_slug": "v1",
    "description": "The Pope in New York",
    "priority": 10,
    "task_class": "real",
}


def test_a_project_is_created(manage, session):
    answer = manage("create_project", **NEW)
    assert session.get(Project, answer.json["project_id"]).priority == 10


def test_a_project_of_an_unknown_version_is_not_found(manage):
    refused(manage("create_project", **NEW | {"workflow_version_slug": "v9"}), 404, "not_found")


@pytest.mark.parametrize(
    "wrong", [{"priority": "10"}, {"priority": True}, {"task_class": 1}, {"project_data": []}]
)
def test_a_wrong_project_is_invalid_and_named(manage, session, wrong):
    problem = refused(manage("create_project", **NEW | wrong), 422, "invalid")
    assert list(problem["fields"]) == list(wrong)
    assert session.query(Project).count() == 0


def test_admins_get_everything_about_a_project(manage, project_id, task_id):
    """N-16, N-24"""
    answer = manage("project_information", project_id=project_id).json
    assert answer["project"]["revision"] == 1
    assert answer["creation_problems"] == []
    assert answer["preparation"].keys() == {"prepared_at", "problem"}
    assert answer["open_requests"] == []
    assert answer["tasks"]["reporting"]["id"] == task_id
    refused(manage("project_information", project_id=UNKNOWN), 404, "not_found")
    refused(manage("project_information"), 422, "invalid")


def test_workers_on_a_project_do_not_see_the_work_of_others(
    client, make, session, version, start, take, hand_over, ana
):
    """N-14, N-17, P-20"""
    project, ben = start(version), make.worker("ben")
    task_id = take(ana)
    session.commit()
    path, body = f"{MANAGE}project_information/", {"project_id": project.id}
    refused(client.sign_in(ben).call(path, body), 404, "not_found")
    own = client.sign_in(ana).call(path, body).json["tasks"]["reporting"]
    assert own["assignments"][0]["in_progress_task_data"] == {}
    hand_over(ana, task_id)
    take(ben, "reviewer")
    hand_over(ben, task_id, "accept", comment="Well done")
    session.commit()
    take(ben)
    session.commit()
    answer = client.sign_in(ana).call(path, body).json
    assert "revision" not in answer["project"]
    assert answer["tasks"]["rate"]["assignments"][0]["in_progress_task_data"] is None
    assert answer["tasks"]["rate"]["latest_data"] is None


def test_a_task_is_assigned_moved_and_put_back(manage, make, session, task_id, ana):
    ben = make.worker("ben")
    session.commit()
    given = manage("assign_task", task_id=task_id, worker_username="ana").json
    moved = manage("reassign_assignment", **given, worker_username=ben.username).json
    assert moved == given
    assert assignment_of(session, task_id).worker_id == ben.id
    assert manage("unassign", **given).json == {}
    assert assignment_of(session, task_id) is None


def test_assigning_is_refused_with_the_reason(manage, task_id):
    refused(manage("assign_task", task_id=UNKNOWN, worker_username="ana"), 404, "not_found")
    refused(manage("assign_task", task_id=task_id, worker_username="nobody"), 404, "not_found")
    refused(manage("reassign_assignment", assignment_id=1, worker_username="x"), 404, "not_found")
    refused(manage("unassign", assignment_id=UNKNOWN), 404, "not_found")


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("assign_task", {"task_id": "1", "worker_username": "ana"}),
        ("assign_task", {"task_id": 1, "worker_username": 7}),
        ("reassign_assignment", {"worker_username": "ana"}),
        ("unassign", {}),
        ("complete_and_skip_task", {"task_id": 1, "note": 1}),
        ("complete_and_skip_task", {"task_id": 1, "note": "x" * 1001}),
        ("set_project_status", {"project_id": 1, "status": "Paused", "reason": "x" * 1001}),
        ("unskip_task", {"task_id": -1}),
        ("revert_task", {"task_id": 1, "iteration_id": "x"}),
        ("create_subsequent_tasks", {"project_id": None}),
        ("set_project_status", {"project_id": 1, "status": 1}),
        ("set_project_status", {"project_id": 1, "status": "Happy"}),
        ("end_project", {}),
        ("edit_project", {"project_id": 1, "revision": 1, "status": "Aborted"}),
        ("retry_machine_task", {"task_id": 1, "project_data": "x"}),
        ("skip_machine_task", {"task_id": 1}),
    ],
)
def test_bad_input_is_invalid(manage, project_id, call, body):
    assert refused(manage(call, **body), 422, "invalid")["fields"]


def test_a_task_is_skipped_and_reverted(manage, session, project_id, task_id, ana):
    manage("assign_task", task_id=task_id, worker_username="ana")
    answer = manage("complete_and_skip_task", task_id=task_id, note="not needed")
    assert answer.json == {"status": "Complete"}
    refused(manage("complete_and_skip_task", task_id=task_id), 409, "wrong_status")
    report = manage("revert_task", task_id=task_id, revert_before=True).json
    assert (report["status"], report["new_status"]) == ("Complete", "Awaiting Processing")
    assert session.get(Task, task_id).status is TaskStatus.COMPLETE
    session.rollback()
    assert manage("revert_task", task_id=task_id, revert_before=True, commit=True).json == report
    assert session.get(Task, task_id).status is TaskStatus.AWAITING_PROCESSING


def test_only_a_skipped_task_is_unskipped(manage, session, task_id):
    refused(manage("unskip_task", task_id=task_id), 409, "wrong_status")
    with session.begin():
        session.get(Task, task_id).status = TaskStatus.SKIPPED
    assert manage("unskip_task", task_id=task_id).json == {"status": "Awaiting Processing"}


def test_due_tasks_are_created_on_demand(manage, session, project_id, task_id):
    """L-27"""
    assert manage("create_subsequent_tasks", project_id=project_id).json == {
        "created": [],
        "skipped": [],
        "problems": [],
    }
    refused(manage("create_subsequent_tasks", project_id=UNKNOWN), 404, "not_found")


def test_a_project_is_paused_resumed_and_ended(manage, project_id):
    """L-102 to L-104, C-11: by label or code."""
    paused = manage("set_project_status", project_id=project_id, status="Paused", reason="Holiday")
    assert paused.json == {"status": "Paused"}
    refused(
        manage("set_project_status", project_id=project_id, status="paused"), 409, "wrong_status"
    )
    refused(manage("create_subsequent_tasks", project_id=project_id), 409, "project_paused")
    resumed = manage("set_project_status", project_id=project_id, status="active")
    assert resumed.json == {"status": "Active"}
    assert manage("end_project", project_id=project_id).json == {"status": "Aborted"}
    refused(manage("end_project", project_id=project_id), 409, "wrong_status")


def test_nobody_completes_a_project_by_hand(manage, project_id):
    refused(manage("set_project_status", project_id=project_id, status="Completed"), 422, "invalid")


def test_a_project_is_edited_on_its_revision(manage, session, project_id):
    """L-108"""
    answer = manage("edit_project", project_id=project_id, revision=1, priority=7)
    assert answer.json == {"revision": 2}
    problem = refused(
        manage("edit_project", project_id=project_id, revision=1, priority=8), 409, "stale_revision"
    )
    assert problem["revision"] == 2
    assert session.get(Project, project_id).priority == 7


@pytest.fixture
def failed_task_id(make, session, start):
    version = make.version(step("crawl", human=False))
    project = start(version, data={"url": "x"})
    task = session.scalars(sa.select(Task).where(Task.project_id == project.id)).one()
    task.status, task.last_error = TaskStatus.FAILED, "no such page"
    session.add(
        Attempt(
            task_id=task.id,
            number=1,
            fencing_number=1,
            host="h",
            process=1,
            outcome="failed",
            error="no such page",
            traceback="Traceback …",
        )
    )
    session.commit()
    return task.id


def test_a_failed_step_is_retried_with_other_project_data(manage, session, failed_task_id):
    """L-123: both or neither."""
    body = {"task_id": failed_task_id, "project_data": {"url": "y"}}
    assert "revision" in refused(manage("retry_machine_task", **body), 422, "invalid")["fields"]
    answer = manage("retry_machine_task", **body, revision=1)
    assert answer.json == {"status": "Awaiting Processing"}
    session.expire_all()
    assert own(session.get(Task, failed_task_id).project.project_data) == {"url": "y"}
    session.rollback()
    refused(manage("retry_machine_task", task_id=failed_task_id), 409, "wrong_status")


def test_a_failed_step_is_skipped_with_data(manage, failed_task_id):
    answer = manage("skip_machine_task", task_id=failed_task_id, data={"image": None})
    assert answer.json == {"status": "Complete"}


def test_human_steps_are_not_retried(manage, task_id):
    refused(manage("retry_machine_task", task_id=task_id), 422, "wrong_step_kind")
    refused(manage("skip_machine_task", task_id=task_id, data={}), 422, "wrong_step_kind")


def test_attempts_are_listed_with_their_errors(client, manage, failed_task_id):
    """N-27"""
    path = f"/orchestra/api/interface/{MANAGE}attempts/"
    (attempt,) = client.get(f"{path}?task_id={failed_task_id}").json["attempts"]
    assert list(attempt) == [
        "number", "started_at", "ended_at", "outcome", "error", "traceback", "result",
    ]  # fmt: skip
    assert attempt["error"] == "no such page"
    refused(client.get(f"{path}?task_id={UNKNOWN}"), 404, "not_found")
    refused(client.get(path), 400, "malformed")
