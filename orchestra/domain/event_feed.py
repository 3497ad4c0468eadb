"""What happened, for client systems that follow it: nothing missed, nothing twice (A-42, A-43)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.models import AuditEvent, Verb

PATIENCE_SECONDS = 0.5  # with those who are about to commit
LOOK_AGAIN_SECONDS = 0.01
LONGEST_STRETCH = 500  # events that are told while somebody takes longer than that
_WORK = frozenset({"data"})  # what people wrote, drafts among it; revert keeps it (L-95)

# A transaction holds this lock from before its first event has an id until after its commit or
# rollback can be seen.
_WRITERS = sa.text(
    "SELECT virtualtransaction FROM pg_locks "
    "WHERE locktype = 'relation' AND relation = 'audit_event'::regclass "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND mode = 'RowExclusiveLock' AND granted"
)


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which events are meant; None and empty mean any."""

    project_id: int | None = None
    verbs: Sequence[Verb] = ()


@dataclass(frozen=True)
class Page:
    events: Sequence[AuditEvent]
    next: int  # where to go on; everything up to it is told or does not fit


def events_after(session: Session, position: int, filters: Filters, limit: int) -> Page:
    """The events that fit, in the order of their ids.

    :param position: the id of the last event that is known, or ``next`` of the page before.
    """
    settled = _settled(session, position)
    found = session.scalars(
        sa.select(AuditEvent)
        .where(AuditEvent.id > position, AuditEvent.id <= settled, *_fitting(filters))
        .order_by(AuditEvent.id)
        .limit(limit)
    ).all()
    return Page(found, found[-1].id if len(found) == limit else settled)


def changes(event: AuditEvent) -> dict[str, Any]:
    """Before and after, without what people wrote (A-43)."""
    return {"before": _without_work(event.before), "after": _without_work(event.after)}


def _without_work(values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (values or {}).items() if name not in _WORK}


def _fitting(filters: Filters) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = []
    if filters.project_id is not None:
        wanted.append(AuditEvent.project_id == sa.literal(filters.project_id, sa.BigInteger()))
    if filters.verbs:
        wanted.append(AuditEvent.verb.in_(filters.verbs))
    return wanted


def _settled(session: Session, position: int) -> int:
    """Up to which id every event that there will ever be can be seen.

    PostgreSQL gives ids before the commit: an event may appear below one that is there already.
    So wait for those who were writing when the newest event was seen, and for nobody else; each
    statement sees what was committed before it. On SQLite writers follow one another.
    """
    newest = session.scalar(sa.select(sa.func.max(AuditEvent.id))) or 0
    if newest <= position:
        return position
    if session.get_bind().dialect.name == "sqlite":
        return newest
    until = monotonic() + PATIENCE_SECONDS
    writing = _writers(session)
    while writing:
        if monotonic() > until:
            return _end_of_stretch(session, position, newest)
        sleep(LOOK_AGAIN_SECONDS)
        writing &= _writers(session)
    return newest


def _writers(session: Session) -> set[str]:
    """The transactions that have written, or are about to write, an event."""
    return set(session.scalars(_WRITERS))


def _end_of_stretch(session: Session, position: int, newest: int) -> int:
    """The last id before the first gap: what is missing there may still come."""
    ids = session.scalars(
        sa.select(AuditEvent.id)
        .where(AuditEvent.id > position, AuditEvent.id <= newest)
        .order_by(AuditEvent.id)
        .limit(LONGEST_STRETCH)
    )
    for event_id in ids:
        if event_id != position + 1:
            break
        position = event_id
    return position
