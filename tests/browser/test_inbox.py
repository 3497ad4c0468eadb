"""The inbox as people see it: unread, opened, all read; on a desk, on a phone, in the dark."""

import pytest
from playwright.sync_api import expect

from orchestra.domain import inboxes, lifecycle, projects
from orchestra.domain.audit import SYSTEM, Actor
from tests.browser.conftest import PHONE
from tests.builders import reviewed, step

LONG = "A description that goes on and on, as those of clients do: " + "word " * 40


@pytest.fixture
def full_inbox(make, session):
    """Ana, and what a week of work tells her."""
    ana = make.worker("ana", first_name="Ana", password="ana")
    ben = make.worker("ben", first_name="Ben")
    version = make.version(
        step("report", name="Reporting", review_policy=reviewed()), slug="journalism"
    )
    for description in ("The Pope in New York", "Rain in Rome", LONG):
        project = projects.create_project(
            session,
            SYSTEM,
            workflow_slug="journalism",
            version_slug=version.slug,
            short_description=description,
            priority=0,
            task_class=make.project(version=version).task_class,
            project_data={},
        )
        task = make.task(project, "report")
        lifecycle.assign_task(session, SYSTEM, task.id, ana)
        session.flush()
        hand_over(session, ana, task)
        lifecycle.assign_task(session, SYSTEM, task.id, ben)
        session.flush()
        hand_over(session, ben, task, "return")
    projects.pause(session, SYSTEM, project.id, "The client is on holiday until Monday.")
    inboxes.mark_read(session, ana.id, range(1, 6))
    session.commit()
    return ana


def hand_over(session, worker, task, command="submit"):
    lifecycle.hand_over(session, Actor.of(worker), task.id, command, data={}, revision=1)
    session.flush()


def test_messages_are_read_one_by_one_and_all_at_once(served, full_inbox, visiting):
    """M-28, W-2, W-65"""
    visit = visiting(served)
    page = visit.sign_in("ana")
    page.get_by_title("Inbox").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Inbox")
    visit.check()
    visit.shot("inbox-desktop")
    unread = page.locator(".inbox .is-unread")
    before = unread.count()
    page.get_by_role("button", name="Unread: Ben returned Reporting to you").first.click()
    page.wait_for_url("**/orchestra/app/task/*")
    page.get_by_title("Inbox").click()
    expect(unread).to_have_count(before - 1)
    page.get_by_role("button", name="Mark all read").click()
    expect(page.locator("#notices")).to_contain_text("All messages are marked as read.")
    expect(unread).to_have_count(0)
    visit.check()
    visit.shot("inbox-all-read")


@pytest.mark.parametrize(
    ("name", "options"),
    [("phone", {"viewport": PHONE}), ("dark", {"color_scheme": "dark"})],
)
def test_the_inbox_fits_everywhere(served, full_inbox, visiting, name, options):
    """W-4, W-5"""
    visit = visiting(served, **options)
    page = visit.sign_in("ana")
    page.get_by_title("Inbox").click()
    expect(page.get_by_role("button", name="Mark all read")).to_be_visible()
    visit.check()
    visit.shot(f"inbox-{name}")


def test_an_empty_inbox_says_what_comes(served, make, session, visiting):
    make.worker("ana", first_name="Ana", password="ana")
    session.commit()
    visit = visiting(served)
    page = visit.sign_in("ana")
    page.get_by_title("Inbox").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Inbox")
    visit.check()
    visit.shot("inbox-empty")


def test_the_inbox_works_without_scripts(served, full_inbox, visiting):
    """W-1"""
    visit = visiting(served, waits_for_scripts=False, java_script_enabled=False)
    page = visit.sign_in("ana")
    page.get_by_title("Inbox").click()
    page.get_by_role("button", name="Mark all read").click()
    expect(page.locator("#notices")).to_contain_text("All messages are marked as read.")


@pytest.mark.parametrize("width", [320, 390, 480, 640])
def test_the_header_of_a_phone_is_one_line_whatever_people_are_called(
    served, full_inbox, session, visiting, width
):
    """W-2, W-4"""
    full_inbox.first_name = "Anna-Magdalena Wilhelmine"
    session.commit()
    visit = visiting(served, viewport={"width": width, "height": 640})
    page = visit.sign_in("ana")

    controls = page.locator(".frame > a, .frame-tools > a, .frame summary:visible")
    heights = [controls.nth(n).bounding_box()["height"] for n in range(controls.count())]
    assert len(heights) == 5
    assert max(heights) < 40
    visit.check()
