"""The timecard and the timer as pages, with and without JavaScript (W-49 to W-51, T-17 to T-29)."""

import csv
import re
from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
import sqlalchemy as sa
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestra.domain import time_entries, time_weeks, timers
from orchestra.domain.audit import Actor
from orchestra.errors import Conflict, Forbidden
from orchestra.models import TaskStatus, TimeEntry, Timer, Verb, WeekState
from orchestra.web.tables import harmless

CARD = "/orchestra/app/timecard"
TIMER = "/orchestra/app/timer"
MONDAY, WEDNESDAY = date(2026, 3, 2), date(2026, 3, 4)


@pytest.fixture(autouse=True)
def wednesday():
    with time_machine.travel(datetime(2026, 3, 4, 12, tzinfo=UTC), tick=False):
        yield


@pytest.fixture
def work(make, session):
    work = make.work(TaskStatus.PROCESSING)
    session.commit()
    return work


@pytest.fixture
def ana(work):
    return work.workers[work.writer.name]


@pytest.fixture
def record(session, work):
    """Put entries on the timecard, complete ones unless told otherwise."""

    def recorded(seconds=60, day=WEDNESDAY, *, description="Wrote", has_task=True, **columns):
        entry = TimeEntry(
            worker_id=work.writer.worker_id,
            worked_on=day,
            work_seconds=seconds,
            description=description,
            assignment_id=work.at(0).id if has_task else None,
            **columns,
        )
        session.add(entry)
        session.commit()
        return entry.id

    return recorded


def stored(session, entry_id):
    entry = session.get(TimeEntry, entry_id, populate_existing=True)
    session.commit()
    return entry


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


def timed(hour, minute=0):
    return datetime(2026, 3, 4, hour, minute, tzinfo=UTC)


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


# --- CSV --------------------------------------------------------------------------------------


def csv_of(client, query="from=2026-03-02&to=2026-03-04"):
    answer = client.get(f"{CARD}/csv?{query}")
    assert answer.mimetype == "text/csv"
    return list(csv.DictReader(StringIO(answer.text)))


def test_the_range_is_downloaded_as_a_table(client, ana, record, work):
    """T-29"""
    record(61, description='Called, "twice"')
    record(60, MONDAY, has_task=False)
    record(60, date(2026, 2, 28))
    task_id = work.task.id
    first, second = csv_of(client.sign_in(ana))
    assert first | {"Workflow": ""} == {
        "Date": "2026-03-04",
        "Workflow": "",
        "Project": "A project",
        "Step": "Write",
        "Task": str(task_id),
        "Description": 'Called, "twice"',
        "Seconds": "61",
        "Minutes (rounded up)": "2",
    }
    assert (second["Project"], second["Task"], second["Seconds"]) == ("", "", "60")


@pytest.mark.parametrize("sign", list("=+-@\t\r"))
def test_a_table_holds_no_formula(sign):
    """A spreadsheet would run it."""
    assert harmless(f"{sign}HYPERLINK(1)") == f"'{sign}HYPERLINK(1)"
    assert harmless("a=1") == "a=1"
    assert harmless(-5) == -5


