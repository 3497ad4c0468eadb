"""Two people and one piece of work: submit, return with feedback, hand back, accept."""

import re

from playwright.sync_api import expect

from orchestra.domain.people import new_session_key
from orchestra.models import Assignment
from tests.browser.conftest import start


def confirm(page, action, comment=None):
    page.wait_for_load_state()  # before its scripts run, a button acts without a dialog
    page.get_by_role("button", name=action).click()
    dialog = page.get_by_role("dialog")
    if comment:
        dialog.get_by_label("Comment").fill(comment)
    dialog.get_by_role("button", name=action).click()


def said(page):
    return page.locator("#notices")


def open_row(page, name):
    page.get_by_role("link", name=name).first.click()
    page.wait_for_url("**/task/*")


def test_work_is_returned_with_feedback_and_accepted_in_the_end(served, version, visiting):
    """W-23, W-24, W-27, W-30"""
    at_ana, at_ben = visiting(served), visiting(served)
    write_and_submit(at_ana)
    review_and_return(at_ben)
    rework(at_ana)
    accept(at_ben)


def write_and_submit(visit):
    page = visit.sign_in("ana")
    page.get_by_role("button", name="New delivery task").click()
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#error-summary")).to_contain_text("Headline")
    expect(page.get_by_label("Headline")).to_be_focused()
    visit.check()
    visit.shot("review-1-errors")
    page.get_by_label("Headline").fill("The Pope fills the Garden")
    expect(page.locator("[data-save-state]")).to_contain_text("Saved at")
    confirm(page, "Submit")
    expect(said(page)).to_contain_text("It waits for a reviewer now.")
    visit.shot("review-2-submitted")


def review_and_return(visit):
    page = visit.sign_in("ben")
    page.get_by_role("button", name="New review task").click()
    expect(page.get_by_label("Headline")).to_have_value("The Pope fills the Garden")
    visit.check()
    visit.shot("review-3-reviewer")
    confirm(page, "Return to Ana", comment="Name the second source.")
    expect(said(page)).to_contain_text("went back to the person before you")


def rework(visit):
    page = visit.page
    # Nobody reloads: the dashboard of ana shows it by itself.
    expect(page.get_by_text("Returned by Ben")).to_be_visible()
    visit.check()
    visit.shot("review-4-returned")
    open_row(page, "Reporting")
    expect(page.get_by_role("region", name="Ben returned this")).to_contain_text("second source")
    visit.check()
    visit.shot("review-5-feedback")
    page.get_by_label("Text").fill("Two people said so.")
    confirm(page, "Submit")
    expect(said(page)).to_contain_text("Its reviewer has it again.")


def accept(visit):
    page = visit.page
    expect(page.get_by_role("heading", name="In progress")).to_contain_text("1")
    open_row(page, "Reporting")
    confirm(page, "Accept", comment="Well done.")
    expect(said(page)).to_contain_text("It is complete.")
    visit.check()
    visit.shot("review-6-accepted")


def test_a_button_that_found_nothing_says_so_and_rests(served, version, visiting):
    """W-17"""
    visit = visiting(served)
    page = visit.sign_in("ben")
    button = page.get_by_role("button", name="New review task")
    button.click()
    expect(said(page)).to_contain_text("No review is waiting at the moment.")
    expect(button).to_be_disabled()
    page.wait_for_timeout(6000)  # fresh data does not wake it
    expect(button).to_be_disabled()
    visit.check()
    visit.shot("dashboard-resting")


