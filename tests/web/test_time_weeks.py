"""Weeks of recorded time that are handed in and locked (ORCHESTRA_TIME_APPROVAL)."""

from datetime import date

import pytest
import sqlalchemy as sa

from orchestra.domain import time_entries, time_weeks, timers
from orchestra.domain.audit import Actor
from orchestra.errors import Conflict, Forbidden
from orchestra.models import Verb, WeekState
from tests.recording import MONDAY, stored, timed

CARD = "/orchestra/app/timecard"
FIELDS = {"date": "2026-03-03", "hours": "1", "minutes": "30", "description": "Read"}

pytestmark = pytest.mark.usefixtures("wednesday")


def test_weeks_are_not_handed_in_unless_it_is_switched_on(client, ana, record):
    record(60)
    client.sign_in(ana)
    assert "Hand in" not in client.get(CARD).text
    answer = client.post_form(f"{CARD}/weeks/{MONDAY}/submit")
    assert "Weeks are not handed in here." in client.get(answer.headers["Location"]).text


def test_a_week_that_is_handed_in_takes_no_change_anywhere(
    client, ana, record, session, change_settings, work
):
    change_settings(time_approval=True)
    entry_id, gone = record(60), record(60, deleted_at=timed(8))
    before = record(60, date(2026, 2, 28))
    client.sign_in(ana)
    assert "Hand in this week" in client.get(CARD).text
    answer = client.post_form(f"{CARD}/weeks/{MONDAY}/submit")
    page = client.get(answer.headers["Location"]).text
    assert "handed in, waits for approval" in page
    assert "Add time on" not in page
    assert f"edit={entry_id}" not in page

    words = "Take it back, or ask a project admin to unlock it."
    refused = client.post_form(f"{CARD}/entries/{entry_id}", **FIELDS)
    assert (refused.status_code, words in refused.text) == (409, True)
    assert client.post_form(f"{CARD}/entries", **FIELDS).status_code == 409
    for action, of in (("delete", entry_id), ("restore", gone)):
        answer = client.post_form(f"{CARD}/entries/{of}/{action}")
        assert words in client.get(answer.headers["Location"]).text
    headers = {"X-CSRF-Token": client.csrf_token}
    api = "/orchestra/api/interface/time_entries/"
    asked = [
        ("POST", api, {"date": "2026-03-02", "time_worked": 60}),
        ("PATCH", f"{api}{entry_id}/", {"description": "Other"}),
        ("PUT", f"{api}{entry_id}/", {"date": "2026-02-28", "time_worked": 60}),
        ("PATCH", f"{api}{before}/", {"date": "2026-03-02"}),  # into the week
        ("DELETE", f"{api}{entry_id}/", {}),
        ("POST", f"{api}{gone}/restore/", {}),
        ("POST", "/orchestra/api/interface/timer/start/", {}),
    ]
    for method, path, body in asked:
        answer = client.open(path, method=method, json=body, headers=headers)
        assert answer.status_code == 409, (method, path)
        assert words in answer.json["message"]
        assert answer.json["monday"] == "2026-03-02"
    assert stored(session, entry_id).description == "Wrote"

    client.post_form(f"{CARD}/weeks/{MONDAY}/withdraw")
    assert client.post_form(f"{CARD}/entries/{entry_id}", **FIELDS).status_code == 303


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("empty", "Nothing is recorded in this week"),
        ("incomplete", "1 of 2 entries have no description or no task."),
        ("timing", "Your timer runs in this week."),
        ("twice", "is handed in already."),
    ],
)
def test_a_week_is_handed_in_when_it_is_complete(
    client, ana, record, session, change_settings, state, words
):
    change_settings(time_approval=True)
    if state != "empty":
        record(60)
    if state == "incomplete":
        record(60, description="")
    if state == "timing":
        timers.start(session, Actor.of(ana))
        session.commit()
    client.sign_in(ana)
    if state == "twice":
        client.post_form(f"{CARD}/weeks/{MONDAY}/submit")
    answer = client.post_form(f"{CARD}/weeks/{MONDAY}/submit")
    assert words in client.get(answer.headers["Location"]).text


@pytest.mark.parametrize("monday", ["2026-03-03", "2026-03-09", "soon"])
def test_only_a_week_that_has_begun_is_handed_in(client, ana, record, change_settings, monday):
    change_settings(time_approval=True)
    record(60)
    answer = client.sign_in(ana).post_form(f"{CARD}/weeks/{monday}/submit")
    if answer.status_code == 303:
        assert "There is no week" in client.get(answer.headers["Location"]).text
    else:
        assert answer.status_code == 404


def test_an_approved_week_is_locked_until_a_project_admin_unlocks_it(
    session, ana, record, change_settings, work
):
    change_settings(time_approval=True)
    entry_id = record(60)
    week_id = time_weeks.submit(session, work.writer, MONDAY).id
    for _ in range(2):
        week = time_weeks.approve(session, work.admin, week_id)
        session.flush()
    assert (week.state, week.approved_by_id) == (WeekState.APPROVED, work.admin.worker_id)
    changed = time_entries.Change(description="Other")
    locked = "is approved and locked. Ask a project admin to unlock it."
    with pytest.raises(Conflict, match=locked):
        time_entries.change(session, work.writer, entry_id, changed)
    with pytest.raises(Conflict, match="Ask a project admin to unlock it"):
        time_weeks.withdraw(session, work.writer, MONDAY)
    with pytest.raises(Forbidden, match="Only project admins"):
        time_weeks.unlock(session, work.writer, week_id)
    time_weeks.unlock(session, work.admin, week_id)
    time_entries.change(session, work.writer, entry_id, changed)
    session.flush()
    events = session.execute(
        sa.text("SELECT count(*) FROM audit_event WHERE verb = :verb"),
        {"verb": Verb.TIME_WEEK_CHANGED.value},
    )
    assert events.scalar() == 3
