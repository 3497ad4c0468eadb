"""What Slack is told after a command, and the buttons that it shows below an offer."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
import sqlalchemy as sa
from slack_sdk.signature import SignatureVerifier

from orchestra.domain import offer_links, slack_requests
from orchestra.domain.offer_buttons import ACCEPT
from orchestra.models import Assignment, Channel, Message, SlackRequest, StaffingRequest
from orchestra.outbox import OutboxMessage
from orchestra.tasks.messages import deliver
from orchestra.tasks.slack import answer
from orchestra.web import slack as slack_endpoint
from tests.contract.slack_server import TOKEN
from tests.serving import serving_app
from tests.staffers import offers_of, staff

SECRET = "a secret"


@pytest.fixture
def chat_is_on(app, change_settings, slack):
    change_settings(
        slack_api_url=slack.url,
        slack_experts_enabled=True,
        slack_experts_api_key=TOKEN,
        slack_signing_secret=SECRET,
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


@pytest.fixture
def in_threads(app):
    """Call with each of these in a thread of its own, at the same moment."""

    def run(work, given):
        def one(value):
            with app.app_context():
                return work(value)

        with ThreadPoolExecutor(len(given)) as threads:
            return list(threads.map(one, given))

    return run


def press_of(address, offer, token, answers):
    """What Slack posts when the one who got an offer presses Accept."""
    payload = {
        "type": "block_actions",
        "user": {"id": offer.worker.slack_user_id},
        "team": {"id": "T1"},
        "actions": [{"action_id": ACCEPT, "value": token}],
        "response_url": f"{answers}/answers/{offer.worker_id}",
    }
    body = urlencode({"payload": json.dumps(payload)})
    return f"{address}/orchestra/bots/staffbot/actions/", body


def send(press):
    """Signed by the official client at this moment, as a repeat is."""
    address, body = press
    at = str(int(time.time()))
    signature = SignatureVerifier(SECRET).generate_signature(timestamp=at, body=body)
    headers = {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": signature}
    with urlopen(Request(address, body.encode(), headers), timeout=60) as answered:
        return answered.status, json.load(answered)["text"]


def test_of_fifty_who_press_accept_at_once_one_has_the_task_and_slack_tells_the_others(
    chat_is_on, app, session, make, slack, change_settings, monkeypatch, in_threads
):
    """R-2, S-38, S-39, S-56, S-61: over HTTP, each request sent twice and each job run twice."""
    monkeypatch.setattr(slack_endpoint, "WORK_SECONDS", 60.0)  # not a matter of time here
    change_settings(staffbot_worker_batch_size=60)
    work = make.work()
    for number in range(50):
        make.worker(slack_user_id=f"U{number}")
    request = staff(session, work.task.id)
    settings = app.config["SETTINGS"]
    offers = [o for o in offers_of(session, request) if o.worker.slack_user_id]
    with serving_app(app) as address:
        tokens = [offer_links.token_of(settings, offer.id) for offer in offers]
        presses = [
            press_of(address, *pair, slack.origin) for pair in zip(offers, tokens, strict=True)
        ]
        session.commit()
        accepted = set(in_threads(send, presses * 2))
        ids = session.scalars(sa.select(SlackRequest.id)).all()
        session.commit()
        in_threads(answer.run, ids * 2)
        accepted |= set(in_threads(send, presses))

    assert accepted == {(200, "StaffBot is on it. The answer follows here.")}
    assert len(ids) == 50
    told = {(where, said["text"]) for where, said in slack.workspace.answers}
    assert len(told) == 50  # who was told twice was told the same
    assert sum("This task was already taken." in text for _, text in told) == 49
    (held,) = session.scalars(sa.select(Assignment).where(Assignment.task_id == work.task.id))
    (won,) = [where for where, text in told if "Write is yours" in text]
    assert won == f"/answers/{held.worker_id}"
    inbox = sa.select(Message.worker_id).where(Message.channel == Channel.INBOX)
    assert session.scalars(inbox.where(Message.kind == "task_picked_up")).all() == [held.worker_id]
    session.commit()
    assert waiting(session) == []
