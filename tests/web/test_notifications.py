"""What people want to be told, how and when; and the link that ends mails (M-13 to M-17, W-67)."""

import re
from datetime import time

import pytest
import sqlalchemy as sa

from orchestra.domain import unsubscribing
from orchestra.domain.message_texts import Preference
from orchestra.models import AuditEvent, MessagePreference, Verb, Worker
from tests.web.conftest import new_browser

PREFERENCES = "/orchestra/accounts/communication_preference_settings/"
ALL_ON = {f"{kind}.mail": "yes" for kind in Preference}


@pytest.fixture
def ana(make, session):
    worker = make.worker("ana", email="ana@example.org", time_zone="Asia/Tokyo")
    session.commit()
    return worker


# --- Types and channels -------------------------------------------------------------------------


def stored(session):
    session.expire_all()
    rows = session.scalars(sa.select(MessagePreference).order_by(MessagePreference.id)).all()
    session.commit()
    return {(row.type, row.channel): row.is_on for row in rows}


def test_the_page_has_one_block_per_type_and_everything_is_on(her):
    """W-67, M-14, M-15: problems are for project admins, Slack is for when chat is on."""
    page = her.get(PREFERENCES).text
    assert "Task status changes" in page
    assert "New tasks" in page
    assert "Problems in projects" not in page
    assert "Slack" not in page
    assert page.count('value="yes" checked') == page.count('type="checkbox"') == 2


def test_project_admins_choose_about_problems_and_chat_when_it_is_on(
    client, make, session, change_settings
):
    """M-14"""
    change_settings(slack_experts_enabled=True)
    admin = make.admin()
    session.commit()
    page = client.sign_in(admin).get(PREFERENCES).text
    assert "Problems in projects" in page
    assert page.count('type="checkbox"') == 6


def test_choices_are_kept_and_audited(her, session, ana):
    """M-17, P-61"""
    answer = her.post_form(PREFERENCES, **{"new_task_available.mail": "yes"})
    assert answer.location == PREFERENCES
    assert stored(session) == {("task_status_change", "mail"): False}
    assert "Saved." in her.get(PREFERENCES).text
    her.post_form(PREFERENCES, **{"new_task_available.mail": "yes"})
    her.post_form(PREFERENCES, **{f"{kind}.mail": "yes" for kind in Preference})
    assert stored(session) == {("task_status_change", "mail"): True}
    events = session.scalars(sa.select(AuditEvent).order_by(AuditEvent.id)).all()
    assert [(event.verb, event.object_id, event.after) for event in events] == [
        (Verb.PREFERENCES_CHANGED, ana.id, {"task_status_change.mail": False}),
        (Verb.PREFERENCES_CHANGED, ana.id, {"task_status_change.mail": True}),
    ]


def test_what_the_page_does_not_show_stays_as_it_is(her, session, ana):
    with session.begin():
        session.add(
            MessagePreference(
                worker_id=ana.id, type=Preference.NEW_TASK_AVAILABLE, channel="slack", is_on=False
            )
        )
    her.post_form(PREFERENCES, **{"project_alerts.mail": "yes", "nonsense": "yes"})
    assert stored(session) == {
        ("new_task_available", "slack"): False,
        ("task_status_change", "mail"): False,
        ("new_task_available", "mail"): False,
    }


def test_a_stale_token_shows_the_choices_again(her, session):
    """W-13"""
    answer = her.post_form(PREFERENCES, **{"csrf_token": "stale", "new_task_available.mail": "yes"})
    assert answer.status_code == 400
    assert answer.text.count('value="yes" checked') == 1
    assert stored(session) == {}


def test_the_page_costs_few_statements(her, statements):
    her.get(PREFERENCES)
    with statements() as seen:
        assert her.get(PREFERENCES).status_code == 200
    assert len(seen) <= 6, seen


# --- Times --------------------------------------------------------------------------------------


def times(session, worker):
    session.expire_all()
    found = session.get_one(Worker, worker.id)
    session.commit()
    return found.quiet_from, found.quiet_until, found.digest_at


