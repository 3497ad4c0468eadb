"""Jobs of StaffBot: batches, reminders, warnings (S-19 to S-25, S-48 to S-53)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic, sleep

import pytest
import sqlalchemy as sa

import orchestra.tasks
from orchestra.database import db, utcnow
from orchestra.domain import (
    lifecycle,
    offers,
    projects,
    staffing,
    staffing_batches,
    staffing_notices,
    upkeep,
)
from orchestra.domain.audit import SYSTEM
from orchestra.domain.message_texts import Kind
from orchestra.errors import Unavailable
from orchestra.models import (
    Channel,
    Message,
    MessageState,
    Offer,
    Project,
    StaffingRequest,
    Task,
    Tick,
    Worker,
)
from orchestra.outbox import Job
from orchestra.tasks import staffing as tasks
from orchestra.tasks.staffing import (
    remind_workers_about_available_tasks,
    send_first_batch,
    send_staffing_requests,
    warn_staffing_team_about_unstaffed_tasks,
)
from orchestra.tasks.upkeep import sweep_all
from tests.builders import step
from tests.staffers import HOUR, let_pass, offer_to, offers_of

send, remind, warn = (
    send_staffing_requests.run,
    remind_workers_about_available_tasks.run,
    warn_staffing_team_about_unstaffed_tasks.run,
)


@pytest.fixture
def request_for(session, make):
    """Open a request for a new task, with its first batch unless told otherwise."""

    def opened(work=None, *, is_sent=True):
        work = work or make.work()
        request = staffing.staff(session, SYSTEM, work.task.id)
        session.commit()
        if is_sent:
            send_first_batch.run(request.id)
        return work, request

    return opened


def told(session, kind, channel=Channel.INBOX):
    query = sa.select(Message).where(Message.kind == kind, Message.channel == channel)
    found = list(session.scalars(query.order_by(Message.id)))
    session.commit()
    return found


@pytest.mark.parametrize("name", sorted(orchestra.tasks.DOCUMENTED))
def test_the_scheduled_functions_are_known_by_their_documented_names(name):
    """S-48"""
    assert getattr(orchestra.tasks, name).name in set(Job)
    assert not hasattr(orchestra.tasks, "something_else")


# --- Batches ----------------------------------------------------------------------------------


def test_the_first_batch_is_sent_at_once_and_once(session, request_for, jobs):
    """S-6, S-19: delivered twice, the job has one effect, and the wish is forgotten."""
    _, request = request_for()

    assert len(offers_of(session, request)) == 3
    assert (Job.SEND_FIRST_BATCH, {"request_id": request.id}) not in jobs()
    session.commit()
    assert send_first_batch.run(request.id) == 0


def test_a_request_of_a_paused_project_waits_for_the_next_run_after_it(session, request_for):
    """S-20, S-25, R-10"""
    work, request = request_for(is_sent=False)
    projects.pause(session, SYSTEM, work.project.id)
    session.commit()
    assert send_first_batch.run(request.id) == send() == 0

    projects.resume(session, SYSTEM, work.project.id)
    session.commit()
    assert send() == 3


@pytest.mark.parametrize("failure", [Unavailable("no"), KeyError("nobody thought of this")])
def test_a_request_that_fails_is_counted_and_stops_no_other(
    session, request_for, monkeypatch, caplog, failure
):
    """S-24"""
    works = [request_for(is_sent=False) for _ in range(2)]
    broken = works[0][1].id
    asks = staffing_batches.send

    def fail_for_one(session, plans, **how):
        if any(plan.request.id == broken for plan in plans):
            raise failure
        return asks(session, plans, **how)

    monkeypatch.setattr(staffing_batches, "send", fail_for_one)

    assert send() == 5
    assert f"batch 1 of staffing request {broken}" in caplog.records[0].item
    assert {offer.request_id for offer in session.scalars(sa.select(Offer))} == {works[1][1].id}
    tick = session.get_one(Tick, Job.SEND_STAFFING_REQUESTS)
    assert tick.failures == 1
    session.commit()

    monkeypatch.undo()
    assert send() == 5
    assert session.get_one(Tick, Job.SEND_STAFFING_REQUESTS, populate_existing=True).failures == 0


def test_what_fails_after_it_was_written_leaves_nothing_and_stops_no_other(
    session, request_for, monkeypatch, change_settings
):
    """S-24, R-4: all that were done together are rolled back, and then done one by one."""
    change_settings(staffbot_worker_batch_size=50)
    first, broken, last = (request_for(is_sent=False)[1].id for _ in range(3))
    tell = staffing_notices.exhausted

    def fail_for_one(session, locked, request):
        if request.id == broken:
            raise KeyError("nobody thought of this")
        tell(session, locked, request)

    monkeypatch.setattr(staffing_notices, "exhausted", fail_for_one)

    assert send() == 2 * 9
    offered = session.scalars(sa.select(Offer.request_id)).all()
    assert sorted(offered) == [first] * 9 + [last] * 9
    assert len(told(session, Kind.OFFER)) == 2 * 9
    assert session.get_one(Tick, Job.SEND_STAFFING_REQUESTS).failures == 1


def test_a_project_that_somebody_holds_holds_up_no_other(app, session, request_for):
    """S-24: what is free is done at once, and what is not is waited for alone."""
    if session.get_bind().dialect.name == "sqlite":
        pytest.skip("writers follow one another")
    works = [request_for(is_sent=False) for _ in range(3)]
    held, *free = (work.project.id for work, _ in works)

    def tick():
        with app.app_context():
            return send()

    def asked():
        offers = sa.select(Task.project_id).join(StaffingRequest).join(Offer).distinct()
        found = set(session.scalars(offers))
        session.commit()
        return found

    session.commit()
    with ThreadPoolExecutor(1) as threads:
        with db.engine.begin() as somebody:
            somebody.execute(sa.select(Project.id).where(Project.id == held).with_for_update())
            ticking, deadline = threads.submit(tick), monotonic() + 10
            while asked() != set(free) and monotonic() < deadline:
                sleep(0.02)
            assert asked() == set(free)
            assert not ticking.done()
        assert ticking.result() == 3 * 5
    assert asked() == {held, *free}
    assert session.get_one(Tick, Job.SEND_STAFFING_REQUESTS).failures == 0


def test_a_description_that_hangs_or_dies_holds_up_no_offers(
    session, make, request_for, monkeypatch, caplog
):
    """S-24, S-29: one that hangs is waited for once, and the offers go out without it."""
    monkeypatch.setattr(tasks, "DETAIL_SECONDS", 1)
    hanging, dying = (
        "tests.check_functions.ignore_everything",
        "tests.check_functions.end_its_process",
    )

    def described(path):
        work = make.work(detailed_description_function={"path": path})
        return request_for(work, is_sent=False)[1]

    requests = [described(path) for path in (hanging, dying, hanging, hanging, "tests.steps.brief")]
    began_at = monotonic()

    assert send() == 5 * len(requests)
    assert monotonic() - began_at < 3
    problems, details = [], []
    for request in requests:
        problems.append(session.get_one(StaffingRequest, request.id).detail_problem)
        details.append({bool(offer.detail) for offer in offers_of(session, request)})
    slow, died = f"{hanging} took longer than 1 seconds.", f"{dying} gave no answer"
    assert died in problems.pop(1)
    assert problems == [slow, slow, slow, None]
    assert details == [{False}, {False}, {False}, {False}, {True}]
    assert "no detailed description" in caplog.text


def test_an_offer_leaves_by_the_ways_that_the_worker_wants(session, request_for, change_settings):
    """S-27, M-14, M-23: inbox, mail, direct message; the same link in all."""
    change_settings(slack_experts_enabled=True)
    work, request = request_for(is_sent=False)
    worker = session.get(Worker, work.writer.worker_id)
    worker.slack_user_id = "U017"
    session.commit()
    send()

    link = offers.offer_links.path_of(
        session.info["settings"], offer_to(session, request, worker).id
    )
    mine = sa.select(Message).where(Message.kind == Kind.OFFER, Message.worker_id == worker.id)
    by_channel = {message.channel: message for message in session.scalars(mine)}
    assert {channel: message.state for channel, message in by_channel.items()} == {
        Channel.INBOX: MessageState.SENT,
        Channel.MAIL: MessageState.WAITING,
        Channel.SLACK: MessageState.WAITING,
    }
    assert all(link in message.text for message in by_channel.values())
    opened = sa.select(Message).where(Message.kind == Kind.STAFFING_OPENED)
    assert session.scalars(opened).one().channel is Channel.PROJECT_CHANNEL


# --- Reminders --------------------------------------------------------------------------------


def test_workers_are_reminded_once_in_an_interval(session, make, request_for, change_settings):
    """S-51, S-50"""
    change_settings(reminder_interval=3 * HOUR, staffbot_offer_seconds=timedelta(0))
    work, request = request_for()
    declined = offer_to(session, request, session.get(Worker, work.reviewer.worker_id))
    offers.decline(session, work.reviewer, declined.id)
    session.commit()
    assert remind() == 0

    let_pass(session, request, 4 * HOUR)
    session.commit()
    assert [remind(), remind()] == [2, 0]

    newer = request_for(make.work(), is_sent=True)[1]
    let_pass(session, newer, HOUR)
    session.execute(sa.update(Worker).values(reminded_at=utcnow() - 4 * HOUR))
    session.commit()
    remind()
    [message] = [m for m in told(session, Kind.OFFER_REMINDER) if "2 tasks wait" in m.subject][:1]
    assert message.url == "/orchestra/communication/available_staffing_requests/"


def test_the_first_reminder_comes_one_interval_after_the_newest_offer(
    session, make, request_for, change_settings
):
    """S-51"""
    change_settings(reminder_interval=3 * HOUR, staffbot_worker_batch_size=50)
    _, old = request_for()
    let_pass(session, old, 4 * HOUR)
    session.commit()
    _, new = request_for(make.work())

    assert remind() == 0
    let_pass(session, new, 4 * HOUR)
    session.commit()
    assert remind() == 6


def test_nobody_is_reminded_in_a_pause(session, request_for, change_settings):
    """S-51, R-10"""
    change_settings(reminder_interval=HOUR)
    work, request = request_for()
    let_pass(session, request, 2 * HOUR)
    projects.pause(session, SYSTEM, work.project.id)
    session.commit()

    assert remind() == 0


# --- Warnings ---------------------------------------------------------------------------------


def test_tasks_that_wait_for_long_are_warned_about_once_in_an_interval(
    session, make, request_for, change_settings
):
    """S-52, S-53: one message for each step, to the project admins' inboxes without a channel."""
    change_settings(staffbot_staffing_min_time=HOUR, staffbot_warn_interval_seconds=7200)
    work, request = request_for()
    other_step = request_for()
    taken = request_for()
    for _, each in (other_step, taken):
        let_pass(session, each, 2 * HOUR)
    lifecycle.assign_task(session, SYSTEM, taken[1].task_id, session.get(Worker, 1))
    session.commit()

    assert [warn(), warn()] == [1, 0]
    let_pass(session, request, 2 * HOUR)
    session.commit()
    assert [warn(), warn()] == [1, 0]
    messages = told(session, Kind.UNSTAFFED_WARNING)
    assert {m.worker_id for m in messages} == {
        admin.worker_id for admin in (work.admin, other_step[0].admin, taken[0].admin)
    }
    assert f"Task {request.task_id} of A project, level 0" in messages[-1].text
    assert "asked 3, declined 0" in messages[-1].text

    staffing.staff(session, SYSTEM, request.task_id)  # asked anew, but warned about already
    session.commit()
    change_settings(staffbot_staffing_min_time=timedelta(0))
    assert warn() == 0


