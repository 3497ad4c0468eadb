"""Who works on a task: assign, reassign, unassign, and why not, in a browser."""

from playwright.sync_api import expect

from orchestra.domain import lifecycle
from orchestra.domain.audit import Actor
from orchestra.models import Role, TaskStatus
from tests.browser.management.hands import (
    PHONE,
    act,
    dialog_of,
    press,
    row_of,
    said,
    task_of,
    type_keys,
    worker_of,
)


def test_a_task_is_assigned_passed_on_and_put_back(at_project, session, project_id):
    """W-55, P-64: who may take it comes first, and a search finds the others."""
    visit, page = at_project()
    visit.check()
    visit.shot("actions-1-page")
    act(page, "Reporting", "Assign")
    dialog = dialog_of(page)
    expect(dialog).to_contain_text("3 of 5 active workers may take it.")
    expect(dialog.locator(".candidate").first).to_contain_text("Ana")
    expect(dialog.get_by_role("radio", name="Dan")).to_be_disabled()
    expect(dialog).to_contain_text("dan lacks the certification at entry level: reporter.")
    press(page, "Assign")
    expect(dialog).to_contain_text("Choose who gets the task.")
    visit.check()
    visit.shot("actions-2-assign")
    dialog.get_by_label("Search").fill("be")
    dialog.get_by_role("radio", name="Bea").check()
    press(page, "Assign")
    expect(said(page)).to_contain_text("Reporting is with Bea now.")
    expect(row_of(page, "Reporting")).to_contain_text("Bea")
    visit.shot("actions-3-assigned")
    pass_on(page)
    act(page, "Reporting", "Unassign")
    press(page, "Take it from Bea")
    expect(said(page)).to_contain_text("the draft is kept")
    expect(row_of(page, "Reporting")).not_to_contain_text("Bea")
    assert task_of(session, project_id, "reporting").status is TaskStatus.AWAITING_PROCESSING


def pass_on(page):
    """From bea to cem, and back."""
    dialog = dialog_of(page)
    act(page, "Reporting", "Reassign")
    expect(dialog.get_by_role("radio", name="Bea")).to_be_disabled()
    dialog.get_by_role("radio", name="Cem").check()
    press(page, "Reassign")
    expect(row_of(page, "Reporting")).to_contain_text("Cem")
    said(page).get_by_role("button", name="Undo").click()
    expect(said(page)).to_contain_text("Bea has Reporting again.")


def test_one_of_several_on_a_task_is_replaced(at_project, make, session, version, project_id):
    """L-83, L-85: also who has handed over already."""
    reporter = version.workflow.certifications[0]
    make.grant(worker_of(session, "cem"), reporter, Role.REVIEWER)
    mia, ana = Actor.of(worker_of(session, "mia")), worker_of(session, "ana")
    task = task_of(session, project_id, "reporting")
    lifecycle.assign_task(session, mia, task.id, ana)
    data = {"headline": "Rain"}
    lifecycle.hand_over(session, Actor.of(ana), task.id, "submit", data=data, revision=1)
    session.commit()
    _, page = at_project()
    dialog = dialog_of(page)
    act(page, "Reporting", "Assign")
    expect(dialog.get_by_role("heading")).to_have_text("Assign the review of Reporting")
    expect(dialog.get_by_role("radio", name="Bea")).to_be_disabled()
    dialog.get_by_role("radio", name="Cem").check()
    press(page, "Assign")
    expect(said(page)).to_contain_text("Reporting is with Cem now.")
    act(page, "Reporting", "Reassign")
    expect(dialog).to_contain_text("Cem (cem), review")
    dialog.get_by_role("radio", name="Ana").check()
    press(page, "Continue")
    dialog.get_by_role("radio", name="Bea").check()
    press(page, "Reassign")
    expect(said(page)).to_contain_text("Bea has the work of Ana on Reporting now")
    expect(row_of(page, "Reporting")).to_contain_text("Bea")


