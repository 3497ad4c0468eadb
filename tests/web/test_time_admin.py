"""Recorded time for project admins: by project, person and week (W-55, W-69, T-14, T-30)."""

import csv
import re
from datetime import date, timedelta
from io import BytesIO, StringIO

import openpyxl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestra.database import utcnow
from orchestra.domain import time_weeks
from orchestra.domain.calendar import monday_of
from orchestra.models import TaskStatus, TimeEntry, TimeWeek, WeekState

TIME = "/orchestra/admin/time/"
EVER = "from=2000-01-01"


@pytest.fixture
def work(make, session):
    work = make.work(TaskStatus.PROCESSING)
    work.project.short_description = "=The Pope, in New York"
    session.commit()
    return work


@pytest.fixture
def admin(client, work):
    return client.sign_in(work.workers[work.admin.name])


@pytest.fixture
def record(session, work):
    def recorded(day, seconds=60, *, description="Wrote", worker_id=None, has_task=True):
        session.add(
            TimeEntry(
                worker_id=worker_id or work.writer.worker_id,
                worked_on=day,
                work_seconds=seconds,
                description=description,
                assignment_id=work.at(0).id if has_task else None,
            )
        )
        session.commit()

    return recorded


def rows_of(browser, query=EVER):
    return list(csv.DictReader(StringIO(browser.get(f"{TIME}download.csv?{query}").text)))


@pytest.mark.parametrize(
    ("day", "monday"),
    [
        (date(2026, 3, 2), "2026-03-02"),
        (date(2026, 3, 8), "2026-03-02"),
        (date(2026, 1, 1), "2025-12-29"),
        (date(2024, 2, 29), "2024-02-26"),
        (date(2000, 1, 2), "1999-12-27"),
    ],
)
def test_a_day_belongs_to_the_week_of_its_monday(admin, record, day, monday):
    record(day)
    assert [row["Week from"] for row in rows_of(admin)] == [monday]


def test_time_is_summed_by_week_project_and_person(admin, record, work, make, session):
    """T-19: of rounded entries."""
    other = make.worker("zoe", first_name="Zoe")
    record(date(2026, 3, 2), 61)
    record(date(2026, 3, 8), 1, description="")
    record(date(2026, 3, 3), 3600, worker_id=other.id)
    record(date(2026, 3, 9), 60)
    record(date(2026, 3, 3), 60, has_task=False)  # of no project
    found = [
        (row["Week from"], row["User name"], row["Minutes (rounded up)"], row["Seconds"])
        for row in rows_of(admin)
    ]
    writer = work.writer.name
    assert found == [
        ("2026-03-09", writer, "1", "60"),
        ("2026-03-02", writer, "3", "62"),
        ("2026-03-02", "zoe", "60", "3600"),
    ]
    page = admin.get(f"{TIME}?{EVER}").text
    assert "<strong>1:04</strong> h. Entries without a task are not in it." in page
    assert "1 without description" in page
    session.commit()


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("from=2026-03-09", 1),
        (f"{EVER}&to=2026-03-08", 1),
        (f"{EVER}&q=pope", 2),
        (f"{EVER}&q=writer+pope", 0),
        (f"{EVER}&q=%25", 0),
        ("project=1", 2),
        ("project=999", 0),
    ],
)
def test_a_range_or_words_or_a_project_can_be_chosen(admin, record, query, number):
    """W-72"""
    record(date(2026, 3, 2))
    record(date(2026, 3, 9))
    assert len(rows_of(admin, query)) == number
    assert admin.get(f"{TIME}?{query}").text.count('data-label="Week from"') == number


def test_the_last_four_weeks_are_shown_unless_told_otherwise(admin, record):
    monday = monday_of(utcnow().date())
    record(monday - timedelta(weeks=3))
    record(monday - timedelta(weeks=3, days=1))
    page = admin.get(TIME).text
    assert page.count('data-label="Week from"') == 1
    assert f'name="from" value="{monday - timedelta(weeks=3)}"' in page
    assert 'name="q" value="a &amp; b"' in admin.get(f"{TIME}?q=a+%26+b").text


def test_what_is_downloaded_holds_no_formula(admin, record):
    record(date(2026, 3, 2))
    assert rows_of(admin)[0]["Project"] == "'=The Pope, in New York"
    sheet = xlsx_of(admin)
    assert sheet["C2"].value == "=The Pope, in New York"
    assert sheet["C2"].data_type == "s"  # a text, not a formula
    assert admin.get(f"{TIME}download.pdf").status_code == 404


