"""Getting an account, and what the links of its mails do (P-1 to P-7, M-26)."""

import pytest
import sqlalchemy as sa

from orchestra.database import seconds_from_now, utcnow
from orchestra.domain.people import password_fits
from orchestra.models import AccountToken, AuditEvent, LoginFailure, Verb, Worker
from tests.mailbox import link_in, mails, path_in

ACCOUNTS = "/orchestra/accounts"
REGISTER = f"{ACCOUNTS}/register/"
COMPLETE = f"{ACCOUNTS}/register/complete/"
RESEND = f"{ACCOUNTS}/activate/resend/"
APP = "/orchestra/app"
PASSWORD = "four words make sense"


def register(client, username="ana", email="ana@example.org", password=PASSWORD, **fields):
    form = {"csrf_token": client.token(REGISTER), "username": username, "email": email}
    return client.post(REGISTER, data=form | {"password": password, "repeated": password} | fields)


def post(client, path):
    return client.post(path, data={"csrf_token": client.token(REGISTER)})


def find(session, username):
    found = session.scalars(sa.select(Worker).where(Worker.username == username)).one_or_none()
    session.commit()
    return found


def sign_in(client, username, password=PASSWORD):
    form = {"csrf_token": client.token(f"{ACCOUNTS}/login/"), "username": username}
    return client.post(f"{ACCOUNTS}/login/", data=form | {"password": password})


def test_registering_makes_an_inactive_account_and_mails_a_link(client, session):
    """P-3, P-5, P-6"""
    assert register(client).location == COMPLETE
    worker = find(session, "ana")
    assert (worker.email, worker.is_active) == ("ana@example.org", False)
    assert password_fits(PASSWORD, worker.password_hash)
    (mail,) = mails(session)
    assert (mail.kind, mail.address) == ("activation", "ana@example.org")
    assert link_in(mail).startswith("http://127.0.0.1:8000/orchestra/accounts/activate/")
    assert sign_in(client, "ana").status_code == 401


def test_the_link_is_stored_hashed(client, session):
    """P-5"""
    register(client)
    secret = link_in(mails(session)[0]).rstrip("/").rpartition("/")[2]
    assert len(secret) == 43
    assert session.scalars(sa.select(AccountToken.secret_hash)).one() != secret


def test_opening_the_link_changes_nothing_and_its_button_activates_and_signs_in(client, session):
    """P-5"""
    register(client)
    path = path_in(mails(session)[0])
    page = client.get(path)
    assert "Activate the account" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert not find(session, "ana").is_active

    assert post(client, path).location == f"{ACCOUNTS}/activate/complete/"
    session.expire_all()
    assert find(session, "ana").is_active
    assert client.get(APP).status_code == 200
    assert "Your account is active" in client.get(f"{ACCOUNTS}/activate/complete/").text


def test_activation_leaves_signing_in_to_the_person_if_so_set(client, session, change_settings):
    """P-5"""
    change_settings(registration_auto_login=False)
    register(client)
    post(client, path_in(mails(session)[0]))
    assert client.get(APP).status_code == 302
    assert sign_in(client, "ana").location == APP


def test_a_link_works_once(client, session):
    """P-5"""
    register(client)
    path = path_in(mails(session)[0])
    post(client, path)
    assert client.get(path).status_code == 404
    answer = client.post(path, data={"csrf_token": client.token()})
    assert answer.status_code == 404
    assert "does not work any more" in answer.text


def test_a_link_runs_out(client, session):
    """P-5"""
    register(client)
    with session.begin():
        session.execute(sa.update(AccountToken).values(expires_at=seconds_from_now(-1)))
    path = path_in(mails(session)[0])
    assert client.get(path).status_code == 404
    assert post(client, path).status_code == 404
    assert not find(session, "ana").is_active


def test_an_activation_needs_the_token_of_the_page(client, session):
    """W-13"""
    register(client)
    assert client.post(path_in(mails(session)[0])).status_code == 403
    assert not find(session, "ana").is_active


def test_links_do_not_follow_the_headers_of_a_request(client, session, change_settings):
    """P-6"""
    change_settings(url="https://work.example.org")
    client.post(
        REGISTER,
        headers={"X-Forwarded-Host": "evil.example"},
        data={"csrf_token": client.token(REGISTER), "username": "ana", "email": "a@example.org"}
        | {"password": PASSWORD, "repeated": PASSWORD},
    )
    assert link_in(mails(session)[0]).startswith("https://work.example.org/orchestra/accounts/")


def test_a_taken_address_looks_the_same_and_its_holder_gets_a_mail(browser, make, session):
    """P-4"""
    make.worker("ben", email="Ben@example.org")
    session.commit()
    answers = [
        register(browser(), "ana", "ana@example.org"),
        register(browser(), "other", "ben@EXAMPLE.org"),
    ]
    assert {(answer.status_code, answer.location, answer.text) for answer in answers} == {
        (302, COMPLETE, answers[0].text)
    }
    assert find(session, "other") is None
    assert [(mail.kind, mail.address) for mail in mails(session)] == [
        ("activation", "ana@example.org"),
        ("already_registered", "Ben@example.org"),
    ]


def test_whoever_registers_again_before_activating_gets_another_link(client, session):
    """P-4"""
    register(client)
    register(client, "ana2")
    first, second = mails(session, "activation")
    assert find(session, "ana2") is None
    assert post(client, path_in(second)).status_code == 302
    assert client.get(path_in(first)).status_code == 404


