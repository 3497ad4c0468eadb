"""The slash command of StaffBot and the buttons of offers, as Slack sends them (S-54 to S-63)."""

import hmac
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from slack_sdk.signature import SignatureVerifier

from orchestra.database import db, utcnow
from orchestra.domain import lifecycle, offer_links
from orchestra.domain.offer_buttons import ACCEPT, DECLINE
from orchestra.models import (
    Assignment,
    AuditEvent,
    Channel,
    Message,
    Offer,
    SlackRequest,
    Source,
    StaffingRequest,
    TaskStatus,
    Worker,
)
from orchestra.outbox import Job, OutboxMessage
from orchestra.tasks.slack import answer as answer_job
from orchestra.web import slack
from orchestra.web.slack_signature import is_authentic
from tests.staffers import offer_to, staff
from tests.web.conftest import new_browser

SECRET, TOKEN = "the secret of Slack", "the older token"
COMMAND = "/orchestra/bots/staffbot/"
ACTIONS = "/orchestra/bots/staffbot/actions/"
SENT_BY_SLACK = {
    "team_id": "T1",
    "team_domain": "newsroom",
    "channel_id": "C1",
    "channel_name": "staffing",
    "user_id": "UADA",
    "user_name": "ada",
    "command": "/staffbot",
    "token": TOKEN,
}


def signed(body, *, secret=SECRET, at=None):
    timestamp = str(int(at if at is not None else time.time()))
    base = f"v0:{timestamp}:".encode() + body
    signature = "v0=" + hmac.new(secret.encode(), base, sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signature}


class Slack:
    """Sends as Slack does; ``headers`` and ``body`` may be what a forger makes of them."""

    def __init__(self, app):
        self.app, self.sent = app, 0

    def command(self, text, *, headers=None, **fields):
        self.sent += 1
        given = SENT_BY_SLACK | {"text": text, "trigger_id": str(self.sent)} | fields
        return self.post(
            COMMAND, urlencode({k: v for k, v in given.items() if v is not None}), headers
        )

    def press(self, name, value, *, user="UBOB", team="T1", **more):
        payload = {
            "type": "block_actions",
            "user": {"id": user},
            "team": {"id": team, "domain": "newsroom"},
            "token": TOKEN,
            "actions": [{"action_id": name, "value": value, "action_ts": str(self.sent)}],
        }
        return self.post(ACTIONS, urlencode({"payload": json.dumps(payload | more)}))

    def post(self, path, body, headers=None):
        raw = body.encode()
        return new_browser(self.app).post(
            path,
            data=raw,
            headers=signed(raw) if headers is None else headers,
            content_type="application/x-www-form-urlencoded",
        )


@pytest.fixture
def slack_app(app, change_settings):
    change_settings(slack_signing_secret=SECRET)
    return Slack(app)


@pytest.fixture
def work(make, session):
    """A task that waits, a project admin whom Slack knows, and somebody who may take it."""
    work = make.work()
    make.admin("ada", slack_user_id="UADA")
    make.worker("bob", slack_user_id="UBOB")
    session.commit()
    return work


def said(answer):
    assert answer.status_code == 200
    assert answer.json["response_type"] == "ephemeral"
    return answer.json


def problem(answer):
    (attachment,) = said(answer)["attachments"]
    assert attachment["color"] == "danger"
    return attachment["text"]


def requests_of(session):
    session.commit()
    found = session.scalars(sa.select(StaffingRequest).order_by(StaffingRequest.id)).all()
    session.commit()
    return found


# --- Authenticity ---------------------------------------------------------------------------------


def test_the_signature_is_the_one_of_slack(app, change_settings):
    """S-55, R-25"""
    change_settings(slack_signing_secret=SECRET)
    headers = signed(b"text=help")
    assert SignatureVerifier(SECRET).is_valid_request("text=help", headers)
    assert is_authentic(app.config["SETTINGS"], headers, b"text=help", "", time.time())


