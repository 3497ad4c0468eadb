"""A worker takes a task out of the pool by a button (specification P-35 to P-44)."""

from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import settings_of
from orchestra.domain import assignments
from orchestra.domain.audit import Actor
from orchestra.domain.eligibility import certified_for_task
from orchestra.domain.locking import LockedTask, gate, lock_task
from orchestra.errors import (
    AlreadyOnTask,
    AlreadyTaken,
    Forbidden,
    LimitReached,
    NotCertified,
    NotFound,
    OrchestraError,
    ProjectClosed,
    ProjectPaused,
    ReturnedWorkFirst,
)
from orchestra.models import (
    TERMINAL,
    Assignment,
    AssignmentStatus,
    Project,
    ProjectStatus,
    Role,
    Task,
    TaskStatus,
    Worker,
)

POOL_STATUS = {
    Role.ENTRY_LEVEL: TaskStatus.AWAITING_PROCESSING,
    Role.REVIEWER: TaskStatus.PENDING_REVIEW,
}
_WORKER_ID = sa.bindparam("worker_id", type_=sa.Integer())
_LOST = (AlreadyTaken, AlreadyOnTask, NotCertified, ProjectPaused, ProjectClosed)


def pick_up(session: Session, actor: Actor, role: Role) -> Assignment:
    """Take the most urgent task of the pool that the worker may hold.

    Rows that somebody else holds are passed over first and waited for last, so that N workers
    picking up from M tasks get min(N, M) different ones.

    :raises Forbidden: the buttons are off.
    :raises ReturnedWorkFirst, LimitReached: why the worker may take nothing new now.
    :raises NotFound: nothing waits, or nothing for this worker; the message says which.
    """
    if not settings_of(session).enable_new_task_buttons:
        raise Forbidden("Tasks are not picked up by a button here. Ask a project admin.")
    worker = lock_worker(session, actor)
    reason = blocked(session, worker)
    if reason is not None:
        raise reason
    for skip_locked in (True, False):
        for task_id in _candidates(session, worker, role):
            locked = _taken(session, task_id, skip_locked=skip_locked)
            if locked is not None:
                assignment = _assigned(session, actor, locked, worker)
                if assignment is not None:
                    return assignment
    raise NotFound(_why_nothing(session, role))


def lock_worker(session: Session, actor: Actor) -> Worker:
    """The worker's row, locked, so that two tabs together do not pass the limit."""
    return session.scalars(
        sa.select(Worker)
        .where(Worker.id == actor.worker_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


_IS_RETURNED = sa.case((Task.status == TaskStatus.POST_REVIEW_PROCESSING, 1))


def _in_hand(*columns: Any) -> sa.Select[Any]:
    """Work that was returned, and all work in progress (specification P-37, P-38)."""
    return (
        sa.select(*columns, sa.func.count(_IS_RETURNED), sa.func.count())
        .select_from(Assignment)
        .join(Task, Task.id == Assignment.task_id)
        .join(Project, Project.id == Task.project_id)
        .where(
            Assignment.discarded_at.is_(None),
            Assignment.status == AssignmentStatus.PROCESSING,
            Task.status.not_in(TERMINAL),
            Project.status == ProjectStatus.ACTIVE,
        )
    )


@cache
def _in_hand_of_one() -> sa.Select[Any]:
    return _in_hand().where(Assignment.worker_id == _WORKER_ID)


def blocked(session: Session, worker: Worker) -> OrchestraError | None:
    """Why the worker may pick up nothing now, or None (specification P-36 to P-38)."""
    settings = settings_of(session)
    returned, in_progress = session.execute(_in_hand_of_one(), {"worker_id": worker.id}).one()
    if settings.enforce_no_new_tasks_during_review and returned:
        return ReturnedWorkFirst("Work was returned to you. Finish it before you take a new task.")
    limit = settings.max_in_progress_tasks
    if limit and in_progress >= limit:
        return LimitReached(
            f"You have {in_progress} of at most {limit} tasks in progress. Hand one over first."
        )
    return None


def all_blocked(session: Session) -> tuple[set[int], set[int]]:
    """Ids of all workers who have returned work, and of those at the limit, as far as it counts."""
    settings = settings_of(session)
    rows = session.execute(
        _in_hand(Assignment.worker_id)
        .where(Assignment.worker_id.is_not(None))
        .group_by(Assignment.worker_id)
    ).all()
    limit = settings.max_in_progress_tasks
    return (
        {w for w, returned, _ in rows if returned and settings.enforce_no_new_tasks_during_review},
        {worker for worker, _, in_progress in rows if limit and in_progress >= limit},
    )


def waiting(session: Session, worker: Worker) -> dict[Role, int]:
    """How many tasks of the pool the worker could take, by kind of level."""
    row = session.execute(_waiting(), {"worker_id": worker.id}).one()
    return dict(zip(Role, row, strict=True))


@cache
def _waiting() -> sa.Select[Any]:
    counted = sa.select(sa.func.count()).select_from(Task)
    counted = counted.join(Project, Project.id == Task.project_id)
    return sa.select(*(counted.where(_is_for(role)).scalar_subquery() for role in Role))


@cache
def _is_for(role: Role) -> sa.ColumnElement[bool]:
    """Whether ``worker_id`` could take a task of the pool."""
    holds = sa.exists().where(
        Assignment.task_id == Task.id,
        Assignment.worker_id == _WORKER_ID,
        Assignment.discarded_at.is_(None),
    )
    return sa.and_(_waits(role), ~holds, certified_for_task(_WORKER_ID, role))


def _waits(role: Role) -> sa.ColumnElement[bool]:
    return sa.and_(
        Task.status == POOL_STATUS[role],
        Task.is_human,
        Project.status == ProjectStatus.ACTIVE,
    )


def _candidates(session: Session, worker: Worker, role: Role) -> list[int]:
    return list(
        session.scalars(
            sa.select(Task.id)
            .join(Project, Project.id == Task.project_id)
            .where(_is_for(role))
            .order_by(Project.priority.desc(), Project.started_at, Task.id)
            .limit(200),
            {"worker_id": worker.id},
        )
    )


def _taken(session: Session, task_id: int, *, skip_locked: bool) -> LockedTask | None:
    if skip_locked:
        owner = sa.select(Task.project_id).where(Task.id == task_id).scalar_subquery()
        free = sa.select(Project.id).where(Project.id == owner).with_for_update(skip_locked=True)
        if session.scalar(free) is None:
            return None
    return lock_task(session, task_id)


def _assigned(
    session: Session, actor: Actor, locked: LockedTask, worker: Worker
) -> Assignment | None:
    """The new assignment; None when somebody else was faster."""
    try:
        gate(locked.project)
        assignments.require_in_pool(locked, raced=True)
        level = assignments.next_level(locked)
        assignments.require_assignable(session, locked, worker, level)
    except _LOST:
        return None
    assignment = assignments.give(session, actor, locked, worker, "pick-up")
    assignment.task = locked.task
    return assignment


def _why_nothing(session: Session, role: Role) -> str:
    anything = session.scalar(
        sa.select(sa.exists().where(Project.id == Task.project_id, _waits(role)))
    )
    kind = "review" if role is Role.REVIEWER else "task"
    if anything:
        return f"A {kind} is waiting, but none for your certifications."
    return f"No {kind} is waiting at the moment."
