"""What Slack is told after a command, and the buttons that it shows below an offer."""

import pytest
import sqlalchemy as sa

from orchestra.domain import offer_links, slack_requests
from orchestra.models import Message, StaffingRequest
from orchestra.outbox import OutboxMessage
from orchestra.tasks.messages import deliver
from orchestra.tasks.slack import answer
from tests.contract.slack_server import TOKEN
from tests.staffers import staff


@pytest.fixture
def chat_is_on(app, change_settings, slack):
    change_settings(
        slack_api_url=slack.url,
        slack_experts_enabled=True,
        slack_experts_api_key=TOKEN,
        slack_signing_secret="a secret",
    )
    yield
    app.extensions.pop("orchestra_chats", None)


@pytest.fixture
def ask(session, slack):
    def asked(text):
        wish = {"kind": "command", "user_id": "UADA", "text": text}
        slack_requests.answer_later(session, text, wish, f"{slack.origin}/answers/1")
        session.commit()
        newest = sa.select(OutboxMessage).where(OutboxMessage.job == "slack.answer")
        kwargs = session.scalars(newest.order_by(OutboxMessage.id.desc()).limit(1)).one().kwargs
        session.commit()
        return kwargs["request_id"]

    return asked


def waiting(session):
    wishes = sa.select(OutboxMessage.failures).where(OutboxMessage.job == "slack.answer")
    found = session.scalars(wishes).all()
    session.commit()
    return found


def test_the_job_does_it_once_and_answers_at_the_address(chat_is_on, ask, session, make, slack):
    """S-61, S-62"""
    make.admin("ada", slack_user_id="UADA")
    task_id = make.work().task.id
    request_id = ask(f"staff {task_id}")
    slack.fault("/answers/1", status=503)
    answer.run(request_id)
    assert waiting(session) == [1]
    answer.run(request_id)
    assert waiting(session) == []
    answer.run(request_id)

    assert session.scalars(sa.select(StaffingRequest.task_id)).all() == [task_id]
    session.commit()
    (_, told), *_ = slack.workspace.answers
    assert told["response_type"] == "ephemeral"
    assert "looks for somebody" in told["text"]


def test_an_answer_that_nobody_waits_for_any_more_is_left(chat_is_on, ask, session, make, slack):
    """S-61: the address is good for half an hour."""
    make.admin("ada", slack_user_id="UADA")
    request_id = ask("help")
    slack.fault("/answers/1", status=404)
    answer.run(request_id)
    assert waiting(session) == []
    assert slack.workspace.answers == []


def test_an_offer_comes_with_its_buttons(chat_is_on, app, session, make, slack):
    """S-27: the value is the token of the link, and the link is there, too."""
    posted = []
    slack.workspace.do_chat_postmessage = lambda **given: posted.append(given) or {}
    work = make.work()
    make.worker("bob", slack_user_id="UBOB")
    staff(session, work.task.id)
    session.commit()
    message = session.scalars(
        sa.select(Message).where(Message.kind == "offer", Message.address == "UBOB")
    ).one()
    session.commit()
    deliver.run(message.id, 1)

    token = offer_links.token_of(app.config["SETTINGS"], int(message.cause.split(":")[1]))
    (post,) = posted
    assert post["channel"] == "UBOB"
    assert f"/orchestra/communication/offers/{token}/" in post["text"]
    accept, decline = post["blocks"][1]["elements"]
    assert (accept["value"], decline["value"]) == (token, token)
    assert (accept["style"], accept["action_id"]) == ("primary", "accept_offer")
