"""What a person decides about messages that were given up (M-7)."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from orchestra.database import utcnow
from orchestra.domain import dead_letters, deliveries, messages
from orchestra.domain.audit import Actor
from orchestra.models import Channel, Message, MessageState, Verb
from orchestra.outbox import Job


@pytest.fixture
def admin(make):
    return Actor.of(make.worker(is_administrator=True))


@pytest.fixture
def dead(session, act):
    """A mail that was refused."""

    def made(cause="1", project=None):
        given = {"kind": "activation", "subject": "Hello", "text": "Words."}
        messages.send_mail(session, address="ana@example.org", dedupe_key=cause, **given)
        newest = sa.select(Message).order_by(Message.id.desc()).limit(1)
        message = session.scalars(newest).one()
        act(deliveries.record_refused, act(deliveries.claim, message.id, 1), "no such mailbox")
        message.project_id = project.id if project else None
        session.flush()
        return message

    return made


def test_a_dead_letter_is_sent_again_from_the_first_try(admin, act, dead, jobs, last_event):
    message = dead()
    assert jobs() == []
    act(dead_letters.send_again, admin, message.id)

    assert (message.state, message.tries, message.last_error) == (MessageState.WAITING, 0, None)
    assert jobs() == [(Job.DELIVER_MESSAGE, {"message_id": message.id, "attempt": 1})]
    event = last_event(Verb.DEAD_LETTER_DECIDED)
    assert (event.actor, event.object_id) == (admin.name, message.id)
    assert event.before == {"tries": 1, "error": "no such mailbox"}
    assert event.after == {"decision": "send_again"}
    assert act(deliveries.claim, message.id, 1).text == "Words."


def test_it_can_go_to_another_address(admin, act, dead, last_event):
    message = dead()
    act(dead_letters.send_again, admin, message.id, address=" ben@example.org ")

    assert message.address == "ben@example.org"
    event = last_event(Verb.DEAD_LETTER_DECIDED)
    assert event.before["address"] == "ana@example.org"
    assert event.after == {"decision": "send_again", "address": "ben@example.org"}


@pytest.mark.parametrize("address", ["", "nobody", "a b@c", "@c", "a@", "a@b" + "c" * 254])
def test_an_address_that_is_none_is_refused(admin, refused, dead, address):
    error = refused("invalid", dead_letters.send_again, admin, dead().id, address=address)
    assert "address" in error.fields


def test_what_is_discarded_is_over_and_its_words_are_forgotten(admin, act, refused, dead, jobs):
    message = dead()
    act(dead_letters.discard, admin, message.id)

    assert (message.state, message.text, message.html) == (MessageState.DISCARDED, "", None)
    assert jobs() == []
    refused("wrong_status", dead_letters.send_again, admin, message.id)
    refused("wrong_status", dead_letters.discard, admin, message.id)


def test_only_what_is_there_and_dead_can_be_decided_about_and_not_by_everybody(
    admin, act, refused, dead, make
):
    message = dead()
    refused("not_found", dead_letters.discard, admin, 999_999)
    refused("forbidden", dead_letters.discard, Actor.of(make.worker()), message.id)


def test_of_two_decisions_at_once_one_counts(admin, dead, session, at_once):
    message_id = dead().id
    session.commit()
    decided = at_once(
        lambda opened: dead_letters.discard(opened, admin, message_id).id,
        lambda opened: dead_letters.send_again(opened, admin, message_id).id,
    )
    assert sorted(getattr(answer, "kind", "done") for answer in decided) == ["done", "wrong_status"]


def test_dead_letters_are_listed_newest_first_and_by_project(session, act, admin, dead, make):
    project = make.project()
    first, second, third = dead("1"), dead("2", project), dead("3", project)
    act(dead_letters.discard, admin, third.id)

    assert [m.id for m in dead_letters.dead_messages(session)] == [second.id, first.id]
    assert dead_letters.count_dead(session) == 2
    of_project = {"project_ids": [project.id]}
    assert [m.id for m in dead_letters.dead_messages(session, **of_project)] == [second.id]
    assert dead_letters.count_dead(session, **of_project) == 1
    assert dead_letters.dead_messages(session, page=2) == []


# --- Reports ----------------------------------------------------------------------------------


@pytest.fixture
def reports(session):
    """Report, and give what is in the inboxes: subject, text and address of each report."""

    def found():
        dead_letters.report(session)
        session.flush()
        rows = session.scalars(
            sa.select(Message)
            .where(Message.kind == "dead_letter", Message.channel == Channel.INBOX)
            .order_by(Message.id)
        )
        return [(row.worker.username, row.subject, row.text, row.url) for row in rows]

    return found


def an_hour_passes(session):
    earlier = utcnow() - timedelta(minutes=61)
    session.execute(
        sa.update(Message).where(Message.reported_at.is_not(None)).values(reported_at=earlier)
    )


def test_project_admins_hear_of_dead_letters_once_an_hour_at_most(session, make, dead, reports):
    """M-24, M-25"""
    mia, project = make.admin("mia"), make.project()
    assert reports() == []
    dead("1", project), dead("2", project)
    ((name, subject, text, url),) = reports()
    assert (name, subject) == (mia.username, "2 messages could not be delivered")
    assert text.splitlines()[1:] == ["Hello: no such mailbox"] * 2
    assert url == f"/orchestra/app/project/{project.id}"

    dead("3")
    assert len(reports()) == 1
    an_hour_passes(session)
    _, (_, subject, _, url) = reports()
    assert (subject, url) == ("A message could not be delivered", "/orchestra/app/projects")
    an_hour_passes(session)
    assert len(reports()) == 2


def test_a_report_that_dies_is_not_reported(session, make, act, reports, dead):
    """Or an address that does not exist would be written to every hour for ever."""
    make.admin()
    dead()
    assert len(reports()) == 1
    mail = session.scalars(
        sa.select(Message).where(Message.kind == "dead_letter", Message.channel == Channel.MAIL)
    ).one()
    act(deliveries.record_refused, act(deliveries.claim, mail.id, 1), "no such mailbox")
    an_hour_passes(session)
    assert len(reports()) == 1


def test_two_sweeps_at_once_report_once(session, make, dead, at_once):
    """M-24"""
    make.admin()
    dead()
    session.commit()
    at_once(*[dead_letters.report] * 4)
    counted = sa.select(sa.func.count()).where(Message.kind == "dead_letter")
    assert session.scalar(counted.where(Message.channel == Channel.INBOX)) == 1


def test_the_id_of_a_person_in_the_chat_can_be_corrected(session, admin, act, refused, dead):
    message = dead()
    message.channel, message.address = Channel.SLACK, "U1"
    session.flush()
    refused("invalid", dead_letters.send_again, admin, message.id, address="two words")
    act(dead_letters.send_again, admin, message.id, address="U2")
    assert message.address == "U2"