def test_quiet_hours_and_the_daily_mail_are_kept_shown_and_audited(her, session, ana):
    given = {"quiet_from": "22:00", "quiet_until": "07:30", "daily": "yes", "digest_at": "18:15"}
    assert her.post_form(PREFERENCES, **ALL_ON, **given).status_code == 302
    assert times(session, ana) == (time(22), time(7, 30), time(18, 15))
    page = her.get(PREFERENCES).text
    assert "Asia/Tokyo" in page
    for name in ("quiet_from", "quiet_until", "digest_at"):
        assert re.search(f'name="{name}"[^>]*value="{given[name]}"', page), name
    (event,) = session.scalars(sa.select(AuditEvent)).all()
    assert event.verb == Verb.PREFERENCES_CHANGED
    assert event.after == {"quiet_from": "22:00", "quiet_until": "07:30", "digest_at": "18:15"}
    session.commit()

    her.post_form(PREFERENCES, **ALL_ON, digest_at="18:15")  # each at once: the time does not count
    assert times(session, ana) == (None, None, None)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"quiet_from": "22:00"}, "quiet_until"),
        ({"quiet_until": "07:00"}, "quiet_from"),
        ({"quiet_from": "late", "quiet_until": "07:00"}, "quiet_from"),
        ({"quiet_from": "07:00", "quiet_until": "07:00"}, "quiet_until"),
        ({"daily": "yes", "digest_at": ""}, "digest_at"),
        ({"daily": "yes", "digest_at": "25:00"}, "digest_at"),
    ],
)
def test_times_that_make_no_sense_are_shown_again_with_the_reason(her, session, ana, given, wrong):
    """W-68"""
    answer = her.post_form(PREFERENCES, **ALL_ON, **given)
    assert answer.status_code in (400, 422)
    assert f'id="{wrong}-error"' in answer.text
    assert times(session, ana) == (None, None, None)
    assert stored(session) == {}


# --- The link that ends mails -------------------------------------------------------------------


@pytest.fixture
def link(app, ana):
    def made(preference=Preference.TASK_STATUS_CHANGE):
        settings = app.config["SETTINGS"]
        return unsubscribing.path_of(unsubscribing.token_of(settings, ana.id, preference))

    return made


def test_looking_at_the_link_changes_nothing(app, session, link):
    """M-13: programs that look into mails follow every link."""
    for method in ("GET", "HEAD", "GET"):
        assert new_browser(app).open(link(), method=method).status_code == 200
    page = new_browser(app).get(link())
    assert "Stop such mails?" in page.text
    assert "Task status changes" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert stored(session) == {}


def test_a_post_of_a_mail_program_ends_the_mails_of_the_type(app, session, ana, link):
    """M-13, RFC 8058: without a cookie, a form token or a log-in, and as often as it likes."""
    path, form = link(), {"List-Unsubscribe": "One-Click"}
    for _ in range(2):
        answer = new_browser(app).post(path, data=form)
        assert answer.status_code == 200
        assert "You get no more such mails" in answer.text
        assert stored(session) == {("task_status_change", "mail"): False}
    (event,) = session.scalars(sa.select(AuditEvent)).all()
    assert (event.actor, event.verb, event.note) == (
        "ana",
        Verb.PREFERENCES_CHANGED,
        "by the link in a mail",
    )
    session.commit()


def test_the_link_of_a_digest_ends_all_mails_that_can_be_ended(app, session, link):
    new_browser(app).post(link(None))
    assert stored(session) == {(kind.value, "mail"): False for kind in Preference}


def test_a_link_that_was_changed_does_nothing(app, make, session, ana, link):
    ben = make.worker()
    session.commit()
    true = link()
    signature = true.rstrip("/").rpartition("-")[2]
    others = [
        true.replace(f"/{ana.id}-", f"/{ben.id}-"),
        true.replace("task_status_change", "all"),
        true.replace("task_status_change", "nonsense"),
        true.replace(signature, "A" * len(signature)),
        f"{unsubscribing.PATH}/x/",
        f"{unsubscribing.PATH}/--/",
        f"{unsubscribing.PATH}/{ana.id}-all-\u00fc/",
    ]
    for path in others:
        for method in ("GET", "POST"):
            assert new_browser(app).open(path, method=method).status_code == 403, path
    assert stored(session) == {}
