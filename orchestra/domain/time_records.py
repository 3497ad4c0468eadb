"""What timers, entries and weeks share: whose they are, and which tasks they may name."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import settings_of
from orchestra.domain import audit
from orchestra.domain.audit import Actor
from orchestra.domain.calendar import WEEK, monday_of
from orchestra.domain.pickup import lock_worker
from orchestra.errors import Conflict
from orchestra.models import (
    Assignment,
    AuditEvent,
    Iteration,
    Project,
    Task,
    TimeEntry,
    TimeWeek,
    Verb,
    WeekState,
    Worker,
)

LONGEST_DESCRIPTION = 200
VISIBLE = TimeEntry.deleted_at.is_(None)
# Written out as in the index of incomplete entries, which is used only then.
IS_INCOMPLETE = sa.or_(
    TimeEntry.assignment_id.is_(None), TimeEntry.description == sa.literal_column("''")
)
# Each entry is rounded up to the minute (T-18).
ROUNDED_MINUTES = (TimeEntry.work_seconds + 59) // 60


def lock_own(session: Session, actor: Actor) -> Worker:
    """The actor's row, locked: whoever changes the time of one worker waits for the other."""
    return lock_worker(session, actor)


def holds_or_held(session: Session, worker_id: int, assignment_id: int) -> bool:
    """Whether an assignment is or was the worker's, also one that was discarded (T-2, T-16).

    Of an assignment that was given to somebody else at once, only the audit remembers the former
    holder.
    """
    worked = sa.exists().where(
        Iteration.assignment_id == Assignment.id, Iteration.worker_id == worker_id
    )
    given_away = sa.exists().where(
        AuditEvent.object_kind == Task.__tablename__,
        AuditEvent.object_id == Assignment.task_id,
        AuditEvent.verb == Verb.TASK_REASSIGNED,
        _text(AuditEvent.before, "worker_id") == str(worker_id),
        _text(AuditEvent.after, "level") == sa.cast(Assignment.level, sa.Text()),
    )
    chosen = sa.select(Assignment.id).where(
        Assignment.id == assignment_id,
        sa.or_(Assignment.worker_id == worker_id, worked, given_away),
    )
    return session.scalar(chosen) is not None


def _text(changes: Any, key: str) -> sa.ColumnElement[str]:
    return sa.cast(changes[key].as_string(), sa.Text())


def lock_projects_of(session: Session, assignment_ids: Iterable[int | None]) -> int | None:
    """Lock the projects of some assignments, so that their history stays in the order of commits
    (P-60); the project of the first one."""
    ids = [assignment_id for assignment_id in assignment_ids if assignment_id is not None]
    if not ids:
        return None
    rows = session.execute(
        sa.select(Assignment.id, Project.id)
        .join(Task, Task.id == Assignment.task_id)
        .join(Project, Project.id == Task.project_id)
        .where(Assignment.id.in_(ids))
        .order_by(Project.id)
        .with_for_update(of=Project, key_share=True)
    )
    return {row[0]: row[1] for row in rows}.get(ids[0])


def require_open(session: Session, worker_id: int, days: Iterable[date]) -> None:
    """:raises Conflict: one of the days is of a week that is handed in."""
    if not settings_of(session).time_approval:
        return
    mondays = {monday_of(day) for day in days}
    closed = session.scalars(
        sa.select(TimeWeek).where(TimeWeek.worker_id == worker_id, TimeWeek.monday.in_(mondays))
    ).first()
    if closed is None:
        return
    details = {"monday": closed.monday.isoformat(), "state": closed.state.value}
    is_approved = closed.state is WeekState.APPROVED
    state = "approved and locked" if is_approved else "handed in"
    remedy = "Ask" if is_approved else "Take it back, or ask"
    raise Conflict(
        f"{week_words(closed.monday)} is {state}. {remedy} a project admin to unlock it.",
        details=details,
    )


def week_words(monday: date) -> str:
    sunday = monday + WEEK - (WEEK / 7)
    return f"The week from {day_words(monday)} to {day_words(sunday)}"


def day_words(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def audit_entry(
    session: Session,
    actor: Actor,
    entry: TimeEntry,
    project_id: int | None,
    note: str | None = None,
) -> None:
    """Record that there is an entry now, with all that it says.

    :param project_id: of the task that it names, as :func:`lock_projects_of` gives it.
    """
    audit.record(
        session,
        actor,
        Verb.TIME_ENTRY_CHANGED,
        entry,
        project_id=project_id,
        after=as_columns(entry) | {"worker_id": entry.worker_id},
        note=note,
    )


def as_columns(entry: TimeEntry) -> dict[str, Any]:
    """What of an entry the audit keeps before and after a change (T-15)."""
    return {
        "date": entry.worked_on.isoformat(),
        "work_seconds": entry.work_seconds,
        "description": entry.description,
        "assignment": entry.assignment_id,
    }