def test_what_is_downloaded_is_harmless_and_never_kept(client, ana, record):
    record(60, description="=cmd|' /C calc'!A0")
    (row,) = csv_of(client.sign_in(ana))
    assert row["Description"] == "'=cmd|' /C calc'!A0"
    answer = client.get(f"{CARD}/csv?from=2026-03-02&to=2026-03-04")
    assert answer.headers["Cache-Control"] == "no-store"
    assert 'filename="timecard-2026-03-02-2026-03-04.csv"' in answer.headers["Content-Disposition"]


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    entries=st.lists(
        st.tuples(st.integers(0, 86400), st.integers(0, 2), st.booleans(), st.booleans()),
        max_size=12,
    )
)
def test_what_is_shown_sums_to_what_is_downloaded(client, ana, session, work, entries):
    """T-19, T-21, T-28, T-29"""
    assignment_id = work.at(0).id
    session.execute(sa.delete(TimeEntry))
    for seconds, days_ago, is_deleted, is_incomplete in entries:
        session.add(
            TimeEntry(
                worker_id=ana.id,
                worked_on=WEDNESDAY - timedelta(days=days_ago),
                work_seconds=seconds,
                description="" if is_incomplete else "Wrote",
                assignment_id=assignment_id,
                deleted_at=timed(9) if is_deleted else None,
            )
        )
    session.commit()
    with time_machine.travel(datetime(2026, 3, 4, 12, tzinfo=UTC), tick=False):
        client.sign_in(ana)
        page = client.get(CARD).text
        rows = csv_of(client)
        answer = client.get("/orchestra/api/interface/time_entries/").json
    visible = [entry for entry in entries if not entry[2]]
    minutes = sum(-(-seconds // 60) for seconds, *_ in visible)
    assert sum(int(row["Minutes (rounded up)"]) for row in rows) == minutes
    assert sum(int(row["Seconds"]) for row in rows) == sum(seconds for seconds, *_ in visible)
    shown = re.findall(r'class="entry-time"[^>]*>(\d+):(\d+)<', page)
    assert sum(int(h) * 60 + int(m) for h, m in shown) == minutes
    assert sum(entry["rounded_minutes"] for entry in answer["entries"]) == minutes
    total = re.search(r"to 4 March 2026: (Invalid entries|<strong>(\d+):(\d+)</strong> h)", page)
    if any(is_incomplete for *_, is_incomplete in visible):
        assert total[1] == "Invalid entries"
    else:
        assert int(total[2]) * 60 + int(total[3]) == minutes
        assert sum(day["total_minutes"] for day in answer["days"]) == minutes


# --- The timer without JavaScript -------------------------------------------------------------


def test_the_timer_stands_on_every_page_with_what_has_passed(client, ana, session):
    """T-8, W-49"""
    timers.start(session, Actor.of(ana))
    session.commit()
    with time_machine.travel(timed(13, 0) + timedelta(seconds=61), tick=False):
        client.sign_in(ana)
        for path in ("/orchestra/app", CARD, "/orchestra/accounts/settings/", "/orchestra/none"):
            page = client.get(path).text
            assert 'data-elapsed="3661"' in page, path
            assert "<strong data-timer-minutes>1:02</strong>" in page, path


def test_the_timer_of_a_task_page_is_that_of_the_task(client, ana, work, session):
    """T-3"""
    chosen, task_id = work.at(0).id, work.task.id
    session.commit()
    page = client.sign_in(ana).get(f"/orchestra/app/task/{task_id}").text
    assert f'name="assignment" value="{chosen}"' in page
    path = f"/orchestra/app/task/{task_id}"
    answer = client.post_form(f"{TIMER}/start", assignment=str(chosen), next=path)
    assert answer.headers["Location"] == path
    session.commit()
    assert session.scalars(sa.select(Timer.assignment_id)).all() == [chosen]


def test_the_timer_is_started_changed_and_stopped_by_forms(client, ana, session):
    client.sign_in(ana)
    client.post_form(f"{TIMER}/start")
    client.post_form(f"{TIMER}/update", description="Reading")
    again = client.post_form(f"{TIMER}/start", next=CARD)
    assert "Your timer runs already." in client.get(again.headers["Location"]).text
    answer = client.post_form(f"{TIMER}/stop", description="Read all")
    entry = stored(session, 1)
    assert (entry.description, entry.assignment_id) == ("Read all", None)
    assert answer.headers["Location"] == f"{CARD}?edit=1#entry-1"  # it has no task (W-50)
    page = client.get(f"{CARD}?edit=1").text
    assert "You recorded 0:00 h. Say what it was for." in page


@pytest.mark.parametrize(
    "page", ["https://evil.example/", "//evil.example/", "/orchestra/\\evil", "javascript:1", "/x"]
)
def test_the_timer_leads_back_to_pages_of_ours_only(client, ana, page):
    answer = client.sign_in(ana).post_form(f"{TIMER}/start", next=page)
    assert answer.headers["Location"] == "/orchestra/app"


# --- Weeks that are handed in -----------------------------------------------------------------


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
