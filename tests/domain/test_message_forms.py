"""Every kind of message with hostile data, in every form in which it leaves (M-13, M-30, I-19)."""

import re
from dataclasses import replace
from email import message_from_bytes
from email.policy import default

import pytest

from orchestra.config import Settings
from orchestra.domain import account_mails, mail_forms
from orchestra.domain.account_links import Link
from orchestra.domain.deliveries import Delivery
from orchestra.domain.markup import (
    LONGEST_POST,
    RULE,
    as_chat,
    as_letter,
    bold,
    mention,
    with_link,
)
from orchestra.domain.message_texts import (
    POSTED,
    WORDED,
    Kind,
    post_words,
    preference_of,
    words,
)
from orchestra.integrations.mail import Mail, as_message
from orchestra.models import Channel, Message, Worker
from tests.domain.hostile import ABOUT, HOSTILE

BASE = "https://orchestra.example.org"
SETTINGS = Settings.from_env({}, environment="development", url=BASE, secret_key="s" * 40)


def travelled(mail_form, subject):
    """The mail as another program reads it."""
    mail = Mail(
        sender="Orchestra <noreply@example.org>",
        to="ana@example.org",
        subject=subject,
        text=mail_form.text,
        html=mail_form.html,
        message_id="1@example.org",
        unsubscribe_url=mail_form.unsubscribe_url,
    )
    return message_from_bytes(as_message(mail).as_bytes(), policy=default)


def delivery(kind, **more):
    given = Delivery(
        message_id=1,
        attempt=1,
        kind=kind,
        channel=Channel.MAIL,
        address="ana@example.org",
        worker_id=7,
        subject="",
        text="",
        html="",
        url="/orchestra/app/task/4",
        dedupe_key="1",
    )
    return replace(given, **more)


def require_harmless(message):
    assert message.get_all("bcc") is None
    assert len(message.get_all("to")) == 1
    assert "\n" not in message["subject"]
    html = message.get_body(("html",)).get_content()
    assert "<script" not in html
    targets = re.findall(r'href="([^"]*)"', html)
    assert targets
    assert all(target.startswith(f"{BASE}/") for target in targets)


