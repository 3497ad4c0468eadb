"""The day at the task page: keyboard, phone, dark, two tabs, remarks, history, failures."""

import re

import pytest
from playwright.sync_api import expect

from orchestra.domain.people import new_session_key
from orchestra.models import Assignment, Project, Task, TaskClass, TaskStatus, Worker
from tests.browser.conftest import PHONE

LOOKS = {"desktop": {}, "phone": {"viewport": PHONE}, "dark": {"color_scheme": "dark"}}


def take(visit, button="New delivery task"):
    page = visit.page
    page.get_by_role("button", name=button).click()
    page.wait_for_url("**/task/*")
    expect(field(page, "Headline")).to_be_visible()
    return page


def field(page, label):
    """Not what remarks on it."""
    return page.get_by_role("textbox", name=re.compile(f"^{label}"))


def saved(page):
    return expect(page.locator("[data-save-state]"))


def said(page):
    return expect(page.locator("#notices"))


def hand_over(page, action):
    page.get_by_role("button", name=action).click()
    page.get_by_role("dialog").get_by_role("button", name=action).click()


def test_a_whole_submit_by_keyboard_only(served, version, visiting):
    """W-6"""
    visit = visiting(served)
    page = visit.sign_in("ana")
    button = page.get_by_role("button", name="New delivery task")
    for _ in range(20):
        page.keyboard.press("Tab")
        if button.evaluate("button => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/task/*")
    field(page, "Headline").focus()
    page.keyboard.type("g? The Pope / jk")
    expect(field(page, "Headline")).to_have_value("g? The Pope / jk")
    page.keyboard.press("Control+s")
    saved(page).to_contain_text("Saved at")
    page.keyboard.press("Control+Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Submit?")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.keyboard.press("Control+Enter")
    page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Submit")).to_be_focused()
    page.keyboard.press("Enter")
    said(page).to_contain_text("It waits for a reviewer now.")


def test_the_sheet_lists_the_shortcuts_and_they_work(served, version, visiting):
    """W-6"""
    visit = visiting(served)
    visit.sign_in("ana")
    page = take(visit)
    page.locator("h1").click()
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet).to_contain_text("Submit or accept")
    visit.check()
    visit.shot("shortcuts")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/orchestra/app")
    page.keyboard.press("/")
    expect(page.get_by_label("Filter tasks")).to_be_focused()


def test_single_keys_can_be_switched_off(served, version, session, visiting):
    """W-6"""
    with session.begin():
        session.query(Worker).filter_by(username="ana").one().uses_single_keys = False
    visit = visiting(served)
    page = visit.sign_in("ana")
    page.keyboard.press("?")
    page.keyboard.press("/")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_label("Filter tasks")).to_have_count(0)  # nothing to filter yet
    page.locator("summary", has_text="Ana").click()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(page.get_by_role("dialog")).to_contain_text("switched off in your settings")


@pytest.fixture
def reviewed(served, version, visiting):
    """ana has submitted, and ben has begun to review."""
    at_ana, at_ben = visiting(served), visiting(served)
    at_ana.sign_in("ana")
    page = take(at_ana)
    field(page, "Headline").fill("The Pope fills Madison Square Garden")
    field(page, "Text").fill("Two people said that it was full. It rained all day.")
    hand_over(page, "Submit")
    at_ben.sign_in("ben")
    take(at_ben, "New review task")
    return at_ana, at_ben


def test_remarks_go_from_the_reviewer_to_the_writer_and_back(reviewed):
    """W-22, W-23"""
    at_ana, at_ben = reviewed
    say_it(at_ben)
    take_it_up(at_ana)
    see_what_became_of_it(at_ben)


def look_everywhere(visit, name):
    """W-4, W-5: also on a phone in the dark."""
    page = visit.page
    visit.check()
    visit.shot(name)
    usual = page.viewport_size
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="dark")
    visit.check()
    visit.shot(f"{name}-phone-dark")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(usual)


