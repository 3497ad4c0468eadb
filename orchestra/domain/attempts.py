"""The rows of an attempt at a machine step: written many times a second, so in few trips."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.database import seconds_from_now, settings_of, table_of
from orchestra.domain import dispatching
from orchestra.domain.audit import SYSTEM
from orchestra.domain.execution import Lease, Outcome, Runner
from orchestra.domain.graph import Step
from orchestra.models import (
    Assignment,
    AssignmentStatus,
    Attempt,
    AttemptOutcome,
    AuditEvent,
    Iteration,
    IterationStatus,
    Task,
    TaskStatus,
    Verb,
)
from orchestra.outbox import Dispatch, OutboxMessage
from orchestra.together import IdOf, Together, Written

Data = dict[str, Any]
Parts = Iterator[tuple[str, Written]]
_TASKS, _ATTEMPTS, _EVENTS = table_of(Task), table_of(Attempt), table_of(AuditEvent)
_ASSIGNMENTS, _ITERATIONS = table_of(Assignment), table_of(Iteration)
_WISHES = table_of(OutboxMessage)
_THE_TASK: sa.BindParameter[int] = bindparam("the_task")
_TAKEN: sa.BindParameter[int] = bindparam("taken_task")
_IS_LIVE = sa.and_(_ASSIGNMENTS.c.task_id == _THE_TASK, _ASSIGNMENTS.c.discarded_at.is_(None))
# Written once, sent once: the driver prepares no statement with more than fifty parameters.
_NOW = seconds_from_now(0)
_SYSTEM, _JOB, _TASK_KIND = (
    sa.literal(word) for word in (SYSTEM.name, SYSTEM.source.value, Task.__tablename__)
)
_AFTER = _EVENTS.c.after.type
_ZERO: sa.ColumnElement[int] = sa.literal_column("0")
_NOTHING = sa.literal({}, type_=sa.JSON())


@dataclass(frozen=True)
class Claimable:
    """A machine task that can be claimed, as it was read under its project's lock."""

    task_id: int
    step: Step
    attempts: int = 0
    fencing_number: int = 0


# --- Parts ------------------------------------------------------------------------------------


def _events(*events: tuple[Any, Verb, str | None]) -> Parts:
    """Events about tasks: (id, verb, name of the value that describes it), in this order.

    They are one statement, because PostgreSQL runs parts in no certain order.
    """
    rows = [
        sa.select(
            _SYSTEM.label("actor"),
            _JOB.label("source"),
            sa.literal(verb.value).label("verb"),
            _TASK_KIND.label("object_kind"),
            sa.cast(task_id, sa.Integer).label("object_id"),
            sa.cast(bindparam("the_project"), sa.Integer).label("project_id"),
            sa.cast(bindparam(name, type_=_AFTER) if name else sa.null(), _AFTER).label("after"),
            _NOW.label("at"),
        )
        for task_id, verb, name in events
    ]
    names = [column.name for column in rows[0].selected_columns]
    written = sa.union_all(*rows) if len(rows) > 1 else rows[0]
    yield "events", sa.insert(_EVENTS).from_select(names, written)


def _begun() -> Data:
    return {
        "status": TaskStatus.PROCESSING,
        "attempts": bindparam("nth"),
        "fencing_number": bindparam("fence"),
        "lease_until": seconds_from_now(bindparam("for_seconds")),
        "lease_holder": bindparam("holder"),
        "next_attempt_at": sa.null(),
    }


def _attempt(task_id: Any) -> Parts:
    yield (
        "attempt",
        sa.insert(_ATTEMPTS).values(
            task_id=task_id,
            number=bindparam("nth"),
            fencing_number=bindparam("fence"),
            host=bindparam("on_host"),
            process=bindparam("in_process"),
            celery_id=bindparam("as_job"),
            outcome=AttemptOutcome.RUNNING,
        ),
    )


def _claimed(task_id: Any) -> Parts:
    yield "task", sa.update(_TASKS).where(_TASKS.c.id == task_id).values(**_begun())
    yield from _attempt(task_id)
    yield "wish", sa.delete(_WISHES).where(_WISHES.c.dedupe_key == bindparam("wished_as"))


