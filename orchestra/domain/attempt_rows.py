"""The statements that write the rows of an attempt, each written once and sent as one."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from orchestra import outbox
from orchestra.database import seconds_from_now, table_of
from orchestra.domain.audit import SYSTEM
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
from orchestra.outbox import OutboxMessage
from orchestra.together import IdOf, Together, Written

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


@Together
def begin_first(id_of: IdOf) -> Parts:
    yield from _claimed(_THE_TASK)
    yield from _events((_THE_TASK, Verb.MACHINE_CLAIMED, "described"))
    yield from _assigned(id_of, _THE_TASK, 1)


@Together
def begin_again(_id_of: IdOf) -> Parts:
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
def assign_after_revert(id_of: IdOf) -> Parts:
    numbers = sa.select(sa.func.max(_ITERATIONS.c.number)).where(_ITERATIONS.c.task_id == _THE_TASK)
    number = sa.func.coalesce(numbers.scalar_subquery(), 0) + 1
    yield from _assigned(id_of, _THE_TASK, number)


@Together
def complete(_id_of: IdOf) -> Parts:
    yield from _closed()
    yield from _events((_THE_TASK, Verb.TASK_COMPLETED, None))


@Together
def complete_and_ask(id_of: IdOf) -> Parts:
    yield from _closed()
    yield from _next_task(
        status=TaskStatus.AWAITING_PROCESSING, attempts=_ZERO, fencing_number=_ZERO
    )
    yield from _events(
        (_THE_TASK, Verb.TASK_COMPLETED, None),
        (id_of("task"), Verb.TASK_CREATED, "as_created"),
    )
    yield "wish", outbox.NEW_MESSAGE


@Together
def complete_and_begin(id_of: IdOf) -> Parts:
    yield from _closed()
    yield from _next_task(**_begun())
    yield from _events(
        (_THE_TASK, Verb.TASK_COMPLETED, None),
        (id_of("task"), Verb.TASK_CREATED, "as_created"),
        (id_of("task"), Verb.MACHINE_CLAIMED, "described"),
    )
    yield from _attempt(id_of("task"))
    yield from _assigned(id_of, id_of("task"), 1)


@Together
def complete_and_take(id_of: IdOf) -> Parts:
    yield from _closed()
    yield from _claimed(_TAKEN)
    yield from _events(
        (_THE_TASK, Verb.TASK_COMPLETED, None), (_TAKEN, Verb.MACHINE_CLAIMED, "described")
    )
    yield from _assigned(id_of, _TAKEN, 1)


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


def _begun() -> dict[str, Any]:
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


def _next_task(**state: Any) -> Parts:
    yield (
        "task",
        sa.insert(_TASKS)
        .values(
            project_id=bindparam("the_project"),
            step=bindparam("next_step"),
            is_human=sa.false(),
            kept_drafts=_NOTHING,
            policy_missed=sa.false(),
            **state,
        )
        .returning(_TASKS.c.id),
    )
