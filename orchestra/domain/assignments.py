"""Give a task to a worker, take it back, move it to somebody else."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from orchestra.database import utcnow
from orchestra.domain import audit, notices, sharing, staffing_requests
from orchestra.domain.audit import Actor
from orchestra.domain.eligibility import require_certified
from orchestra.domain.locking import LockedTask
from orchestra.errors import AlreadyOnTask, AlreadyTaken, NotFound, WorkerInactive, WrongStatus
from orchestra.models import (
    POOL,
    Assignment,
    AssignmentStatus,
    Iteration,
    TaskStatus,
    Verb,
    Worker,
)

Data = dict[str, Any]


def require_in_pool(locked: LockedTask, *, raced: bool = False) -> None:
    """:raises AlreadyTaken: somebody was faster (``raced``: pick-up or offer).
    :raises WrongStatus: nobody can be assigned to the task now.
    """
    task = locked.task
    if task.status in POOL:
        return
    if raced:
        raise AlreadyTaken("This task was already taken. Pick up another one.")
    raise WrongStatus(
        f"Task {task.id} is {task.status.label}; only tasks in Awaiting Processing or Pending "
        "Review can be assigned. To replace somebody who holds it, reassign."
    )


def require_assignable(
    session: Session, locked: LockedTask, worker: Worker | None, level: int
) -> Worker:
    """The checks that an assignment, a reassignment and an accepted offer share, in order.

    :raises NotFound: nobody is meant.
    :raises WorkerInactive: the account is disabled.
    :raises AlreadyOnTask: the worker holds the task at some level.
    :raises NotCertified: the worker is not eligible for the level.
    """
    if worker is None:
        raise NotFound("There is no such worker.")
    if not worker.is_active:
        raise WorkerInactive(f"The account of {worker.username} is disabled.")
    if locked.assignment_of(worker.id):
        raise AlreadyOnTask(f"{worker.username} is on task {locked.task.id} already.")
    require_certified(session, worker, locked.project, locked.step, level)
    return worker


def next_level(locked: LockedTask) -> int:
    """The level that an assignment would fill (specification L-48)."""
    if locked.task.status is TaskStatus.AWAITING_PROCESSING:
        return 0
    return locked.assignments[-1].level + 1


def give(
    session: Session, actor: Actor, locked: LockedTask, worker: Worker, source: str
) -> Assignment:
    """Make the worker hold the task; every check has been made (specification L-49).

    :param source: ``admin``, ``api``, ``pick-up``, ``policy`` or ``offer``.
    """
    task, level = locked.task, next_level(locked)
    assignment = Assignment(
        task_id=task.id,
        level=level,
        worker_id=worker.id,
        status=AssignmentStatus.PROCESSING,
        data=_first_data(locked, level),
        revision=1,
    )
    assignment.worker = worker
    session.add(assignment)
    locked.assignments.append(assignment)
    session.flush()
    open_iteration(session, locked, assignment)
    task.move_to(TaskStatus.PROCESSING if level == 0 else TaskStatus.REVIEWING)
    task.policy_problem = None
    audit.record(
        session,
        actor,
        Verb.TASK_ASSIGNED,
        task,
        project_id=locked.project.id,
        after={"worker": worker.username, "level": level, "assignment": assignment.id},
        note=source,
    )
    staffing_requests.fill(session, actor, locked, level, source)
    notices.assigned(session, actor, locked, assignment)
    sharing.follow(session, locked.project.id)
    return assignment


def hand_to(
    session: Session,
    actor: Actor,
    locked: LockedTask,
    assignment: Assignment,
    *,
    worker: Worker,
    source: str,
) -> None:
    """Give an assignment as it is to somebody else; every check has been made (L-84, L-85)."""
    former = assignment.worker_id
    assignment.worker_id, assignment.worker = worker.id, worker
    iteration = locked.open_iteration
    if iteration is not None and iteration.assignment_id == assignment.id:
        iteration.worker_id = worker.id
    audit.record(
        session,
        actor,
        Verb.TASK_REASSIGNED,
        locked.task,
        project_id=locked.project.id,
        before={"worker_id": former},
        after={"worker_id": worker.id, "level": assignment.level},
        note=source if source == "offer" else None,
    )
    staffing_requests.fill(session, actor, locked, assignment.level, source)
    notices.reassigned(session, actor, locked, assignment, former)
    sharing.follow(session, locked.project.id)


def _first_data(locked: LockedTask, level: int) -> Data:
    drafts = dict(locked.task.kept_drafts)
    kept: Data | None = drafts.pop(str(level), None)
    if kept is not None:
        locked.task.kept_drafts = drafts
        return kept
    return dict(locked.assignments[-1].data) if locked.assignments else {}


def open_iteration(session: Session, locked: LockedTask, assignment: Assignment) -> Iteration:
    """Begin the next round of work of the task with whoever holds the assignment."""
    iteration = Iteration(
        task_id=locked.task.id,
        assignment_id=assignment.id,
        number=locked.next_number(),
        worker_id=assignment.worker_id,
        submitted_data={},
    )
    session.add(iteration)
    locked.open_iteration = iteration
    return iteration


def discard(
    assignment: Assignment, iterations: list[Iteration], at: datetime | None = None
) -> None:
    """Take rows out of force; nothing that a person did is deleted (specification L-6)."""
    at = at or utcnow()
    assignment.discarded_at = at
    for iteration in iterations:
        iteration.discarded_at = at
