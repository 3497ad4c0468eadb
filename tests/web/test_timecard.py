"""The timecard and the timer as pages, with and without JavaScript (W-49 to W-51, T-17 to T-29)."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine

from orchestra.models import TimeEntry
from tests.recording import MONDAY, WEDNESDAY, stored, timed

CARD = "/orchestra/app/timecard"

pytestmark = pytest.mark.usefixtures("wednesday")


def test_the_week_is_shown_by_day_newest_first(client, ana, record):
    """T-22, T-23"""
    record(3600, MONDAY, description="Read")
    record(61, WEDNESDAY, description="First")
    record(1, WEDNESDAY, description="Second")
    page = client.sign_in(ana).get(CARD).text
    assert re.findall(r'<h2 id="day-([\d-]+)"', page) == ["2026-03-04", "2026-03-03", "2026-03-02"]
    assert page.index("Second") < page.index("First") < page.index("Read")
    assert "2 March 2026 to 4 March 2026: <strong>1:03</strong> h" in page


def test_a_sum_is_that_of_rounded_entries(client, ana, record):
    """T-19: three times a second are three minutes."""
    for _ in range(3):
        record(1)
    page = client.sign_in(ana).get(CARD).text
    assert page.count("<strong>0:03</strong> h") == 2


@pytest.mark.parametrize(
    ("missing", "words"),
    [({"description": ""}, "No description"), ({"has_task": False}, "No task")],
)
def test_an_incomplete_entry_hides_the_sums_of_its_day_and_range(
    client, ana, record, missing, words
):
    """T-21, T-28, W-51"""
    record(3600, MONDAY)
    record(60, **missing)
    page = client.sign_in(ana).get(CARD).text
    assert words in page
    assert page.count("Invalid entries") == 2
    assert page.count("<strong>1:00</strong> h") == 1
    assert "1 invalid entry" in page
    only = client.get(f"{CARD}?show=incomplete").text
    assert words in only
    assert "1:00" not in re.sub(r"<summary.*?</summary>", "", only, flags=re.S)


def test_an_empty_range_says_so(client, ana):
    """T-28"""
    page = client.sign_in(ana).get(f"{CARD}?from=2025-01-06&to=2025-01-12").text
    assert "Nothing is recorded from 6 January 2025 to 12 January 2025." in page
    assert page.count('class="day"') == 7


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [
        ("2026-03-02", "2026-03-09", "at most with this week"),
        ("2026-03-04", "2026-03-03", "begin before it ends"),
        ("2025-03-01", "2026-03-04", "at most 366 days"),
    ],
)
def test_a_range_that_cannot_be_is_told_and_this_week_shown(client, ana, first, last, reason):
    """T-23"""
    page = client.sign_in(ana).get(f"{CARD}?from={first}&to={last}").text
    assert reason in page
    assert 'value="2026-03-02"' in page


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("from=2026-03-02&to=2026-03-08", "2026-03-02", "2026-03-08"),
        ("from=2024-02-29&to=2024-03-01", "2024-02-29", "2024-03-01"),
        ("from=2026-02-01", "2026-02-01", "2026-03-04"),
        ("to=2026-01-31", "2026-01-31", "2026-01-31"),
    ],
)
def test_a_range_can_be_chosen_by_one_end_or_both(client, ana, query, first, last):
    """T-23"""
    page = client.sign_in(ana).get(f"{CARD}?{query}").text
    assert f'name="from" value="{first}"' in page
    assert f'name="to" value="{last}"' in page


@pytest.mark.parametrize(
    "query", ["from=soon", "to=2026-13-01", "page=0", "edit=x", "add=20260304"]
)
def test_an_address_that_makes_no_sense_is_malformed(client, ana, query):
    assert client.sign_in(ana).get(f"{CARD}?{query}").status_code == 400


def test_the_week_is_that_of_the_worker(client, make, session):
    """T-23: it is Thursday in Kiritimati."""
    worker = make.worker(time_zone="Pacific/Kiritimati")
    with time_machine.travel(datetime(2026, 3, 8, 12, tzinfo=UTC), tick=False):
        session.commit()
        page = client.sign_in(worker).get(CARD).text
    assert re.findall(r'<h2 id="day-([\d-]+)"', page) == ["2026-03-09"]


# --- Changing ---------------------------------------------------------------------------------


FIELDS = {"date": "2026-03-03", "hours": "1", "minutes": "30", "description": "Read"}


def test_time_is_added_to_the_day_that_was_chosen(client, ana, work, session):
    """T-25"""
    client.sign_in(ana)
    page = client.get(f"{CARD}?add=2026-03-03").text
    assert 'name="date" value="2026-03-03"' in page
    assert count(session) == 0
    chosen = work.at(0).id
    session.commit()
    answer = client.post_form(f"{CARD}/entries", **FIELDS, assignment=str(chosen))
    assert answer.status_code == 303
    entry = stored(session, 1)
    assert (entry.worked_on, entry.work_seconds) == (date(2026, 3, 3), 5400)
    assert (entry.description, entry.assignment_id) == ("Read", chosen)
    assert "The time is recorded." in client.get(answer.headers["Location"]).text


def count(session):
    session.commit()
    found = session.scalar(sa.select(sa.func.count()).select_from(TimeEntry))
    session.commit()
    return found


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"date": ""}, "Give a date."),
        ({"date": "2026-02-30"}, "Give a date."),
        ({"date": "2026-03-06"}, "The date cannot be later than tomorrow."),
        ({"hours": "25"}, "Give a number from 0 to 24."),
        ({"hours": "-1"}, "Give a number from 0 to 24."),
        ({"minutes": "60"}, "Give a number from 0 to 59."),
        ({"hours": "24", "minutes": "1"}, "The time must be between 0 and 24 hours."),
        ({"hours": "", "minutes": ""}, "Say how long it took."),
        ({"description": "x" * 201}, "Use at most 200 characters."),
        ({"assignment": "999"}, "Choose a task that you hold or have held."),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(
    client, ana, session, wrong, text
):
    """T-11, W-13"""
    answer = client.sign_in(ana).post_form(f"{CARD}/entries", **(FIELDS | wrong))
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert text in answer.text
    kept = FIELDS | wrong
    for name, value in kept.items():
        assert name == "assignment" or not value or f'"{value}"' in answer.text
    assert count(session) == 0


def test_an_entry_is_changed_and_moved_to_another_day(client, ana, record, session):
    """T-17, T-26"""
    entry_id = record(61)
    client.sign_in(ana)
    page = client.get(f"{CARD}?edit={entry_id}").text
    assert 'name="minutes" value="2"' in page
    kept = FIELDS | {"hours": "0", "minutes": "2", "description": "Moved"}
    client.post_form(f"{CARD}/entries/{entry_id}", **kept)
    entry = stored(session, entry_id)
    assert (entry.worked_on, entry.work_seconds) == (date(2026, 3, 3), 61)
    client.post_form(f"{CARD}/entries/{entry_id}", **(kept | {"minutes": "3"}))
    assert stored(session, entry_id).work_seconds == 180


def test_an_entry_of_another_week_is_opened_where_it_stands(client, ana, record):
    entry_id = record(60, date(2026, 1, 7))
    page = client.sign_in(ana).get(f"{CARD}?edit={entry_id}").text
    assert 'name="from" value="2026-01-05"' in page
    assert 'name="to" value="2026-01-11"' in page
    assert "data-entry-form" in page


def test_a_deleted_entry_can_be_brought_back(client, ana, record, session):
    """T-15, T-26"""
    entry_id = record(1800)
    client.sign_in(ana)
    answer = client.post_form(
        f"{CARD}/entries/{entry_id}/delete", back="from=2026-03-02&to=2026-03-04"
    )
    assert "from=2026-03-02" in answer.headers["Location"]
    page = client.get(answer.headers["Location"]).text
    assert "The entry of 0:30 h on 4 March 2026 is deleted." in page
    assert f'id="entry-{entry_id}"' not in page
    client.post_form(f"{CARD}/entries/{entry_id}/restore")
    assert stored(session, entry_id).deleted_at is None


def test_entries_of_others_do_not_exist(client, make, record, session):
    """T-14"""
    entry_id = record()
    other = make.admin()
    session.commit()
    client.sign_in(other)
    assert "data-entry-form" not in client.get(f"{CARD}?edit={entry_id}").text
    assert client.post_form(f"{CARD}/entries/{entry_id}", **FIELDS).status_code == 404
    for action in ("delete", "restore"):
        client.post_form(f"{CARD}/entries/{entry_id}/{action}")
    assert stored(session, entry_id).deleted_at is None
    assert "is deleted" not in client.get(f"{CARD}?deleted={entry_id}").text


def test_no_form_is_taken_without_its_token(client, ana, record):
    entry_id = record()
    client.sign_in(ana)
    for path in ("entries", f"entries/{entry_id}", f"entries/{entry_id}/delete"):
        assert client.post(f"{CARD}/{path}", data=FIELDS).status_code == 403


# --- Warnings ---------------------------------------------------------------------------------


def test_entries_that_touch_are_fine_and_those_that_overlap_are_warned_about(client, ana, record):
    spans = [(timed(8), timed(9)), (timed(9), timed(10))]
    for start, stop in spans:
        record(3600, timer_started_at=start, timer_stopped_at=stop)
    client.sign_in(ana)
    assert "overlaps" not in client.get(CARD).text
    third = record(3600, timer_started_at=timed(9, 59), timer_stopped_at=timed(10, 59))
    assert client.get(CARD).text.count("This overlaps") == 2
    moved = FIELDS | {"date": "2026-03-03", "hours": "1", "minutes": "0"}
    client.post_form(f"{CARD}/entries/{third}", **moved)  # on another day it is not known when
    assert "This overlaps" not in client.get(CARD).text


def test_more_than_a_day_in_a_day_is_warned_about(client, ana, record):
    record(86400)
    client.sign_in(ana)
    assert "More than 24 hours" not in client.get(CARD).text
    record(1)
    assert "More than 24 hours are recorded on this day." in client.get(CARD).text


# --- Many entries -----------------------------------------------------------------------------


def test_ten_thousand_entries_are_paged_in_as_many_statements_as_ten(
    client, ana, work, session, statements
):
    """T-22"""
    assignment_id, worker_id = work.at(0).id, ana.id
    seen = {}
    client.sign_in(ana)
    path = f"{CARD}?from=2025-06-01&to=2026-03-04"
    for number in (10, 9990):
        rows = [
            {
                "worker_id": worker_id,
                "worked_on": WEDNESDAY - timedelta(days=n % 250),
                "work_seconds": n % 86400,
                "description": "Wrote" if n % 3 else "",
                "assignment_id": assignment_id,
                "timer_started_at": timed(0) - timedelta(days=n % 250),
                "timer_stopped_at": timed(1) - timedelta(days=n % 250),
                "was_cut_off": False,
            }
            for n in range(number)
        ]
        session.execute(sa.insert(TimeEntry), rows)
        session.commit()
        with statements() as counted:
            assert client.get(path).status_code == 200
            assert client.get("/orchestra/api/interface/time_entries/").status_code == 200
        seen[number] = len(counted)
    assert seen[10] == seen[9990]
    last = client.get(f"{path}&page=100").text
    assert "Page 100 of 100" in last
    assert last.count('class="entry-time"') == 100
    assert "There is no page 101" in client.get(f"{path}&page=101").text


def test_every_day_and_entry_of_a_range_stands_on_one_of_its_pages(client, ana, work, session):
    """T-22: also days without entries between pages."""
    worker_id, days = ana.id, [0, 1, 1, 1, 5, 40, 41, 80, 81, 90]
    rows = [
        TimeEntry(worker_id=worker_id, worked_on=WEDNESDAY - timedelta(days=day), work_seconds=60)
        for day in days
        for _ in range(30)
    ]
    session.add_all(rows)
    session.commit()
    client.sign_in(ana)
    first = WEDNESDAY - timedelta(days=99)
    seen_days, entries = [], []
    for page in (1, 2, 3):
        text = client.get(f"{CARD}?from={first}&to={WEDNESDAY}&page={page}").text
        seen_days += re.findall(r'<h2 id="day-([\d-]+)"', text)
        entries += re.findall(r'<li id="entry-(\d+)"', text)
    assert len(entries) == len(set(entries)) == 300
    assert set(seen_days) == {str(WEDNESDAY - timedelta(days=n)) for n in range(100)}
    assert seen_days == sorted(seen_days, reverse=True)
