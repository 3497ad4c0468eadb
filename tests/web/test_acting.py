"""Administrators act as other workers (P-51 to P-55)."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine

from orchestra.database import utcnow
from orchestra.models import AuditEvent, Verb, Worker
from tests.builders import step

APP = "/orchestra/app"
SWITCH = "/orchestra/switch/"
STOP = "/orchestra/switch/stop/"


@pytest.fixture
def people(make, session):
    """root is an administrator; ana works."""
    root = make.worker("root", first_name="Ruth", is_administrator=True)
    ana = make.worker("ana", first_name="Ana")
    session.commit()
    return root, ana


@pytest.fixture
def acting(client, people):
    """Ruth acts as Ana."""
    client.sign_in(people[0])
    answer = client.post_form(SWITCH, username="ana")
    assert (answer.status_code, answer.location) == (302, APP)
    client.csrf_token = client.token()
    return client


def shown(page):
    return "Ruth</strong>, you act as <strong>Ana" in page


def test_while_acting_every_page_shows_a_banner_with_both_names(acting):
    """P-52; error pages, too."""
    for path in (APP, "/orchestra/accounts/logout_then_login/", "/orchestra/nothing"):
        page = acting.get(path).text
        assert shown(page), path
        assert "Stop acting as Ana" in page
    assert "Good" in acting.get(APP).text


def test_stopping_leads_back_to_oneself(acting, people):
    """P-52"""
    answer = acting.post_form(STOP)
    assert answer.location == f"/orchestra/admin/people/{people[1].id}"
    page = acting.get(answer.location).text
    assert not shown(page)
    assert "no longer as Ana" in page


def test_logging_out_stops_it_too(acting, session):
    """P-54"""
    acting.post_form("/orchestra/accounts/logout/")
    session.rollback()
    newest = session.scalars(sa.select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert (newest.verb, newest.actor, newest.acting_as) == (Verb.ACTING_STOPPED, "root", "ana")


def test_a_get_neither_starts_nor_stops_it(client, acting, people, browser):
    """P-55"""
    assert acting.get(STOP).status_code == 405
    assert shown(acting.get(APP).text)
    other = browser().sign_in(people[0])
    assert other.get(f"{SWITCH}?username=ana").status_code == 405
    assert not shown(other.get(APP).text)


def test_starting_and_stopping_need_the_token(acting, people, browser):
    """P-51"""
    assert acting.post(STOP).status_code == 403
    other = browser().sign_in(people[0])
    assert other.post(SWITCH, data={"username": "ana"}).status_code == 403


def test_what_is_changed_carries_both_names(acting, session, make):
    """P-54: a task that Ruth picks up as Ana."""
    make.project(step("write"))
    session.commit()
    acting.post_form("/orchestra/app/new_task/entry_level")
    with session.begin():
        event = session.scalars(
            sa.select(AuditEvent).where(AuditEvent.verb == Verb.TASK_ASSIGNED)
        ).one()
        assert (event.actor, event.acting_as) == ("root", "ana")


def test_pages_of_administration_are_closed_while_acting(acting, people):
    """P-53: roles, keys, and acting again; the worker's own rights count."""
    for path in ("/orchestra/admin/", "/orchestra/admin/keys/", "/orchestra/admin/accounts/new/"):
        assert acting.get(path).status_code == 403, path
    root = people[0]
    assert acting.post_form(f"/orchestra/admin/accounts/{root.id}/roles").status_code == 403
    assert acting.post_form(SWITCH, username="ana").status_code == 403


def test_pages_opened_before_do_not_act_for_somebody_else(client, people):
    """The token changes with whom one acts for."""
    before = client.sign_in(people[0]).csrf_token
    client.post_form(SWITCH, username="ana")
    answer = client.post(STOP, data={"csrf_token": before})
    assert answer.status_code == 403


def test_after_an_hour_one_is_oneself_and_is_told(acting):
    """P-52; what was opened as Ana does not act for Ruth."""
    with time_machine.travel(utcnow() + timedelta(minutes=61), tick=True):
        answer = acting.post_form("/orchestra/app/new_task/entry_level")
        assert (answer.status_code, answer.headers["HX-Refresh"]) == (403, "true")
        page = acting.get(APP).text
    assert not shown(page)
    assert "You act as yourself again" in answer.text + page


def test_its_end_by_itself_is_noted_once(acting, session, browser):
    """P-54, P-61: also when two pages notice it at the same time."""
    name = acting.application.config["SESSION_COOKIE_NAME"]
    cookie = acting.get_cookie(name).value
    with time_machine.travel(utcnow() + timedelta(minutes=61), tick=True):
        for client in (acting, acting, browser()):
            if client is not acting:
                client.set_cookie(name, cookie)
            client.get(APP)
    events = session.scalars(sa.select(AuditEvent).order_by(AuditEvent.id)).all()
    assert [(event.verb, event.actor, event.acting_as) for event in events] == [
        (Verb.ACTING_STARTED, "root", "ana"),
        (Verb.ACTING_STOPPED, "root", "ana"),
    ]


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_administrator": True}])
def test_acting_ends_when_the_worker_may_no_longer_be_acted_as(acting, session, people, change):
    """P-21, P-51"""
    with session.begin():
        session.execute(sa.update(Worker).where(Worker.id == people[1].id).values(**change))
    assert not shown(acting.get(APP).text)


def test_an_administrator_who_is_none_any_more_no_longer_acts(acting, session, people):
    """P-21"""
    with session.begin():
        demoted = sa.update(Worker).where(Worker.id == people[0].id)
        session.execute(demoted.values(is_administrator=False))
    assert not shown(acting.get(APP).text)
    assert acting.get("/orchestra/admin/").status_code == 403


def test_logging_out_ends_it(acting):
    acting.post_form("/orchestra/accounts/logout/")
    assert acting.get(APP).status_code == 302


def test_others_may_not_act(client, make, session, people):
    """P-19"""
    admin = make.admin()
    session.commit()
    client.sign_in(admin)
    assert client.post_form(SWITCH, username="ana").status_code == 403


@pytest.mark.parametrize("username", ["nobody", "", "a\0b"])
def test_nobody_acts_as_who_does_not_exist(client, people, username):
    client.sign_in(people[0])
    assert client.post_form(SWITCH, username=username).status_code == 404


def test_who_does_not_act_cannot_stop(client, people):
    client.sign_in(people[1])
    assert client.post_form(STOP).status_code == 409


def test_password_and_e_mail_of_the_worker_stay_as_they_are(acting, session, people):
    """P-53"""
    before = people[1].password_hash, people[1].email
    typed = {"old_password": "x", "password": "four words are good", "repeated": "x"}
    answer = acting.post_form("/orchestra/accounts/password/change/", **typed)
    assert answer.status_code == 403
    profile = {"email": "else@example.org", "time_zone": "UTC"}
    answer = acting.post_form("/orchestra/accounts/settings/", **profile)
    assert answer.status_code == 403
    with session.begin():
        ana = session.get(Worker, people[1].id, populate_existing=True)
        assert (ana.password_hash, ana.email) == before


def test_what_only_the_worker_may_change_is_not_offered(acting):
    """P-53"""
    page = acting.get("/orchestra/accounts/password/change/").text
    assert "can change this password" in page
    assert 'type="password"' not in page
    page = acting.get("/orchestra/accounts/settings/").text
    assert re.search(r'<input[^>]* name="email"[^>]* readonly', page)
