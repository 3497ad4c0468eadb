"""Entries of time: made, changed, deleted and brought back by their worker (T-10 to T-17)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import utcnow
from orchestra.domain import audit, time_records
from orchestra.domain.audit import Actor
from orchestra.domain.calendar import DAY, today
from orchestra.domain.durations import DAY_SECONDS
from orchestra.domain.time_records import LONGEST_DESCRIPTION, VISIBLE
from orchestra.domain.time_story import BROUGHT_BACK
from orchestra.domain.timers import UNSET, Unset
from orchestra.errors import Invalid, NotFound
from orchestra.models import TimeEntry, Verb, Worker


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is to become of an entry; what is not given stays as it is."""

    worked_on: date | Unset = UNSET
    work_seconds: int | Unset = UNSET
    description: str | Unset = UNSET
    assignment_id: int | Unset | None = UNSET

    def given(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value is not UNSET}


def get(session: Session, worker: Worker, entry_id: int) -> TimeEntry:
    """An entry of the worker's own, or for a project admin one of a task (T-14).

    :raises NotFound: there is none that the worker may see.
    """
    entry = session.get(TimeEntry, entry_id)
    if entry is None or entry.deleted_at is not None:
        raise _unknown(entry_id)
    is_readable = worker.is_project_admin and entry.assignment_id is not None
    if entry.worker_id != worker.id and not is_readable:
        raise _unknown(entry_id)
    return entry


def create(
    session: Session,
    actor: Actor,
    *,
    worked_on: date,
    work_seconds: int,
    description: str = "",
    assignment_id: int | None = None,
) -> TimeEntry:
    """Record time of the actor's own, by hand.

    :raises Invalid: ``fields`` names each that does not hold what it must (T-11).
    :raises Conflict: the week is handed in.
    """
    worker = time_records.lock_own(session, actor)
    entry = TimeEntry(
        worker_id=worker.id,
        worked_on=worked_on,
        work_seconds=work_seconds,
        description=description.strip(),
        assignment_id=assignment_id,
    )
    _check(session, worker, vars(entry))
    time_records.require_open(session, worker.id, [worked_on])
    project_id = time_records.lock_projects_of(session, [assignment_id])
    session.add(entry)
    session.flush()
    time_records.audit_entry(session, actor, entry, project_id)
    return entry


def change(session: Session, actor: Actor, entry_id: int, wanted: Change) -> TimeEntry:
    """Change an entry of the actor's own.

    :raises NotFound: there is none.
    :raises Invalid: ``fields`` names each that does not hold what it must (T-11).
    :raises Conflict: the week is handed in, before or after the change.
    """
    worker = time_records.lock_own(session, actor)
    entry = _own(session, worker, entry_id)
    before = time_records.as_columns(entry)
    given: dict[str, Any] = {
        name: value.strip() if isinstance(value, str) else value
        for name, value in wanted.given().items()
    }
    _check(session, worker, given)
    days = {entry.worked_on, given.get("worked_on", entry.worked_on)}
    time_records.require_open(session, worker.id, days)
    for name, value in given.items():
        setattr(entry, name, value)
    if entry.work_seconds != before["work_seconds"]:
        entry.was_cut_off = False
    _note_change(session, actor, entry, before)
    session.flush()
    return entry


def _note_change(
    session: Session, actor: Actor, entry: TimeEntry, before: Mapping[str, Any]
) -> None:
    """When, and in the audit, if anything is not as before."""
    after = time_records.as_columns(entry)
    changed = [key for key in after if after[key] != before[key]]
    if not changed:
        return
    entry.changed_at = utcnow()
    places = [entry.assignment_id or before["assignment"], before["assignment"]]
    project_id = time_records.lock_projects_of(session, places)
    audit.record(
        session,
        actor,
        Verb.TIME_ENTRY_CHANGED,
        entry,
        project_id=project_id,
        before={key: before[key] for key in changed},
        after={key: after[key] for key in changed} | {"worker_id": entry.worker_id},
    )


def delete(session: Session, actor: Actor, entry_id: int) -> TimeEntry:
    """Hide an entry of the actor's own; it is kept for the audit (T-15).

    :raises NotFound: there is none.
    :raises Conflict: the week is handed in.
    """
    worker = time_records.lock_own(session, actor)
    entry = _own(session, worker, entry_id)
    time_records.require_open(session, worker.id, [entry.worked_on])
    project_id = time_records.lock_projects_of(session, [entry.assignment_id])
    entry.deleted_at = utcnow()
    before = time_records.as_columns(entry) | {"worker_id": worker.id}
    audit.record(
        session, actor, Verb.TIME_ENTRY_CHANGED, entry, project_id=project_id, before=before
    )
    session.flush()
    return entry


def restore(session: Session, actor: Actor, entry_id: int) -> TimeEntry:
    """Bring back a deleted entry of the actor's own; one that is not deleted stays as it is.

    :raises NotFound: there is none.
    :raises Conflict: the week is handed in.
    """
    worker = time_records.lock_own(session, actor)
    entry = session.get(TimeEntry, entry_id, populate_existing=True)
    if entry is None or entry.worker_id != worker.id:
        raise _unknown(entry_id)
    if entry.deleted_at is None:
        return entry
    time_records.require_open(session, worker.id, [entry.worked_on])
    project_id = time_records.lock_projects_of(session, [entry.assignment_id])
    entry.deleted_at, entry.changed_at = None, utcnow()
    time_records.audit_entry(session, actor, entry, project_id, BROUGHT_BACK)
    session.flush()
    return entry


def _own(session: Session, worker: Worker, entry_id: int) -> TimeEntry:
    chosen = sa.select(TimeEntry).where(
        TimeEntry.id == entry_id, TimeEntry.worker_id == worker.id, VISIBLE
    )
    entry = session.scalars(chosen.execution_options(populate_existing=True)).one_or_none()
    if entry is None:
        raise _unknown(entry_id)
    return entry


def _unknown(entry_id: int) -> NotFound:
    return NotFound(f"You have no time entry {entry_id}.")


def _check(session: Session, worker: Worker, given: Mapping[str, Any]) -> None:
    """What is not given was checked before."""
    problems: dict[str, list[str]] = {}
    if not 0 <= given.get("work_seconds", 0) <= DAY_SECONDS:
        problems["time_worked"] = ["The time must be between 0 and 24 hours."]
    if given.get("worked_on", date.min) > today(worker) + DAY:
        problems["date"] = ["The date cannot be later than tomorrow."]
    if len(given.get("description", "")) > LONGEST_DESCRIPTION:
        problems["description"] = [f"Use at most {LONGEST_DESCRIPTION} characters."]
    named: int | None = given.get("assignment_id")
    if named is not None and not time_records.holds_or_held(session, worker.id, named):
        problems["assignment"] = ["Choose a task that you hold or have held."]
    if problems:
        raise Invalid("Some fields do not hold what they must; see `fields`.", fields=problems)
