"""What project admins decide about a task: skip it, un-skip it, hand it on, put it back."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.domain import (
    advancing,
    assignments,
    audit,
    notices,
    policies,
    projects,
    sharing,
    staffing_requests,
)
from orchestra.domain.audit import Actor, require_manager
from orchestra.domain.lifecycle import close_iteration
from orchestra.domain.locking import LockedTask, gate, lock_task
from orchestra.errors import NotFound, WrongStatus
from orchestra.models import (
    Assignment,
    AssignmentStatus,
    Iteration,
    IterationStatus,
    Source,
    Task,
    TaskStatus,
    Verb,
    Worker,
)


def skip_task(session: Session, actor: Actor, task_id: int, note: str | None = None) -> Task:
    """Complete a human task without further work, never for review (L-78 to L-80).

    :raises Invalid: the note is too long.
    """
    require_manager(actor)
    note = audit.explained(note)
    locked = lock_task(session, task_id)
    gate(locked.project)
    locked.require_human()
    task = locked.task
    if task.status.is_terminal:
        raise WrongStatus(f"Task {task_id} is {task.status.label} already.")
    holder = locked.processing
    source = holder or (locked.assignments[-1] if locked.assignments else None)
    result = dict(source.data) if source else {}
    if holder:
        holder.status = AssignmentStatus.SUBMITTED
        close_iteration(locked, result, IterationStatus.REQUESTED_REVIEW)
    task.skip_note = note
    audit.record(
        session,
        actor,
        Verb.TASK_SKIPPED,
        task,
        project_id=locked.project.id,
        before={"status": task.status.value},
        note=note,
    )
    notices.completed_by_admin(session, actor, locked)
    advancing.finish_task(session, locked, result)
    return task


def unskip_task(session: Session, actor: Actor, task_id: int) -> Task:
    """Want a skipped task after all (L-81, L-82)."""
    require_manager(actor)
    locked = lock_task(session, task_id)
    gate(locked.project)
    task = locked.task
    if task.status is not TaskStatus.SKIPPED:
        raise WrongStatus(f"Task {task_id} is {task.status.label}, not Skipped.")
    task.move_to(TaskStatus.AWAITING_PROCESSING)
    task.ended_at = task.skip_note = None
    audit.record(session, actor, Verb.TASK_UNSKIPPED, task, project_id=locked.project.id)
    session.flush()
    projects.start_again(session, locked)
    return task


def reassign(
    session: Session, actor: Actor, assignment_id: int, worker: Worker | None
) -> Assignment:
    """Hand an assignment to somebody else as it is (L-83 to L-86)."""
    require_manager(actor)
    locked, assignment = _lock_assignment(session, assignment_id)
    gate(locked.project, while_paused=True)
    locked.require_human()
    if locked.task.status.is_terminal:
        raise WrongStatus(f"Task {locked.task.id} is {locked.task.status.label}.")
    worker = assignments.require_assignable(session, locked, worker, assignment.level)
    source = "api" if actor.source is Source.API else "admin"
    assignments.hand_to(session, actor, locked, assignment, worker=worker, source=source)
    return assignment


def _lock_assignment(session: Session, assignment_id: int) -> tuple[LockedTask, Assignment]:
    owner = sa.select(Assignment.task_id).where(Assignment.id == assignment_id)
    task_id = session.scalar(owner)
    locked = lock_task(session, task_id) if task_id is not None else None
    live = {a.id: a for a in locked.assignments} if locked else {}
    if locked is None or assignment_id not in live:
        raise NotFound(f"There is no assignment {assignment_id} in force.")
    return locked, live[assignment_id]


def unassign(session: Session, actor: Actor, assignment_id: int) -> Task:
    """Put a task back into the pool; its draft is kept for the next worker (L-87, L-88)."""
    require_manager(actor)
    locked, assignment = _lock_assignment(session, assignment_id)
    task = locked.task
    gate(locked.project, while_paused=True)
    back = {
        TaskStatus.PROCESSING: TaskStatus.AWAITING_PROCESSING,
        TaskStatus.REVIEWING: TaskStatus.PENDING_REVIEW,
    }.get(task.status)
    if back is None or assignment is not locked.processing:
        raise WrongStatus(
            f"Task {task.id} is {task.status.label}; only the assignment that is worked on now, "
            "in Processing or Reviewing, can be put back."
        )
    locked.require_human()
    task.kept_drafts = task.kept_drafts | {str(assignment.level): assignment.data}
    open_one: list[Iteration] = [locked.open_iteration] if locked.open_iteration else []
    assignments.discard(assignment, open_one)
    locked.assignments.remove(assignment)
    locked.open_iteration = None
    task.move_to(back)
    audit.record(
        session,
        actor,
        Verb.TASK_UNASSIGNED,
        task,
        project_id=locked.project.id,
        before={"worker_id": assignment.worker_id, "level": assignment.level},
    )
    staffing_requests.cancel(session, actor, locked, "unassigned", level=assignment.level)
    notices.unassigned(session, actor, locked, assignment)
    sharing.follow(session, locked.project.id)
    session.flush()
    policies.assign_by_policy(session, locked)
    return task