def say_it(visit):
    page = visit.page
    page.get_by_role("button", name="Remark on Text").click()
    page.get_by_label("Remark on Text").fill("Who says so?")
    page.get_by_role("button", name="Remark on Headline").click()
    page.get_by_label("Remark on Headline").fill("Shorter.")
    look_everywhere(visit, "remarks-1-written")
    page.reload()  # nothing is lost
    expect(page.get_by_label("Remark on Text")).to_have_value("Who says so?")
    field(page, "Headline").fill("The Pope fills the Garden")
    page.get_by_role("button", name="Return to Ana").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Headline: Shorter.")
    dialog.get_by_label("Comment").fill("Nearly there.")
    visit.shot("remarks-2-dialog")
    dialog.get_by_role("button", name="Return to Ana").click()
    said(page).to_contain_text("went back")


def take_it_up(visit):
    page = visit.page
    expect(page.get_by_text("Returned by Ben")).to_be_visible()
    page.get_by_role("link", name="Reporting").first.click()
    region = page.get_by_role("region", name="Ben returned this")
    expect(region).to_contain_text("Nearly there.")
    expect(field(page, "Text")).to_have_accessible_description(re.compile("Ben: Who says so"))
    look_everywhere(visit, "remarks-3-returned")
    region.get_by_role("link", name="Text").click()
    expect(field(page, "Text")).to_be_focused()
    field(page, "Text").fill("The police said that it was full.")
    region.get_by_role("button", name=re.compile("^Mark as resolved.*Text")).click()
    expect(region).to_contain_text("Resolved by you")
    expect(field(page, "Text")).not_to_have_accessible_description(re.compile("Who says so"))
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("dialog")).to_contain_text("One remark is still open.")
    page.get_by_role("dialog").get_by_role("button", name="Submit").click()
    said(page).to_contain_text("Its reviewer has it again.")


def see_what_became_of_it(visit):
    page = visit.page
    page.get_by_role("link", name="Reporting").first.click()
    region = page.get_by_role("region", name="Remarks of the review")
    expect(region).to_contain_text("Resolved by Ana")
    expect(
        region.get_by_role("button", name=re.compile("^Mark as resolved.*Headline"))
    ).to_be_visible()
    page.locator("summary", has_text="Changed: Text").click()
    history = page.get_by_role("complementary")
    expect(history.locator("ins").first).to_contain_text("The police")
    expect(history.locator("del").first).to_contain_text("Two people")
    look_everywhere(visit, "remarks-4-history")
    page.get_by_role("link", name="Dashboard").first.click()
    page.wait_for_url("**/orchestra/app")


@pytest.mark.parametrize("look", LOOKS)
def test_every_round_can_be_read_on_every_screen(served, version, visiting, look):
    """W-4, W-22"""
    visit = visiting(served, **LOOKS[look])
    visit.sign_in("ana")
    page = look_at_what_was_handed_over(visit)
    expect(page.locator("#read-only")).to_be_visible()
    page.locator("summary", has_text="Filled in").click()
    expect(page.locator("#round-1")).to_contain_text("All that was handed over")
    visit.check()
    visit.shot(f"task-{look}")
    page.goto(f"{served}/orchestra/app/task/1/round/1")
    visit.check()
    visit.shot(f"round-{look}")


def look_at_what_was_handed_over(visit):
    """Take a task, submit it, and open it again."""
    page = take(visit)
    field(page, "Headline").fill("The Pope fills the Garden")
    hand_over(page, "Submit")
    said(page).to_contain_text("It waits for a reviewer now.")
    page.goto(f"{visit.url}/orchestra/app/task/1")
    return page


def test_a_round_that_fails_to_load_can_be_tried_again(served, version, visiting):
    """W-7"""
    visit = visiting(served)
    visit.sign_in("ana")
    page = look_at_what_was_handed_over(visit)
    page.route("**/round/1", lambda route: route.abort())
    page.locator("summary", has_text="Filled in").click()
    expect(page.get_by_text("This round could not be loaded.")).to_be_visible()
    visit.shot("load-failed")
    page.unroute("**/round/1")
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("#round-1")).to_contain_text("All that was handed over")
    visit.complaints.clear()  # the library told the console, too


