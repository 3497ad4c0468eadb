"""Entries of time: what is taken, what is refused, what is kept (T-10 to T-17)."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from orchestra.domain import interventions, projects, story, time_entries, timers
from orchestra.domain.audit import Actor
from orchestra.domain.information import project_information
from orchestra.domain.time_entries import Change
from orchestra.errors import NotFound
from orchestra.models import TaskStatus, TimeEntry, Verb
from tests.builders import step
from tests.recording import WEDNESDAY

TODAY = WEDNESDAY

pytestmark = pytest.mark.usefixtures("wednesday")


@pytest.fixture
def entry(act, actor):
    return act(time_entries.create, actor, worked_on=TODAY, work_seconds=61, description="Read")


def test_an_entry_needs_no_more_than_date_and_time(entry, ana):
    """T-10, T-13"""
    assert (entry.worker_id, entry.assignment_id, entry.timer_started_at) == (ana.id, None, None)


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("UTC", date(2026, 3, 5)),
        ("UTC", date(1, 1, 1)),
        ("Pacific/Kiritimati", date(2026, 3, 6)),  # it is the fifth there
        ("UTC", date(2024, 2, 29)),
    ],
)
def test_a_date_until_tomorrow_is_taken(make, act, zone, day):
    """T-11"""
    actor = Actor.of(make.worker(time_zone=zone))
    assert act(time_entries.create, actor, worked_on=day, work_seconds=0).worked_on == day


@pytest.mark.parametrize(
    ("zone", "fields", "named"),
    [
        ("UTC", {"worked_on": date(2026, 3, 6)}, "date"),
        ("Pacific/Pago_Pago", {"worked_on": date(2026, 3, 6)}, "date"),
        ("UTC", {"worked_on": date.max}, "date"),
        ("UTC", {"work_seconds": -1}, "time_worked"),
        ("UTC", {"work_seconds": 86401}, "time_worked"),
        ("UTC", {"description": "x" * 201}, "description"),
        ("UTC", {"assignment_id": 10**6}, "assignment"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(make, refused, act, zone, fields, named):
    """T-11; by a change as well."""
    actor = Actor.of(make.worker(time_zone=zone))
    good = {"worked_on": TODAY, "work_seconds": 60}
    error = refused("invalid", time_entries.create, actor, **(good | fields))
    assert list(error.fields) == [named]
    made = act(time_entries.create, actor, **good)
    error = refused("invalid", time_entries.change, actor, made.id, Change(**fields))
    assert list(error.fields) == [named]


def test_all_wrong_fields_are_named_at_once(actor, refused):
    error = refused(
        "invalid",
        time_entries.create,
        actor,
        worked_on=date(2030, 1, 1),
        work_seconds=-5,
        description="x" * 300,
        assignment_id=7,
    )
    assert set(error.fields) == {"date", "time_worked", "description", "assignment"}


def test_time_is_not_recorded_on_work_of_others(make, actor, refused):
    """T-11"""
    foreign = make.work(TaskStatus.PROCESSING).at(0).id
    given = {"worked_on": TODAY, "work_seconds": 60, "assignment_id": foreign}
    error = refused("invalid", time_entries.create, actor, **given)
    assert list(error.fields) == ["assignment"]


@pytest.mark.parametrize("end", ["complete", "aborted", "given away", "taken back"])
def test_time_is_recorded_on_work_that_is_over(session, make, act, end):
    """T-16, L-89"""
    work = make.work(TaskStatus.COMPLETE if end == "complete" else TaskStatus.PROCESSING)
    held = work.at(0)
    if end == "aborted":
        act(projects.abort, work.admin, work.project.id)
    elif end == "given away":
        act(interventions.reassign, work.admin, held.id, work.workers[work.reviewer.name])
    elif end == "taken back":
        act(interventions.unassign, work.admin, held.id)
    made = act(
        time_entries.create, work.writer, worked_on=TODAY, work_seconds=60, assignment_id=held.id
    )
    assert made.assignment_id == held.id


def test_a_change_without_the_time_keeps_its_seconds(act, actor, entry):
    """T-17"""
    act(time_entries.change, actor, entry.id, Change(description="Wrote"))
    assert (entry.work_seconds, entry.description) == (61, "Wrote")


def test_a_change_is_audited_with_before_and_after(act, actor, entry, last_event, ana):
    """T-15, P-59: only what changed."""
    act(time_entries.change, actor, entry.id, Change(work_seconds=120, description="Read"))
    event = last_event(Verb.TIME_ENTRY_CHANGED)
    assert event.before == {"work_seconds": 61}
    assert event.after == {"work_seconds": 120, "worker_id": ana.id}


def test_a_change_of_nothing_is_no_event(act, actor, entry, verbs):
    verbs()
    act(time_entries.change, actor, entry.id, Change(description="Read"))
    assert verbs() == []


def test_an_entry_that_was_cut_off_is_not_marked_any_more_once_its_time_is_put_right(
    session, act, actor, entry
):
    """T-7"""
    entry.was_cut_off = True
    session.flush()
    act(time_entries.change, actor, entry.id, Change(description="Slept"))
    assert entry.was_cut_off
    act(time_entries.change, actor, entry.id, Change(work_seconds=3600))
    assert not entry.was_cut_off


def test_a_deleted_entry_is_kept_and_can_be_brought_back(session, act, actor, entry, last_event):
    """T-15"""
    act(time_entries.delete, actor, entry.id)
    assert session.get(TimeEntry, entry.id).deleted_at is not None
    assert last_event(Verb.TIME_ENTRY_CHANGED).before["work_seconds"] == 61
    act(time_entries.restore, actor, entry.id)
    act(time_entries.restore, actor, entry.id)
    assert entry.deleted_at is None


def test_a_deleted_entry_can_be_neither_changed_nor_deleted(act, actor, entry, refused, ana):
    act(time_entries.delete, actor, entry.id)
    refused("not_found", time_entries.change, actor, entry.id, Change(description="x"))
    refused("not_found", time_entries.delete, actor, entry.id)


@pytest.mark.parametrize("rank", ["worker", "admin"])
def test_nobody_changes_the_time_of_others(make, entry, refused, rank):
    """T-14"""
    other = Actor.of(getattr(make, rank)())
    refused("not_found", time_entries.change, other, entry.id, Change(description="x"))
    refused("not_found", time_entries.delete, other, entry.id)
    refused("not_found", time_entries.restore, other, entry.id)


def test_project_admins_read_what_is_recorded_for_projects_and_nobody_else_does(
    session, make, act, entry
):
    """T-14"""
    work, admin, other = make.work(TaskStatus.PROCESSING), make.admin(), make.worker()
    on_task = act(
        time_entries.create,
        work.writer,
        worked_on=TODAY,
        work_seconds=60,
        assignment_id=work.at(0).id,
    )
    assert time_entries.get(session, admin, on_task.id) is on_task
    for worker, hidden in [(other, on_task), (admin, entry), (other, entry)]:
        with pytest.raises(NotFound):
            time_entries.get(session, worker, hidden.id)


def test_the_history_of_a_project_tells_it_in_words(session, make, act):
    """P-60"""
    work = make.work(TaskStatus.PROCESSING)
    made = act(
        time_entries.create,
        work.writer,
        worked_on=TODAY,
        work_seconds=3601,
        assignment_id=work.at(0).id,
    )
    moved = Change(worked_on=TODAY - timedelta(days=1), description="Called")
    act(time_entries.change, work.writer, made.id, moved)
    act(time_entries.delete, work.writer, made.id)
    act(time_entries.restore, work.writer, made.id)
    told = [e.did for e in story.history(session, work.project.id).events if "time" in e.verb]
    assert told == [
        "brought back 1:01 h of work on 3 March 2026.",
        "deleted 1:01 h of work on 3 March 2026.",
        "changed the date and the description of recorded time.",
        "recorded 1:01 h of work on 4 March 2026.",
    ]


def test_the_history_of_a_task_tells_the_time_that_was_worked_on_it(session, make, act):
    """P-60"""
    work, other = make.work(TaskStatus.REVIEWING), make.work(TaskStatus.PROCESSING)
    for at, actor, seconds in [(0, work.writer, 60), (1, work.reviewer, 120)]:
        on_it = {"worked_on": TODAY, "assignment_id": work.at(at).id}
        made = act(time_entries.create, actor, work_seconds=seconds, **on_it)
    act(time_entries.change, work.reviewer, made.id, Change(description="Called"))
    act(time_entries.delete, work.reviewer, made.id)

    def told(task, **filters):
        events = story.history(session, work.project.id, task_id=task.id, **filters).events
        return [event.text for event in events if "time" in event.verb]

    by_reviewer = [
        f"{work.reviewer.name} deleted 0:02 h of work on 4 March 2026.",
        f"{work.reviewer.name} changed the description of recorded time.",
        f"{work.reviewer.name} recorded 0:02 h of work on 4 March 2026.",
    ]
    by_writer = [f"{work.writer.name} recorded 0:01 h of work on 4 March 2026."]
    assert told(work.task) == by_reviewer + by_writer
    assert told(work.task, person=work.reviewer.name) == by_reviewer
    assert told(other.task) == []


def test_the_history_tells_time_that_was_moved_at_both_tasks(session, make, act):
    """P-60"""
    ana = make.worker("ana")
    project = make.project(step("first"), step("second"))
    held = [make.hold(project, slug, ana) for slug in ("first", "second")]
    on_first = {"worked_on": TODAY, "assignment_id": held[0].id}
    made = act(time_entries.create, Actor.of(ana), work_seconds=60, **on_first)
    act(time_entries.change, Actor.of(ana), made.id, Change(assignment_id=held[1].id))

    def told(task_id):
        events = story.history(session, project.id, task_id=task_id).events
        return [event.did for event in events if "time" in event.verb]

    moved = "changed the task of recorded time."
    assert told(held[0].task_id) == [moved, "recorded 0:01 h of work on 4 March 2026."]
    assert told(held[1].task_id) == [moved]


def test_the_state_of_an_assignment_says_what_its_worker_recorded(session, make, act):
    """T-30, A-28"""
    work = make.work(TaskStatus.PROCESSING)
    for seconds in (61, 120):
        made = act(
            time_entries.create,
            work.writer,
            worked_on=TODAY,
            work_seconds=seconds,
            assignment_id=work.at(0).id,
        )
    act(time_entries.delete, work.writer, made.id)
    found = project_information(session, [work.project.id])[work.project.id]
    assert found["tasks"]["write"]["assignments"][0]["recorded_work_seconds"] == 61


def test_the_timer_of_a_task_and_an_entry_by_hand_are_alike(session, act, actor):
    act(timers.start, actor)
    act(timers.stop, actor)
    act(time_entries.create, actor, worked_on=TODAY, work_seconds=0)
    days = session.scalars(sa.select(TimeEntry.worked_on)).all()
    assert days == [TODAY, TODAY]
