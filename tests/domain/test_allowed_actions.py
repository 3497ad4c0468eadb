"""What is offered is exactly what the rules do not refuse (N-18)."""

import pytest

from orchestra.database import utcnow
from orchestra.domain import (
    advancing,
    allowed_actions,
    interventions,
    lifecycle,
    projects,
    repair,
    revert,
    staffing,
    team_messages,
)
from orchestra.domain.allowed_actions import ProjectAction, TaskAction
from orchestra.domain.audit import Actor
from orchestra.domain.locking import LockedProject, gate, lock_project
from orchestra.errors import NotFound, OrchestraError
from orchestra.models import (
    Assignment,
    AssignmentStatus,
    Iteration,
    ProjectStatus,
    TaskStatus,
)
from tests.builders import step

BY_RULES = [
    TaskStatus.AWAITING_PROCESSING,
    TaskStatus.PROCESSING,
    TaskStatus.PENDING_REVIEW,
    TaskStatus.REVIEWING,
    TaskStatus.POST_REVIEW_PROCESSING,
    TaskStatus.COMPLETE,
]
PUT = [TaskStatus.SKIPPED, TaskStatus.ABORTED]
OF_MACHINES = [  # with or without a run before; what failed has run
    *((status, True) for status in (TaskStatus.PROCESSING, TaskStatus.FAILED)),
    *(
        (status, has_run)
        for status in (TaskStatus.AWAITING_PROCESSING, TaskStatus.COMPLETE, *PUT)
        for has_run in (True, False)
    ),
]


def live_of(session, task):
    live = session.query(Assignment).filter_by(task_id=task.id, discarded_at=None)
    return live.order_by(Assignment.level).all()


def named(assignments):
    """The assignment to act on: that of the work in progress, else the last one."""
    if not assignments:
        raise NotFound("There is none.")
    working = [held for held in assignments if held.status is AssignmentStatus.PROCESSING]
    return (working or assignments)[-1].id


def holder(assignments):
    """Username of who holds the task at some level."""
    held = [assignment for assignment in assignments if assignment.worker is not None]
    return held[0].worker.username if held else "nobody"


def rules(session, actor, task, worker):
    live = live_of(session, task)
    return {
        TaskAction.ASSIGN: lambda: lifecycle.assign_task(session, actor, task.id, worker),
        TaskAction.REASSIGN: lambda: interventions.reassign(session, actor, named(live), worker),
        TaskAction.UNASSIGN: lambda: interventions.unassign(session, actor, named(live)),
        TaskAction.STAFF: lambda: staffing.staff(session, actor, task.id),
        TaskAction.RESTAFF: lambda: staffing.restaff(session, actor, task.id, holder(live)),
        TaskAction.SKIP: lambda: interventions.skip_task(session, actor, task.id),
        TaskAction.UNSKIP: lambda: interventions.unskip_task(session, actor, task.id),
        TaskAction.RETRY: lambda: repair.retry_task(session, actor, task.id),
        TaskAction.SKIP_WITH_DATA: lambda: repair.skip_with_data(session, actor, task.id, {}),
        TaskAction.REVERT: lambda: revert.revert_task(
            session, actor, task.id, iteration_id=None, revert_before=True, commit=True
        ),
    }


def not_refused(session, acts):
    """Try each, and take it back."""
    passed = []
    for action, act in acts.items():
        session.flush()
        point = session.begin_nested()
        try:
            act()
            session.flush()
            passed.append(action)
        except OrchestraError:
            pass
        point.rollback()
        session.expire_all()
    return passed


def put(session, project, status):
    project.status = status
    if status is ProjectStatus.PAUSED:
        project.paused_at, project.paused_by = utcnow(), "mia"
    session.flush()


def compare(session, actor, task, worker):
    is_held = bool(live_of(session, task))
    offered = allowed_actions.on_task(task.project.status, task, is_held=is_held)
    passed = not_refused(session, rules(session, actor, task, worker))
    if not is_held and task.status is TaskStatus.AWAITING_PROCESSING:
        passed = [action for action in passed if action is not TaskAction.REVERT]  # of nothing
    assert set(offered) - {TaskAction.WHY} == set(passed)


@pytest.mark.parametrize("project_status", list(ProjectStatus))
@pytest.mark.parametrize("status", [*BY_RULES, *PUT])
def test_actions_on_a_human_task_are_those_that_the_rules_do(session, make, status, project_status):
    work = make.work(status if status in BY_RULES else TaskStatus.AWAITING_PROCESSING)
    work.task.status = status
    put(session, work.project, project_status)
    compare(session, work.admin, work.task, make.worker())


@pytest.mark.parametrize("project_status", list(ProjectStatus))
@pytest.mark.parametrize(("status", "has_run"), OF_MACHINES)
def test_actions_on_a_machine_task_are_those_that_the_rules_do(
    session, make, status, project_status, has_run
):
    project = make.project(step("crawl", human=False), step("other"))
    task = make.task(project, "crawl")
    task.status = status
    if has_run:
        assignment = Assignment(task_id=task.id, level=0, status=AssignmentStatus.SUBMITTED)
        session.add(assignment)
        session.flush()
        is_open = status is TaskStatus.PROCESSING
        ended_at = None if is_open else utcnow()
        session.add(
            Iteration(task_id=task.id, assignment_id=assignment.id, number=1, ended_at=ended_at)
        )
    if status is TaskStatus.PROCESSING:
        task.lease_until = utcnow()
    put(session, project, project_status)
    compare(session, Actor.of(make.admin()), task, make.worker())


@pytest.mark.parametrize("status", list(ProjectStatus))
def test_actions_on_a_project_are_those_that_the_rules_do(session, make, status):
    project, actor = make.project(step("write")), Actor.of(make.admin())
    put(session, project, status)
    passed = not_refused(
        session,
        {
            ProjectAction.PAUSE: lambda: projects.pause(session, actor, project.id),
            ProjectAction.RESUME: lambda: projects.resume(session, actor, project.id),
            ProjectAction.ABORT: lambda: projects.abort(session, actor, project.id),
            ProjectAction.EDIT: lambda: projects.edit_project(
                session, actor, project.id, revision=1, changes={"priority": 7}
            ),
            ProjectAction.CREATE_SUBSEQUENT_TASKS: lambda: create_due(session, project.id),
            ProjectAction.MESSAGE_TEAM: lambda: team_messages.send(
                session, actor, project.id, "Well done."
            ),
        },
    )
    assert set(allowed_actions.on_project(status)) == set(passed)


def create_due(session, project_id):
    project = lock_project(session, project_id)
    gate(project)
    advancing.advance(session, LockedProject.of(project))
