"""Recording, claiming and settling messages, and the inbox (M-1 to M-6, M-18, M-28, M-29)."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from orchestra.database import seconds_from_now, transaction, utcnow
from orchestra.domain import deliveries, inboxes, messages
from orchestra.domain.deliveries import LEASE_SECONDS, MOST_TRIES
from orchestra.errors import NotFound
from orchestra.models import Channel, Message, MessageState
from orchestra.outbox import Job, OutboxMessage


@pytest.fixture
def mail(session):
    """Record a mail; the stored message, or None if there is one already."""

    def recorded(address="ana@example.org", cause="activation:1", **more):
        given = {"subject": "Hello", "text": "Words.", "kind": "activation"} | more
        messages.send_mail(session, address=address, dedupe_key=cause, **given)
        return session.scalars(sa.select(Message).order_by(Message.id.desc()).limit(1)).one()

    return recorded


@pytest.fixture
def tell(session):
    def told(workers, cause="offer:1", kind="offer", **more):
        words = {"subject": "An offer", "text": "Words.", "url": "/orchestra/app"} | more
        messages.tell(session, kind, [w.id for w in workers], cause=cause, **words)

    return told


def all_messages(session, *channels):
    """Those of some channels or all, in the order of recording, as they are stored."""
    found = session.scalars(
        sa.select(Message).order_by(Message.id).execution_options(populate_existing=True)
    )
    return [row for row in found if not channels or row.channel in channels]


def resend_in(session):
    """In how many seconds the relay sends the job."""
    at, now = session.execute(sa.select(OutboxMessage.resend_at, seconds_from_now(0))).one()
    return (at - now).total_seconds()


# --- Recording --------------------------------------------------------------------------------


def test_a_mail_is_recorded_with_the_job_that_delivers_it(session, mail, jobs):
    """M-1"""
    message = mail(subject="Hello\nBcc: eve@example.org")

    assert (message.channel, message.state) == (Channel.MAIL, MessageState.WAITING)
    assert message.subject == "Hello Bcc: eve@example.org"
    assert jobs() == [(Job.DELIVER_MESSAGE, {"message_id": message.id, "attempt": 1})]


def test_work_that_is_rolled_back_leaves_no_message(session, mail, tell, make, jobs):
    """M-1"""
    mail()
    tell([make.worker()])
    session.rollback()

    assert all_messages(session) == []
    assert jobs() == []


def test_recording_a_mail_twice_is_one_mail(session, mail, jobs):
    """M-2: of another cause, or to another address, it is another one."""
    for _ in range(2):
        mail()
    assert len(all_messages(session)) == len(jobs()) == 1

    mail(cause="activation:2")
    mail(address="ben@example.org")
    mail(kind="reset")
    assert len(all_messages(session)) == len(jobs()) == 4


def test_telling_twice_is_one_message_in_each_inbox(session, tell, make):
    """M-2, M-4"""
    ana, ben = make.worker(), make.worker()
    tell([ana, ana])
    tell([ana, ben])
    tell([ana], cause="offer:2")

    told = {message.dedupe_key for message in all_messages(session)}
    assert told == {
        f"offer:{cause}:{worker.id}:{channel}"
        for cause, worker in (("offer:1", ana), ("offer:1", ben), ("offer:2", ana))
        for channel in ("inbox", "mail", "slack")
    }


def test_two_that_record_the_same_at_once_make_one_message(session, make, at_once, jobs):
    """M-2"""
    worker = make.worker()
    session.commit()
    given = {"kind": "a", "subject": "", "text": ""}

    def record(opened):
        messages.send_mail(opened, address="a@example.org", dedupe_key="1", **given)
        messages.tell(opened, "offer", [worker.id], subject="", text="", url="/", cause="1")

    assert at_once(*[record] * 4) == [None] * 4
    assert len(all_messages(session)) == 1 + 3  # in the inbox, as mail, and none by the chat
    assert len(jobs()) == 1 + 1


def test_nobody_is_told_whose_account_is_closed(session, make):
    """P-15; None stands for the machine."""
    ana, gone = make.worker(), make.worker(is_active=False)
    messages.tell(
        session,
        "offer",
        [ana.id, gone.id, None],
        subject="",
        text="",
        url="/orchestra/app",
        cause="offer:1",
    )

    assert {message.worker_id for message in all_messages(session)} == {ana.id}


def test_telling_many_takes_as_many_statements_as_telling_one(session, tell, make, statements):
    """One records all messages by all channels, another one the jobs that deliver them."""
    counts = []
    for number in (1, 50):
        workers = [make.worker() for _ in range(number)]
        with statements() as seen:
            tell(workers)
        counts.append(len(seen))
    assert counts == [2, 2]


def test_without_an_address_it_is_recorded_that_nothing_was_sent(mail, jobs):
    """M-10, M-18"""
    assert mail(address="").state is MessageState.OFF
    assert jobs() == []


def test_what_databases_and_headers_cannot_hold_is_taken_out(session, tell, make):
    tell([make.worker()], subject="a\x00b\r\nc\ud800", text="one\x00\ntwo")

    (message,) = all_messages(session, Channel.INBOX)
    assert (message.subject, message.text) == ("a b c", "one\ntwo")


# --- Delivery ---------------------------------------------------------------------------------


def test_of_two_processes_with_the_same_job_one_delivers(mail, session, at_once):
    """M-5"""
    message = mail()
    session.commit()
    claims = at_once(*[lambda opened: deliveries.claim(opened, message.id, 1)] * 4)

    assert sum(claim is not None for claim in claims) == 1


def test_a_process_that_is_lost_is_followed_by_another_when_its_lease_is_over(
    mail, act, session, jobs
):
    """M-3, M-5"""
    message = mail()
    act(deliveries.claim, message.id, 1)

    assert jobs() == [(Job.DELIVER_MESSAGE, {"message_id": message.id, "attempt": 2})]
    assert resend_in(session) == pytest.approx(LEASE_SECONDS, abs=5)
    assert act(deliveries.claim, message.id, 1) is None
    assert act(deliveries.claim, message.id, 2).attempt == 2


def test_what_was_sent_is_done_and_its_words_are_forgotten(mail, act, session, jobs):
    """They may hold a link that lets people in."""
    message = mail()
    act(deliveries.record_sent, act(deliveries.claim, message.id, 1))
    session.flush()

    assert (message.state, message.text, message.html) == (MessageState.SENT, "", None)
    assert message.sent_at
    assert jobs() == []
    assert act(deliveries.claim, message.id, 2) is None


def test_what_was_refused_is_dead_at_once(mail, act, session, jobs):
    """M-6"""
    message = mail()
    act(deliveries.record_refused, act(deliveries.claim, message.id, 1), "no such person")
    session.flush()

    assert (message.state, message.last_error) == (MessageState.DEAD, "no such person")
    assert message.text == "Words."
    assert jobs() == []


def test_what_could_not_be_sent_is_tried_again_for_a_day(mail, session, app, jobs):
    """M-6: after 10 s, 30 s, 2 min, 10 min, 1 h, then every hour."""
    message = mail()
    message.created_at = utcnow() - timedelta(hours=23, minutes=30)  # when the last try is made
    session.commit()
    app.extensions["published"].clear()
    waits = []
    for attempt in range(1, MOST_TRIES + 1):
        with transaction() as opened:
            claim = deliveries.claim(opened, message.id, attempt)
        with transaction() as opened:
            deliveries.record_unreachable(opened, claim, "busy", None)
        if jobs():
            waits.append(round(resend_in(session)))
        session.rollback()

    grace = 30  # of a job that was published
    assert waits[:6] == [10 + grace, 30 + grace, 120, 600, 3600, 3600]
    assert sum(waits) - 2 * grace < 86_400 < sum(waits) + 3600
    assert [d.delay_seconds for d in app.extensions["published"]] == [10, 30]
    (dead,) = all_messages(session)
    assert (dead.state, dead.tries, dead.last_error) == (MessageState.DEAD, MOST_TRIES, "busy")
    assert jobs() == []


@pytest.mark.parametrize(("asked", "waited"), [(90, 90), (5, 10 + 30), (9999, 3600)])
def test_a_service_may_ask_for_a_longer_pause_up_to_an_hour(mail, act, session, asked, waited):
    """M-6"""
    message = mail()
    act(deliveries.record_unreachable, act(deliveries.claim, message.id, 1), "busy", asked)

    assert resend_in(session) == pytest.approx(waited, abs=5)


def test_a_late_failure_does_not_undo_what_another_process_did(mail, act, session):
    """M-5"""
    message = mail()
    late, second = (act(deliveries.claim, message.id, attempt) for attempt in (1, 2))
    act(deliveries.record_refused, late, "late")
    act(deliveries.record_unreachable, late, "late", None)
    assert message.state is MessageState.WAITING

    act(deliveries.record_sent, second)
    assert message.state is MessageState.SENT


def test_a_message_that_kills_its_process_each_time_is_given_up(mail, act, session, jobs):
    message = mail()
    for attempt in range(1, MOST_TRIES + 2):
        act(deliveries.claim, message.id, attempt)

    assert (message.state, message.last_error) == (MessageState.DEAD, deliveries.LOST)


# --- Inbox ------------------------------------------------------------------------------------


def test_an_inbox_has_pages_with_the_newest_first(session, tell, make):
    """M-28"""
    ana = make.worker()
    for number in range(30):
        tell([ana, make.worker()], cause=f"offer:{number}", subject=f"Offer {number}")

    first, second = (inboxes.page_of(session, ana.id, page) for page in (1, 2))
    assert [message.subject for message in first.messages][:2] == ["Offer 29", "Offer 28"]
    assert (len(first.messages), len(second.messages)) == (25, 5)
    assert (first.pages, first.total, first.unread) == (2, 30, 30)


def test_only_the_own_messages_can_be_read(session, tell, make):
    """M-28, P-20"""
    ana, ben = make.worker(), make.worker()
    tell([ana, ben])
    of_ana = inboxes.page_of(session, ana.id).messages[0]

    with pytest.raises(NotFound):
        inboxes.read_message(session, ben.id, of_ana.id)
    inboxes.mark_read(session, ben.id, [of_ana.id])
    assert inboxes.unread(session, ana.id) == 1

    assert inboxes.read_message(session, ana.id, of_ana.id).url == "/orchestra/app"
    assert (inboxes.unread(session, ana.id), inboxes.unread(session, ben.id)) == (0, 1)


def test_all_messages_of_an_inbox_can_be_marked_at_once(session, tell, make):
    ana, ben = make.worker(), make.worker()
    for number in range(3):
        tell([ana, ben], cause=f"offer:{number}")
    inboxes.mark_read(session, ana.id, None)

    assert (inboxes.unread(session, ana.id), inboxes.unread(session, ben.id)) == (0, 3)


def test_a_mail_is_not_in_the_inbox(session, mail, make):
    ana = make.worker()
    mail(worker_id=ana.id)

    assert inboxes.unread(session, ana.id) == inboxes.page_of(session, ana.id).total == 0


def test_old_messages_are_deleted_except_those_somebody_has_to_decide_about(
    session, act, tell, mail, make
):
    """M-29"""
    ana = make.worker()
    for number in range(2):
        tell([ana], cause=f"offer:{number}")
    dead = mail()
    act(deliveries.record_refused, act(deliveries.claim, dead.id, 1), "no")
    session.flush()
    old, new = all_messages(session, Channel.INBOX)
    old.created_at = dead.created_at = utcnow() - timedelta(days=181)
    new.created_at = utcnow() - timedelta(days=179)
    session.flush()

    deliveries.forget_old(session)

    assert {m.id for m in all_messages(session, Channel.INBOX)} == {new.id}
    assert dead in all_messages(session)
