"""Rules of accounts under rivalry, and the words of their mails (P-1, P-5, M-30)."""

import pytest
import sqlalchemy as sa

from orchestra.domain import account_links, account_mails, accounts, passwords, profiles
from orchestra.domain.account_links import Link, LinkIsSpent
from orchestra.domain.accounts import Registration
from orchestra.domain.audit import SYSTEM
from orchestra.errors import Conflict, Invalid, RateLimited
from orchestra.models import TokenPurpose, Worker
from tests.mailbox import mails

THREADS = 8
PASSWORD = "four words make sense"


def wish(username="ana", email="ana@example.org"):
    return Registration(username=username, email=email, password=PASSWORD, repeated=PASSWORD)


def secret_of(link):
    return link.url.rstrip("/").rpartition("/")[2]


def test_of_several_that_use_a_link_at_once_one_succeeds(make, session, at_once):
    """P-5"""
    worker = make.worker()
    link = account_links.make(session, worker, TokenPurpose.RESET, accounts.RESET_VALID_FOR)
    session.commit()
    secret = secret_of(link)
    outcomes = at_once(
        *[lambda opened: account_links.use(opened, secret, TokenPurpose.RESET)] * THREADS
    )
    spent = [outcome for outcome in outcomes if isinstance(outcome, LinkIsSpent)]
    assert len(spent) == THREADS - 1


def test_of_several_who_want_a_name_at_once_one_gets_it(session, at_once):
    """P-1"""
    calls = [
        lambda opened, n=number: accounts.register(
            opened, SYSTEM, wish("ANA" if n % 2 else "ana", f"a{n}@example.org"), "hash"
        )
        for number in range(THREADS)
    ]
    outcomes = at_once(*calls)
    assert sum(isinstance(outcome, Invalid | Conflict) for outcome in outcomes) == THREADS - 1
    assert len(session.scalars(sa.select(Worker)).all()) == 1


def test_requests_for_one_account_at_once_are_all_counted(make, session, at_once):
    """P-12"""
    make.worker("ana", email="ana@example.org")
    session.commit()
    calls = [
        lambda opened: accounts.request_reset(
            opened, SYSTEM, "ana@example.org", came_from="192.0.2.1"
        )
    ]
    outcomes = at_once(*calls * THREADS)
    assert sum(isinstance(outcome, RateLimited) for outcome in outcomes) == THREADS - 5
    assert len(mails(session)) == 5


def test_a_closed_account_that_was_active_gets_no_activation_link(make, session):
    """P-15"""
    accounts.register(session, SYSTEM, wish(), "hash")
    worker = session.scalars(sa.select(Worker)).one()
    assert account_links.waits_for_activation(session, worker)
    account_links.void(session, worker.id)
    assert not account_links.waits_for_activation(session, worker)


def test_mails_have_one_link_at_most_and_no_name_goes_to_an_unproven_address(make, session):
    """M-26, M-30: what somebody typed into a profile does not reach strangers."""
    bait = "Win https://evil.example now"
    worker = make.worker("ana", email="ana@example.org", first_name=bait)
    link = Link(1, "http://127.0.0.1:8000/orchestra/accounts/x/y/")
    account_mails.send_email_change(session, worker, "somebody@example.org", link)
    session.commit()
    to_stranger, to_owner = mails(session)
    assert (to_stranger.address, to_owner.address) == ("somebody@example.org", "ana@example.org")
    assert bait not in to_stranger.text
    assert to_stranger.text.count("https://") + to_stranger.text.count("http://") == 1
    assert "\n" not in to_owner.subject
    assert "<script" not in (to_owner.html or "")


@pytest.mark.parametrize("password", ["1234567890", "Qwertyuiop", "password123", "0987654321"])
def test_common_passwords_are_refused_in_any_case(password):
    """P-7"""
    assert "Many people use" in passwords.problems(password, password)["password"][0]


def test_a_sentence_is_a_good_password():
    assert passwords.problems(PASSWORD, PASSWORD, "ana", "ana@example.org") == {}


def test_every_time_zone_can_be_used():
    """P-2"""
    zones = profiles.time_zones()
    assert {"UTC", "Europe/London", "America/New_York"} <= set(zones)
    assert list(zones) == sorted(zones)