@pytest.mark.parametrize("path", [COMMAND, ACTIONS])
def test_forged_stale_and_altered_requests_are_refused_before_anything_is_looked_up(
    slack_app, work, statements, session, path
):
    """S-55, R-25: no statement at all."""
    body = urlencode(SENT_BY_SLACK | {"text": f"staff {work.task.id}", "payload": "{}"})
    raw, now = body.encode(), time.time()
    wrong = [
        {},
        signed(raw, secret="another"),
        signed(raw, at=now - 301),
        signed(raw, at=now + 301),
        signed(raw + b"&text=staff+2"),
        signed(raw) | {"X-Slack-Signature": ""},
        signed(raw) | {"X-Slack-Signature": "v0="},
        signed(raw) | {"X-Slack-Request-Timestamp": ""},
        signed(raw) | {"X-Slack-Request-Timestamp": str(int(now) - 1)},
        signed(raw) | {"X-Slack-Request-Timestamp": "9" * 5000},
        signed(raw) | {"X-Slack-Signature": "v0=\xe9"},
    ]
    with statements() as seen:
        for headers in wrong:
            answer = slack_app.post(path, body, headers)
            assert (answer.status_code, answer.data) == (401, b"")
    assert seen == []
    assert requests_of(session) == []


def test_whatever_is_set_must_hold(slack_app, work, change_settings, session):
    """S-55"""
    change_settings(slack_staffbot_token=TOKEN)
    assert slack_app.command("help", token="wrong").status_code == 401
    assert slack_app.command("help", token=None).status_code == 401
    assert slack_app.command("help", headers={}).status_code == 401
    assert said(slack_app.command("help"))
    change_settings(slack_signing_secret="")
    assert slack_app.command("help", headers={}, token="").status_code == 401
    assert said(slack_app.command("help", headers={}))
    change_settings(slack_staffbot_token="")
    assert slack_app.command("help").status_code == 404
    assert slack_app.press(ACCEPT, "1-x").status_code == 404


def test_the_address_takes_posts_only(slack_app):
    """S-54"""
    for method in ("GET", "PUT", "DELETE"):
        assert new_browser(slack_app.app).open(COMMAND, method=method).status_code == 405


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("allowed_team_ids", "team_id"),
        ("allowed_team_domains", "team_domain"),
        ("allowed_domains", "team_domain"),
        ("allowed_channel_ids", "channel_id"),
        ("allowed_channel_names", "channel_name"),
        ("allowed_user_ids", "user_id"),
        ("allowed_user_names", "user_name"),
        ("allowed_commands", "command"),
    ],
)
def test_who_is_not_listed_is_refused_without_a_look(
    slack_app, work, change_settings, statements, key, field
):
    """S-57, R-25"""
    with statements() as seen:
        for listed, given in (([], {}), (["other"], {}), ([SENT_BY_SLACK[field]], {field: None})):
            change_settings(staffbot_config={key: listed})
            answer = slack_app.command(f"staff {work.task.id}", **given)
            assert f"The {field} of this request is not among" in problem(answer)
    assert seen == []
    change_settings(staffbot_config={key: ["other", SENT_BY_SLACK[field]]})
    assert "attachments" not in said(slack_app.command(f"staff {work.task.id}"))


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        ("", "does not say who sent it"),
        ("UNOBODY", "No active account"),
        ("UBOB", "bob is none"),
        ("UGONE", "No active account"),
    ],
)
def test_only_project_admins_command(slack_app, work, make, session, user, reason):
    """S-58"""
    make.admin("gone", slack_user_id="UGONE", is_active=False)
    session.commit()
    assert reason in problem(slack_app.command(f"staff {work.task.id}", user_id=user))
    assert requests_of(session) == []


# --- Commands -------------------------------------------------------------------------------------


def test_staff_opens_a_request_and_says_where_to_watch(slack_app, work, session):
    """S-60, S-62, S-63"""
    answer = said(slack_app.command(f"  STAFF   {work.task.id} "))
    (request,) = requests_of(session)
    assert (request.task_id, request.requested_by) == (work.task.id, "ada")
    for words in ("looks for somebody", "A project", "Write", f"task {work.task.id}", "level 0"):
        assert words in answer["text"]
    assert (
        f"/orchestra/app/project/{work.project.id}?tab=why&amp;task={work.task.id}"
        in answer["text"]
    )
    opened = session.scalars(
        sa.select(AuditEvent).where(AuditEvent.verb == "staffing_opened")
    ).one()
    assert (opened.actor, opened.source) == ("ada", Source.SLACK)
    assert opened.request_id