def test_why_somebody_may_not_take_a_task_is_told(at_project):
    """P-64"""
    visit, page = at_project()
    act(page, "Reporting", "Why (not)?")
    dialog = dialog_of(page)
    expect(dialog).to_contain_text("mia lacks the certification")
    expect(dialog.get_by_role("radio")).to_have_count(0)
    visit.check()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_a_refusal_names_what_changed_meanwhile(at_project, session, project_id):
    """N-18: refused only when the state changed in between, which the page then shows at once."""
    _, page = at_project()
    act(page, "Reporting", "Assign")
    dialog_of(page).get_by_role("radio", name="Ana").check()
    mia = Actor.of(worker_of(session, "mia"))
    task = task_of(session, project_id, "reporting")
    lifecycle.assign_task(session, mia, task.id, worker_of(session, "bea"))
    session.commit()
    press(page, "Assign")
    expect(dialog_of(page)).to_contain_text("only tasks in Awaiting Processing")
    expect(dialog_of(page).get_by_role("radio", name="Ana")).to_be_checked()
    press(page, "Cancel")
    expect(row_of(page, "Reporting")).to_contain_text("Bea", timeout=5000)  # no round of 15 s
    expect(page.get_by_role("button", name="Actions for Reporting")).to_be_focused()


def test_the_keyboard_goes_on_where_it_acted(at_project):
    """W-6: the button that was pressed is gone after it, another of the same task is there."""
    _, page = at_project()
    page.get_by_role("button", name="Assign Reporting").press("Enter")
    page.keyboard.type("nobody is called this")
    expect(dialog_of(page)).to_contain_text("None shown.")
    dialog_of(page).get_by_role("searchbox").fill("")
    dialog_of(page).get_by_role("radio", name="Ana").press("Space")
    page.keyboard.press("Enter")
    expect(said(page)).to_contain_text("Reporting is with Ana now.")
    expect(page.get_by_role("button", name="Actions for Reporting")).to_be_focused()
    page.get_by_role("button", name="Pause").press("Enter")
    press(page, "Pause")
    expect(said(page)).to_contain_text("The project is paused.")
    expect(page.get_by_role("button", name="Resume")).to_be_focused()


def test_what_could_not_be_loaded_is_asked_for_again(at_project):
    """W-7"""
    visit, page = at_project(color_scheme="dark")
    page.route("**/eligible_workers/**", lambda route: route.abort())
    act(page, "Reporting", "Assign")
    dialog = dialog_of(page)
    expect(dialog).to_contain_text("The server cannot be reached.")
    visit.check()
    visit.shot("actions-load-failed")
    page.unroute("**/eligible_workers/**")
    press(page, "Try again")
    expect(dialog.get_by_role("radio", name="Ana")).to_be_enabled()
    visit.check()
    visit.shot("actions-dark")


def test_everything_is_done_by_keyboard_on_a_phone(at_project):
    """W-4, W-5, W-6"""
    visit, page = at_project(**PHONE)
    visit.check()
    visit.shot("actions-phone-1")
    opener = row_of(page, "Reporting").locator("[popovertarget]")
    opener.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Staff", exact=True)).to_be_focused()
    visit.shot("actions-phone-2")
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    type_keys(page, "Enter", "Tab", "Tab", "Tab", "Enter")
    expect(dialog_of(page).get_by_label("Note")).to_be_focused()
    visit.check()
    visit.shot("actions-phone-3")
    page.keyboard.press("Escape")
    expect(dialog_of(page)).to_have_count(0)
    expect(opener).to_be_focused()
    type_keys(page, "Shift+Tab", "Enter")
    expect(dialog_of(page).get_by_label("Search")).to_be_focused()
    visit.check()
    visit.shot("actions-phone-4")
    type_keys(page, "Tab", "Tab", "Space", "Enter")
    expect(said(page)).to_contain_text("Reporting is with Ana now.")
    expect(row_of(page, "Reporting")).to_contain_text("Ana")
    expect(page.locator("body")).not_to_be_focused()
