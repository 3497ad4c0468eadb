"""The timecard as a table to be downloaded: the same sums, and nothing that harms (T-29)."""

import csv
import re
from datetime import date, timedelta
from io import StringIO

import pytest
import sqlalchemy as sa
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestra.models import TimeEntry
from orchestra.web.tables import harmless
from tests.recording import MONDAY, NOON, WEDNESDAY, timed

CARD = "/orchestra/app/timecard"

pytestmark = pytest.mark.usefixtures("wednesday")


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
    with time_machine.travel(NOON, tick=False):
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