@pytest.mark.parametrize("name", ["ana", "@ANA", "<@UANA>", "<@UANA|ana>", "ana.l"])
def test_restaff_understands_usernames_slack_names_and_mentions(slack_app, make, session, name):
    """S-8, S-60"""
    work = make.work(TaskStatus.PROCESSING)
    make.admin("ada", slack_user_id="UADA")
    holder = work.workers[work.writer.name]
    holder.username, holder.slack_user_id, holder.slack_name = "ana", "UANA", "ana.l"
    session.commit()
    assert "take over" in said(slack_app.command(f"restaff {work.task.id} {name}"))["text"]
    assert [request.cause for request in requests_of(session)] == ["restaff"]


def test_status_and_why_tell_how_a_task_stands(slack_app, work, session):
    """S-18, S-60"""
    task_id = work.task.id
    assert "has not looked for anybody yet" in said(slack_app.command(f"why {task_id}"))["text"]
    slack_app.command(f"staff {task_id}")
    session.commit()
    staff(session, task_id)
    session.commit()
    why = said(slack_app.command(f"why {task_id}"))["text"]
    assert "asked: " in why
    assert "cancelled" in why
    status = said(slack_app.command(f"status {task_id}"))["text"]
    assert "Awaiting Processing" in status
    assert "Nobody is on it." in status
    assert "declined" in status


@pytest.mark.parametrize("text", ["", "help", " HELP "])
def test_help_lists_the_commands(slack_app, work, text):
    """S-60"""
    answer = said(slack_app.command(text))
    assert "restaff &lt;task-id&gt; &lt;username&gt;" in answer["text"]
    assert "attachments" not in answer


@pytest.mark.parametrize(
    "text",
    [
        "staff",
        "staff one",
        "staff 1 now",
        "staff -1",
        "restaff 1",
        "restaff 1 a b",
        "fire 1",
        "why",
    ],
)
def test_anything_else_is_said_back_with_the_help(slack_app, work, session, text):
    """S-60"""
    answer = slack_app.command(text)
    assert text in problem(answer)
    assert "understands" in answer.json["text"]
    assert requests_of(session) == []


def test_a_body_that_is_too_large_is_refused_before_it_is_read(slack_app, statements):
    with statements() as seen:
        assert slack_app.command("x" * slack.LARGEST_BODY_BYTES).status_code == 413
    assert seen == []


def test_what_is_said_back_calls_nobody(slack_app, work):
    """I-19"""
    told = problem(slack_app.command("<!channel> & @here " + "x" * 5000))
    assert "&lt;!channel&gt; &amp; @\u200bhere" in told
    assert len(told) < 500


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("staff 999", "There is no task 999"),
        (f"staff {10**17}", "There is no task"),
        ("status 999", "There is no task 999"),
        ("why 999", "There is no task 999"),
        ("restaff {task} nobody", "There is no worker"),
        ("restaff {task} bob", "bob is not on task"),
    ],
)
def test_what_cannot_be_done_is_said_in_red(slack_app, work, session, text, reason):
    """S-62"""
    assert reason in problem(slack_app.command(text.format(task=work.task.id)))
    assert requests_of(session) == []


# --- Repeats and time -----------------------------------------------------------------------------


def test_a_repeat_is_answered_alike_and_has_no_second_effect(slack_app, work, session):
    """S-56"""
    body = urlencode(SENT_BY_SLACK | {"text": f"staff {work.task.id}", "trigger_id": "1.2"})
    first = said(slack_app.post(COMMAND, body))
    again = [
        said(slack_app.post(COMMAND, body, signed(body.encode(), at=time.time() - seconds)))
        for seconds in (0, 1, 200)
    ]
    assert again == [first] * 3
    assert len(requests_of(session)) == 1
    assert "attachments" not in said(slack_app.command(f"staff {work.task.id}"))
    assert len(requests_of(session)) == 2


def test_repeats_at_the_same_moment_have_one_effect(slack_app, work, session):
    """S-56"""
    body = urlencode(SENT_BY_SLACK | {"text": f"staff {work.task.id}", "trigger_id": "1.2"})
    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(lambda _: said(slack_app.post(COMMAND, body)), range(5)))
    assert answers == [answers[0]] * 5
    assert len(requests_of(session)) == 1


def test_old_requests_are_forgotten(slack_app, work, session):
    """S-56"""
    slack_app.command("help")
    session.execute(sa.update(SlackRequest).values(at=sa.text("'2020-01-01 00:00:00.000000'")))
    session.commit()
    slack_app.command("help")
    session.commit()
    assert session.scalar(sa.select(sa.func.count()).select_from(SlackRequest)) == 1


