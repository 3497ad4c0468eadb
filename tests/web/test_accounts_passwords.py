"""Changing a password, and choosing a new one by a link (P-7, P-10, P-12, P-16)."""

import pytest
import sqlalchemy as sa

from orchestra.database import seconds_from_now
from orchestra.domain import accounts
from orchestra.domain.audit import SYSTEM
from orchestra.domain.people import password_fits
from orchestra.models import AccountToken, AuditEvent, Verb, Worker
from tests.mailbox import link_in, mails, path_in

ACCOUNTS = "/orchestra/accounts"
CHANGE = f"{ACCOUNTS}/password/change/"
RESET = f"{ACCOUNTS}/password/reset/"
APP = "/orchestra/app"
OLD, NEW = "the old password", "quite another one"


@pytest.fixture
def ana(make, session):
    worker = make.worker("ana", email="ana@example.org", password=OLD)
    session.commit()
    return worker


def change(client, old=OLD, new=NEW, **fields):
    form = {"old_password": old, "password": new, "repeated": new} | fields
    return client.post_form(CHANGE, **form)


def ask(client, email="ana@example.org"):
    form = {"csrf_token": client.token(RESET), "email": email}
    return client.post(RESET, data=form)


def choose(client, path, new=NEW, **fields):
    form = {"csrf_token": client.token(RESET), "password": new, "repeated": new}
    return client.post(path, data=form | fields)


def has_password(session, worker, password):
    session.expire_all()
    stored = session.scalars(sa.select(Worker.password_hash).where(Worker.id == worker.id)).one()
    session.commit()
    return password_fits(password, stored)


# --- Change -------------------------------------------------------------------------------------


def test_changing_the_password_ends_all_other_sessions_and_is_mailed(browser, session, ana):
    """P-10, P-12, M-26"""
    here, elsewhere = browser().sign_in(ana), browser().sign_in(ana)
    answer = change(here)
    assert answer.location == f"{CHANGE}done/"
    assert "signed out everywhere else" in here.get(answer.location).text
    assert elsewhere.get(APP).status_code == 302
    assert has_password(session, ana, NEW)
    (mail,) = mails(session)
    assert (mail.kind, mail.address) == ("password_changed", "ana@example.org")
    assert NEW not in mail.text


def test_the_old_password_is_asked_for(client, session, ana):
    """P-12"""
    client.sign_in(ana)
    answer = change(client, old="a wrong one")
    assert answer.status_code == 422
    assert "This is not your password" in answer.text
    assert has_password(session, ana, OLD)


def test_guessing_the_old_password_is_as_slow_as_signing_in(client, session, ana):
    """P-8"""
    client.sign_in(ana)
    for _ in range(5):
        assert change(client, old="a wrong one").status_code == 422
    assert change(client).status_code == 429
    assert has_password(session, ana, OLD)


def test_a_right_old_password_is_no_failed_try(client, session, ana):
    client.sign_in(ana)
    for number in range(6):
        old, new = (OLD, NEW) if number % 2 == 0 else (NEW, OLD)
        assert change(client, old=old, new=new).status_code == 302
        client.csrf_token = client.token()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"new": "short"}, "Use at least 10 characters"),
        ({"new": "ANA@example.org"}, "This is your user name or your e-mail address"),
        ({"repeated": "another"}, "The two passwords differ"),
    ],
)
def test_the_new_password_meets_the_rules(client, session, ana, fields, sentence):
    """P-7"""
    client.sign_in(ana)
    answer = change(client, **fields)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert OLD not in answer.text
    assert has_password(session, ana, OLD)


def test_changing_a_password_voids_the_links_that_were_mailed(client, browser, session, ana):
    """P-12"""
    ask(browser())
    client.sign_in(ana)
    change(client)
    assert browser().get(path_in(mails(session, "password_reset")[0])).status_code == 404


# --- Reset --------------------------------------------------------------------------------------