def test_a_round_is_not_replaced_by_the_page_to_sign_in(served, version, session, visiting):
    """W-7, W-31"""
    visit = visiting(served)
    visit.sign_in("ana")
    page = look_at_what_was_handed_over(visit)
    with session.begin():
        session.query(Worker).filter_by(username="ana").one().session_key = new_session_key()
    page.locator("summary", has_text="Filled in").click()
    expect(page.get_by_text("This round could not be loaded.")).to_be_visible()
    page.get_by_role("link", name="Show what was handed over").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_dashboard_out_of_reach_keeps_what_was_there(served, version, visiting):
    """W-7"""
    visit = visiting(served)
    page = visit.sign_in("ana")
    page.route("**/orchestra/app", lambda route: route.abort())
    failure = page.get_by_text("This page could not be loaded.")
    expect(failure).to_be_visible()
    expect(page.get_by_text("No tasks yet")).to_be_visible()
    visit.check()
    visit.shot("dashboard-out-of-reach")
    page.unroute("**/orchestra/app")
    page.get_by_role("button", name="Retry").click()
    expect(failure).to_be_hidden()
    visit.complaints.clear()  # the library told the console, too


def test_a_comment_outlives_a_dialog_that_was_closed(reviewed):
    """W-30"""
    _, at_ben = reviewed
    page = at_ben.page
    page.get_by_role("button", name="Return to Ana").click()
    page.get_by_role("dialog").get_by_label("Comment").fill("Who says so?")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("dialog").get_by_label("Comment")).to_have_value("Who says so?")


def test_two_tabs_that_saved_choose_between_their_versions(served, version, visiting):
    """W-29"""
    visit = visiting(served)
    visit.sign_in("ana")
    page = take(visit)
    other = visit.context.new_page()
    other.goto(page.url)
    field(page, "Headline").fill("From the first tab")
    saved(page).to_contain_text("Saved at")
    field(other, "Headline").fill("From the second tab")
    conflict = other.locator("#conflict")
    expect(conflict).to_contain_text("Two versions of this work")
    visit.shot("two-tabs")
    conflict.get_by_label("Take theirs").check()
    conflict.get_by_role("button", name="Save what I chose").click()
    expect(field(other, "Headline")).to_have_value("From the first tab")
    expect(conflict).to_be_hidden()


def test_remarks_survive_a_session_that_ended(reviewed, session):
    """W-31"""
    _, at_ben = reviewed
    page = at_ben.page
    page.get_by_role("button", name="Remark on Text").click()
    page.get_by_label("Remark on Text").fill("Who says so?")
    with session.begin():
        session.query(Worker).filter_by(username="ben").one().session_key = new_session_key()
    hand_over(page, "Return to Ana")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("You are signed out.")
    with page.expect_popup() as opened:
        dialog.get_by_role("link", name="Sign in").click()
    login = opened.value
    login.get_by_label("User name or e-mail").fill("ben")
    login.get_by_label("Password").fill("ben")
    login.get_by_role("button", name="Sign in").click()
    login.wait_for_url("**/task/**")
    dialog.get_by_role("button", name="continue").click()
    said(page).to_contain_text("went back")


def test_the_way_back_after_a_submit_shows_the_work_to_be_read(served, version, visiting):
    """W-25"""
    visit = visiting(served)
    visit.sign_in("ana")
    page = take(visit)
    field(page, "Headline").fill("The Pope fills the Garden")
    saved(page).to_contain_text("Saved at")
    hand_over(page, "Submit")
    said(page).to_contain_text("It waits for a reviewer now.")
    page.go_back()
    expect(page.locator("#read-only")).to_contain_text("You handed this over")
    expect(page.get_by_role("button", name="Submit")).to_have_count(0)


