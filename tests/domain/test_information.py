"""What client systems may know of projects (A-28 to A-34)."""

import pytest

from orchestra.database import utcnow
from orchestra.domain import information, projects
from orchestra.domain.audit import SYSTEM
from orchestra.models import (
    Assignment,
    AssignmentStatus,
    Iteration,
    IterationStatus,
    Task,
    TaskClass,
    TaskStatus,
)
from tests.builders import own, step


@pytest.fixture
def project(session, make):
    make.version(step("join", "write", "draw"), step("write"), step("draw", human=False), slug="w")
    project = projects.create_project(
        session,
        SYSTEM,
        workflow_slug="w",
        version_slug="v1",
        short_description="A poster",
        priority=10,
        task_class=TaskClass.TRAINING,
        project_data={"colour": "red"},
    )
    session.flush()
    return project


@pytest.fixture
def told(session, project):
    def now():
        session.flush()
        return information.project_information(session, [project.id])[project.id]

    return now


@pytest.fixture
def task(session, project):
    session.flush()
    return session.query(Task).filter_by(project_id=project.id, step="write").one()


@pytest.fixture
def assign(session, make, task):
    def assigned(level, **columns):
        worker = make.worker(f"worker-of-{level}")
        row = Assignment(task_id=task.id, level=level, worker_id=worker.id, **columns)
        session.add(row)
        session.flush()
        return row

    return assigned


def test_a_project_is_told_with_its_version_and_labels(project, told):
    """A-28"""
    assert project.team_messages_url.startswith("/orchestra/documents/")
    told_of_it = told()["project"]
    assert told_of_it | {"project_data": own(told_of_it["project_data"])} == {
        "id": project.id,
        "short_description": "A poster",
        "priority": 10,
        "team_messages_url": f"http://127.0.0.1:8000{project.team_messages_url}",
        "task_class": 0,
        "status": "Active",
        "project_data": {"colour": "red"},
        "workflow_slug": "w",
        "workflow_version_slug": "v1",
        "start_datetime": information.timestamp(project.started_at),
        "end_datetime": None,
    }


def test_steps_come_in_dependency_order_ties_as_defined(told):
    """A-29"""
    answer = told()
    assert answer["steps"] == [
        ["write", "Do write."],
        ["draw", "Do draw."],
        ["join", "Do join."],
    ]
    assert answer["step_details"][1] == {
        "slug": "draw",
        "name": "Draw",
        "description": "Do draw.",
        "is_human": False,
    }


def test_each_existing_task_is_told_skipped_ones_included(session, project, told):
    """A-29"""
    session.add(
        Task(
            project_id=project.id,
            step="join",
            is_human=True,
            status=TaskStatus.SKIPPED,
            skip_note="creation policy",
        )
    )
    tasks = told()["tasks"]
    assert set(tasks) == {"write", "draw", "join"}
    assert tasks["join"]["status"] == "Skipped"
    assert tasks["join"]["skip_note"] == "creation policy"
    assert tasks["write"]["latest_data"] is None
    assert tasks["write"]["assignments"] == []


def test_live_assignments_and_iterations_are_told_in_order(session, task, assign, told):
    """A-31"""
    assign(1, data={"b": 2})
    first = assign(0, data={"a": 1}, status=AssignmentStatus.SUBMITTED)
    gone = assign(2, discarded_at=utcnow())
    now = utcnow()
    for number, row, discarded_at in ((2, first, None), (1, first, None), (3, gone, now)):
        session.add(
            Iteration(
                task_id=task.id,
                assignment_id=row.id,
                number=number,
                worker_id=row.worker_id,
                status=IterationStatus.REQUESTED_REVIEW,
                submitted_data={"round": number},
                ended_at=now,
                discarded_at=discarded_at,
            )
        )
    assignments = told()["tasks"]["write"]["assignments"]
    assert [entry["level"] for entry in assignments] == [0, 1]
    assert assignments[0]["worker"] == "worker-of-0"
    assert assignments[0]["status"] == "Submitted"
    assert assignments[0]["in_progress_task_data"] == {"a": 1}
    assert assignments[0]["recorded_work_seconds"] == 0
    assert [entry["submitted_data"]["round"] for entry in assignments[0]["iterations"]] == [1, 2]
    assert assignments[0]["iterations"][0]["status"] == "Requested Review"
    assert assignments[0]["iterations"][0]["end_datetime"] == information.timestamp(now)


def test_latest_data_is_what_somebody_works_on(assign, told):
    """A-30"""
    assign(0, data={"at": 0})
    assign(1, data={"at": 1}, status=AssignmentStatus.SUBMITTED)
    assert told()["tasks"]["write"]["latest_data"] == {"at": 0}


def test_latest_data_is_else_the_work_of_the_highest_level(assign, told):
    """A-30"""
    for level in (0, 1):
        assign(level, data={"at": level}, status=AssignmentStatus.SUBMITTED)
    assert told()["tasks"]["write"]["latest_data"] == {"at": 1}


def test_latest_data_of_a_complete_task_is_its_result(task, assign, told):
    """A-30"""
    assign(0, data={"at": 0})
    task.status, task.result = TaskStatus.COMPLETE, {"final": True}
    assert told()["tasks"]["write"]["latest_data"] == {"final": True}


def test_the_machine_is_no_worker(session, project, told):
    """A-30"""
    session.flush()
    drawn = session.query(Task).filter_by(project_id=project.id, step="draw").one()
    session.add(Assignment(task_id=drawn.id, level=0, worker_id=None))
    assert told()["tasks"]["draw"]["assignments"][0]["worker"] is None


def test_unknown_projects_are_left_out(session, project):
    """A-32"""
    ids = [project.id, 999, 2**40]
    assert list(information.project_information(session, ids)) == [project.id]


def test_a_workflow_without_versions_is_told_too(session, make):
    """A-34"""
    version = make.version(step("a"), slug="w")
    session.delete(version)
    session.flush()
    assert information.workflow_types(session) == {
        "w": {"name": "W", "description": "…", "versions": {}}
    }


def test_times_have_microseconds_and_z():
    """C-8"""
    moment = utcnow().replace(2026, 1, 31, 9, 0, 0, 0)
    assert information.timestamp(moment) == "2026-01-31T09:00:00.000000Z"
    assert information.timestamp(None) is None