def test_a_forgotten_password_is_replaced_by_a_link(browser, session, ana):
    """P-12, P-10"""
    signed_in, client = browser().sign_in(ana), browser()
    assert ask(client, "ANA@example.org").location == f"{RESET}done/"
    (mail,) = mails(session)
    assert (mail.kind, mail.address) == ("password_reset", "ana@example.org")
    assert link_in(mail).startswith("http://127.0.0.1:8000/orchestra/accounts/password/reset/")

    path = path_in(mail)
    assert "ana" in client.get(path).text
    assert has_password(session, ana, OLD)
    assert choose(client, path).location == f"{RESET}complete/"
    assert has_password(session, ana, NEW)
    assert signed_in.get(APP).status_code == 302
    assert [mail.kind for mail in mails(session)] == ["password_reset", "password_changed"]


def test_a_reset_link_works_once(client, session, ana):
    """P-12"""
    ask(client)
    path = path_in(mails(session)[0])
    choose(client, path)
    assert client.get(path).status_code == 404
    assert choose(client, path, "yet another one").status_code == 404
    assert has_password(session, ana, NEW)


def test_a_reset_link_runs_out_after_a_day(client, session, ana):
    """P-12"""
    ask(client)
    expires_in = sa.select(AccountToken.expires_at, AccountToken.created_at)
    expires_at, created_at = session.execute(expires_in).one()
    assert (expires_at - created_at).total_seconds() == pytest.approx(24 * 3600, abs=5)
    session.execute(sa.update(AccountToken).values(expires_at=seconds_from_now(-1)))
    session.commit()
    assert choose(client, path_in(mails(session)[0])).status_code == 404


def test_a_refused_password_does_not_use_the_link_up(client, session, ana):
    ask(client)
    path = path_in(mails(session)[0])
    assert choose(client, path, "short").status_code == 422
    assert choose(client, path, csrf_token="stale").status_code == 400
    assert choose(client, path).status_code == 302


def test_the_answer_does_not_tell_whether_an_address_exists(browser, make, session, ana):
    """P-12: nor does a closed account get a link."""
    make.worker("gone", email="gone@example.org", is_active=False)
    session.commit()
    asked = [ask(browser(), f"{name}@example.org") for name in ("ana", "nobody", "gone")]
    assert len({(answer.status_code, answer.location, answer.text) for answer in asked}) == 1
    assert [mail.address for mail in mails(session)] == ["ana@example.org"]


def test_an_address_gets_five_links_in_ten_minutes_whether_or_not_it_exists(browser, session, ana):
    for email in ("ana@example.org", "nobody@example.org"):
        answers = [ask(browser(), email).status_code for _ in range(6)]
        assert answers == [302] * 5 + [429]
    assert len(mails(session)) == 5


def test_a_link_of_an_account_that_was_closed_since_is_refused(client, session, ana):
    ask(client)
    session.merge(ana).is_active = False
    session.commit()
    assert choose(client, path_in(mails(session)[0])).status_code == 404
    assert has_password(session, ana, OLD)


def test_asking_and_resetting_are_audited_without_secrets(client, session, ana):
    """P-59, P-61"""
    ask(client)
    choose(client, path_in(mails(session)[0]))
    events = session.scalars(sa.select(AuditEvent).order_by(AuditEvent.id)).all()
    assert [(event.verb, event.actor, event.object_id, event.after) for event in events] == [
        (Verb.ACCOUNT_CHANGED, "system", ana.id, None),
        (Verb.ACCOUNT_CHANGED, "ana", ana.id, {"password_changed": True}),
    ]


# --- Invitation ---------------------------------------------------------------------------------


def test_somebody_invited_chooses_the_first_password(client, make, session):
    """P-16"""
    worker = make.worker("eva", email="eva@example.org")
    accounts.invite(session, SYSTEM, worker)
    session.commit()
    (mail,) = mails(session)
    assert (mail.kind, mail.address) == ("invitation", "eva@example.org")
    assert choose(client, path_in(mail)).status_code == 302
    assert has_password(session, worker, NEW)
    assert choose(client, path_in(mail)).status_code == 404
