"""A project is paused, edited and aborted, in a browser."""

from playwright.sync_api import expect

from orchestra.domain import projects
from orchestra.domain.audit import Actor
from orchestra.domain.people import new_session_key
from orchestra.models import Project, ProjectStatus
from tests.browser.management.hands import (
    act_on_project,
    dialog_of,
    press,
    said,
    task_of,
    worker_of,
)


def test_a_project_is_paused_and_resumed(at_project, session, project_id):
    """W-54, L-102, L-103"""
    visit, page = at_project()
    act_on_project(page, "Pause")
    dialog_of(page).get_by_label("Reason").fill("Holiday")
    press(page, "Pause")
    expect(said(page)).to_contain_text("The project is paused.")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    visit.check()
    visit.shot("actions-paused")
    said(page).get_by_role("button", name="Undo").click()
    expect(said(page)).to_contain_text("The project is active again.")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_an_edit_shows_its_problems_at_the_fields(at_project):
    """W-54, L-108: nothing typed is lost."""
    visit, page = at_project()
    act_on_project(page, "Edit")
    dialog = dialog_of(page)
    priority, description = dialog.get_by_label("Priority"), dialog.get_by_label("Description")
    priority.fill("soon")
    description.fill("The Pope in Queens")
    press(page, "Save")
    expect(dialog).to_contain_text("Give a whole number.")
    priority.fill("9000000")
    press(page, "Save")
    expect(dialog).to_contain_text("Give a number from")
    expect(description).to_have_value("The Pope in Queens")
    visit.check()
    visit.shot("actions-edit")


def test_who_edits_what_somebody_else_changed_chooses(at_project, session, project_id):
    """L-108"""
    visit, page = at_project()
    act_on_project(page, "Edit")
    dialog = dialog_of(page)
    priority = dialog.get_by_label("Priority")
    dialog.get_by_label("Description").fill("The Pope in Queens")
    expect(priority).to_have_value("10")
    mia = Actor.of(worker_of(session, "mia"))
    changes = {"priority": 3}
    projects.edit_project(session, mia, project_id, revision=1, changes=changes)
    session.commit()
    priority.fill("7")
    press(page, "Save")
    expect(dialog).to_contain_text("The project was changed by mia meanwhile.")
    visit.check()
    visit.shot("actions-edit-conflict")
    priorities = dialog.get_by_role("group", name="Priority")
    priorities.get_by_role("radio", name="Take theirs").check()
    press(page, "Save what I chose")
    expect(said(page)).to_contain_text("The project is saved.")
    expect(page.get_by_role("heading", level=1)).to_have_text("The Pope in Queens")
    session.rollback()
    project = session.get(Project, project_id, populate_existing=True)
    assert (project.short_description, project.priority) == ("The Pope in Queens", 3)


def test_edits_of_different_fields_go_together(at_project, session, project_id):
    """L-108: nobody is asked about what they did not change."""
    _, page = at_project()
    act_on_project(page, "Edit")
    description = dialog_of(page).get_by_label("Description")
    expect(description).to_have_value("The Pope in New York")
    mia = Actor.of(worker_of(session, "mia"))
    projects.edit_project(session, mia, project_id, revision=1, changes={"priority": 3})
    session.commit()
    description.fill("The Pope in Queens")
    press(page, "Save")
    expect(said(page)).to_contain_text("The project is saved.")
    project = session.get(Project, project_id, populate_existing=True)
    assert (project.short_description, project.priority) == ("The Pope in Queens", 3)


def test_a_project_is_aborted_only_with_its_id_typed(at_project, session, project_id):
    """W-54, W-62"""
    visit, page = at_project()
    act_on_project(page, "Abort")
    dialog = dialog_of(page)
    expect(dialog).to_contain_text("The Pope in New York: every open task ends")
    press(page, "Abort the project")
    expect(dialog).to_contain_text(f"Type exactly: {project_id}")
    visit.check()
    visit.shot("actions-abort")
    dialog.get_by_label("to confirm").fill(str(project_id))
    press(page, "Abort the project")
    expect(said(page)).to_contain_text("The project is aborted.")
    expect(page.get_by_role("button", name="Edit")).to_have_count(0)
    expect(page.locator("[data-act]")).to_have_count(0)
    session.rollback()
    assert session.get(Project, project_id).status is ProjectStatus.ABORTED


def test_due_tasks_are_created_on_demand(at_project, session, project_id):
    """W-54, L-27"""
    _, page = at_project()
    act_on_project(page, "Create subsequent tasks")
    expect(said(page)).to_contain_text("No step is due that has no task yet.")
    session.delete(task_of(session, project_id, "crawl"))
    session.commit()
    act_on_project(page, "Create subsequent tasks")
    expect(said(page)).to_contain_text("1 task created: Crawling.")


def test_the_team_is_written_to(at_project):
    """W-54, M-27: what was told stands in its tab."""
    visit, page = at_project()
    act_on_project(page, "Message team")
    press(page, "Send")
    expect(dialog_of(page)).to_contain_text("Write something.")
    dialog_of(page).get_by_label("Message").fill("The deadline is Friday.")
    press(page, "Send")
    expect(said(page)).to_contain_text("Your message was sent to the team.")
    page.get_by_role("link", name="Messages", exact=True).click()
    expect(page.get_by_role("table", name="Messages about the project")).to_contain_text("wrote to")
    visit.check()
    visit.shot("project-messages")
    page.set_viewport_size({"width": 320, "height": 640})
    visit.check()
    visit.shot("project-messages-phone")


def test_a_lost_login_is_mended_in_the_dialog(at_project, session, served):
    """W-31"""
    _, page = at_project()
    act_on_project(page, "Pause")
    dialog = page.locator("#action-dialog")
    dialog.get_by_label("Reason").fill("Holiday")
    worker_of(session, "mia").session_key = new_session_key()
    session.commit()
    dialog.get_by_role("button", name="Pause").click()
    login = page.locator("#login-dialog")
    expect(login).to_contain_text("You are signed out.")
    login.get_by_role("button", name="Not now").click()
    expect(dialog).to_contain_text("Sign in again.")
    expect(dialog.get_by_label("Reason")).to_have_value("Holiday")
