"""The timer and the timecard as people use them: on a task page, in two tabs, on a phone."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from orchestra.database import utcnow
from orchestra.domain import lifecycle
from orchestra.domain.audit import SYSTEM
from orchestra.domain.calendar import monday_of
from orchestra.models import Task, TimeEntry, Timer, TimeWeek, Worker
from tests.browser.conftest import PHONE

CARD = "/orchestra/app/timecard"


@pytest.fixture
def held(version, session):
    """The task that Ana holds."""
    task = session.scalars(sa.select(Task).where(Task.step == "reporting")).one()
    ana = session.scalars(sa.select(Worker).where(Worker.username == "ana")).one()
    assignment = lifecycle.assign_task(session, SYSTEM, task.id, ana)
    session.flush()
    session.commit()
    return assignment


@pytest.fixture
def recorded(held, session):
    """A week of Ana's, with everything that can be wrong in it."""
    today = utcnow().replace(hour=9, minute=0, second=0, microsecond=0)
    texts = ["Called the mayor's office", "Wrote the first draft", "Read what came before"]
    for days_ago in range(5):
        for number, text in enumerate(texts[days_ago % 2 :]):
            start = today - timedelta(days=days_ago) + timedelta(hours=number)
            was_forgotten = (days_ago, number) == (1, 1)
            seconds = 86400 if was_forgotten else 3060 + 700 * days_ago * number
            is_timed = number > 0 or was_forgotten
            session.add(
                TimeEntry(
                    worker_id=held.worker_id,
                    worked_on=start.date(),
                    work_seconds=seconds,
                    description="" if (days_ago, number) == (1, 0) else text,
                    assignment_id=None if (days_ago, number) == (0, 1) else held.id,
                    timer_started_at=start if is_timed else None,
                    timer_stopped_at=start + timedelta(seconds=seconds) if is_timed else None,
                    was_cut_off=was_forgotten,
                )
            )
    session.commit()
    return held


def test_time_is_recorded_from_a_task_to_the_timecard_and_out_of_it(served, held, visiting):
    """The documented walk (docs/time.md): W-49 to W-51, T-3, T-15, T-26, T-29"""
    visit = visiting(served)
    visit.sign_in("ana").goto(f"{served}/orchestra/app/task/{held.task_id}")
    time_the_task(visit, held)
    put_its_time_right(visit)
    move_and_download_it(visit)
    delete_it_and_think_better_of_it(visit)
    see_a_mistake_at_its_field(visit)


def time_the_task(visit, held):
    page, timer = visit.page, visit.page.locator("[data-timer]")
    page.keyboard.press("t")
    expect(timer).to_have_class("menu timer is-running")
    timer.locator("summary").click()
    expect(page.get_by_label("Task", exact=True)).to_have_value(str(held.id))
    page.get_by_label("What do you do?").fill("Called the mayor")
    expect(page.locator("[data-timer-saved]")).to_have_text("Saved")
    visit.check()
    visit.shot("timer-panel")
    page.reload()
    expect(page.locator("[data-timer-minutes]")).to_have_text("0:01")
    timer.locator("summary").click()
    expect(page.get_by_label("What do you do?")).to_have_value("Called the mayor")
    page.get_by_role("button", name="Stop the timer").click()
    expect(page.locator("#notices")).to_contain_text("You recorded 0:01 h.")
    visit.shot("timer-stopped")


def put_its_time_right(visit):
    page = visit.page
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url(f"**{CARD}")
    expect(entries_of(page)).to_have_count(1)
    visit.check()
    visit.shot("timecard-first")
    page.get_by_role("link", name="Edit 0:01 h, Called the mayor").click()
    page.get_by_label("Hours").fill("1")
    page.get_by_label("Minutes").fill("30")
    page.get_by_label("Find a task").last.fill("pope")
    visit.check()
    visit.shot("timecard-edit")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#notices")).to_contain_text("The entry is changed.")
    expect(entries_of(page).locator(".entry-time")).to_have_text("1:30")


def entries_of(page):
    return page.locator(".entries > li")


def move_and_download_it(visit):
    page = visit.page
    page.get_by_role("link", name="Edit 1:30 h, Called the mayor").click()
    yesterday = (utcnow() - timedelta(days=1)).date().isoformat()
    page.get_by_label("Date").fill(yesterday)
    page.get_by_role("button", name="Save").click()
    page.goto(f"{visit.url}{CARD}?from={yesterday}&to={yesterday}")
    expect(entries_of(page)).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert "Called the mayor,5400,90" in download.value.path().read_text()


def delete_it_and_think_better_of_it(visit):
    page = visit.page
    page.get_by_role("link", name="Edit 1:30 h").click()
    page.get_by_role("button", name="Delete …").click()
    visit.shot("timecard-delete")
    page.get_by_role("button", name="Delete the entry").click()
    expect(entries_of(page)).to_have_count(0)
    expect(page.get_by_text("is deleted.")).to_be_visible()
    visit.check()
    visit.shot("timecard-deleted")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#notices")).to_contain_text("The entry is back.")
    expect(entries_of(page)).to_have_count(1)


