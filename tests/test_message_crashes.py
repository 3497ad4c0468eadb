"""Work that fails at any statement tells nobody; a process that dies loses no message."""

import itertools

import pytest
import sqlalchemy as sa

from orchestra.database import db, reading, transaction
from orchestra.domain import interventions, lifecycle, messages, projects
from orchestra.domain.audit import SYSTEM
from orchestra.domain.markup import as_chat
from orchestra.integrations.chat import MemoryChat
from orchestra.integrations.mail import MemoryMailer
from orchestra.integrations.pausing import Pausing
from orchestra.models import Channel, Message, MessageState, TaskStatus
from orchestra.outbox import OutboxMessage
from orchestra.tasks.chat_services import ChatServices
from orchestra.tasks.messages import deliver
from tests.builders import step
from tests.crashing import killed_at


@pytest.fixture
def services(app, change_settings):
    """Where mails and posts arrive."""
    change_settings(slack_experts_enabled=True, slack_internal_enabled=True)
    mailer, chat = MemoryMailer(), MemoryChat()
    app.extensions["orchestra_mail"] = (mailer, Pausing("The mail server"))
    service = (chat, Pausing("The chat"))
    app.extensions["orchestra_chats"] = ChatServices(service, service)
    yield mailer, chat
    for name in ("orchestra_mail", "orchestra_chats"):
        app.extensions.pop(name)


def rows():
    with reading() as session:
        counted = (
            session.scalar(sa.select(sa.func.count()).select_from(model))
            for model in (Message, OutboxMessage)
        )
        return tuple(counted)


OPERATIONS = {
    "hand over": lambda s, work: lifecycle.hand_over(
        s, work["writer"], work["task"], "submit", data={}, revision=1
    ),
    "reassign": lambda s, work: interventions.reassign(
        s, SYSTEM, work["assignment"], s.get_one(work["model"], work["other"])
    ),
    "pause": lambda s, work: projects.pause(s, SYSTEM, work["project"], "A holiday."),
    "abort": lambda s, work: projects.abort(s, SYSTEM, work["project"]),
}


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_work_that_fails_at_any_statement_tells_nobody(app, make, session, services, name):
    """R-4, M-1"""
    made = make.work(TaskStatus.PROCESSING)
    other = make.worker()
    work = {
        "writer": made.writer,
        "task": made.task.id,
        "assignment": made.at(0).id,
        "project": made.project.id,
        "other": other.id,
        "model": type(other),
    }
    session.commit()
    db.session.remove()
    app.extensions["published"].clear()
    before = rows()
    for number in itertools.count(1):
        with killed_at(number) as died, transaction() as opened:
            OPERATIONS[name](opened, work)
        if not died:
            break
        assert rows() == before, number
        assert app.extensions["published"] == []
    assert number > 5
    assert rows() > before


def test_a_process_that_dies_at_any_statement_loses_no_message(make, session, services):
    """R-5, M-4: each arrives at least once, at most twice, and in the inbox exactly once."""
    mailer, chat = services
    project, ana = make.project(step("write")), make.worker(slack_user_id="U1")
    project.channel_id = "C1"
    for model in (Message, OutboxMessage):
        session.execute(sa.delete(model))
    session.commit()
    project_id, ana_id = project.id, ana.id
    for number in itertools.count(1):
        mailer.sent.clear(), chat.posts.clear()
        with transaction() as opened:
            messages.tell(
                opened,
                "returned",
                [ana_id],
                subject="Ben returned Write",
                text="Read it.",
                url="/orchestra/app",
                cause=f"event:{number}",
                project_id=project_id,
                posts=messages.chat_posts(as_chat("Ben returned Write")),
            )
        died = [_delivered(message_id, attempt, number) for message_id, attempt in _waiting()]
        while waiting := _waiting():
            for message_id, attempt in waiting:
                deliver.run(message_id, attempt)
        arrived = [mail.to for mail in mailer.sent] + [to for to, _ in chat.posts]
        assert set(arrived) == {"C1", "#orchestra-tasks", "U1", f"{ana.email}"}
        assert all(arrived.count(to) <= 2 for to in arrived)
        _require_settled(number)
        if not any(died):
            break
    assert number > 5


def _delivered(message_id, attempt, number):
    with killed_at(number) as died:
        deliver.run(message_id, attempt)
    return bool(died)


def _waiting():
    """What the relay would send, its leases being over."""
    with reading() as session:
        query = sa.select(OutboxMessage.kwargs).order_by(OutboxMessage.id)
        found = session.scalars(query).all()
    return [(kwargs["message_id"], kwargs["attempt"]) for kwargs in found]


def _require_settled(number):
    with reading() as session:
        told = session.scalars(sa.select(Message).where(Message.cause == f"event:{number}")).all()
    assert [row.state for row in told] == [MessageState.SENT] * 5
    assert [row.channel for row in told].count(Channel.INBOX) == 1
