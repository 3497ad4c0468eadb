"""What a reviewer says about single fields of work, and what became of it (W-23)."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra.database import utcnow
from orchestra.domain import audit
from orchestra.domain.access import refuse_stranger
from orchestra.domain.audit import Actor
from orchestra.domain.locking import LockedTask, gate, lock_task
from orchestra.errors import Invalid, NotFound, WrongStatus
from orchestra.models import Assignment, Iteration, Remark, Verb

MOST_REMARKS = 100
LONGEST_REMARK = 10_000
LONGEST_POINTER = 1_000


@dataclass(frozen=True)
class Said:
    """One remark as a reviewer writes it: at a field, or with no pointer about the whole."""

    text: str
    pointer: str | None = None


def require_fitting(assignment: Assignment, said: Sequence[Said]) -> None:
    """:raises Invalid: these remarks cannot be kept."""
    if not said:
        return
    if assignment.level == 0:
        raise Invalid("Only a reviewer can make remarks.", fields=_problem("Leave this out."))
    if len(said) > MOST_REMARKS:
        at_most = f"At most {MOST_REMARKS} remarks."
        raise Invalid("These are too many remarks.", fields=_problem(at_most))
    for number, remark in enumerate(said):
        wrong = _wrong_with(remark)
        if wrong:
            raise Invalid("A remark cannot be kept.", fields=_problem(wrong, f"/{number}"))


def _problem(sentence: str, place: str = "") -> dict[str, list[str]]:
    return {f"remarks{place}": [sentence]}


def _wrong_with(remark: Said) -> str | None:
    if not remark.text.strip():
        return "Write something, or leave it out."
    if len(remark.text) > LONGEST_REMARK:
        return f"At most {LONGEST_REMARK} characters."
    pointer = remark.pointer
    if pointer is not None and not (pointer.startswith("/") and len(pointer) <= LONGEST_POINTER):
        return "The pointer must be a JSON pointer, such as /headline."
    return None


def keep(session: Session, iteration: Iteration, said: Sequence[Said]) -> None:
    """Store the remarks with the round that has just been closed.

    They carry the moment of its end: a round that is opened again by a revert and then ends anew
    leaves them behind, as it does its comment.
    """
    session.add_all(
        Remark(
            task_id=iteration.task_id,
            iteration_id=iteration.id,
            pointer=remark.pointer,
            text=remark.text.strip(),
            created_at=iteration.ended_at,
        )
        for remark in said
    )


def of_task(session: Session, task_id: int) -> Sequence[Remark]:
    """The remarks of the rounds in force, in the order in which they were made."""
    return session.scalars(
        sa.select(Remark)
        .join(Remark.iteration)
        .where(Remark.task_id == task_id, *_in_force())
        .order_by(Remark.id)
        .options(joinedload(Remark.resolved_by))
    ).all()


def _in_force() -> tuple[sa.ColumnElement[bool], ...]:
    return Iteration.discarded_at.is_(None), Iteration.ended_at == Remark.created_at


def resolve(session: Session, actor: Actor, remark_id: int) -> Remark:
    """Say that the work has taken up a remark.

    :raises NotFound: there is no such remark in force.
    :raises Forbidden, WrongStatus: the caller does not work on the task now.
    """
    locked, remark = _lock(session, actor, remark_id)
    if remark.resolved_at is None:
        remark.resolved_at, remark.resolved_by_id = utcnow(), actor.worker_id
        _audit(session, actor, locked, remark)
    return remark


def reopen(session: Session, actor: Actor, remark_id: int) -> Remark:
    """Say that a remark is not taken up after all; refused like :func:`resolve`."""
    locked, remark = _lock(session, actor, remark_id)
    if remark.resolved_at is not None:
        remark.resolved_at = remark.resolved_by_id = None
        _audit(session, actor, locked, remark)
    return remark


def _audit(session: Session, actor: Actor, locked: LockedTask, remark: Remark) -> None:
    is_resolved = remark.resolved_at is not None
    audit.record(
        session,
        actor,
        Verb.REMARK_RESOLVED,
        remark,
        project_id=locked.project.id,
        before={"is_resolved": not is_resolved},
        after={"task": remark.task_id, "is_resolved": is_resolved},
    )


def _lock(session: Session, actor: Actor, remark_id: int) -> tuple[LockedTask, Remark]:
    owner = sa.select(Remark.task_id).where(Remark.id == remark_id)
    task_id = session.scalar(owner)
    if task_id is None:
        raise NotFound(f"There is no remark {remark_id}.")
    locked = lock_task(session, task_id)
    assignment = locked.assignment_of(actor.worker_id)
    if assignment is None:
        refuse_stranger(session, task_id, actor.worker_id, is_manager=actor.may_manage)
    gate(locked.project, while_paused=True)
    _require_working(locked, assignment)
    return locked, _fresh(session, remark_id)


def _require_working(locked: LockedTask, assignment: Assignment) -> None:
    task = locked.task
    if task.status.is_terminal or assignment is not locked.processing:
        raise WrongStatus(f"Task {task.id} is {task.status.label} and not with you now.")


def _fresh(session: Session, remark_id: int) -> Remark:
    """:raises NotFound: the round of the remark is not in force any more."""
    remark = session.scalars(
        sa.select(Remark)
        .join(Remark.iteration)
        .where(Remark.id == remark_id, *_in_force())
        .execution_options(populate_existing=True)
    ).one_or_none()
    if remark is None:
        raise NotFound(f"There is no remark {remark_id}.")
    return remark
