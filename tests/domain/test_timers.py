"""Timers: one a worker; stopping makes the entry (T-1 to T-9)."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine

from orchestra.domain import interventions, timers
from orchestra.domain.audit import Actor
from orchestra.models import Message, TaskStatus, TimeEntry, Timer, Verb
from orchestra.outbox import Job
from orchestra.tasks import upkeep
from orchestra.tasks.runs import Run


def at(*parts):
    return datetime(*parts, tzinfo=UTC)


BERLIN = "Europe/Berlin"


@pytest.fixture
def timed(session, act):
    """Start the timer at one moment, stop it at another one; gives the entry."""

    def ran(actor, start, stop, *, between=lambda: None, assignment_id=None):
        with time_machine.travel(start, tick=False):
            act(timers.start, actor, assignment_id)
        between()
        with time_machine.travel(stop, tick=False):
            return act(timers.stop, actor)

    return ran


def test_a_timer_makes_an_entry_with_its_task_and_description(session, act, make, timed):
    """T-2, T-5, T-10"""
    work = make.work(TaskStatus.PROCESSING)
    assignment = work.at(0)

    def describe():
        act(timers.update, work.writer, description="  Called the mayor ")

    start, stop = at(2026, 3, 4, 9), at(2026, 3, 4, 10, 30, 1)
    entry = timed(work.writer, start, stop, between=describe, assignment_id=assignment.id)

    assert (entry.assignment_id, entry.description) == (assignment.id, "Called the mayor")
    assert (entry.worked_on, entry.work_seconds) == (date(2026, 3, 4), 5401)
    assert (entry.timer_started_at, entry.timer_stopped_at) == (start, stop)
    assert not entry.was_cut_off
    assert timers.find_running(session, work.writer.worker_id) is None


def test_a_timer_starts_without_description(session, act, actor):
    """T-2"""
    timer = act(timers.start, actor)
    assert (timer.description, timer.assignment_id) == ("", None)


def test_a_second_start_is_refused(act, actor, refused):
    """T-1, T-2"""
    act(timers.start, actor)
    refused("timer_running", timers.start, actor)


@pytest.mark.parametrize("call", [timers.stop, timers.update])
def test_a_timer_that_does_not_run_is_neither_stopped_nor_changed(actor, refused, call):
    """T-4, T-5"""
    refused("timer_not_running", call, actor)


def test_a_running_timer_is_refused_before_a_foreign_assignment(act, make, actor, refused):
    """T-2: preconditions in order."""
    foreign = make.work(TaskStatus.PROCESSING).at(0).id
    refused("not_found", timers.start, actor, foreign)
    refused("not_found", timers.start, actor, 10**6)
    act(timers.start, actor)
    refused("timer_running", timers.start, actor, foreign)
    refused("not_found", timers.update, actor, assignment_id=foreign)


def test_an_assignment_that_was_given_away_can_be_timed(session, act, make):
    """T-2, T-16, L-89"""
    work = make.work(TaskStatus.PROCESSING)
    assignment = work.at(0)
    act(interventions.reassign, work.admin, assignment.id, work.workers[work.reviewer.name])
    act(timers.start, work.writer, assignment.id)
    assert timers.find_running(session, work.writer.worker_id).assignment_id == assignment.id


def test_an_update_changes_what_it_names_only(session, act, make, last_event):
    """T-4"""
    work = make.work(TaskStatus.PROCESSING)
    act(timers.start, work.writer, work.at(0).id)
    act(timers.update, work.writer, description="Reading")
    timer = timers.find_running(session, work.writer.worker_id)
    assert (timer.description, timer.assignment_id) == ("Reading", work.at(0).id)
    assert last_event(Verb.TIMER_CHANGED).after == {"description": "Reading"}
    act(timers.update, work.writer, assignment_id=None)
    assert (timer.description, timer.assignment_id) == ("Reading", None)


def test_a_description_has_at_most_200_characters(act, actor, refused):
    """T-1"""
    act(timers.start, actor)
    act(timers.update, actor, description="x" * 200)
    error = refused("invalid", timers.update, actor, description="x" * 201)
    assert list(error.fields) == ["description"]


@pytest.mark.parametrize(
    ("zone", "start", "stop", "day", "seconds"),
    [
        ("UTC", at(2026, 3, 4, 9), at(2026, 3, 4, 9), date(2026, 3, 4), 0),  # T-9
        ("UTC", at(2026, 3, 4, 23, 30), at(2026, 3, 5, 0, 30), date(2026, 3, 4), 3600),  # midnight
        ("UTC", at(2026, 3, 4, 23, 59, 59), at(2026, 3, 5, 0, 0, 0), date(2026, 3, 4), 1),
        ("UTC", at(2028, 2, 29, 12), at(2028, 2, 29, 13), date(2028, 2, 29), 3600),  # leap day
        ("UTC", at(2028, 2, 29, 23), at(2028, 3, 1, 1), date(2028, 2, 29), 7200),
        ("UTC", at(2025, 12, 31, 23), at(2026, 1, 1, 1), date(2025, 12, 31), 7200),
        ("Asia/Tokyo", at(2026, 3, 4, 16), at(2026, 3, 4, 17), date(2026, 3, 5), 3600),
        ("America/New_York", at(2026, 3, 5, 3), at(2026, 3, 5, 4), date(2026, 3, 4), 3600),
        # Clocks go forward in Berlin at 01:00 UTC: 01:30 to 03:30 on the wall is one hour.
        (BERLIN, at(2026, 3, 29, 0, 30), at(2026, 3, 29, 1, 30), date(2026, 3, 29), 3600),
        # They go back: 02:30 to 02:30 on the wall is one hour.
        (
            "Europe/Berlin",
            at(2026, 10, 25, 0, 30),
            at(2026, 10, 25, 1, 30),
            date(2026, 10, 25),
            3600,
        ),
        (
            "Europe/Berlin",
            at(2026, 10, 24, 22),
            at(2026, 10, 25, 22, 59, 59),
            date(2026, 10, 25),
            86400,
        ),
        ("Not/A_Zone", at(2026, 3, 4, 9), at(2026, 3, 4, 10), date(2026, 3, 4), 3600),
    ],
)
def test_the_time_is_what_passed_and_the_date_that_of_the_start(
    make, timed, zone, start, stop, day, seconds
):
    """T-6"""
    entry = timed(Actor.of(make.worker(time_zone=zone)), start, stop)
    assert (entry.worked_on, entry.work_seconds) == (day, seconds)


def test_a_time_zone_that_changes_while_the_timer_runs_does_not_move_its_day(ana, actor, timed):
    """T-6, T-24: it is the day that the worker saw when starting."""

    def fly():
        ana.time_zone = "Asia/Tokyo"

    entry = timed(actor, at(2026, 3, 4, 16), at(2026, 3, 4, 18), between=fly)
    assert entry.worked_on == date(2026, 3, 4)


@pytest.mark.parametrize(
    ("ran", "seconds", "is_cut"),
    [
        (timedelta(hours=23, minutes=59, seconds=59), 86399, False),
        (timedelta(hours=24), 86400, False),
        (timedelta(hours=24, seconds=1), 86400, True),
        (timedelta(days=9), 86400, True),
    ],
)
def test_a_timer_that_was_forgotten_makes_an_entry_of_a_day(actor, timed, ran, seconds, is_cut):
    """T-7"""
    start = at(2026, 3, 4, 9)
    entry = timed(actor, start, start + ran)
    assert (entry.work_seconds, entry.was_cut_off) == (seconds, is_cut)
    assert entry.timer_stopped_at == start + timedelta(seconds=seconds)


def test_a_clock_that_went_back_makes_no_negative_time(actor, timed):
    entry = timed(actor, at(2026, 3, 4, 9, 0, 2), at(2026, 3, 4, 9))
    assert entry.work_seconds == 0


def test_the_sweep_stops_forgotten_timers_once_and_tells_their_workers(
    session, make, act, actor, ana
):
    """T-7"""
    ben = make.worker("ben")
    with time_machine.travel(at(2026, 3, 4, 9), tick=False):
        act(timers.start, actor)
    with time_machine.travel(at(2026, 3, 5, 8), tick=False):
        act(timers.start, Actor.of(ben))
    session.commit()

    with time_machine.travel(at(2026, 3, 5, 9, 0, 1), tick=False):
        assert upkeep.stop_forgotten_timers(Run(Job.SWEEP)) == 1
        assert upkeep.stop_forgotten_timers(Run(Job.SWEEP)) == 0

    (entry,) = session.scalars(sa.select(TimeEntry)).all()
    assert (entry.worker_id, entry.work_seconds, entry.was_cut_off) == (ana.id, 86400, True)
    assert session.scalars(sa.select(Timer.worker_id)).all() == [ben.id]
    (message,) = session.scalars(sa.select(Message)).all()
    assert (message.worker_id, message.subject) == (ana.id, "Your timer was stopped after 24 hours")
    assert message.url == f"/orchestra/app/timecard?edit={entry.id}#entry-{entry.id}"


def test_what_a_timer_recorded_stands_in_the_history_of_the_project(make, timed, last_event):
    """P-57"""
    work = make.work(TaskStatus.PROCESSING)
    start, stop = at(2026, 3, 4, 9), at(2026, 3, 4, 10)
    entry = timed(work.writer, start, stop, assignment_id=work.at(0).id)
    event = last_event(Verb.TIME_ENTRY_CHANGED)
    assert (event.object_id, event.project_id) == (entry.id, work.project.id)
    assert event.after["work_seconds"] == 3600