def test_a_task_for_which_nobody_could_be_asked_is_warned_about_at_once(session, make, request_for):
    """S-52"""
    version = make.version(
        step("write", required_certifications=["words"]), certifications=["words"]
    )
    make.admin()
    project = make.project(version=version)
    request = staffing.staff(session, SYSTEM, make.task(project, "write").id)
    session.commit()
    send_first_batch.run(request.id)

    assert warn() == 1


def test_warnings_go_to_the_channel_of_the_staffing_team(session, request_for, change_settings):
    """S-52, E-32"""
    change_settings(
        staffbot_staffing_min_time=timedelta(0),
        staffbot_staffing_group_id="C017",
        slack_internal_enabled=True,
    )
    request_for()

    assert warn() == 1
    [message] = told(session, Kind.UNSTAFFED_WARNING, Channel.INTERNAL)
    assert message.address == "C017"
    assert told(session, Kind.UNSTAFFED_WARNING) == []


# --- All --------------------------------------------------------------------------------------


def test_every_run_leaves_word_that_the_scheduler_is_alive(session):
    ticks = (Job.SEND_STAFFING_REQUESTS, Job.REMIND_WORKERS, Job.WARN_STAFFING_TEAM)
    for run in (send, remind, warn):
        assert run() == 0
    assert all(upkeep.last_tick(session, job) for job in ticks)


def test_the_sweep_closes_offers_whose_time_is_over(session, request_for, change_settings):
    """L-136, S-32"""
    change_settings(staffbot_offer_seconds=HOUR)
    _, request = request_for()
    let_pass(session, request, 2 * HOUR)
    session.commit()

    sweep_all()

    assert {offer.state for offer in offers_of(session, request)} == {"expired"}