def _assigned(id_of: IdOf, task_id: Any, number: Any) -> Parts:
    yield (
        "assignment",
        sa.insert(_ASSIGNMENTS)
        .values(
            task_id=task_id, level=0, status=AssignmentStatus.PROCESSING, data=_NOTHING, revision=1
        )
        .returning(_ASSIGNMENTS.c.id),
    )
    yield (
        "iteration",
        sa.insert(_ITERATIONS).values(
            task_id=task_id,
            assignment_id=id_of("assignment"),
            number=number,
            status=IterationStatus.PROCESSING,
            submitted_data=_NOTHING,
        ),
    )


def _closed() -> Parts:
    yield from _done()
    yield from _handed_over()


def _done() -> Parts:
    yield (
        "done",
        sa.update(_TASKS)
        .where(_TASKS.c.id == _THE_TASK)
        .values(
            status=TaskStatus.COMPLETE,
            result=bindparam("given"),
            ended_at=_NOW,
            lease_until=sa.null(),
            lease_holder=sa.null(),
            last_error=sa.null(),
        ),
    )
    yield (
        "ended",
        sa.update(_ATTEMPTS)
        .where(
            _ATTEMPTS.c.task_id == _THE_TASK,
            _ATTEMPTS.c.fencing_number == bindparam("its_fence"),
        )
        .values(outcome=AttemptOutcome.COMPLETE, ended_at=_NOW),
    )


def _handed_over() -> Parts:
    given = {"data": bindparam("given"), "revision": _ASSIGNMENTS.c.revision + 1}
    is_open = sa.and_(
        _ITERATIONS.c.task_id == _THE_TASK,
        _ITERATIONS.c.ended_at.is_(None),
        _ITERATIONS.c.discarded_at.is_(None),
    )
    yield (
        "submitted",
        sa.update(_ASSIGNMENTS).where(_IS_LIVE).values(status=AssignmentStatus.SUBMITTED, **given),
    )
    yield (
        "closed",
        sa.update(_ITERATIONS)
        .where(is_open)
        .values(
            status=IterationStatus.REQUESTED_REVIEW,
            submitted_data=bindparam("given"),
            ended_at=_NOW,
        ),
    )


# --- Open -------------------------------------------------------------------------------------


@Together
def _first(id_of: IdOf) -> Parts:
    yield from _claimed(_THE_TASK)
    yield from _events((_THE_TASK, Verb.MACHINE_CLAIMED, "described"))
    yield from _assigned(id_of, _THE_TASK, 1)


@Together
def _again(_id_of: IdOf) -> Parts:
    yield from _claimed(_THE_TASK)
    yield from _events((_THE_TASK, Verb.MACHINE_CLAIMED, "described"))
    yield (
        "assignment",
        sa.update(_ASSIGNMENTS)
        .where(_IS_LIVE)
        .values(status=AssignmentStatus.PROCESSING)
        .returning(_ASSIGNMENTS.c.id),
    )


@Together
def _assignment_after_revert(id_of: IdOf) -> Parts:
    numbers = sa.select(sa.func.max(_ITERATIONS.c.number)).where(_ITERATIONS.c.task_id == _THE_TASK)
    number = sa.func.coalesce(numbers.scalar_subquery(), 0) + 1
    yield from _assigned(id_of, _THE_TASK, number)


def begin(session: Session, project_id: int, task: Claimable, runner: Runner) -> None:
    """Take the task for a process: lease, attempt, assignment, event; its job has come."""
    values = _values(session, task.attempts + 1, task.fencing_number + 1, runner) | {
        "the_task": task.task_id,
        "the_project": project_id,
        "wished_as": dispatching.key_of(project_id, task.step.slug),
    }
    if task.fencing_number == 0:
        _first.run(session, values)
    elif _again.run(session, values)["assignment"] is None:
        _assignment_after_revert.run(session, {"the_task": task.task_id})


def _values(session: Session, nth: int, fence: int, runner: Runner) -> Data:
    return {
        "nth": nth,
        "fence": fence,
        "for_seconds": settings_of(session).lease_seconds,
        "holder": str(runner),
        "on_host": runner.host,
        "in_process": runner.process,
        "as_job": runner.celery_id,
        "described": {"attempt": nth, "fencing_number": fence, "runner": str(runner)},
    }


# --- Close ------------------------------------------------------------------------------------


@Together
def _complete(_id_of: IdOf) -> Parts:
    yield from _closed()
    yield from _events((_THE_TASK, Verb.TASK_COMPLETED, None))


