"""What people do with a task: get it, save, hand over, return."""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import utcnow
from orchestra.domain import (
    advancing,
    assignments,
    audit,
    json_data,
    notices,
    policies,
    remarks,
)
from orchestra.domain.access import refuse_stranger
from orchestra.domain.audit import Actor, require_manager
from orchestra.domain.forms import Form
from orchestra.domain.locking import LockedTask, gate, lock_task
from orchestra.domain.prerequisites import prerequisites
from orchestra.domain.review import draw_review
from orchestra.errors import (
    DependencyOpen,
    Invalid,
    StaleRevision,
    WrongStatus,
)
from orchestra.models import (
    FINISHED,
    Assignment,
    AssignmentStatus,
    AuditEvent,
    IterationStatus,
    Source,
    Task,
    TaskStatus,
    Verb,
    Worker,
)

Data = dict[str, Any]
LONGEST_COMMENT = 10_000
SAVES_IN_ONE_EVENT = timedelta(minutes=10)


class Command(StrEnum):
    """What a person can do with finished work; ``reject`` and ``accept`` are other words."""

    SUBMIT = "submit"
    ACCEPT = "accept"
    RETURN = "return"
    REJECT = "reject"


def assign_task(session: Session, actor: Actor, task_id: int, worker: Worker | None) -> Assignment:
    """Give a task of the pool to a worker, by a project admin or a client system.

    :raises WrongStatus: nobody can be assigned to the task now.
    :raises WorkerInactive, AlreadyOnTask, NotCertified: why this worker cannot.
    """
    require_manager(actor)
    locked = lock_task(session, task_id)
    from_api = actor.source is Source.API
    gate(locked.project, while_paused=not from_api)
    locked.require_human()
    assignments.require_in_pool(locked)
    level = assignments.next_level(locked)
    worker = assignments.require_assignable(session, locked, worker, level)
    return assignments.give(session, actor, locked, worker, "api" if from_api else "admin")


def save_draft(
    session: Session, actor: Actor, task_id: int, data: Data, revision: int
) -> Assignment:
    """Replace the draft of the caller's assignment (specification L-51 to L-56).

    :raises StaleRevision: another tab or person saved since; ``details`` holds the newer draft.
    :raises WrongStatus: the caller is not the one who works on the task now.
    """
    locked = lock_task(session, task_id, shared=True)
    assignment = _own_assignment(session, actor, locked)
    gate(locked.project, while_paused=True)
    _require_working(locked, assignment)
    _require_data(session, data)
    _require_revision(assignment, revision)
    if json_data.is_same(data, assignment.data):
        return assignment
    _store(actor, assignment, data)
    _audit_save(session, actor, locked, assignment)
    return assignment


def _own_assignment(session: Session, actor: Actor, locked: LockedTask) -> Assignment:
    assignment = locked.assignment_of(actor.worker_id)
    if assignment is None:
        refuse_stranger(session, locked.task.id, actor.worker_id, is_manager=actor.may_manage)
    return assignment


def _require_working(locked: LockedTask, assignment: Assignment) -> None:
    task = locked.task
    if task.status.is_terminal:
        raise WrongStatus(
            f"Task {task.id} is {task.status.label}; nothing can be changed any more."
        )
    if assignment.status is not AssignmentStatus.PROCESSING:
        raise WrongStatus(
            f"You handed over task {task.id}; it is {task.status.label} and not with you now."
        )


def _require_data(session: Session, data: Any) -> None:
    if not isinstance(data, dict):
        fields = {"task_data": ["Give a JSON object."]}
        raise Invalid("The task data must be a JSON object.", fields=fields)
    json_data.require_size(session, data, "task data")


def _require_revision(assignment: Assignment, revision: int) -> None:
    if revision > assignment.revision:
        raise Invalid(
            "This revision does not exist yet.", fields={"revision": ["Reload the task."]}
        )
    if revision < assignment.revision:
        saved_at = assignment.saved_at or assignment.created_at
        raise StaleRevision(
            "The work was saved somewhere else meanwhile. Compare both versions and choose.",
            details={
                "revision": assignment.revision,
                "data": assignment.data,
                "saved_at": saved_at,
                "saved_by": assignment.saved_by,
            },
        )


def _store(actor: Actor, assignment: Assignment, data: Data) -> None:
    assignment.data = data
    assignment.revision += 1
    assignment.saved_at, assignment.saved_by = utcnow(), actor.name


def _audit_save(session: Session, actor: Actor, locked: LockedTask, assignment: Assignment) -> None:
    """One event per assignment, actor and ten minutes, without the data (L-54)."""
    recent = sa.exists().where(
        AuditEvent.object_kind == Assignment.__tablename__,
        AuditEvent.object_id == assignment.id,
        AuditEvent.verb == Verb.DRAFT_SAVED,
        AuditEvent.actor == actor.name,
        AuditEvent.at > utcnow() - SAVES_IN_ONE_EVENT,
    )
    if not session.scalar(sa.select(recent)):
        audit.record(
            session,
            actor,
            Verb.DRAFT_SAVED,
            assignment,
            project_id=locked.project.id,
            after={"task": locked.task.id, "revision": assignment.revision},
        )