def test_with_an_address_for_answers_a_job_does_the_work(slack_app, work, session, jobs):
    """S-61"""
    url = "https://hooks.slack.com/commands/T1/2/x"
    for _ in range(2):
        body = urlencode(
            SENT_BY_SLACK
            | {"text": f"staff {work.task.id}", "trigger_id": "7", "response_url": url}
        )
        assert "answer follows" in said(slack_app.post(COMMAND, body))["text"]
    assert requests_of(session) == []
    assert [job for job, _ in jobs()].count(Job.ANSWER_SLACK) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.slack.com/x",
        "https://hooks.slack.com.example.org/x",
        "https://hooks.slack.com@example.org/x",
        "https://user@hooks.slack.com/x",
        "https://hooks.slack.com:8443/x",
        "https://127.0.0.1/x",
        "https://[/",
        "file:///etc/passwd",
    ],
)
def test_no_answer_goes_anywhere_else(slack_app, work, session, url):
    """S-61"""
    assert "looks for" in said(slack_app.command(f"staff {work.task.id}", response_url=url))["text"]
    assert session.scalars(sa.select(SlackRequest.response_url)).all() == [None]


def test_the_answer_comes_in_time_while_the_database_is_locked(
    slack_app, work, session, monkeypatch
):
    """S-61: nothing is done later that was said not to be done."""
    monkeypatch.setattr(slack, "WORK_SECONDS", 0.3)
    monkeypatch.setattr(slack, "PUT_OFF_SECONDS", 0.2)
    with db.engine.connect() as holder:
        if holder.dialect.name == "postgresql":
            holder.execute(sa.text("LOCK TABLE slack_request IN ACCESS EXCLUSIVE MODE"))
        else:
            holder.execute(sa.text("DELETE FROM slack_request"))
        began = time.monotonic()
        answer = said(slack_app.command(f"staff {work.task.id}"))
        assert time.monotonic() - began < 1.5
        assert "busy" in answer["text"]
        holder.rollback()
    time.sleep(0.5)
    assert requests_of(session) == []


def test_what_takes_too_long_is_done_by_a_job_and_told_in_the_channel(
    slack_app, work, session, monkeypatch, change_settings
):
    """S-61"""
    change_settings(slack_experts_enabled=True)
    monkeypatch.setattr(slack, "WORK_SECONDS", 0.0)
    monkeypatch.setattr(slack, "PUT_OFF_SECONDS", 5.0)
    answer = said(slack_app.command(f"restaff {work.task.id} bob"))
    assert "follows in the channel of the project" in answer["text"]
    session.commit()
    (wish,) = session.scalars(sa.select(OutboxMessage).where(OutboxMessage.job == Job.ANSWER_SLACK))
    session.commit()
    for _ in range(2):
        answer_job.run(**wish.kwargs)
    (told,) = session.scalars(sa.select(Message).where(Message.kind == "staffbot_answer"))
    assert "bob is not on task" in told.text
    assert told.project_id == work.project.id


# --- Buttons --------------------------------------------------------------------------------------


@pytest.fixture
def token(app, work, session):
    """Of an offer to Bob."""
    request = staff(session, work.task.id)
    bob = session.scalars(sa.select(Worker).where(Worker.username == "bob")).one()
    token = offer_links.token_of(app.config["SETTINGS"], offer_to(session, request, bob).id)
    session.commit()
    return token


def states(session):
    session.commit()
    offers = sa.select(Worker.username, Offer.state).join(Worker, Worker.id == Offer.worker_id)
    found = dict(session.execute(offers).all())
    session.commit()
    return found


def test_an_offer_is_accepted_by_its_button_once(slack_app, token, session, make, work):
    first = said(slack_app.press(ACCEPT, token))
    assert (first["replace_original"], "Write is yours" in first["text"]) == (True, True)
    assert said(slack_app.press(ACCEPT, token)) == first
    slack_app.sent += 1
    assert said(slack_app.press(ACCEPT, token)) == first  # pressed again, not only sent again
    assert states(session)["bob"] == "accepted"
    assigned = session.scalars(
        sa.select(AuditEvent).where(AuditEvent.verb == "task_assigned")
    ).all()
    assert [(event.actor, event.source) for event in assigned] == [("bob", Source.SLACK)]


