"""By which channels people are told, what waits, what is dropped, in which order (M-8 to M-18)."""

from datetime import UTC, datetime, time, timedelta

import pytest
import sqlalchemy as sa
import time_machine

from orchestra.database import utcnow
from orchestra.domain import (
    channels,
    deliveries,
    lifecycle,
    machine,
    message_rows,
    messages,
    profiles,
    projects,
    quiet_hours,
)
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.execution import Outcome, Runner
from orchestra.domain.markup import as_chat
from orchestra.domain.profiles import Profile
from orchestra.domain.quiet_hours import Times
from orchestra.models import (
    Channel,
    Message,
    MessagePreference,
    MessageState,
    Offer,
    OfferState,
    ProjectStatus,
    RequestCause,
    StaffingRequest,
    TaskStatus,
)
from orchestra.outbox import OutboxMessage
from tests.builders import step

WAITING, SENT, OFF = MessageState.WAITING, MessageState.SENT, MessageState.OFF
DROPPED = MessageState.DROPPED
NIGHT = datetime(2026, 1, 10, 23, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _chat(change_settings):
    change_settings(slack_experts_enabled=True, slack_internal_enabled=True)


@pytest.fixture
def recorded(session):
    """The messages of some channels, oldest first, as they are stored."""

    def found(*channels):
        session.flush()
        rows = session.scalars(
            sa.select(Message)
            .where(Message.channel.in_(channels or list(Channel)))
            .order_by(Message.id)
            .execution_options(populate_existing=True)
        )
        return rows.all()

    return found


@pytest.fixture
def tell(session, recorded):
    """Tell somebody; the message by this channel."""

    def told(worker, *, kind="returned", cause="event:1", channel=Channel.MAIL, project=None):
        messages.tell(
            session,
            kind,
            [worker.id],
            subject="Ben returned Write to you",
            text="Read the feedback.",
            url="/orchestra/app/task/4",
            cause=cause,
            project_id=project.id if project else None,
        )
        return recorded(channel)[-1]

    return told


@pytest.fixture
def post(session, recorded):
    """Post to the channel of a project; the message."""

    def posted(project, text="Hello", kind="completed", cause="event:1"):
        messages.post(
            session,
            kind,
            channel=Channel.PROJECT_CHANNEL,
            text=as_chat(text),
            url=f"/orchestra/app/project/{project.id}",
            cause=cause,
            project_id=project.id,
        )
        return recorded(Channel.PROJECT_CHANNEL)[-1]

    return posted


@pytest.fixture
def deliver(act):
    """Claim a message and say that it was sent, if it may go now; whether it went."""

    def delivered(message):
        delivery = act(deliveries.claim, message.id, message.tries + 1)
        if delivery is not None:
            act(deliveries.record_sent, delivery)
        return delivery is not None

    return delivered


@pytest.fixture
def fail(act):
    def failed(message, retry_after_seconds=None):
        delivery = act(deliveries.claim, message.id, message.tries + 1)
        act(deliveries.record_unreachable, delivery, "busy", retry_after_seconds)

    return failed


def prefer_not(session, worker, kind, channel):
    row = MessagePreference(worker_id=worker.id, type=kind, channel=channel, is_on=False)
    session.add(row)
    session.flush()


def a_project(make, **columns):
    """With a channel, and as if nobody had been told of anything yet."""
    project = make.project(step("write"))
    for model in (Message, OutboxMessage):
        make.session.execute(sa.delete(model))
    project.channel_id = "C1"
    for name, value in columns.items():
        setattr(project, name, value)
    return project


# --- Recording --------------------------------------------------------------------------------


def test_people_are_told_by_the_channels_that_they_want(make, session, tell, recorded, jobs):
    """M-14, M-15, M-16, M-18: why somebody is not told by a channel is kept."""
    ana = make.worker(slack_user_id="U1")
    ben = make.worker(email="")
    eva = make.worker(slack_user_id="U3")
    for channel in (Channel.MAIL, Channel.SLACK):
        prefer_not(session, eva, "task_status_change", channel)
    prefer_not(session, ana, "new_task_available", Channel.MAIL)
    for worker in (ana, ben, eva):
        tell(worker)

    told = [(row.channel, row.state, row.address, row.last_error) for row in recorded()]
    assert told == [
        (Channel.INBOX, SENT, None, None),
        (Channel.MAIL, WAITING, ana.email, None),
        (Channel.SLACK, WAITING, "U1", None),
        (Channel.INBOX, SENT, None, None),
        (Channel.MAIL, OFF, "", message_rows.NO_ADDRESS),
        (Channel.SLACK, OFF, None, message_rows.NO_SLACK_ID),
        (Channel.INBOX, SENT, None, None),
        (Channel.MAIL, OFF, eva.email, message_rows.UNWANTED),
        (Channel.SLACK, OFF, "U3", message_rows.UNWANTED),
    ]
    assert len(jobs()) == 2


def test_with_the_chat_off_nothing_goes_there_and_nothing_waits(
    make, tell, post, recorded, change_settings, jobs
):
    """M-10"""
    change_settings(slack_experts_enabled=False, slack_internal_enabled=False)
    project = make.project(step("write"))
    message = tell(make.worker(slack_user_id="U1", email=""), channel=Channel.SLACK)
    for row in (message, post(project)):
        assert (row.state, row.last_error) == (OFF, message_rows.CHAT_IS_OFF)
    assert jobs() == []


def test_some_messages_are_for_inboxes_only(make, tell, recorded):
    """M-27: they have no preference that could ask for more."""
    ana = make.worker(slack_user_id="U1")
    for kind in ("team_message", "acting_started"):
        tell(ana, kind=kind, channel=Channel.INBOX)
    assert {row.channel for row in recorded()} == {Channel.INBOX}


def test_a_change_of_a_task_is_posted_to_both_channels_and_calls_the_worker(
    make, session, act, recorded
):
    """M-19, M-20, I-19"""
    project = a_project(make, short_description="Rain & <!channel> @here")
    ana = make.worker(first_name="Ana", slack_user_id="U1")
    act(lifecycle.assign_task, SYSTEM, make.task(project, "write").id, ana)

    posts = [
        row
        for row in recorded(Channel.PROJECT_CHANNEL, Channel.INTERNAL)
        if row.kind == "task_picked_up"
    ]
    assert [(row.kind, row.channel, row.address) for row in posts] == [
        ("task_picked_up", Channel.PROJECT_CHANNEL, None),
        ("task_picked_up", Channel.INTERNAL, "#orchestra-tasks"),
    ]
    task_id = make.task(project, "write").id
    for row in posts:
        assert (row.state, row.subject) == (WAITING, "Ana works on Write")
        headline, facts, link = row.text.splitlines()
        assert headline == "*<@U1> works on Write*"
        assert facts.startswith("Rain &amp; &lt;!channel&gt; @\u200bhere · ")
        assert facts.endswith(f"· Write · task {task_id}")
        assert link == f"<http://127.0.0.1:8000/orchestra/app/task/{task_id}|Open in Orchestra>"


def test_what_nobody_else_needs_to_know_is_not_posted(make, act, recorded):
    """M-20: column chat."""
    work = make.work(TaskStatus.PROCESSING)
    work.project.channel_id = "C1"
    before = len(recorded(Channel.PROJECT_CHANNEL))
    act(projects.abort, work.admin, work.project.id)
    kinds = [row.kind for row in recorded(Channel.PROJECT_CHANNEL)[before:]]
    assert kinds == ["project_aborted"]


def test_the_end_of_a_project_of_machine_steps_is_posted(make, act, recorded):
    """M-20, M-22"""
    project = make.project(step("crawl", human=False))
    lease = act(machine.claim, project.id, "crawl", Runner("host", 1))
    act(machine.record, lease, Outcome(result={}))
    posts = [(r.kind, r.channel) for r in recorded() if r.kind == "project_completed"]
    channels = (Channel.PROJECT_CHANNEL, Channel.INTERNAL)
    assert posts == [("project_completed", channel) for channel in channels]


# --- Whether and where ------------------------------------------------------------------------


@pytest.fixture
def offer(make, session):
    """An offer of a task, and the project of the task."""
    project = a_project(make)
    request = StaffingRequest(
        task_id=make.task(project, "write").id,
        level=0,
        cause=RequestCause.USER,
        requested_by="system",
        seed=1,
    )
    session.add(request)
    session.flush()
    found = Offer(request_id=request.id, worker_id=make.worker().id, batch=1)
    session.add(found)
    session.flush()
    session.refresh(found)
    return found, project


@pytest.mark.parametrize("state", list(OfferState))
def test_an_offer_that_nobody_can_answer_any_more_is_dropped(session, offer, tell, deliver, state):
    """M-9"""
    found, project = offer
    message = tell(found.worker, kind="offer", cause=f"offer:{found.id}", project=project)
    found.state = state
    session.flush()

    assert deliver(message) == (state is OfferState.SENT)
    assert message.state is (SENT if state is OfferState.SENT else DROPPED)


def test_an_offer_of_a_paused_project_waits_until_it_goes_on(session, offer, tell, deliver, act):
    """M-9"""
    found, project = offer
    message = tell(found.worker, kind="offer", cause=f"offer:{found.id}", project=project)
    act(projects.pause, SYSTEM, project.id)
    assert not deliver(message)
    assert (message.state, message.tries) == (WAITING, 0)
    assert message.due_at > utcnow()

    act(projects.resume, SYSTEM, project.id)
    session.refresh(message)
    assert message.due_at is None
    assert deliver(message)


def test_a_reminder_of_nothing_is_dropped(make, tell, deliver, offer):
    """M-9"""
    found, _ = offer
    useless = tell(make.worker(), kind="offer_reminder")
    useful = tell(found.worker, kind="offer_reminder")
    assert (deliver(useless), deliver(useful)) == (False, True)
    assert useless.state is DROPPED


@pytest.mark.parametrize("kind", ["sanity_check", "completed"])
def test_a_check_of_a_project_that_is_not_active_is_dropped_and_nothing_else_is(
    make, session, post, deliver, kind
):
    """M-9"""
    project = a_project(make)
    message = post(project, kind=kind)
    project.status = ProjectStatus.PAUSED
    session.flush()
    assert deliver(message) == (kind == "completed")


def test_a_post_waits_for_the_channel_while_it_is_made_and_no_longer(make, session, post, deliver):
    """M-10, M-20: only when there is a channel."""
    project = a_project(make, channel_id=None)
    session.flush()
    first, second = post(project), post(project, cause="event:2")
    assert not deliver(first)
    assert (first.state, first.tries) == (WAITING, 0)
    project.channel_id = "C1"
    assert deliver(first)

    project.channel_id, project.started_at = None, utcnow() - timedelta(hours=2)
    session.flush()
    assert not deliver(second)
    assert (second.state, second.last_error) == (OFF, channels.NO_CHANNEL)


# --- Quiet hours and digests ------------------------------------------------------------------


def due_in_seconds(session, message):
    """When the relay sends the job; by the clock of the database, which no test moves."""
    row = session.scalars(
        sa.select(OutboxMessage)
        .where(OutboxMessage.dedupe_key == messages.key_of(message.id))
        .execution_options(populate_existing=True)
    ).one()
    return (row.resend_at - row.created_at).total_seconds()


@pytest.mark.parametrize("channel", [Channel.MAIL, Channel.SLACK])
def test_in_quiet_hours_mails_and_direct_messages_wait(make, session, tell, deliver, channel):
    ana = make.worker(slack_user_id="U1", quiet_from=time(22), quiet_until=time(7))
    message = tell(ana, channel=channel)
    with time_machine.travel(NIGHT):
        assert not deliver(message)
    assert message.due_at == NIGHT + timedelta(hours=8)
    assert due_in_seconds(session, message) == pytest.approx(8 * 3600, abs=60)
    with time_machine.travel(NIGHT + timedelta(hours=8)):
        assert deliver(message)


def test_account_messages_and_channels_do_not_wait(make, session, deliver, post, recorded):
    """M-16"""
    ana = make.worker(quiet_from=time(22), quiet_until=time(7), digest_at=time(17))
    message = post(a_project(make, started_at=NIGHT))
    messages.send_mail(
        session,
        kind="password_reset",
        address=ana.email,
        subject="Choose",
        text="…",
        dedupe_key="1",
        worker_id=ana.id,
    )
    (mail,) = recorded(Channel.MAIL)
    with time_machine.travel(NIGHT):
        assert deliver(mail)
        assert deliver(message)


def test_who_wants_a_mail_a_day_gets_one_with_all_that_waited(
    make, session, tell, deliver, recorded, offer, jobs
):
    found, project = offer
    ana = found.worker
    ana.digest_at, ana.slack_user_id, ana.time_zone = time(17), "U1", "Europe/Berlin"
    noon, evening = NIGHT.replace(hour=12), NIGHT.replace(hour=16)  # 17:00 in Berlin
    parts = [tell(ana, cause=f"event:{number}", project=project) for number in range(2)]
    lost = tell(ana, kind="offer", cause=f"offer:{found.id}", project=project)
    with time_machine.travel(noon):
        assert not any(deliver(part) for part in (*parts, lost))
        assert deliver(recorded(Channel.SLACK)[0])
    assert {part.due_at for part in parts} == {evening}
    found.state = OfferState.LOST
    session.flush()

    with time_machine.travel(evening):
        assert not deliver(parts[1])
        *_, digest = recorded(Channel.MAIL)
        assert [part.state for part in (*parts, lost)] == [SENT, SENT, DROPPED]
        assert (digest.kind, digest.subject) == ("digest", "Your day in Orchestra: 2 messages")
        assert digest.text.count("Ben returned Write to you") == 2
        assert digest.text.count("http://127.0.0.1:8000/orchestra/app/task/4") == 2
        mail_jobs = {kwargs["message_id"] for _, kwargs in jobs()}
        assert digest.id in mail_jobs
        assert not mail_jobs & {part.id for part in (*parts, lost)}
        assert deliver(digest)
        assert not deliver(parts[0])


def test_a_mail_that_comes_when_the_digest_has_gone_waits_for_the_next(make, tell, deliver):
    ana = make.worker(digest_at=time(17))
    message = tell(ana)
    with time_machine.travel(NIGHT):
        assert not deliver(message)
    assert message.due_at == NIGHT.replace(hour=17) + timedelta(days=1)


def test_what_was_held_is_looked_at_again_when_the_wishes_change(make, session, tell, deliver, act):
    ana = make.worker(quiet_from=time(22), quiet_until=time(7))
    message = tell(ana)
    with time_machine.travel(NIGHT):
        assert not deliver(message)
        act(quiet_hours.set_times, Actor.of(ana), ana.id, Times())
        session.refresh(message)
        assert message.due_at is None
        assert deliver(message)


def test_what_was_held_is_looked_at_again_in_another_time_zone(make, session, tell, deliver, act):
    ana = make.worker(quiet_from=time(22), quiet_until=time(7))
    message = tell(ana)
    with time_machine.travel(NIGHT):
        assert not deliver(message)
        wish = Profile(email=ana.email, time_zone="Asia/Tokyo")  # where it is morning
        act(profiles.change, Actor.of(ana), ana.id, wish, came_from="somewhere")
        assert deliver(message)


# --- Order ------------------------------------------------------------------------------------


def test_messages_of_a_project_to_a_channel_go_in_order(make, post, deliver, fail):
    """M-8"""
    project = a_project(make)
    first, second = post(project), post(project, cause="event:2")
    assert not deliver(second)
    fail(first)  # a retry in ten seconds
    assert not deliver(second)
    assert deliver(first)
    assert deliver(second)


def test_the_next_one_goes_when_the_one_before_it_has_gone(make, session, post, act):
    """M-8"""
    project = a_project(make)
    first, second = post(project), post(project, cause="event:2")
    session.info.pop("dispatches")
    act(deliveries.record_sent, act(deliveries.claim, first.id, 1))
    wished = session.info["dispatches"]
    assert [wish.kwargs for wish in wished] == [{"message_id": second.id, "attempt": 1}]


def test_a_long_retry_does_not_hold_up_what_comes_after_it(make, post, deliver, fail):
    """M-8"""
    project = a_project(make)
    first, second = post(project), post(project, cause="event:2")
    fail(first, retry_after_seconds=3600)
    assert deliver(second)
    assert first.state is WAITING


def test_after_a_long_time_without_the_service_everything_comes_in_order(
    make, session, post, deliver, fail
):
    """M-8: what waits longest is tried first, then what was behind it."""
    project = a_project(make)
    rows = [post(project, cause=f"event:{number}") for number in range(4)]
    now = utcnow()
    with time_machine.travel(now) as clock:
        for minutes in (0, 1, 2, 10, 30, 55):
            clock.move_to(now + timedelta(minutes=minutes))
            for row in rows:
                if deliveries.claim(session, row.id, row.tries + 1):
                    row.tries -= 1
                    fail(row)
        clock.move_to(now + timedelta(minutes=61))
        arrived = []
        for row in reversed(rows):
            session.info.pop("dispatches", None)
            if row.state is WAITING and deliver(row):
                arrived.append(row)
            while wished := session.info.pop("dispatches", []):
                following = session.get_one(Message, wished[0].kwargs["message_id"])
                assert deliver(following)
                arrived.append(following)
    assert arrived == rows


def test_what_is_held_for_somebody_holds_up_nobody(make, tell, deliver):
    """M-8: other recipients, other channels, and the same person's other projects."""
    project, other = a_project(make), a_project(make)
    ana = make.worker(slack_user_id="U1", digest_at=time(17))
    ben = make.worker()
    with time_machine.travel(NIGHT):
        held = tell(ana, project=project)
        assert not deliver(held)
        assert deliver(tell(ana, project=project, channel=Channel.SLACK))
        assert deliver(tell(ben, project=project))
        assert deliver(tell(ana, project=other, cause="event:3", channel=Channel.SLACK))


def test_a_message_whose_job_is_dead_holds_up_nobody(make, session, post, deliver):
    project = a_project(make)
    first, second = post(project), post(project, cause="event:2")
    session.execute(
        sa.update(OutboxMessage)
        .where(OutboxMessage.dedupe_key == messages.key_of(first.id))
        .values(resend_at=None)
    )
    assert deliver(second)
