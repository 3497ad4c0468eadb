"""The job that delivers, with services that keep all in memory or fail (M-3 to M-13)."""

import pytest
import sqlalchemy as sa

from orchestra.database import reading
from orchestra.domain import message_rows, messages
from orchestra.domain.markup import as_chat
from orchestra.errors import RefusedByService, ServiceUnreachable
from orchestra.integrations.chat import MemoryChat
from orchestra.integrations.mail import MemoryMailer
from orchestra.integrations.pausing import FAILURES, Pausing
from orchestra.models import Channel, Message, MessageState
from orchestra.outbox import Job, OutboxMessage
from orchestra.tasks.chat_services import ChatServices
from orchestra.tasks.messages import deliver
from tests.builders import step

BASE = "http://127.0.0.1:8000"
TEXT = "Hello Ana,\n\nActivate the account here:\n\nhttp://127.0.0.1:8000/orchestra/a?b=1&c=2\n"


class Failing:
    """A mail server that has something against every mail."""

    def __init__(self, error):
        self.error, self.calls = error, 0

    def send(self, mail):
        self.calls += 1
        raise self.error


@pytest.fixture
def mailer(app):
    """Choose how mail leaves; without a choice it is kept in memory."""

    def chosen(mailer):
        app.extensions["orchestra_mail"] = (mailer, Pausing("The mail server"))
        return mailer

    yield chosen
    app.extensions.pop("orchestra_mail", None)


@pytest.fixture
def mail(session):
    def recorded(kind="activation", cause="1", **more):
        given = {"address": "ana@example.org", "subject": "Hi", "text": TEXT} | more
        messages.send_mail(session, kind=kind, dedupe_key=cause, **given)
        newest = session.scalar(sa.select(sa.func.max(Message.id)))
        session.commit()
        return newest

    return recorded


def stored(message_id):
    with reading() as session:
        return session.get_one(Message, message_id)


def test_a_mail_is_delivered_once_however_often_its_job_runs(mailer, mail, session, jobs):
    """M-3, M-5"""
    sent = mailer(MemoryMailer()).sent
    message_id = mail()
    for attempt in (1, 1, 2):
        deliver.run(message_id, attempt)

    (delivered,) = sent
    assert (delivered.to, delivered.subject) == ("ana@example.org", "Hi")
    assert delivered.text == TEXT.rstrip("\n")
    assert stored(message_id).state is MessageState.SENT
    assert jobs() == []


def test_html_says_the_same_and_only_links_of_ours_can_be_pressed(mailer, mail, session):
    """M-13"""
    sent = mailer(MemoryMailer()).sent
    deliver.run(mail(), 1)

    html = sent[0].html
    assert "Hello Ana," in html
    assert 'href="http://127.0.0.1:8000/orchestra/a?b=1&amp;c=2"' in html
    assert html.count("href=") == 1


def test_a_repeat_has_the_same_message_id(mailer, mail, session):
    """M-4, I-23"""
    sent = mailer(MemoryMailer()).sent
    first, other = mail(), mail(cause="2")
    deliver.run(first, 1)
    session.execute(
        sa.update(Message).where(Message.id == first).values(state=MessageState.WAITING)
    )
    session.commit()
    deliver.run(first, 2)
    deliver.run(other, 1)

    ids = [delivered.message_id for delivered in sent]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].endswith("@127.0.0.1")


def test_optional_mails_say_how_to_end_them(mailer, mail, make):
    """M-13, M-16"""
    sent = mailer(MemoryMailer()).sent
    ana = make.worker()
    deliver.run(mail(kind="returned", worker_id=ana.id), 1)
    deliver.run(mail(kind="activation", worker_id=ana.id), 1)

    optional, account = sent
    assert optional.unsubscribe_url.startswith(f"{BASE}/orchestra/accounts/unsubscribe/{ana.id}-")
    assert optional.text.endswith(f"\nStop such mails: {optional.unsubscribe_url}\n")
    assert f'href="{optional.unsubscribe_url}"' in optional.html
    assert account.unsubscribe_url is None
    assert "unsubscribe" not in account.text + account.html


def test_all_mail_can_go_to_one_address(mailer, mail, change_settings):
    """M-11"""
    change_settings(mock_emails=True, mock_to_email="staff@example.org")
    sent = mailer(MemoryMailer()).sent
    deliver.run(mail(), 1)

    assert sent[0].to == "staff@example.org"
    assert sent[0].text.splitlines()[0] == "To: ana@example.org"
    assert "To: ana@example.org" in sent[0].html


def test_a_mail_that_is_refused_is_dead(mailer, mail, session, jobs):
    """M-6"""
    mailer(Failing(RefusedByService("550: no such mailbox")))
    message_id = mail()
    deliver.run(message_id, 1)

    message = stored(message_id)
    assert (message.state, message.last_error) == (MessageState.DEAD, "550: no such mailbox")
    assert jobs() == []


def test_a_mail_that_cannot_be_sent_now_is_sent_later(mailer, mail, session, jobs):
    """M-6"""
    mailer(Failing(ServiceUnreachable("busy")))
    message_id = mail()
    deliver.run(message_id, 1)

    message = stored(message_id)
    assert (message.state, message.tries, message.last_error) == (MessageState.WAITING, 1, "busy")
    assert jobs() == [(Job.DELIVER_MESSAGE, {"message_id": message_id, "attempt": 2})]
    session.rollback()

    sent = mailer(MemoryMailer()).sent
    deliver.run(message_id, 2)
    assert len(sent) == 1
    assert stored(message_id).last_error is None


