"""Running timers: one a worker; stopping makes the entry (specification T-1 to T-9)."""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import find_locked, utcnow
from orchestra.domain import audit, messages, time_records
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.calendar import day_of
from orchestra.domain.durations import DAY_SECONDS
from orchestra.domain.time_records import LONGEST_DESCRIPTION
from orchestra.errors import Invalid, NotFound, TimerNotRunning, TimerRunning
from orchestra.models import TimeEntry, Timer, Verb, Worker

LONGEST = timedelta(seconds=DAY_SECONDS)
STOPPED = "timer_stopped"  # kind of the message


class Unset:
    """A key that was not sent: what it names stays as it is."""


UNSET = Unset()


def find_running(session: Session, worker_id: int) -> Timer | None:
    return session.scalars(sa.select(Timer).where(Timer.worker_id == worker_id)).one_or_none()


def start(session: Session, actor: Actor, assignment_id: int | None = None) -> Timer:
    """Start the timer, with an empty description.

    :raises TimerRunning: it runs already.
    :raises NotFound: the worker neither holds nor has held this assignment.
    :raises Conflict: the week is handed in.
    """
    worker = time_records.lock_own(session, actor)
    if find_running(session, worker.id) is not None:
        raise TimerRunning("Your timer runs already. Stop it first.")
    _require_held(session, worker, assignment_id)
    now = utcnow()
    timer = Timer(
        worker_id=worker.id,
        assignment_id=assignment_id,
        description="",
        started_at=now,
        started_on=day_of(worker, now),
    )
    time_records.require_open(session, worker.id, [timer.started_on])
    session.add(timer)
    session.flush()
    after = {"running": True, "assignment": assignment_id}
    audit.record(session, actor, Verb.TIMER_CHANGED, timer, after=after)
    return timer


def update(
    session: Session,
    actor: Actor,
    *,
    description: str | Unset = UNSET,
    assignment_id: int | Unset | None = UNSET,
) -> Timer:
    """Change the running timer; what is not given stays as it is (T-4).

    :raises TimerNotRunning: there is no timer.
    :raises Invalid: the description is too long.
    :raises NotFound: the worker neither holds nor has held this assignment.
    """
    timer = _running(session, time_records.lock_own(session, actor))
    before = {"description": timer.description, "assignment": timer.assignment_id}
    if not isinstance(description, Unset):
        _require_short(description)
        timer.description = description
    if not isinstance(assignment_id, Unset):
        _require_held(session, timer.worker, assignment_id)
        timer.assignment_id = assignment_id
    after = {"description": timer.description, "assignment": timer.assignment_id}
    changed = [key for key in after if after[key] != before[key]]
    if changed:
        audit.record(
            session,
            actor,
            Verb.TIMER_CHANGED,
            timer,
            before={key: before[key] for key in changed},
            after={key: after[key] for key in changed},
        )
    return timer


def stop(session: Session, actor: Actor) -> TimeEntry:
    """Make the entry and clear the timer. After more than a day it is an entry of a day (T-7).

    :raises TimerNotRunning: there is no timer.
    """
    return _stop(session, actor, _running(session, time_records.lock_own(session, actor)))


def overdue(session: Session, limit: int) -> Sequence[int]:
    """Ids of workers whose timer has run for more than a day."""
    late = sa.select(Timer.worker_id).where(Timer.started_at < utcnow() - LONGEST)
    return session.scalars(late.order_by(Timer.started_at).limit(limit)).all()


def stop_overdue(session: Session, worker_id: int) -> None:
    """Stop a timer that was forgotten, unless somebody just did (T-7)."""
    worker = find_locked(session, Worker, worker_id)
    timer = find_running(session, worker_id) if worker else None
    if timer is not None and utcnow() - timer.started_at > LONGEST:
        entry = _stop(session, SYSTEM.noting("It ran for more than 24 hours."), timer)
        messages.tell(
            session,
            STOPPED,
            [worker_id],
            subject="Your timer was stopped after 24 hours",
            text="The entry says 24 hours. Open it and put in the time that you worked.",
            url=address_of(entry),
            cause=f"timer:{entry.id}",
        )


def address_of(entry: TimeEntry) -> str:
    """Where the worker changes an entry."""
    return f"/orchestra/app/timecard?edit={entry.id}#entry-{entry.id}"


def _running(session: Session, worker: Worker) -> Timer:
    timer = find_running(session, worker.id)
    if timer is None:
        raise TimerNotRunning("Your timer does not run. Start it first.")
    timer.worker = worker
    return timer


def _stop(session: Session, actor: Actor, timer: Timer) -> TimeEntry:
    ran = max(utcnow() - timer.started_at, timedelta(0))
    is_too_long = ran > LONGEST
    seconds = DAY_SECONDS if is_too_long else int(ran / timedelta(seconds=1))
    entry = TimeEntry(
        worker_id=timer.worker_id,
        assignment_id=timer.assignment_id,
        worked_on=timer.started_on,
        work_seconds=seconds,
        description=timer.description.strip(),
        timer_started_at=timer.started_at,
        timer_stopped_at=timer.started_at + timedelta(seconds=seconds),
        was_cut_off=is_too_long,
    )
    project_id = time_records.lock_projects_of(session, [timer.assignment_id])
    session.add(entry)
    session.delete(timer)
    session.flush()
    time_records.audit_entry(session, actor, entry, project_id)
    return entry


def _require_held(session: Session, worker: Worker, assignment_id: int | None) -> None:
    if assignment_id is None:
        return
    if not time_records.holds_or_held(session, worker.id, assignment_id):
        raise NotFound(f"You have no assignment {assignment_id}.")


def _require_short(description: str) -> None:
    if len(description) > LONGEST_DESCRIPTION:
        text = f"Use at most {LONGEST_DESCRIPTION} characters."
        raise Invalid("The description is too long.", fields={"description": [text]})
