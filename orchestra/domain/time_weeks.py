"""Weeks of recorded time that are handed in, approved, and opened again.

Only where ``ORCHESTRA_TIME_APPROVAL`` is on; otherwise no week is ever closed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra.database import find_locked, settings_of, utcnow
from orchestra.domain import audit, time_records, timers
from orchestra.domain.audit import Actor
from orchestra.domain.calendar import DAY, WEEK, monday_of, today
from orchestra.domain.time_records import IS_INCOMPLETE, ROUNDED_MINUTES, VISIBLE, week_words
from orchestra.errors import Conflict, NotFound
from orchestra.models import TimeEntry, TimeWeek, Verb, WeekState, Worker

PER_PAGE = 50


@dataclass(frozen=True)
class WeekRow:
    """A week that is handed in, with what is recorded in it."""

    week: TimeWeek
    minutes: int
    entries: int


@dataclass(frozen=True)
class WeekPage:
    rows: Sequence[WeekRow]
    total: int

    @property
    def pages(self) -> int:
        return -(-self.total // PER_PAGE)


def find(session: Session, worker_id: int, monday: date) -> TimeWeek | None:
    chosen = sa.select(TimeWeek).where(TimeWeek.worker_id == worker_id, TimeWeek.monday == monday)
    return session.scalars(chosen).one_or_none()


def between(session: Session, worker_id: int, first: date, last: date) -> dict[date, TimeWeek]:
    """Weeks that are handed in, by their Monday, of those that the range touches."""
    if not settings_of(session).time_approval:
        return {}
    weeks = session.scalars(
        sa.select(TimeWeek).where(
            TimeWeek.worker_id == worker_id,
            TimeWeek.monday.between(monday_of(first), monday_of(last)),
        )
    )
    return {week.monday: week for week in weeks}


def submit(session: Session, actor: Actor, monday: date) -> TimeWeek:
    """Hand in a week of the actor's own; from then on its entries cannot be changed.

    :raises NotFound: weeks are not handed in here, or the day is no Monday.
    :raises Conflict: something in it is incomplete, still runs, or was handed in before.
    """
    _require_switched_on(session)
    worker = time_records.lock_own(session, actor)
    if monday.weekday() or monday > today(worker):
        raise NotFound("There is no week that begins on this day and can be handed in.")
    if find(session, worker.id, monday) is not None:
        raise Conflict(f"{week_words(monday)} is handed in already.")
    _require_complete(session, worker, monday)
    week = TimeWeek(worker_id=worker.id, monday=monday)
    session.add(week)
    session.flush()
    _record(session, actor, week, after=WeekState.SUBMITTED)
    return week


def withdraw(session: Session, actor: Actor, monday: date) -> None:
    """Take back a week of the actor's own that is not approved yet.

    :raises NotFound: it is not handed in.
    :raises Conflict: it is approved.
    """
    _require_switched_on(session)
    worker = time_records.lock_own(session, actor)
    week = find(session, worker.id, monday)
    if week is None:
        raise NotFound("This week is not handed in.")
    if week.state is WeekState.APPROVED:
        raise Conflict(f"{week_words(monday)} is approved. Ask a project admin to unlock it.")
    _open(session, actor, week)


def approve(session: Session, actor: Actor, week_id: int) -> TimeWeek:
    """Lock a week that was handed in; approving it twice is approving it once.

    :raises Forbidden: the actor is no project admin.
    :raises NotFound: it is not handed in.
    """
    week = _for_admin(session, actor, week_id)
    if week.state is WeekState.SUBMITTED:
        week.state, week.approved_at = WeekState.APPROVED, utcnow()
        week.approved_by_id = actor.worker_id
        _record(session, actor, week, before=WeekState.SUBMITTED, after=WeekState.APPROVED)
    return week


def unlock(session: Session, actor: Actor, week_id: int) -> TimeWeek:
    """Open a week again, so that its worker can change it.

    :raises Forbidden: the actor is no project admin.
    :raises NotFound: it is not handed in.
    """
    week = _for_admin(session, actor, week_id)
    _open(session, actor, week)
    return week


def handed_in(session: Session, page: int) -> WeekPage:
    """Weeks that are handed in: those that wait first, then the newest."""
    is_approved = sa.case((TimeWeek.state == WeekState.APPROVED, 1), else_=0)
    weeks = session.scalars(
        sa.select(TimeWeek)
        .order_by(is_approved, TimeWeek.monday.desc(), TimeWeek.id.desc())
        .offset((page - 1) * PER_PAGE)
        .limit(PER_PAGE)
        .options(joinedload(TimeWeek.worker), joinedload(TimeWeek.approved_by))
    ).all()
    total = session.scalar(sa.select(sa.func.count()).select_from(TimeWeek)) or 0
    sums = _recorded_in(session, weeks)
    return WeekPage([WeekRow(week, *sums[week.worker_id, week.monday]) for week in weeks], total)


def _recorded_in(
    session: Session, weeks: Sequence[TimeWeek]
) -> dict[tuple[int, date], tuple[int, int]]:
    """Minutes and number of entries of each week, by worker and Monday."""
    sums = {(week.worker_id, week.monday): (0, 0) for week in weeks}
    if not weeks:
        return sums
    in_weeks = sa.or_(
        *(
            sa.and_(
                TimeEntry.worker_id == week.worker_id,
                TimeEntry.worked_on.between(week.monday, week.monday + WEEK - DAY),
            )
            for week in weeks
        )
    )
    per_day = session.execute(
        sa.select(
            TimeEntry.worker_id, TimeEntry.worked_on, sa.func.sum(ROUNDED_MINUTES), sa.func.count()
        )
        .where(in_weeks, VISIBLE)
        .group_by(TimeEntry.worker_id, TimeEntry.worked_on)
    )
    for worker_id, day, minutes, entries in per_day:
        so_far = sums[worker_id, monday_of(day)]
        sums[worker_id, monday_of(day)] = (so_far[0] + minutes, so_far[1] + entries)
    return sums


def _require_switched_on(session: Session) -> None:
    if not settings_of(session).time_approval:
        raise NotFound("Weeks are not handed in here.")


def _require_complete(session: Session, worker: Worker, monday: date) -> None:
    sunday = monday + WEEK - DAY
    in_week = (
        TimeEntry.worker_id == worker.id,
        TimeEntry.worked_on.between(monday, sunday),
        VISIBLE,
    )
    incomplete = sa.func.count(sa.case((IS_INCOMPLETE, 1)))
    number, open_ones = session.execute(
        sa.select(sa.func.count(), incomplete).where(*in_week)
    ).one()
    if not number:
        raise Conflict("Nothing is recorded in this week, so there is nothing to hand in.")
    if open_ones:
        raise Conflict(
            f"{open_ones} of {number} entries have no description or no task. Complete them first."
        )
    timer = timers.find_running(session, worker.id)
    if timer is not None and monday_of(timer.started_on) == monday:
        raise Conflict("Your timer runs in this week. Stop it first.")


def _for_admin(session: Session, actor: Actor, week_id: int) -> TimeWeek:
    """Locks the worker first, as everybody does who changes their time."""
    audit.require_manager(actor)
    _require_switched_on(session)
    worker_id = session.scalar(sa.select(TimeWeek.worker_id).where(TimeWeek.id == week_id))
    if worker_id is not None:
        find_locked(session, Worker, worker_id)
    week = session.get(TimeWeek, week_id, populate_existing=True)
    if week is None:
        raise NotFound("This week is not handed in. Its worker may have taken it back.")
    return week


def _open(session: Session, actor: Actor, week: TimeWeek) -> None:
    _record(session, actor, week, before=week.state)
    session.delete(week)
    session.flush()


def _record(
    session: Session,
    actor: Actor,
    week: TimeWeek,
    *,
    before: WeekState | None = None,
    after: WeekState | None = None,
) -> None:
    named = {"worker_id": week.worker_id, "monday": week.monday.isoformat()}
    audit.record(
        session,
        actor,
        Verb.TIME_WEEK_CHANGED,
        week,
        before={"state": before.value, **named} if before else None,
        after={"state": after.value, **named} if after else None,
    )