def test_a_taken_user_name_is_an_error_at_its_field(client, make, session):
    """P-4, P-1: whatever the case; what was typed is kept, but for the password."""
    make.worker("Ana", email="other@example.org")
    session.commit()
    answer = register(client)
    assert answer.status_code == 422
    assert 'aria-describedby="username-help username-error"' in answer.text
    assert "This user name is taken" in answer.text
    assert 'value="ana@example.org"' in answer.text
    assert PASSWORD not in answer.text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"username": ""}, "Use 1 to 150 of these characters"),
        ({"username": "ana lopez"}, "Use 1 to 150 of these characters"),
        ({"username": "a" * 151}, "Use 1 to 150 of these characters"),
        ({"username": "ben@example.org"}, "must be your own e-mail address"),
        ({"email": "ana"}, "This is not an e-mail address"),
        ({"email": "ana@example"}, "This is not an e-mail address"),
        ({"email": "ana@example.org, ben@example.org"}, "This is not an e-mail address"),
        ({"password": "too short"}, "Use at least 10 characters"),
        ({"password": "x" * 201}, "Use at most 200 characters"),
        ({"username": "ana.de.lopez", "password": "Ana.de.Lopez"}, "This is your user name"),
        ({"password": "Ana@Example.org"}, "This is your user name or your e-mail address"),
        ({"password": "Password123"}, "Many people use this password"),
        ({"repeated": "something else"}, "The two passwords differ"),
    ],
)
def test_what_cannot_be_taken_is_said_at_its_field(client, session, fields, sentence):
    """P-1, P-7, W-68"""
    answer = register(client, **fields)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert session.scalars(sa.select(Worker)).all() == []
    assert mails(session) == []


def test_the_own_address_may_be_the_user_name(client, session):
    """P-1"""
    register(client, "Ana@example.org")
    assert find(session, "Ana@example.org")


def test_a_stale_token_shows_the_form_again_with_what_was_typed(client, session):
    """W-13"""
    answer = register(client, csrf_token="stale")
    assert answer.status_code == 400
    assert 'value="ana"' in answer.text
    assert find(session, "ana") is None


def test_registration_can_be_closed(client, session, change_settings):
    """P-3, E-40"""
    change_settings(registration_open=False)
    answer = client.get(REGISTER)
    assert answer.status_code == 404
    assert "Registration is closed" in answer.text
    assert register(client).status_code == 404
    assert "Create an account" not in client.get(f"{ACCOUNTS}/login/").text
    assert find(session, "ana") is None


def test_without_activation_mails_accounts_wait_for_an_administrator(
    client, session, change_settings
):
    """E-41"""
    change_settings(send_activation_email=False)
    register(client)
    assert mails(session) == []
    assert not find(session, "ana").is_active
    assert "administrator" in client.get(COMPLETE).text


def test_the_login_page_leads_to_registration_and_reset(client):
    page = client.get(f"{ACCOUNTS}/login/").text
    assert f'href="{REGISTER}"' in page
    assert f'href="{ACCOUNTS}/password/reset/"' in page


def test_somebody_who_is_signed_in_does_not_register(client, make, session):
    worker = make.worker()
    session.commit()
    assert client.sign_in(worker).get(REGISTER).location == APP


def tried(session, times, name, address):
    """So many registrations that were tried already."""
    for number in range(times):
        made_up = f"register:{name.format(number)}"
        session.add(LoginFailure(username=made_up, address=f"register:{address}", at=utcnow()))
    session.commit()


def test_a_mailbox_is_not_flooded(client, session):
    """Five registrations of an address in ten minutes, and no more."""
    tried(session, 4, "ana@example.org", "192.0.2.1")
    assert register(client).status_code == 302
    answer = register(client, "ana2", "ANA@example.org")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert len(mails(session)) == 1


def test_taken_user_names_cannot_be_listed_by_trying(client, make, session):
    """What was refused counts, too."""
    make.worker("ben")
    tried(session, 19, "a{}@example.org", "127.0.0.1")
    assert register(client, "ben").status_code == 422
    assert register(client, "ben", "another@example.org").status_code == 429


def test_registrations_do_not_stop_anybody_from_signing_in(client, make, session):
    make.worker("ben", email="ben@example.org", password=PASSWORD)
    tried(session, 20, "ben@example.org", "127.0.0.1")
    assert register(client, "other").status_code == 429
    assert sign_in(client, "ben").location == APP


@pytest.mark.parametrize("state", ["unknown", "waiting", "active", "closed"])
def test_sending_the_link_again_tells_nothing(client, make, session, state):
    """P-4: only an account that waits for it gets a mail."""
    if state == "waiting":
        register(client)
    elif state != "unknown":
        make.worker("ana", is_active=state == "active")
        session.commit()
    before = len(mails(session))
    form = {"csrf_token": client.token(RESEND), "email": "ANA@example.org"}
    assert client.post(RESEND, data=form).location == COMPLETE
    assert len(mails(session)) - before == (state == "waiting")


def test_registering_and_activating_are_audited_without_secrets(client, session):
    """P-59, P-61"""
    register(client)
    post(client, path_in(mails(session)[0]))
    events = session.scalars(sa.select(AuditEvent).order_by(AuditEvent.id)).all()
    assert [(event.verb, event.actor, event.after) for event in events] == [
        (
            Verb.ACCOUNT_CHANGED,
            "ana",
            {"username": "ana", "email": "ana@example.org", "is_active": False},
        ),
        (Verb.ACCOUNT_CHANGED, "ana", {"is_active": True}),
    ]


def test_a_character_that_no_database_keeps_is_left_out(client, session):
    register(client, "a\0na")
    assert find(session, "ana")