def hand_over(
    session: Session,
    actor: Actor,
    task_id: int,
    command: str,
    *,
    data: Data,
    revision: int,
    comment: str | None = None,
    said: Sequence[remarks.Said] = (),
) -> Task:
    """Submit, accept or return work (specification L-57 to L-66).

    Of two simultaneous hand-overs the second waits for the first, and is refused.

    :param said: the remarks of a reviewer on single fields.
    :raises WrongStatus: the work is not with the caller, or the command does not fit.
    :raises DependencyOpen: a step that must be finished before is not.
    :raises Invalid: the data do not fit the form; one message per JSON pointer.
    :raises StaleRevision: another tab or person saved since.
    """
    locked = lock_task(session, task_id)
    assignment = _own_assignment(session, actor, locked)
    gate(locked.project)
    _require_working(locked, assignment)
    returns = _is_return(command)
    if returns:
        _require_reviewing(locked.task)
    _require_finished_dependencies(session, locked)
    _require_data(session, data)
    _require_comment(comment)
    remarks.require_fitting(assignment, said)
    if not returns:
        data = _checked(session, locked, data)
    _require_revision(assignment, revision)
    _close(actor, locked, assignment, data, returns=returns, comment=comment)
    if locked.open_iteration:
        remarks.keep(session, locked.open_iteration, said)
    _audit_hand_over(session, actor, locked, assignment, returns=returns)
    _move_on(session, actor, locked, assignment, returns=returns)
    return locked.task


def _is_return(command: str) -> bool:
    try:
        return Command(command) in {Command.RETURN, Command.REJECT}
    except ValueError as error:
        fields = {"command_type": ["Give submit, accept or return."]}
        raise Invalid(f"There is no command {command!r}.", fields=fields) from error


def _require_reviewing(task: Task) -> None:
    if task.status is not TaskStatus.REVIEWING:
        raise WrongStatus(f"Task {task.id} is {task.status.label}; only a review can return it.")


def _require_comment(comment: str | None) -> None:
    if comment is not None and len(comment) > LONGEST_COMMENT:
        fields = {"comment": [f"At most {LONGEST_COMMENT} characters."]}
        raise Invalid("The comment is too long.", fields=fields)


def _require_finished_dependencies(session: Session, locked: LockedTask) -> None:
    needed = locked.step.submission_depends_on
    if not needed:
        return
    finished = session.scalars(
        sa.select(Task.step).where(
            Task.project_id == locked.project.id, Task.step.in_(needed), Task.status.in_(FINISHED)
        )
    ).all()
    names = [locked.graph.by_slug[step].name for step in needed if step not in finished]
    if names:
        raise DependencyOpen(f"These steps must be finished before: {', '.join(names)}.")


def _checked(session: Session, locked: LockedTask, data: Data) -> Data:
    """The data as they are stored, or :class:`Invalid` with a message per JSON pointer."""
    form = Form.of(locked.step.user_interface)
    context = {
        "prerequisites": prerequisites(session, locked.project.id, locked.graph, locked.task.step),
        "project_data": locked.project.project_data,
    }
    problems = form.problems(data, context)
    if problems:
        raise Invalid("Some fields need your attention.", fields=problems)
    return form.with_server_values(data, context)


def _close(
    actor: Actor,
    locked: LockedTask,
    assignment: Assignment,
    data: Data,
    *,
    returns: bool,
    comment: str | None,
) -> None:
    _store(actor, assignment, data)
    assignment.status = AssignmentStatus.SUBMITTED
    close_iteration(
        locked,
        data,
        IterationStatus.PROVIDED_REVIEW if returns else IterationStatus.REQUESTED_REVIEW,
        comment,
    )


def close_iteration(
    locked: LockedTask, data: Data, status: IterationStatus, comment: str | None = None
) -> None:
    """End the round of work that is open, if one is, with what was handed over."""
    iteration = locked.open_iteration
    if iteration is not None:
        iteration.status, iteration.submitted_data = status, data
        iteration.comment, iteration.ended_at = comment, utcnow()


def _audit_hand_over(
    session: Session, actor: Actor, locked: LockedTask, assignment: Assignment, *, returns: bool
) -> None:
    verb = Verb.TASK_ACCEPTED if assignment.level else Verb.TASK_SUBMITTED
    audit.record(
        session,
        actor,
        Verb.TASK_RETURNED if returns else verb,
        locked.task,
        project_id=locked.project.id,
        before={"status": locked.task.status.value},
        after={"level": assignment.level, "revision": assignment.revision},
    )


def _move_on(
    session: Session, actor: Actor, locked: LockedTask, assignment: Assignment, *, returns: bool
) -> None:
    """The table of specification L-60."""
    task = locked.task
    if returns:
        task.move_to(TaskStatus.POST_REVIEW_PROCESSING)
        _pass_to(session, actor, locked, assignment, assignment.level - 1)
        notices.passed_on(session, actor, locked, assignment.level - 1, returns=True)
    elif task.status is TaskStatus.POST_REVIEW_PROCESSING:
        task.move_to(TaskStatus.REVIEWING)
        _pass_to(session, actor, locked, assignment, assignment.level + 1)
        notices.passed_on(session, actor, locked, assignment.level + 1, returns=False)
    elif locked.open_iteration and draw_review(session, locked, assignment, locked.open_iteration):
        task.move_to(TaskStatus.PENDING_REVIEW)
        locked.open_iteration = None
        session.flush()
        notices.awaiting_review(session, locked, assignment)
        policies.assign_by_policy(session, locked)
    else:
        notices.completed(session, locked)
        advancing.finish_task(session, locked, assignment.data)


def _pass_to(
    session: Session, actor: Actor, locked: LockedTask, handed_over: Assignment, level: int
) -> None:
    """Put the task before the worker of a neighbouring level again, with the data handed over."""
    assignment = locked.assignments[level]
    _store(actor, assignment, handed_over.data)
    assignment.status = AssignmentStatus.PROCESSING
    session.flush()  # the iteration handed over is closed before the next one opens
    assignments.open_iteration(session, locked, assignment)