def test_a_declined_offer_can_be_accepted_after_all(slack_app, token, session):
    """S-40, S-41"""
    declined = said(slack_app.press(DECLINE, token))
    assert "You declined Write" in declined["text"]
    assert f"/orchestra/communication/offers/{token}/" in declined["text"]
    assert states(session)["bob"] == "declined"
    slack_app.sent += 1
    assert "is yours" in said(slack_app.press(ACCEPT, token))["text"]
    slack_app.sent += 1
    assert "Ask a project admin" in problem(slack_app.press(DECLINE, token))


def test_losers_read_honest_words(slack_app, token, session, make, work):
    """S-38"""
    cleo = make.worker("cleo", slack_user_id="UCLEO")
    session.commit()
    lifecycle.assign_task(session, work.admin, work.task.id, cleo)
    session.commit()
    told = said(slack_app.press(ACCEPT, token))
    assert "This task was already taken." in told["text"]
    assert re.search(r"\nClosed: <!date\^\d+\^{date_long_pretty}, {time}\|.* UTC>\n", told["text"])
    assert "Other tasks that you may take" in told["text"]
    assert told["replace_original"]
    assert states(session)["bob"] == "lost"


def test_of_fifty_who_press_at_once_one_has_the_task_and_the_others_hear_so(
    slack_app, work, session, make, change_settings, monkeypatch
):
    """R-2, S-38, S-39, S-56: and what Slack sends again is answered alike and has no effect."""
    monkeypatch.setattr(slack, "WORK_SECONDS", 60.0)  # not a matter of time here
    change_settings(staffbot_worker_batch_size=60)
    crowd = [make.worker(slack_user_id=f"U{number}") for number in range(50)]
    request = staff(session, work.task.id)
    settings = slack_app.app.config["SETTINGS"]
    presses = [
        (offer_links.token_of(settings, offer_to(session, request, worker).id), worker)
        for worker in crowd
    ]
    session.commit()

    def press(one):
        token, worker = one
        return said(slack_app.press(ACCEPT, token, user=worker.slack_user_id))

    with ThreadPoolExecutor(len(crowd)) as threads:
        first = list(threads.map(press, presses))
        again = list(threads.map(press, presses))

    assert again == first
    assert all(answer["replace_original"] for answer in first)
    assert sum("Write is yours" in answer["text"] for answer in first) == 1
    assert sum("This task was already taken." in answer["text"] for answer in first) == 49
    session.expire_all()
    (held,) = session.scalars(sa.select(Assignment).where(Assignment.task_id == work.task.id))
    (taken,) = [i for i, answer in enumerate(first) if "is yours" in answer["text"]]
    assert held.worker_id == crowd[taken].id
    inbox = sa.select(Message.worker_id).where(Message.channel == Channel.INBOX)
    told = session.scalars(inbox.where(Message.kind == "task_picked_up")).all()
    assert told == [held.worker_id]


@pytest.mark.parametrize(
    ("name", "user", "reason"),
    [
        (ACCEPT, "UADA", "There is no such offer"),
        (ACCEPT, "UNOBODY", "No active account"),
        (ACCEPT, None, "does not say who"),
        ("delete_everything", "UBOB", "not one of ours"),
    ],
)
def test_an_offer_is_answered_by_nobody_else(slack_app, token, session, name, user, reason):
    """S-33"""
    assert reason in problem(slack_app.press(name, token, user=user))
    assert states(session)["bob"] == "sent"


def test_buttons_of_another_team_and_strange_payloads_do_nothing(
    slack_app, token, session, change_settings
):
    """S-57"""
    change_settings(staffbot_config={"allowed_team_ids": ["T1"], "allowed_channel_ids": ["C9"]})
    assert "team_id" in problem(slack_app.press(ACCEPT, token, team="T2"))
    assert slack_app.press(ACCEPT, token, type="view_submission").data == b""
    surrogate = '{"type": "block_actions", "actions": [{"value": "\\ud800\\u0000"}]}'
    strange = ("[]", "{", "null", '{"type": "block_actions", "actions": [1]}', surrogate)
    for payload in strange:
        body = urlencode({"payload": payload})
        assert slack_app.post(ACTIONS, body).status_code == 200
    assert states(session)["bob"] == "sent"
    assert "is yours" in said(slack_app.press(ACCEPT, token))["text"]


def test_the_time_of_the_loss_is_told(slack_app, token, session):
    """S-38"""
    session.execute(sa.update(Offer).values(expires_at=utcnow()))
    session.commit()
    assert "too old" in said(slack_app.press(ACCEPT, token))["text"]