def xlsx_of(browser):
    answer = browser.get(f"{TIME}download.xlsx?{EVER}")
    assert answer.headers["Cache-Control"] == "no-store"
    return openpyxl.load_workbook(BytesIO(answer.data)).active


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.integers(0, 86400), st.integers(0, 40), st.booleans()), max_size=15))
def test_what_is_shown_sums_to_what_is_downloaded(admin, session, work, entries):
    """The page, CSV, XLSX, and the page of the project."""
    assignment_id, project_id = work.at(0).id, work.project.id
    session.execute(sa.delete(TimeEntry))
    for seconds, days_ago, is_first in entries:
        worker = work.writer if is_first else work.reviewer
        session.add(
            TimeEntry(
                worker_id=worker.worker_id,
                worked_on=date(2026, 3, 4) - timedelta(days=days_ago),
                work_seconds=seconds,
                assignment_id=assignment_id,
            )
        )
    session.commit()
    minutes = sum(-(-seconds // 60) for seconds, *_ in entries)
    page = admin.get(f"{TIME}?{EVER}").text
    total, *shown = re.findall(r"<strong>(\d+):(\d+)</strong> h", page)
    assert as_minutes([total]) == as_minutes(shown) == minutes
    assert sum(int(row["Minutes (rounded up)"]) for row in rows_of(admin)) == minutes
    rows = list(xlsx_of(admin).iter_rows(min_row=2, values_only=True))
    assert sum(row[6] for row in rows) == minutes
    assert sum(row[7] for row in rows) == sum(seconds for seconds, *_ in entries)
    project = admin.get(f"/orchestra/app/project/{project_id}").text
    assert as_minutes(re.findall(r'quiet">\S+ (\d+):(\d+) h</span>', project)) == minutes
    assert as_minutes(re.findall(r">Recorded (\d+):(\d+) h</a>", project)) == minutes


def as_minutes(pairs):
    return sum(int(hours) * 60 + int(minutes) for hours, minutes in pairs)


def test_many_rows_are_paged_at_a_constant_cost(admin, record, statements):
    """W-72"""
    costs = []
    for first, last in ((0, 1), (1, 60)):
        for number in range(first, last):
            record(date(2026, 3, 2) - timedelta(weeks=number))
        with statements() as seen:
            page = admin.get(f"{TIME}?{EVER}").text
        costs.append(len(seen))
    assert costs[0] == costs[1]
    assert page.count('data-label="Week from"') == 50
    assert admin.get(f"{TIME}?{EVER}&page=2").text.count('data-label="Week from"') == 10
    assert "There is no page 9" in admin.get(f"{TIME}?{EVER}&page=9").text


def test_only_project_admins_see_what_others_recorded(client, browser, work, record):
    """T-30, W-60"""
    record(date(2026, 3, 2), 3600)
    worker = browser().sign_in(work.workers[work.writer.name])
    assert worker.get(TIME).status_code == 403
    assert "Recorded" not in worker.get(f"/orchestra/app/project/{work.project.id}").text


# --- Weeks ------------------------------------------------------------------------------------


def test_weeks_are_approved_and_unlocked_on_their_page(
    admin, record, work, session, change_settings
):
    change_settings(time_approval=True)
    monday = monday_of(utcnow().date())
    record(monday, 3601)
    week_id = time_weeks.submit(session, work.writer, monday).id
    session.commit()
    page = admin.get(f"{TIME}weeks/").text
    assert "<strong>1:01</strong> h" in page
    for action, state in (("approve", WeekState.APPROVED), ("approve", WeekState.APPROVED)):
        assert admin.post_form(f"{TIME}weeks/{week_id}/{action}").status_code == 303
        assert session.scalars(sa.select(TimeWeek.state)).all() == [state]
        session.commit()
    assert "Approved" in admin.get(f"{TIME}weeks/").text
    admin.post_form(f"{TIME}weeks/{week_id}/unlock")
    assert session.scalars(sa.select(TimeWeek.id)).all() == []
    session.commit()
    admin.post_form(f"{TIME}weeks/{week_id}/approve")
    assert "This week is not handed in." in admin.get(f"{TIME}weeks/").text


def test_weeks_stand_still_while_they_are_switched_off(admin, record, work, session):
    session.add(TimeWeek(worker_id=work.writer.worker_id, monday=date(2026, 3, 2)))
    session.commit()
    page = admin.get(f"{TIME}weeks/").text
    assert "ORCHESTRA_TIME_APPROVAL switches it on" in page
    assert "Approve<" not in page


def test_many_weeks_cost_what_one_costs(admin, make, session, statements, change_settings):
    change_settings(time_approval=True)
    costs = []
    for number in (1, 55):
        for _ in range(number):
            worker = make.worker()
            session.add(TimeWeek(worker_id=worker.id, monday=date(2026, 3, 2)))
            session.add(TimeEntry(worker_id=worker.id, worked_on=date(2026, 3, 8), work_seconds=60))
        session.commit()
        with statements() as seen:
            page = admin.get(f"{TIME}weeks/").text
        costs.append(len(seen))
    assert costs[0] == costs[1]
    assert page.count("<strong>0:01</strong> h") == 50
