"""Writing to the team of a project, and what the team was told (M-27, A-37)."""

import pytest
import sqlalchemy as sa

from orchestra.domain import projects, story, team_messages
from orchestra.domain.audit import SYSTEM
from orchestra.models import Channel, Message, MessageState, TaskStatus, Verb
from tests.builders import step


@pytest.fixture
def work(make):
    return make.work(TaskStatus.REVIEWING)


@pytest.fixture
def told(session):
    """The messages to the team, by channel."""

    def found(channel):
        session.flush()
        of_team = sa.select(Message).where(
            Message.kind == "team_message", Message.channel == channel
        )
        return session.scalars(of_team.order_by(Message.worker_id)).all()

    return found


def test_everybody_on_the_project_finds_it_in_their_inbox(act, work, told):
    """M-27, M-19"""
    act(team_messages.send, work.admin, work.project.id, " The deadline\nis <b>Friday</b>. ")
    inbox = told(Channel.INBOX)
    assert [message.worker_id for message in inbox] == sorted(
        [work.writer.worker_id, work.reviewer.worker_id]
    )
    message = inbox[0]
    assert message.subject == f"{work.admin.name} wrote to the team of A project"
    assert message.text.startswith("The deadline\nis <b>Friday</b>.\n")
    assert "A project" in message.text
    assert message.url == f"/orchestra/app/project/{work.project.id}"
    assert message.state is MessageState.SENT
    assert told(Channel.MAIL) == told(Channel.SLACK) == []


def test_the_channel_of_the_project_reads_it_when_there_is_a_chat(act, work, told):
    """M-27, M-10"""
    act(team_messages.send, work.admin, work.project.id, "Friday, <!channel>")
    (post,) = told(Channel.PROJECT_CHANNEL)
    assert post.state is MessageState.OFF
    assert "Friday, &lt;!channel&gt;" in post.text


def test_who_writes_is_not_told(act, make, work, told):
    """M-21"""
    act(team_messages.send, make.actor(_admin(work)), work.project.id, "Friday")
    assert [message.worker_id for message in told(Channel.INBOX)] == [work.writer.worker_id]


def _admin(work):
    """The reviewer, who is a project admin, too."""
    worker = work.workers[work.reviewer.name]
    worker.is_in_project_admins = True
    return worker


def test_two_messages_with_the_same_words_are_two(act, work, told):
    for _ in range(2):
        act(team_messages.send, work.admin, work.project.id, "Friday")
    assert len(told(Channel.INBOX)) == 4


def test_it_stands_in_the_history(act, session, work, last_event):
    """P-60, P-61"""
    act(team_messages.send, work.admin, work.project.id, "Friday")
    event = last_event(Verb.MESSAGE_SENT_BY_CLIENT)
    assert (event.project_id, event.note) == (work.project.id, "Friday")
    told = story.history(session, work.project.id).events[0]
    assert (told.did, told.note) == ("wrote to the team.", "Friday")


def test_what_is_no_message_and_who_may_not_write_is_refused(work, refused):
    refused("invalid", team_messages.send, work.admin, work.project.id, "  ")
    refused("invalid", team_messages.send, work.admin, work.project.id, "x" * 3001)
    refused("not_found", team_messages.send, work.admin, 999, "Friday")
    refused("forbidden", team_messages.send, work.writer, work.project.id, "Friday")


def test_of_a_paused_project_the_team_can_be_told_and_of_an_aborted_one_not(act, work, refused):
    """W-62"""
    act(projects.pause, work.admin, work.project.id)
    act(team_messages.send, work.admin, work.project.id, "Friday")
    act(projects.abort, work.admin, work.project.id)
    refused("project_closed", team_messages.send, work.admin, work.project.id, "Friday")


def test_a_project_that_nobody_is_on_can_be_written_to(act, make, told):
    project = make.project(step("write"))
    act(team_messages.send, SYSTEM, project.id, "Is anybody here?")
    assert told(Channel.INBOX) == []


def test_what_was_told_is_listed_newest_first_in_pages(act, make, session, work, monkeypatch):
    monkeypatch.setattr(team_messages, "PER_PAGE", 3)
    act(projects.pause, make.actor(make.admin()), work.project.id)
    act(team_messages.send, work.admin, work.project.id, "Friday")
    act(projects.pause, SYSTEM, make.project(step("other")).id)
    everything = sa.select(Message.id).where(Message.project_id == work.project.id)
    expected = sorted(session.scalars(everything), reverse=True)
    found, before = [], None
    while True:
        page = team_messages.sent(session, work.project.id, before=before)
        found += [message.id for message in page.messages]
        assert len(page.messages) <= 3
        before = page.next_before
        if before is None:
            break
    assert found == expected
