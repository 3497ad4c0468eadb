"""SanityBot: which projects are checked, what is said, how often, and what stops nothing else."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import billiard
import pytest
import sqlalchemy as sa

from orchestra.database import utcnow
from orchestra.domain import projects, sanity
from orchestra.domain.audit import SYSTEM
from orchestra.domain.message_texts import Kind
from orchestra.models import (
    AuditEvent,
    Channel,
    CheckProblem,
    Message,
    MessageState,
    Project,
    ProjectCheck,
    Tick,
    Verb,
)
from orchestra.outbox import Job
from orchestra.tasks import isolated
from orchestra.tasks.isolated import Isolated
from orchestra.tasks.sanity import check, create_and_handle_sanity_checks
from tests.builders import step
from tests.check_functions import DAY, built_in, checks, handler, project

tick = create_and_handle_sanity_checks.run


@pytest.fixture
def short(change_settings):
    change_settings(sanity_time_limit_seconds=1)


@pytest.fixture
def checked(session, make):
    """A project whose version has these checks, with a project admin who hears of it."""
    make.admin("mia")

    def made(*given, **keys):
        found = project(make, checks(*given, **keys))
        session.commit()
        return found

    return made


def rows(session, kind=Kind.SANITY_CHECK, **columns):
    found = sa.select(Message).filter_by(kind=kind, **columns).order_by(Message.id)
    messages = list(session.scalars(found))
    session.commit()
    return messages


def row(session, project, slug="late"):
    session.expire_all()
    found = sa.select(ProjectCheck).filter_by(project_id=project.id, slug=slug)
    held = session.scalars(found).one_or_none()
    session.commit()
    return held


def pass_time(session, project, seconds):
    """As if the check had been handled so much earlier."""
    held = row(session, project)
    held.last_handled_at -= timedelta(seconds=seconds)
    if held.snoozed_until:
        held.snoozed_until -= timedelta(seconds=seconds)
    session.commit()


def problem(session, project):
    session.expire_all()
    found = session.get(CheckProblem, project.id)
    session.commit()
    return found


# --- What is handled --------------------------------------------------------------------------


def test_a_problem_that_is_found_is_said_once(session, checked):
    """SB-11, SB-12: without a repetition, once per project; twice in one result counts once."""
    found = checked(function="give_objects")

    assert (tick(), tick()) == (1, 0)
    assert [message.text.partition("\n")[0] for message in rows(session)] == ["please look at it"]
    assert row(session, found).times_handled == 1


def test_a_check_is_repeated_when_its_time_is_over(session, checked):
    """SB-12"""
    found = checked("late", repetition=DAY)
    tick()

    pass_time(session, found, DAY - 60)
    assert tick() == 0
    pass_time(session, found, 60)
    assert (tick(), tick()) == (1, 0)
    assert row(session, found).times_handled == 2


def test_a_time_longer_than_any_date_never_passes_and_stops_no_other(session, make, checked):
    """SB-4, SB-12: so an author says "never" in a number."""
    ever = 10**18
    checked("late", repetition=ever)
    make.hold(project(make, built_in("stale_task", seconds=ever)), "write", make.worker())
    session.commit()
    assert (tick(), tick()) == (1, 0)

    checked("late")
    assert tick() == 1


def test_handling_is_told_in_the_history(session, checked):
    """SB-13: one transaction for the row, the event and the message."""
    found = checked("late")
    tick()

    event = session.scalars(sa.select(AuditEvent).filter_by(verb=Verb.SANITY_HANDLED)).one()
    assert event.project_id == found.id
    assert (event.actor, event.after) == ("system", {"check": "late", "is_sent": True})


def test_the_people_on_the_listed_steps_are_called(session, make, change_settings):
    """SB-14: distinct workers, by level, then name; who has no Slack id is named."""
    change_settings(slack_experts_enabled=True)
    ana, ben, cleo, zoe = (
        make.worker(username, first_name=username.title(), slack_user_id=slack_id)
        for username, slack_id in (("ana", "U1"), ("ben", None), ("cleo", "U3"), ("zoe", "U4"))
    )
    wanted = checks("late", configured=())
    said = [handler("look & see @here", "write", "other"), handler("and you", "free")]
    wanted["check_configurations"] = {"late": {"handlers": said}}
    found = project(make, wanted, step("write"), step("other"), step("free"))
    found.channel_id = "C17"
    for slug, level, worker in (
        ("write", 0, zoe),
        ("write", 1, ana),
        ("other", 0, ben),
        ("other", 1, zoe),
        ("other", 2, cleo),
    ):
        make.hold(found, slug, worker, level)
    session.commit()

    assert tick() == 2
    posts = rows(session, channel=Channel.PROJECT_CHANNEL)
    texts = [post.text.partition("\n<")[0] for post in posts]
    assert texts == ["Ben <@U4> <@U1> <@U3>: look &amp; see @\u200bhere", "and you"]
    assert posts[0].subject == "Ben, Zoe, Ana, Cleo: look & see @here"
    assert {post.state for post in posts} == {MessageState.WAITING}
    assert rows(session, channel=Channel.INBOX) == []


def test_without_a_channel_the_same_people_read_it_in_their_inboxes(session, make, checked):
    """SB-15: and project admins."""
    found = checked("late")
    ana = make.worker("ana")
    make.worker("ben")
    make.hold(found, "write", ana)
    session.commit()

    assert tick() == 1
    told = rows(session)
    assert sorted(message.worker.username for message in told) == ["ana", "mia"]
    assert {message.channel for message in told} == {Channel.INBOX}
    assert told[0].text.startswith("ana: please look at it\nA project · Workflow")
    assert told[0].url == f"/orchestra/app/project/{found.id}#checks"


def test_paused_and_closed_projects_are_left_out(session, checked, make):
    """SB-8, R-10: as are projects of versions that do not take part."""
    paused, aborted = checked("late"), checked("late")
    make.project(step("write"))
    projects.pause(session, SYSTEM, paused.id)
    projects.abort(session, SYSTEM, aborted.id)
    session.commit()

    assert tick() == 0
    projects.resume(session, SYSTEM, paused.id)
    session.commit()
    assert tick() == 1


def test_what_was_found_in_a_project_that_is_paused_meanwhile_is_dropped(session, checked):
    """SB-18"""
    found = checked("late")
    (examined,) = sanity.examine(session, [found.id])
    result = examined.result(sanity.Answer(slugs=["late"]))
    projects.pause(session, SYSTEM, found.id)
    session.commit()

    assert sanity.handle(session, result) == []
    session.commit()
    assert row(session, found) is None


def test_of_two_who_find_the_same_the_second_says_nothing(session, checked):
    """SB-13, S-50"""
    found = checked("late", repetition=DAY)
    (examined,) = sanity.examine(session, [found.id])
    result = examined.result(sanity.Answer(slugs=["late"]))
    session.commit()

    assert tick() == 1
    assert sanity.handle(session, result) == []
    session.commit()
    assert len(rows(session)) == 1


def test_several_schedulers_at_once_say_it_once(session, checked, at_once, app):
    """SB-13, R-11: whole ticks side by side, and handling at the same moment."""
    found = checked("late", repetition=DAY)

    def whole_tick(_number):
        with app.app_context():
            return tick()

    with ThreadPoolExecutor(3) as threads:
        assert sum(threads.map(whole_tick, range(3))) == 1
    pass_time(session, found, DAY)
    result = sanity.Result(found.id, ["late"])
    said = at_once(*[lambda opened: sanity.handle(opened, result)] * 4)
    assert sorted(len(one) for one in said) == [0, 0, 0, 1]
    assert row(session, found).times_handled == len(rows(session)) == 2


# --- What people decided ----------------------------------------------------------------------


def test_a_muted_check_is_recorded_and_not_sent(session, checked):
    """SB-16"""
    found = checked("late", repetition=DAY)
    session.add(ProjectCheck(project_id=found.id, slug="late", muted_at=utcnow()))
    session.commit()

    assert tick() == 0
    assert row(session, found).times_handled == 1
    assert rows(session) == []


def test_a_check_that_was_put_off_is_said_when_the_time_is_over(session, checked):
    """A person wants to be reminded: also of a check that is said only once."""
    found = checked("late")
    tick()
    row(session, found).snoozed_until = utcnow() + timedelta(hours=1)
    session.commit()

    assert tick() == 0
    pass_time(session, found, 3600)
    assert (tick(), tick()) == (1, 0)


def test_a_resolved_check_is_silent_until_it_is_found_anew(session, checked, make):
    found = checked("late", repetition=DAY)
    tick()
    row(session, found).resolved_at = utcnow()
    session.commit()
    pass_time(session, found, 2 * DAY)

    assert tick() == 0
    nothing = sanity.Result(found.id, [])
    sanity.handle(session, nothing)
    session.commit()
    assert row(session, found).found_at is None
    assert (tick(), tick()) == (1, 0)
    assert row(session, found).resolved_at is None


# --- What goes wrong --------------------------------------------------------------------------

WRONG = {
    "fail": "ValueError: no such thing \\0",
    "leave": "SystemExit: 1",
    "end_its_process": "gave no answer: its process ended with exit code 3",
    "give_none": "must give a list, gave NoneType",
    "give_numbers": "must give SanityCheck or slugs, gave int",
    "missing": "cannot be imported",
    "wait_for_ever": "took longer than 1 seconds",
    "loop_for_ever": "took longer than 1 seconds",
    "ignore_everything": "took longer than 1 seconds",
}


def test_functions_that_fail_or_hang_stop_no_others(session, checked, short, caplog):
    """SB-7, SB-9, R-16: their problems are kept and told, and the others are checked."""
    troubled = {function: checked(function=function) for function in WRONG}
    fine = checked("late")

    assert tick() == 1
    assert row(session, fine).times_handled == 1
    for function, words in WRONG.items():
        assert words in problem(session, troubled[function]).error, function
        assert row(session, troubled[function]) is None
    assert len(rows(session, Kind.SANITY_PROBLEM, channel=Channel.INBOX)) == len(WRONG)
    assert "checks do not work" in caplog.text


def test_a_problem_is_told_once_a_day_and_forgotten_when_it_is_over(session, checked):
    """SB-9"""
    found = checked(function="fail")
    tick()
    first = problem(session, found)
    assert "ValueError" in first.traceback

    tick()
    assert problem(session, found).at >= first.at
    assert len(rows(session, Kind.SANITY_PROBLEM, channel=Channel.INBOX)) == 1
    sanity.handle(session, sanity.Result(found.id, []))
    session.commit()
    assert problem(session, found) is None


def test_a_slug_without_configuration_is_a_problem_and_the_others_are_handled(session, checked):
    """SB-10"""
    found = checked("lost", "late", "lost")

    assert tick() == 1
    assert problem(session, found).error == (
        "tests.check_functions.give gave 'lost': not in check_configurations."
    )


def test_a_function_that_fails_says_nothing_about_what_was_found_before(session, checked):
    found = checked("late")
    tick()

    failed = sanity.Answer(error="it failed")
    sanity.handle(session, sanity.Result(found.id, [], failed, is_complete=False))
    session.commit()
    assert row(session, found).found_at is not None


def test_slow_versions_come_last_and_for_one_interval(
    session, checked, change_settings, make, caplog
):
    """R-16: a version that hangs costs the others one time limit, and no tick lasts for ever."""
    change_settings(sanity_time_limit_seconds=1, sanity_interval=timedelta(seconds=1))
    first = checked(function="wait_for_ever")
    more = [make.project(version=first.version) for _ in range(3)]
    fine = checked("late")

    assert tick() == 1
    assert row(session, fine).times_handled == 1
    assert problem(session, first).is_timeout
    assert "left to the next tick" in caplog.text
    assert [problem(session, one) for one in more] == [None] * 3
    with_time = [one.project_id for one in sanity.to_be_checked(session) if one.slow_at]
    assert with_time == [first.id]


def test_a_finding_that_cannot_be_handled_is_counted_and_stops_no_other(
    session, checked, monkeypatch, caplog
):
    """SB-9, S-48"""
    broken, other = checked("late"), checked("late")
    handle = sanity.handle

    def fail_for_one(session, result):
        if result.project_id == broken.id:
            raise KeyError("nobody thought of this")
        return handle(session, result)

    monkeypatch.setattr(sanity, "handle", fail_for_one)

    assert tick() == 1
    assert "check not handled" in caplog.text
    assert session.scalars(sa.select(ProjectCheck.project_id)).all() == [other.id]
    assert session.get_one(Tick, Job.CHECK_PROJECTS).failures == 1


# --- What the function is told ----------------------------------------------------------------


def test_the_function_gets_a_copy_of_the_project(session, make):
    """SB-6, D-40"""
    found = project(make, checks(function="read_all"), priority=7, project_data={"url": "kept"})
    make.hold(found, "write", make.worker("ana"))
    session.commit()

    assert tick() == 0
    assert problem(session, found) is None
    assert session.get_one(Project, found.id).project_data["url"] == "kept"


# --- The tick ---------------------------------------------------------------------------------


def test_a_tick_is_noted_and_leaves_no_process(session, checked):
    """S-48"""
    checked("late")
    before = _children()
    tick()

    assert session.get_one(Tick, Job.CHECK_PROJECTS).failures == 0
    assert _children() <= before  # a server of other tests may run besides


def _children():
    threads = Path("/proc/self/task").glob("*/children")
    return {child for thread in threads for child in thread.read_text().split()}


def test_a_process_of_celerys_pool_can_begin_one(app):
    """They are daemons, to which multiprocessing gives no children."""

    def ask():
        with Isolated(str.upper, 10) as functions:
            assert functions.ask("a") == "A"

    process = billiard.Process(target=ask, daemon=True)
    process.start()
    process.join()
    assert process.exitcode == 0


def test_projects_without_functions_need_no_process(session, make, monkeypatch):
    project(make, built_in("nobody_eligible"))
    session.commit()
    monkeypatch.setattr(isolated, "Child", None)

    assert tick() == 1


def test_checking_one_project_and_trying_only(session, checked):
    """SB-17"""
    one, other = checked("late"), checked("late")

    assert [said.project_id for said in check(is_kept=False)] == [one.id, other.id]
    assert row(session, one) is None
    assert rows(session) == []
    assert [said.project_id for said in check(other.id)] == [other.id]
    assert [said.project_id for said in check()] == [one.id]