@Together
def _complete_and_ask(id_of: IdOf) -> Parts:
    yield from _closed()
    yield (
        "task",
        sa.insert(_TASKS)
        .values(
            project_id=bindparam("the_project"),
            step=bindparam("next_step"),
            is_human=sa.false(),
            status=TaskStatus.AWAITING_PROCESSING,
            kept_drafts=_NOTHING,
            policy_missed=sa.false(),
            attempts=_ZERO,
            fencing_number=_ZERO,
        )
        .returning(_TASKS.c.id),
    )
    yield from _events(
        (_THE_TASK, Verb.TASK_COMPLETED, None),
        (id_of("task"), Verb.TASK_CREATED, "as_created"),
    )
    yield "wish", outbox.NEW_MESSAGE


@Together
def _complete_and_begin(id_of: IdOf) -> Parts:
    yield from _closed()
    yield (
        "task",
        sa.insert(_TASKS)
        .values(
            project_id=bindparam("the_project"),
            step=bindparam("next_step"),
            is_human=sa.false(),
            kept_drafts=_NOTHING,
            policy_missed=sa.false(),
            **_begun(),
        )
        .returning(_TASKS.c.id),
    )
    yield from _events(
        (_THE_TASK, Verb.TASK_COMPLETED, None),
        (id_of("task"), Verb.TASK_CREATED, "as_created"),
        (id_of("task"), Verb.MACHINE_CLAIMED, "described"),
    )
    yield from _attempt(id_of("task"))
    yield from _assigned(id_of, id_of("task"), 1)


@Together
def _complete_and_take(id_of: IdOf) -> Parts:
    yield from _closed()
    yield from _claimed(_TAKEN)
    yield from _events(
        (_THE_TASK, Verb.TASK_COMPLETED, None), (_TAKEN, Verb.MACHINE_CLAIMED, "described")
    )
    yield from _assigned(id_of, _TAKEN, 1)


def complete(session: Session, lease: Lease, result: Data) -> None:
    """Store the result: the task is Complete, its assignment handed over (L-116)."""
    _complete.run(session, _result_values(lease, result))


def complete_and_ask(session: Session, lease: Lease, result: Data, run: Dispatch) -> None:
    """Store the result, create the task of the next step and ask for its job.

    The same rows as one after another, in one trip to the database.
    """
    values = _result_values(lease, result) | _created(run.kwargs["step"])
    _complete_and_ask.run(session, values | outbox.message_values(session, run))


def complete_and_begin(
    session: Session, lease: Lease, result: Data, next_step: str, runner: Runner
) -> int:
    """Store the result, create the task of the next step and take it; the new task's id.

    The same rows as one after another, in one trip to the database.
    """
    values = _result_values(lease, result) | _created(next_step) | _values(session, 1, 1, runner)
    task_id: int = _complete_and_begin.run(session, values)["task"]
    return task_id


def complete_and_take(
    session: Session, lease: Lease, result: Data, task: Claimable, runner: Runner
) -> None:
    """Store the result, and take another task, which nobody has begun yet.

    The same rows as one after another, in one trip to the database.
    """
    values = _result_values(lease, result) | _values(session, 1, 1, runner)
    taken = dispatching.key_of(lease.project_id, task.step.slug)
    _complete_and_take.run(session, values | {"taken_task": task.task_id, "wished_as": taken})


def _created(step: str) -> Data:
    described = {"step": step, "status": TaskStatus.AWAITING_PROCESSING.value}
    return {"next_step": step, "as_created": described}


def _result_values(lease: Lease, result: Data) -> Data:
    return {
        "the_task": lease.task_id,
        "the_project": lease.project_id,
        "its_fence": lease.fencing_number,
        "given": result,
    }


def end(
    session: Session, task_id: int, fencing_number: int, kind: AttemptOutcome, outcome: Outcome
) -> None:
    """Close an attempt that did not complete its task.

    One that did stays as it is: its result was recorded, and only the answer got lost.
    """
    kept = outcome.result if kind is AttemptOutcome.REFUSED else None
    session.execute(
        sa.update(_ATTEMPTS)
        .where(
            _ATTEMPTS.c.task_id == task_id,
            _ATTEMPTS.c.fencing_number == fencing_number,
            _ATTEMPTS.c.outcome != AttemptOutcome.COMPLETE,
        )
        .values(
            outcome=kind,
            error=outcome.error,
            traceback=outcome.traceback,
            result=kept,
            ended_at=_NOW,
        )
    )
