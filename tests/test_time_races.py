"""One worker in several tabs: one timer, one entry, and no change of a week that is closed."""

from datetime import date, timedelta

import sqlalchemy as sa

from orchestra.database import utcnow
from orchestra.domain import time_entries, time_weeks, timers
from orchestra.domain.audit import Actor
from orchestra.domain.calendar import monday_of
from orchestra.domain.time_entries import Change
from orchestra.errors import Conflict, NotFound, TimerNotRunning, TimerRunning
from orchestra.models import TimeEntry, Timer, TimeWeek

TABS, ROUNDS = 8, 5


def count(session, model):
    found = session.scalar(sa.select(sa.func.count()).select_from(model))
    session.rollback()
    return found


def refusals(results):
    return {type(result) for result in results if isinstance(result, Exception)}


def test_of_many_tabs_one_starts_and_one_stops_the_timer(session, work, at_once):
    """T-1, T-5: double start and double stop make one timer and one entry."""
    assignment_id = work.at(0).id
    session.commit()
    for number in range(1, ROUNDS + 1):
        started = at_once(*[lambda s: timers.start(s, work.writer, assignment_id)] * TABS)
        assert refusals(started) == {TimerRunning}
        assert count(session, Timer) == 1
        stopped = at_once(*[lambda s: timers.stop(s, work.writer)] * TABS)
        assert refusals(stopped) == {TimerNotRunning}
        assert (count(session, Timer), count(session, TimeEntry)) == (0, number)


def test_the_worker_and_the_sweep_stop_a_forgotten_timer_once(session, make, at_once):
    """T-7"""
    ana = make.worker()
    actor, ana_id = Actor.of(ana), ana.id
    session.add(
        Timer(
            worker_id=ana_id,
            started_at=utcnow() - timedelta(hours=25),
            started_on=date(2026, 3, 4),
        )
    )
    session.commit()
    sweeps = [lambda s: timers.stop_overdue(s, ana_id)] * 3
    at_once(*[lambda s: timers.stop(s, actor)] * 3, *sweeps)
    assert (count(session, Timer), count(session, TimeEntry)) == (0, 1)


def test_a_week_that_is_handed_in_at_the_same_moment_keeps_what_it_had(
    session, work, at_once, change_settings
):
    """Either the change comes first, or it is refused."""
    change_settings(time_approval=True)
    assignment_id, today = work.at(0).id, utcnow().date()
    entry = time_entries.create(
        session,
        work.writer,
        worked_on=today,
        work_seconds=60,
        description="Wrote",
        assignment_id=assignment_id,
    )
    session.commit()
    for _ in range(ROUNDS):
        before = session.get_one(TimeEntry, entry.id, populate_existing=True).work_seconds
        session.commit()
        change = Change(work_seconds=before + 60)

        def hand_in(session):
            time_weeks.submit(session, work.writer, monday_of(today))
            return session.get_one(TimeEntry, entry.id).work_seconds

        *changed, handed_in = at_once(
            lambda s, c=change: time_entries.change(s, work.writer, entry.id, c), hand_in
        )
        session.rollback()
        after = session.get_one(TimeEntry, entry.id, populate_existing=True).work_seconds
        assert after == handed_in
        assert (after == before) == isinstance(changed[0], Conflict)
        session.commit()
        at_once(lambda s: time_weeks.withdraw(s, work.writer, monday_of(today)))


def test_taking_a_week_back_and_approving_it_end_in_one_of_two_orders(
    session, work, at_once, change_settings
):
    change_settings(time_approval=True)
    today = utcnow().date()
    time_entries.create(
        session,
        work.writer,
        worked_on=today,
        work_seconds=60,
        description="Wrote",
        assignment_id=work.at(0).id,
    )
    week_id = time_weeks.submit(session, work.writer, monday_of(today)).id
    session.commit()
    taken_back, approved = at_once(
        lambda s: time_weeks.withdraw(s, work.writer, monday_of(today)),
        lambda s: time_weeks.approve(s, work.admin, week_id),
    )
    if isinstance(approved, NotFound):
        assert (taken_back, count(session, TimeWeek)) == (None, 0)
    else:
        assert isinstance(taken_back, Conflict)
        assert count(session, TimeWeek) == 1
