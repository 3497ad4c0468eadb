"""Signing in and out (P-8 to P-11, P-65, W-13)."""

from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine

from orchestra.config import Settings
from orchestra.database import utcnow
from orchestra.domain.people import new_session_key
from orchestra.models import LoginFailure
from orchestra.web import create_app

LOGIN = "/orchestra/accounts/login/"
APP = "/orchestra/app"


@pytest.fixture
def ana(make, session):
    worker = make.worker("Ana", email="ana@example.org", password="ana's password")
    session.commit()
    return worker


def try_to_sign_in(client, username="Ana", password="ana's password", **fields):
    form = {"csrf_token": client.token(LOGIN), "username": username, "password": password}
    return client.post(LOGIN, data=form | fields)


def test_a_person_signs_in_by_username_or_e_mail_in_any_case(browser, ana):
    """P-8"""
    for name in ("ana", "ANA@example.org"):
        client = browser()
        answer = try_to_sign_in(client, name)
        assert (answer.status_code, answer.location) == (302, APP)
        assert client.get(APP).status_code == 200


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://127.0.0.1:8000", "orchestra_session_8000"),
        ("http://127.0.0.1:8001", "orchestra_session_8001"),
        ("https://orchestra.example.org", "orchestra_session"),
    ],
)
def test_a_sign_in_to_one_system_of_a_machine_does_not_end_that_to_another(tmp_path, url, name):
    """P-10: browsers send the cookies of a host to all its ports."""
    app = create_app(Settings.from_env({}, data_dir=tmp_path, url=url))
    cookie = app.test_client().get(LOGIN, base_url=url).headers["Set-Cookie"]
    assert cookie.partition("=")[0] == name


def test_the_reason_of_a_refusal_is_not_told(client, make, session, ana):
    """P-8: the same for unknown user, wrong password and inactive account; nothing echoed."""
    make.worker("gone", password="gone's password", is_active=False)
    session.commit()
    answers = [
        try_to_sign_in(client, "nobody", "ana's password"),
        try_to_sign_in(client, "ana", "wrong password"),
        try_to_sign_in(client, "gone", "gone's password"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert all("is not right" in answer.text for answer in answers)
    assert "wrong password" not in answers[1].text
    assert client.get(APP).status_code == 302


def test_the_sixth_try_is_refused_even_with_the_right_password(client, ana):
    """P-8, P-65; by username and e-mail together."""
    for name in ("ana", "ana@example.org", "ana", "ana", "ana@example.org"):
        assert try_to_sign_in(client, name, "wrong").status_code == 401
    answer = try_to_sign_in(client)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 600


def test_after_ten_minutes_one_may_try_again(client, session, ana):
    """P-8"""
    for _ in range(5):
        try_to_sign_in(client, password="wrong")
    with session.begin():
        for failure in session.query(LoginFailure):
            failure.at = failure.at.replace(year=failure.at.year - 1)
    assert try_to_sign_in(client).status_code == 302


def test_twenty_failures_from_an_address_stop_it_for_all_accounts(client, session, ana):
    """P-8"""
    with session.begin():
        for number in range(20):
            session.add(LoginFailure(username=f"guess-{number}", address="127.0.0.1", at=utcnow()))
    assert try_to_sign_in(client).status_code == 429


@pytest.mark.parametrize(
    ("wanted", "landing"),
    [
        ("/orchestra/app/task/7", "/orchestra/app/task/7"),
        ("https://evil.example/orchestra/", APP),
        ("//evil.example/orchestra/", APP),
        ("/orchestra/accounts/settings/", "/orchestra/accounts/settings/"),
        ("/orchestra/accounts/logout_then_login/", APP),
        ("/orchestra/../evil", APP),
        ("/other", APP),
    ],
)
def test_after_signing_in_people_land_on_paths_of_ours_only(client, ana, wanted, landing):
    """P-9"""
    assert try_to_sign_in(client, next=wanted).location == landing


def test_a_stale_token_shows_the_form_again_with_the_name(client, ana):
    """W-13"""
    answer = try_to_sign_in(client, csrf_token="stale")
    assert answer.status_code == 400
    assert 'value="Ana"' in answer.text
    assert "ana&#39;s password" not in answer.text


def test_signing_in_begins_a_new_session_in_a_guarded_cookie(client, ana):
    """P-10"""
    before = client.token(LOGIN)
    cookie = try_to_sign_in(client).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    form = {"csrf_token": before}
    assert client.post("/orchestra/accounts/logout/", data=form).status_code == 403


def test_renewing_the_key_of_an_account_ends_all_its_sessions(browser, session, ana):
    """P-10"""
    clients = [browser().sign_in(ana) for _ in range(2)]
    with session.begin():
        session.merge(ana).session_key = new_session_key()
    assert [client.get(APP).status_code for client in clients] == [302, 302]


def test_a_deactivated_account_is_signed_out(client, session, ana):
    """P-10, P-21: asked at every request."""
    client.sign_in(ana)
    with session.begin():
        session.merge(ana).is_active = False
    assert client.get(APP).location == LOGIN


def test_a_session_ends_when_nobody_uses_it(client, app, ana):
    """P-10"""
    try_to_sign_in(client)
    hours = app.config["SETTINGS"].session_hours
    with time_machine.travel(utcnow().timestamp() + hours * 3600 + 60, tick=True):
        assert client.get(APP).status_code == 302


def test_a_session_that_is_used_lives_on(client, app, ana):
    """P-10"""
    try_to_sign_in(client)
    half = app.config["SETTINGS"].session_hours * 3600 / 2
    for halves in (1, 2, 3):
        with time_machine.travel(utcnow().timestamp() + halves * half, tick=True):
            assert client.get(APP).status_code == 200


def test_a_late_answer_brings_no_session_back(client, ana):
    """P-10, P-11: of what is under way while somebody signs out in another tab."""
    client.sign_in(ana)
    client.get(APP)
    for address in (APP, "/static/app.css"):
        assert "Set-Cookie" not in client.get(address).headers


def test_logging_out_is_a_post(client, ana):
    """P-11"""
    client.sign_in(ana)
    assert client.get("/orchestra/accounts/logout/").status_code == 405
    assert "Log out" in client.get("/orchestra/accounts/logout_then_login/").text
    answer = client.post_form("/orchestra/accounts/logout_then_login/")
    assert answer.location == LOGIN
    assert client.get(APP).status_code == 302


def test_pages_send_strangers_to_the_login_and_back(client):
    answer = client.get("/orchestra/app/task/7")
    assert answer.location == f"{LOGIN}?next=/orchestra/app/task/7"


@pytest.mark.parametrize(
    "wanted",
    ["/orchestra/app/project/7?tab=why&task=3", "/orchestra/app/projects?q=last+ferry%20%C3%A9"],
)
def test_signing_in_leads_to_the_very_page_that_was_asked_for(client, ana, wanted):
    """P-9: a link of a message may name a part of a page."""
    login = client.get(wanted).location
    (asked,) = parse_qs(urlsplit(login).query)["next"]
    assert try_to_sign_in(client, next=asked).location == wanted


def test_a_post_without_a_session_is_not_lost_in_a_redirect(client):
    assert client.post("/orchestra/app/task/7").status_code == 401


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 300, ""])
def test_a_name_that_nobody_can_have_is_refused_like_any_other(client, ana, name):
    assert try_to_sign_in(client, name.encode("utf-8", "surrogatepass")).status_code == 401