def test_a_service_that_does_not_answer_is_left_alone_for_a_while(mailer, mail, session):
    """I-5"""
    failing = mailer(Failing(ServiceUnreachable("busy")))
    ids = [mail(cause=str(number)) for number in range(FAILURES + 2)]
    for message_id in ids:
        deliver.run(message_id, 1)

    assert failing.calls == FAILURES
    last = stored(ids[-1])
    assert last.last_error == "The mail server is not reachable at the moment."
    assert last.state is MessageState.WAITING


def test_a_pause_ends_and_an_answer_ends_the_count():
    """I-5"""
    now = [0.0]
    pausing = Pausing("It", clock=lambda: now[0])

    def fail():
        raise ServiceUnreachable("busy")

    for _ in range(2):
        for _ in range(FAILURES - 1):
            with pytest.raises(ServiceUnreachable, match="busy"):
                pausing.call(fail)
        assert pausing.call(lambda: 1) == 1
    for _ in range(FAILURES):
        with pytest.raises(ServiceUnreachable, match="busy"):
            pausing.call(fail)
    with pytest.raises(ServiceUnreachable, match="It is not reachable"):
        pausing.call(lambda: 1)
    now[0] = 31
    assert pausing.call(lambda: 1) == 1


# --- Chat ---------------------------------------------------------------------------------------


@pytest.fixture
def chat(app, change_settings):
    """Choose what the chat of both workspaces is."""
    change_settings(slack_experts_enabled=True, slack_internal_enabled=True)

    def chosen(chat):
        services = ChatServices((chat, Pausing("The chat")), (chat, Pausing("The chat")))
        app.extensions["orchestra_chats"] = services
        return chat

    yield chosen
    app.extensions.pop("orchestra_chats", None)


@pytest.fixture
def posts(session, make, chat):
    """Record a post to the channel of a project, one to the staff, and a direct message."""

    def recorded():
        project, ana = make.project(step("write")), make.worker(email="", slack_user_id="U1")
        project.channel_id = "C1"
        for model in (Message, OutboxMessage):  # of its beginning
            session.execute(sa.delete(model))
        about = {"url": "/orchestra/app", "cause": "event:1", "project_id": project.id}
        messages.tell(
            session,
            "returned",
            [ana.id],
            subject="Ben returned Write",
            text="Read <it>.",
            posts=messages.chat_posts(as_chat("Ben returned Write")),
            **about,
        )
        rows = session.scalars(
            sa.select(Message).where(Message.state == MessageState.WAITING).order_by(Message.id)
        )
        ids = {row.channel: row.id for row in rows}
        session.commit()
        return ids

    return recorded


LINK = f"<{BASE}/orchestra/app|Open in Orchestra>"


def test_posts_and_direct_messages_go_where_they_belong(chat, posts, jobs):
    """M-3, M-4: once, however often their jobs run."""
    sent = chat(MemoryChat()).posts
    for message_id in posts().values():
        for attempt in (1, 1, 2):
            deliver.run(message_id, attempt)
    assert sorted(sent) == [
        ("#orchestra-tasks", f"Ben returned Write\n{LINK}"),
        ("C1", f"Ben returned Write\n{LINK}"),
        ("U1", f"*Ben returned Write*\nRead &lt;it&gt;.\n{LINK}"),
    ]
    assert jobs() == []


def test_a_process_that_is_lost_after_the_post_repeats_that_one_at_most(
    chat, posts, session, monkeypatch
):
    """M-4: the service answered, and the process ended before that was recorded."""
    sent = chat(MemoryChat()).posts
    ids = posts()
    with monkeypatch.context() as lost:
        lost.setattr("orchestra.tasks.messages._record", lambda *_, **__: None)
        deliver.run(ids[Channel.PROJECT_CHANNEL], 1)
    for attempt in (2, 3):
        deliver.run(ids[Channel.PROJECT_CHANNEL], attempt)
    deliver.run(ids[Channel.SLACK], 1)
    assert [to for to, _ in sent] == ["C1", "C1", "U1"]
    assert stored(ids[Channel.PROJECT_CHANNEL]).state is MessageState.SENT


class FailingChat(MemoryChat):
    """A chat that has something against every post."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def post(self, channel, text):
        raise self.error


def test_a_chat_that_asks_for_patience_gets_it(chat, posts, session, jobs):
    """M-6: Retry-After."""
    chat(FailingChat(ServiceUnreachable("busy", retry_after_seconds=900)))
    message_id = posts()[Channel.INTERNAL]
    deliver.run(message_id, 1)
    message = stored(message_id)
    assert (message.state, message.last_error) == (MessageState.WAITING, "busy")
    assert (message.due_at - message.created_at).total_seconds() == pytest.approx(900, abs=10)


def test_a_post_that_is_refused_is_dead(chat, posts):
    """M-6, M-7"""
    chat(FailingChat(RefusedByService("channel_not_found")))
    message_id = posts()[Channel.PROJECT_CHANNEL]
    deliver.run(message_id, 1)
    message = stored(message_id)
    assert (message.state, message.last_error) == (MessageState.DEAD, "channel_not_found")


def test_a_chat_that_was_switched_off_meanwhile_gets_nothing(app, posts, change_settings, jobs):
    """M-10"""
    ids = posts()
    change_settings(slack_experts_enabled=False, slack_internal_enabled=False)
    for message_id in ids.values():
        deliver.run(message_id, 1)
        message = stored(message_id)
        assert (message.state, message.last_error) == (MessageState.OFF, message_rows.CHAT_IS_OFF)
    assert jobs() == []