def test_the_dashboard_is_walked_filtered_and_sorted_by_keyboard(
    served, version, session, make, visiting
):
    """W-6, W-16"""
    with session.begin():
        for name in ("Harvest festival", "Chess open"):
            start(session, make.admin(), name)
    page = visiting(served).sign_in("ana")
    for _ in range(3):
        page.get_by_role("button", name="New delivery task").click()
        page.wait_for_url("**/task/*")
        page.get_by_role("link", name="Dashboard").first.click()
    rows = page.locator("#bucket-in_progress [data-row]")
    expect(rows).to_have_count(3)
    page.get_by_role("link", name="Project", exact=True).click()
    expect(rows.first).to_contain_text("Chess open")
    page.wait_for_timeout(5500)  # fresh data keeps the order
    expect(rows.first).to_contain_text("Chess open")
    page.get_by_label("Filter tasks").fill("festival")
    expect(rows.locator("visible=true")).to_have_count(1)
    page.get_by_label("Filter tasks").fill("")
    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator(".context-line").first).to_contain_text("Chess open")


def test_a_lost_login_is_mended_without_losing_work(served, version, session, visiting):
    """W-31"""
    visit = visiting(served)
    page = visit.sign_in("ana")
    page.get_by_role("button", name="New delivery task").click()
    expect(page.get_by_label("Headline")).to_be_visible()
    with session.begin():
        for assignment in session.query(Assignment):
            session.refresh(assignment.worker)
            assignment.worker.session_key = new_session_key()
    page.get_by_label("Headline").fill("Rain")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("You are signed out.")
    visit.shot("lost-login")
    with page.expect_popup() as opened:
        dialog.get_by_role("link", name="Sign in").click()
    login = opened.value
    login.get_by_label("User name or e-mail").fill("ana")
    login.get_by_label("Password").fill("ana")
    login.get_by_role("button", name="Sign in").click()
    login.wait_for_url("**/task/**")
    dialog.get_by_role("button", name="continue").click()
    expect(page.locator("[data-save-state]")).to_contain_text("Saved at")


def test_nothing_is_saved_in_the_name_of_who_signed_in_meanwhile(served, version, visiting):
    """W-31, P-10"""
    visit = visiting(served)
    page = visit.sign_in("ana")
    page.get_by_role("button", name="New delivery task").click()
    sign_in_elsewhere(visit, "ben")
    page.get_by_label("Headline").fill("Rain")
    state = page.locator("[data-save-state]")
    expect(state).to_have_text(re.compile("Could not save: Somebody else is signed in"))
    sign_in_elsewhere(visit, "ana")
    page.get_by_role("button", name="Save").click()
    expect(state).to_contain_text("Saved at")


def sign_in_elsewhere(visit, name):
    other = visit.context.new_page()
    other.goto(f"{visit.url}/orchestra/accounts/logout_then_login/")
    other.get_by_role("main").get_by_role("button", name="Log out").click()
    other.get_by_label("User name or e-mail").fill(name)
    other.get_by_label("Password").fill(name)
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("heading", level=1)).to_contain_text("Good")


def test_what_is_typed_before_the_scripts_run_is_saved(served, version, visiting):
    """W-27"""
    page = visiting(served, waits_for_scripts=False).sign_in("ana")
    held = []
    page.route("**/static/task.js*", lambda route: held.append(route))
    with page.expect_request("**/static/task.js*"):
        page.get_by_role("button", name="New delivery task").click()
    page.get_by_label("Headline").fill("Rain")
    (script,) = held
    script.continue_()
    expect(page.locator("[data-save-state]")).to_contain_text("Saved at")


def test_everything_works_without_javascript(served, version, visiting):
    """W-1: reading does; saving and handing over, too."""
    visit = visiting(served, java_script_enabled=False)
    page = visit.sign_in("ana")
    page.get_by_role("button", name="New delivery task").click()
    page.get_by_label("Headline").fill("Rain")
    page.get_by_role("button", name="Save").click()
    expect(said(page)).to_contain_text("Saved.")
    page.get_by_role("button", name="Submit").click()
    expect(said(page)).to_contain_text("It waits for a reviewer now.")
    visit.shot("without-javascript")


def test_a_person_chooses_the_colours_and_logs_out(served, version, visiting):
    visit = visiting(served)
    page = visit.sign_in("ana")
    page.locator("summary", has_text="Ana").click()
    page.get_by_role("button", name="Dark").click()
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.locator("summary", has_text="Ana").click()
    visit.shot("menu")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