def test_leaving_with_unsaved_changes_asks(served, version, visiting):
    """W-28"""
    visit = visiting(served)
    visit.sign_in("ana")
    page = take(visit)
    page.route("**/save_task_assignment/", lambda route: route.abort())
    asked = []

    def stay(dialog):
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    field(page, "Headline").fill("Not yet saved")
    saved(page).to_contain_text("Could not save, trying again")
    page.get_by_role("link", name="Dashboard").first.click()
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    expect(field(page, "Headline")).to_have_value("Not yet saved")
    page.unroute("**/save_task_assignment/")
    saved(page).to_contain_text("Saved at")


def test_work_of_a_browser_that_died_is_offered_again(served, version, visiting):
    """W-28"""
    visit = visiting(served)
    visit.sign_in("ana")
    page = take(visit)
    page.route("**/save_task_assignment/", lambda route: route.abort())
    field(page, "Headline").fill("Written before the crash")
    saved(page).to_contain_text("Could not save, trying again")
    other = visit.context.new_page()
    page.close()  # without asking
    other.goto(f"{served}/orchestra/app/task/1")
    expect(other.locator("#conflict")).to_contain_text("was kept in this browser")
    other.get_by_role("button", name="Restore it").click()
    expect(field(other, "Headline")).to_have_value("Written before the crash")
    saved(other).to_contain_text("Saved")


def test_the_frame_folds_on_a_phone_and_prints_without_tools(served, version, visiting):
    """W-2, W-4"""
    visit = visiting(served, viewport=PHONE)
    visit.sign_in("ana")
    page = take(visit)
    page.get_by_label("Pages").click()
    expect(page.get_by_role("navigation", name="Main, folded")).to_be_visible()
    visit.check()
    visit.shot("frame-phone")
    page.emulate_media(media="print")
    expect(page.locator(".frame")).to_be_hidden()
    expect(page.locator(".bar")).to_be_hidden()
    visit.shot("task-print")


def give(session, version, count):
    """Tasks in progress of ana, as the rules would leave them, made at once."""
    ana = session.query(Worker).filter_by(username="ana").one()
    for number in range(count):
        project = Project(
            version_id=version.id,
            short_description=f"Story {number:04}",
            priority=number % 7,
            task_class=TaskClass.REAL,
            project_data={},
            created_by="mia",
        )
        task = Task(project=project, step="reporting", is_human=True, status=TaskStatus.PROCESSING)
        session.add(Assignment(task=task, level=0, worker_id=ana.id, data={}))


def test_a_thousand_tasks_feel_as_quick_as_ten(served, version, session, visiting):
    """W-15, W-16"""
    with session.begin():
        give(session, version, 1000)
    visit = visiting(served)
    page = visit.sign_in("ana")
    rows = page.locator("#bucket-in_progress [data-row]")
    expect(rows).to_have_count(50)
    expect(page.get_by_text("Page 1 of 20")).to_be_visible()
    page.get_by_label("Filter tasks").fill("story 0997")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Story 0997")
    visit.check()
    visit.shot("dashboard-many-found")
    page.get_by_label("Filter tasks").fill("")
    expect(rows).to_have_count(50)
    page.get_by_role("link", name="Project", exact=True).click()
    expect(rows.first).to_contain_text("Story 0000")
    page.get_by_role("link", name="Next page").click()
    expect(rows.first).to_contain_text("Story 0050")
    page.wait_for_load_state()
    page.keyboard.press("j")
    expect(rows.first.get_by_role("link")).to_be_focused()
    visit.shot("dashboard-many")


def test_an_error_page_says_what_to_do(served, version, visiting):
    """W-10"""
    visit = visiting(served)
    visit.sign_in("ana")
    page = visit.page
    page.goto(f"{served}/orchestra/app/task/99")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    expect(page.get_by_role("link", name="Go to the dashboard")).to_be_visible()
    visit.check()
    visit.shot("error")