def see_a_mistake_at_its_field(visit):
    page = visit.page
    page.get_by_role("link", name="Add time", exact=True).first.click()
    page.get_by_label("Hours").fill("25")
    page.locator("[data-entry-form]").evaluate("form => (form.noValidate = true)")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("Give a number from 0 to 24.")).to_be_visible()
    expect(page.get_by_label("Hours")).to_be_focused()
    visit.check()
    visit.shot("timecard-refused")


def test_two_tabs_show_and_stop_one_timer(served, held, session, visiting):
    """T-5, T-8, W-50: what lacks something asks to be completed."""
    visit = visiting(served)
    one = visit.sign_in("ana")
    two = visit.context.new_page()
    two.goto(f"{served}{CARD}")
    one.locator("[data-timer] summary").click()
    one.get_by_role("button", name="Start the timer").click()
    expect(two.locator("[data-timer]")).to_have_class("menu timer is-running")  # told at once
    two.route("**/interface/timer/", lambda route: route.abort())  # it hears nothing
    one.get_by_role("button", name="Stop the timer").click()
    expect(one.locator("dialog[open]")).to_be_visible()
    two.unroute("**/interface/timer/")
    expect(two.locator("[data-timer]")).to_have_class("menu timer is-running")
    two.locator("[data-timer] summary").click()
    two.get_by_role("button", name="Stop the timer").click()
    expect(two.get_by_text("Your timer does not run.")).to_be_visible()
    expect(two.locator("[data-timer]")).to_have_class("menu timer")
    assert session.scalars(sa.select(sa.func.count()).select_from(TimeEntry)).one() == 1
    assert session.scalars(sa.select(Timer)).all() == []
    session.commit()
    expect(one.get_by_role("heading", name="You recorded")).to_be_visible()
    visit.check()
    visit.shot("timer-asks")
    one.get_by_role("button", name="Complete it now").click()
    one.wait_for_url(f"**{CARD}?edit=*")
    one.get_by_label("What did you do?").fill("Looked around")
    one.get_by_label("Task", exact=True).last.select_option(label="Reporting: The Pope in New York")
    one.get_by_role("button", name="Save").click()
    expect(one.locator(".entries > li")).to_contain_text("Looked around")
    expect(one.locator("[data-timer-invalid]")).to_be_hidden()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("desktop", {}),
        ("phone", {"viewport": PHONE}),
        ("dark", {"color_scheme": "dark"}),
    ],
)
def test_a_full_timecard_fits_everywhere(
    served, recorded, visiting, change_settings, name, options
):
    """W-4, W-5, W-51"""
    change_settings(time_approval=True)
    visit = visiting(served, **options)
    page = visit.sign_in("ana")
    first, last = (utcnow() - timedelta(days=4)).date(), utcnow().date()
    page.goto(f"{served}{CARD}?from={first}&to={last}")
    expect(page.locator(".day-total.is-invalid").first).to_have_text("Invalid entries")
    expect(page.get_by_text("This overlaps").first).to_be_visible()
    visit.check()
    visit.shot(f"timecard-{name}")
    page.get_by_role("link", name="Edit").first.click()
    page.locator("[data-timer] summary").click()
    expect(page.locator("#timer-assignment")).to_be_enabled()
    visit.check()
    visit.shot(f"timecard-timer-{name}")
    if name == "desktop":
        page.emulate_media(media="print")
        visit.shot("timecard-print")


def test_the_timer_works_without_scripts(served, held, session, visiting):
    """W-1"""
    visit = visiting(served, waits_for_scripts=False, java_script_enabled=False)
    page = visit.sign_in("ana")
    page.goto(f"{served}/orchestra/app/task/{held.task_id}")
    page.locator("[data-timer] summary").click()
    page.get_by_role("button", name="Start the timer").click()
    page.locator("[data-timer] summary").click()
    page.get_by_label("What do you do?").fill("Read")
    page.get_by_role("button", name="Stop the timer").click()
    expect(page.locator("#notices")).to_contain_text("You recorded 0:0")
    (entry,) = session.scalars(sa.select(TimeEntry)).all()
    assert (entry.description, entry.assignment_id) == ("Read", held.id)
    session.commit()


@pytest.mark.parametrize(
    ("name", "options"), [("desktop", {}), ("phone", {"viewport": PHONE, "color_scheme": "dark"})]
)
def test_project_admins_see_what_was_recorded_and_approve_weeks(
    served, recorded, session, make, visiting, change_settings, name, options
):
    """W-55, W-69"""
    change_settings(time_approval=True)
    for _ in range(2):
        worker = make.worker(first_name="Ben")
        session.add(TimeWeek(worker_id=worker.id, monday=monday_of(utcnow().date())))
    make.admin("max", first_name="Max", password="max")
    session.commit()
    visit = visiting(served, **options)
    page = visit.sign_in("max")
    page.goto(f"{served}/orchestra/admin/time/")
    expect(page.get_by_role("link", name="Ana")).not_to_have_count(0)
    visit.check()
    visit.shot(f"time-admin-{name}")
    page.get_by_role("link", name="Weeks handed in").click()
    page.get_by_role("button", name="Approve the week").first.click()
    expect(page.locator("#notices")).to_contain_text("is approved and locked.")
    visit.check()
    visit.shot(f"time-weeks-{name}")
    page.goto(f"{served}/orchestra/app/project/1")
    expect(page.locator("[data-label=Recorded]").first).to_contain_text("Ana")
    visit.check()
    visit.shot(f"time-project-{name}")
