"""What people set in their own account (P-13, P-14, W-68)."""

import pytest
import sqlalchemy as sa

from orchestra.models import AuditEvent, Verb, Worker
from tests.mailbox import mails, path_in

ACCOUNTS = "/orchestra/accounts"
SETTINGS = f"{ACCOUNTS}/settings/"
PREFERENCES = f"{ACCOUNTS}/communication_preference_settings/"


@pytest.fixture
def ana(make, session):
    worker = make.worker("ana", email="ana@example.org")
    session.commit()
    return worker


def save(client, **fields):
    form = {"email": "ana@example.org", "time_zone": "UTC", "uses_single_keys": "yes"}
    return client.post_form(SETTINGS, **(form | fields))


def fresh(session, worker):
    session.expire_all()
    found = session.get(Worker, worker.id)
    session.commit()
    return found


# --- Settings -----------------------------------------------------------------------------------


def test_settings_are_saved_and_shown_again(her, session, ana):
    """P-13"""
    answer = save(
        her,
        first_name="Ana",
        last_name="Lopez",
        slack_name="@ana.lopez",
        phone="+44 (0)20 7946 0018",
        time_zone="Europe/London",
        uses_single_keys="",
    )
    assert answer.location == SETTINGS
    stored = fresh(session, ana)
    assert (stored.first_name, stored.last_name) == ("Ana", "Lopez")
    assert (stored.slack_name, stored.phone) == ("ana.lopez", "+442079460018")
    assert (stored.time_zone, stored.uses_single_keys) == ("Europe/London", False)
    page = her.get(SETTINGS).text
    assert "Saved." in page
    assert 'value="+44 20 7946 0018"' in page
    assert "<option selected>Europe/London</option>" in page


def test_everything_but_the_address_may_be_empty(her, session, ana):
    """P-13"""
    save(her, first_name="Ana", slack_name="ana", phone="+442079460018")
    assert save(her).status_code == 302
    stored = fresh(session, ana)
    assert (stored.first_name, stored.slack_name, stored.phone) == ("", None, None)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"first_name": "a" * 151}, "Use at most 150 characters"),
        ({"email": ""}, "This is not an e-mail address"),
        ({"phone": "020 7946 0018"}, "This is no phone number"),
        ({"phone": "+44 1"}, "This is no phone number"),
        ({"phone": "call me"}, "This is no phone number"),
        ({"slack_name": "ana lopez"}, "A Slack name has no spaces"),
        ({"time_zone": "Mars/Olympus"}, "Choose one of the list"),
    ],
)
def test_what_cannot_be_taken_is_said_at_its_field_and_nothing_is_lost(
    her, session, ana, fields, sentence
):
    """P-13, W-68"""
    answer = save(her, **({"last_name": "Lopez"} | fields))
    assert answer.status_code == 422
    (name,) = fields
    assert sentence in answer.text
    assert f'id="{name}-error"' in answer.text
    assert 'value="Lopez"' in answer.text
    assert fresh(session, ana).last_name == ""


def test_an_address_that_was_always_so_does_not_stop_anybody(her, session, ana):
    session.merge(ana).email = "ana@intranet"
    session.commit()
    assert save(her, email="ana@intranet", first_name="Ana").status_code == 302
    assert fresh(session, ana).first_name == "Ana"


def test_a_stale_token_shows_the_form_again(her, session, ana):
    """W-13"""
    answer = save(her, csrf_token="stale", first_name="Ana")
    assert answer.status_code == 400
    assert 'value="Ana"' in answer.text
    assert fresh(session, ana).first_name == ""


def test_only_what_changed_is_audited(her, session, ana):
    """P-59"""
    save(her, first_name="Ana")
    save(her, first_name="Ana")
    (event,) = session.scalars(sa.select(AuditEvent)).all()
    assert (event.verb, event.object_id) == (Verb.ACCOUNT_CHANGED, ana.id)
    assert (event.before, event.after) == ({"first_name": ""}, {"first_name": "Ana"})


