"""Accounts, keys and settings in the hands of administrators (P-15, P-16, A-9 to A-12, E-4)."""

import re

import pytest
import sqlalchemy as sa

from orchestra.domain import keys
from orchestra.domain.people import password_fits
from orchestra.models import ApiKey, Message, Worker
from tests.conftest import SECRET

ACCOUNTS = "/orchestra/admin/accounts/"
NEW = f"{ACCOUNTS}new/"
KEYS = "/orchestra/admin/keys/"


@pytest.fixture
def administrator(make):
    return make.worker("root", is_administrator=True)


@pytest.fixture
def ana(make):
    return make.worker("ana", password="a long password")


@pytest.fixture
def root(client, session, administrator, ana):
    session.commit()
    client.sign_in(administrator)
    return client


def account(session, username):
    with session.begin():
        worker = session.scalars(sa.select(Worker).where(Worker.username == username)).one_or_none()
        if worker:
            session.refresh(worker)
        return worker


CLEO = {"username": "cleo", "email": "cleo@example.org", "first_name": "Cleo"}


def test_an_account_is_made_with_a_typed_password(root, session):
    """P-16"""
    form = CLEO | {"way": "password", "password": "four words are good", "project_admin": "on"}
    answer = root.post_form(NEW, **form)
    cleo = account(session, "cleo")
    assert answer.location == f"/orchestra/admin/people/{cleo.id}"
    assert password_fits("four words are good", cleo.password_hash)
    assert (cleo.is_active, cleo.is_in_project_admins) == (True, True)


def test_an_account_is_made_by_invitation(root, session):
    """P-16: the link is mailed, and leads to where a password is chosen."""
    answer = root.post_form(NEW, **CLEO, way="invite")
    cleo = account(session, "cleo")
    assert cleo.password_hash is None
    with session.begin():
        mail = session.scalars(sa.select(Message).where(Message.worker_id == cleo.id)).one()
    assert mail.address == "cleo@example.org"
    link = re.search(r"http://\S+(/orchestra/accounts/\S+)", mail.text)[1]
    assert root.get(link, follow_redirects=True).status_code == 200
    assert "Send another invitation" in root.get(answer.location).text
    assert root.post_form(f"{ACCOUNTS}{cleo.id}/invite").status_code == 302


@pytest.mark.parametrize(
    ("field", "value"),
    [("username", "a b"), ("email", "nobody"), ("password", "short"), ("username", "ANA")],
)
def test_a_form_with_an_error_comes_back_with_what_was_typed(root, session, field, value):
    """W-68"""
    form = CLEO | {"way": "password", "password": "four words are good"} | {field: value}
    answer = root.post_form(NEW, **form)
    assert answer.status_code == 422
    assert f'aria-describedby="{field}-help"' in answer.text
    assert 'value="Cleo"' in answer.text
    assert f'value="{form["password"]}"' not in answer.text
    assert account(session, "cleo") is None


def test_a_stale_token_shows_the_form_again(root):
    """W-13"""
    answer = root.post(NEW, data=CLEO)
    assert answer.status_code == 400
    assert 'value="cleo"' in answer.text


def test_roles_are_given_and_the_last_administrator_keeps_them(root, session, administrator, ana):
    """P-15, P-18"""
    root.post_form(f"{ACCOUNTS}{ana.id}/roles", project_admin="on")
    assert account(session, "ana").is_in_project_admins
    answer = root.post_form(f"{ACCOUNTS}{administrator.id}/roles")
    assert "last active administrator" in root.get(answer.location).text
    assert account(session, "root").is_administrator


def test_an_account_is_deactivated_and_activated(root, browser, session, ana):
    """P-15"""
    at_ana = browser().sign_in(ana)
    answer = root.post_form(f"{ACCOUNTS}{ana.id}/deactivate")
    page = root.get(answer.location).text
    assert "This account is deactivated" in page
    assert "Act as" not in page
    assert at_ana.get("/orchestra/app").status_code == 302
    root.post_form(f"{ACCOUNTS}{ana.id}/activate")
    assert account(session, "ana").is_active


@pytest.mark.parametrize("action", ["roles", "deactivate", "activate", "invite"])
def test_accounts_are_changed_by_administrators_with_a_token(
    root, browser, make, session, ana, action
):
    """P-19"""
    admin = make.admin()
    session.commit()
    path = f"{ACCOUNTS}{ana.id}/{action}"
    assert root.post(path).status_code == 403
    assert browser().sign_in(admin).post_form(path).status_code == 403
    assert root.post_form(f"{ACCOUNTS}4711/{action}").status_code == 404


# --- API keys ---------------------------------------------------------------------------------


def test_the_secret_of_a_key_is_shown_once(root, session):
    """A-10, A-11"""
    made = root.post_form(KEYS, key_id="website", label="Our website")
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    secret = re.search(r'class="secret">([^<]+)<', made.text)[1]
    with session.begin():
        key = session.scalars(sa.select(ApiKey)).one()
        session.info["settings"] = root.application.config["SETTINGS"]
        assert keys.secret_of(session, key) == secret
    page = root.get(KEYS).text
    assert "Our website" in page
    assert "by root" in page
    assert secret not in page


def test_a_key_is_revoked(root, session):
    """A-11"""
    root.post_form(KEYS, key_id="website", legacy="on")
    assert "can be replayed" in root.get(KEYS).text
    assert "Type website to confirm" in root.get(f"{KEYS}website/revoke").text
    assert root.post_form(f"{KEYS}website/revoke", confirmed="web").status_code == 422
    assert "Revoked" not in root.get(KEYS).text
    assert root.post_form(f"{KEYS}website/revoke", confirmed="website").status_code == 302
    again = root.get(f"{KEYS}website/revoke").text
    assert "was revoked" in again
    assert "to confirm" not in again
    assert "Revoked" in root.get(KEYS).text
    for name in ("none", "a%00b"):
        assert root.get(f"{KEYS}{name}/revoke").status_code == 404
    assert root.post_form(f"{KEYS}none/revoke").status_code == 404


def test_a_key_that_cannot_be_made_is_explained(root):
    answer = root.post_form(KEYS, key_id="not a name", label="Kept")
    assert answer.status_code == 422
    assert 'value="Kept"' in answer.text
    root.post_form(KEYS, key_id="website")
    assert root.post_form(KEYS, key_id="website").status_code == 409
    assert root.post(KEYS, data={"key_id": "other"}).status_code == 400


def test_listing_keys_has_a_constant_cost(root, session, make, statements):
    def cost():
        with statements() as seen:
            root.get(KEYS)
        return len(seen)

    root.post_form(KEYS, key_id="one")
    few = cost()
    for number in range(10):
        maker = make.worker()
        session.add(ApiKey(key_id=f"k{number}", encrypted_secret="?", created_by_id=maker.id))
    session.commit()
    assert cost() == few


# --- Settings ---------------------------------------------------------------------------------


def test_settings_are_shown_without_secrets(root):
    """E-4"""
    page = root.get("/orchestra/admin/settings/").text
    assert "ORCHESTRA_SECRET_KEY" in page
    assert "***" in page
    assert SECRET not in page
    found = root.get("/orchestra/admin/settings/?q=session_hours").text
    assert "ORCHESTRA_SESSION_HOURS" in found
    assert "ORCHESTRA_SECRET_KEY" not in found