@pytest.mark.parametrize("kind", [kind for kind in sorted(WORDED) if preference_of(kind)])
def test_a_mail_of_each_kind_holds_hostile_data_as_text(kind):
    """M-13, M-30, I-22"""
    said = words(kind, ABOUT)
    form = mail_forms.form_of(delivery(kind, subject=said.subject, text=said.text), SETTINGS)
    message = travelled(form, said.subject)

    require_harmless(message)
    assert f"{BASE}/orchestra/app/task/4" in message.get_body(("plain",)).get_content()
    assert message["list-unsubscribe"].startswith(f"<{BASE}/orchestra/accounts/unsubscribe/7-")
    assert message["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"


def test_a_digest_holds_hostile_data_as_text():
    said = words(Kind.RETURNED, ABOUT)
    letters = [as_letter(said.subject, said.text, f"{BASE}/orchestra/app/task/{n}") for n in (0, 1)]
    text = f"\n\n{RULE}\n\n".join(letters)
    form = mail_forms.form_of(delivery(Kind.DIGEST, text=text), SETTINGS)
    message = travelled(form, "Your day in Orchestra: 2 messages")

    require_harmless(message)
    html = message.get_body(("html",)).get_content()
    assert f'<a href="{BASE}/orchestra/app/task/1">' in html
    assert "/unsubscribe/7-all-" in message["list-unsubscribe"]


def test_a_mail_has_one_headline_and_its_link_once_as_the_button():
    """M-13: also when the words name the link themselves, beside others."""
    link, other = f"{BASE}/orchestra/app/task/4", f"{BASE}/orchestra/app"
    text = f"Hello Ana,\n\nOpen it:\n{link}\n\nAll of them:\n{other}"
    form = mail_forms.form_of(delivery(Kind.OFFER, subject="Write waits", text=text), SETTINGS)

    assert form.text.startswith(f"Write waits\n\n{text}\n\n-- \n")
    assert re.findall(r"<strong>(.*?)</strong>", form.html) == ["Write waits"]
    assert re.findall(r'<a href="([^"]*)" style="[^"]*">Open in Orchestra</a>', form.html) == [link]
    assert form.html.count(f'href="{link}"') == 1
    assert f'<a href="{other}">All of them</a>' in form.html


def test_in_a_digest_each_message_begins_below_a_rule():
    letters = [as_letter(f"Subject {n}", "One.\n\nTwo.", f"{BASE}/orchestra/{n}") for n in (1, 2)]
    text = f"\n\n{RULE}\n\n".join(letters)
    html = mail_forms.form_of(delivery(Kind.DIGEST, text=text), SETTINGS).html

    assert re.findall(r"<strong>(.*?)</strong>", html) == ["Subject 1", "Subject 2"]
    assert html.count("<hr ") == 1
    assert html.count("Open in Orchestra") == 0


@pytest.mark.parametrize("kind", sorted(POSTED))
def test_a_post_of_each_kind_calls_nobody_but_the_worker_and_is_no_markup(kind):
    """I-19, M-30"""
    worker = Worker(slack_user_id="U1", first_name=HOSTILE, username="x")
    text = with_link(post_words(kind, ABOUT, mention(worker)), f"{BASE}/orchestra/app/task/4")

    called = re.findall(r"<[^>]*>", text)
    assert set(called) <= {"<@U1>", f"<{BASE}/orchestra/app/task/4|Open in Orchestra>"}
    assert "@here" not in text
    assert "@everyone" not in text
    assert len(text) <= LONGEST_POST
    assert all(line.replace("\u200b", "").isprintable() for line in text.splitlines())


def test_a_worker_without_a_slack_id_is_named(make):
    """M-19"""
    worker = make.worker(first_name="<!channel>", last_name="*Lopez*")
    assert mention(worker) == "&lt;!channel&gt; *Lopez*"
    assert bold(mention(worker)) == "*&lt;!channel&gt; Lopez*"


@pytest.mark.parametrize("end", ["<@U12345678>", "&lt;", "plain text", "<https://a.example|words>"])
def test_a_post_that_is_too_long_is_cut_with_its_link_and_never_within_a_sign(end):
    """I-19"""
    for length in range(LONGEST_POST - 80, LONGEST_POST):
        text = with_link("x" * length + end + "y" * 80, f"{BASE}/a")
        assert len(text) <= LONGEST_POST
        assert text.endswith(f"…\n<{BASE}/a|Open in Orchestra>")
        body = text.rpartition("\n")[0]
        assert body.count("<") == body.count(">")
        assert "&" not in body.replace("&lt;", "")


def test_every_line_of_a_text_is_plain_in_the_chat():
    assert as_chat("a < b\n& *c*\r\n<!here>") == "a &lt; b\n&amp; *c*\n&lt;!here&gt;"


@pytest.mark.parametrize(
    "send",
    [
        lambda s, w, link: account_mails.send_activation(s, w, link),
        lambda s, w, link: account_mails.send_already_registered(s, w),
        lambda s, w, link: account_mails.send_reset(s, w, link),
        lambda s, w, link: account_mails.send_invitation(s, w, link),
        lambda s, w, link: account_mails.send_password_changed(s, w),
        lambda s, w, link: account_mails.send_email_change(s, w, "new@example.org", link),
        lambda s, w, link: account_mails.send_email_changed(s, w, "old@example.org"),
    ],
)
def test_a_mail_about_an_account_holds_hostile_names_as_text(session, make, change_settings, send):
    """M-26, M-30: it cannot be switched off."""
    change_settings(url=BASE)
    worker = make.worker("ana")
    worker.first_name = HOSTILE.replace("\x00", "").replace("\ud800", "")
    send(session, worker, Link(1, f"{BASE}/orchestra/accounts/activate/secret/"))
    for row in session.query(Message).all():
        form = mail_forms.form_of(
            delivery(row.kind, subject=row.subject, text=row.text, html=row.html), SETTINGS
        )
        message = travelled(form, row.subject)
        html = message.get_body(("html",)).get_content()
        assert message.get_all("bcc") is None
        assert message["list-unsubscribe"] is None
        assert "<script" not in html
        assert all(t.startswith(f"{BASE}/") for t in re.findall(r'href="([^"]*)"', html))