def test_a_new_slack_name_is_looked_up_anew(her, session, ana, change_settings):
    """P-14"""
    change_settings(slack_internal_enabled=True)
    with session.begin():
        session.merge(ana).slack_name = "ana"
        session.merge(ana).slack_user_id = "U1"
    assert "Not found in Slack" not in her.get(SETTINGS).text
    save(her, slack_name="lopez")
    assert fresh(session, ana).slack_user_id is None
    assert "Not found in Slack" in her.get(SETTINGS).text


# --- E-mail -------------------------------------------------------------------------------------


def test_a_new_address_is_used_once_its_link_is(her, session, ana):
    """P-13, M-26"""
    assert save(her, email="lopez@example.org", first_name="Ana").status_code == 302
    assert "Open the link in the mail to lopez@example.org" in her.get(SETTINGS).text
    assert fresh(session, ana).email == "ana@example.org"
    confirm, notice = mails(session)
    assert (confirm.address, notice.address) == ("lopez@example.org", "ana@example.org")

    path = path_in(confirm)
    assert "lopez@example.org" in her.get(path).text
    assert fresh(session, ana).email == "ana@example.org"
    assert her.post_form(path).status_code == 302
    assert fresh(session, ana).email == "lopez@example.org"
    assert mails(session)[-1].address == "ana@example.org"
    assert her.post_form(path).status_code == 404


def test_a_link_is_good_for_its_purpose_only(her, session):
    save(her, email="lopez@example.org")
    secret = path_in(mails(session)[0]).rstrip("/").rpartition("/")[2]
    for page in ("activate", "password/reset"):
        assert her.get(f"{ACCOUNTS}/{page}/{secret}/").status_code == 404
        assert her.post_form(f"{ACCOUNTS}/{page}/{secret}/").status_code == 404


def test_the_address_of_somebody_else_looks_like_any_other(her, make, session, ana):
    """P-4"""
    make.worker("ben", email="ben@example.org")
    session.commit()
    assert save(her, email="BEN@example.org").status_code == 302
    assert "Open the link in the mail to BEN@example.org" in her.get(SETTINGS).text
    assert [(mail.kind, mail.address) for mail in mails(session)] == [
        ("already_registered", "ben@example.org"),
        ("email_change", "ana@example.org"),
    ]


def test_an_address_that_was_taken_meanwhile_is_refused(her, make, session, ana):
    """P-1"""
    save(her, email="lopez@example.org")
    make.worker("lopez", email="Lopez@example.org")
    session.commit()
    assert her.post_form(path_in(mails(session)[0])).status_code == 409
    assert fresh(session, ana).email == "ana@example.org"


def test_new_addresses_are_limited(her, session):
    for number in range(5):
        assert save(her, email=f"a{number}@example.org").status_code == 302
    answer = save(her, email="a5@example.org", first_name="Ana")
    assert answer.status_code == 429
    assert 'value="Ana"' in answer.text


def test_whoever_acts_as_somebody_changes_neither_address_nor_password(client, make, session, ana):
    """P-53"""
    admin = make.worker("mia", is_administrator=True)
    session.commit()
    client.sign_in(admin)
    client.post_form("/orchestra/switch/", username="ana")
    client.csrf_token = client.token()
    assert save(client, email="mia@example.org").status_code == 403
    answer = client.post_form(f"{ACCOUNTS}/password/change/", old_password="x", password="y")
    assert answer.status_code == 403
    assert fresh(session, ana).email == "ana@example.org"
    assert mails(session) == []


@pytest.mark.parametrize("path", [SETTINGS, f"{ACCOUNTS}/password/change/"])
def test_the_pages_cost_few_statements(her, statements, path):
    her.get(path)
    with statements() as seen:
        assert her.get(path).status_code == 200
    assert len(seen) <= 6, seen


def test_the_menu_leads_to_settings_and_notifications(her):
    page = her.get("/orchestra/app").text
    assert f'href="{SETTINGS}"' in page
    assert f'href="{PREFERENCES}"' in page
