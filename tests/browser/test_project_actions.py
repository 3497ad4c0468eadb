"""What project admins do on the page of a project and on the list of projects, in a browser."""

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from orchestra.domain import lifecycle, projects, repair
from orchestra.domain.audit import Actor
from orchestra.domain.people import new_session_key
from orchestra.models import (
    Attempt,
    Project,
    ProjectStatus,
    Role,
    Task,
    TaskClass,
    TaskStatus,
    Worker,
)
from tests.builders import step
from tests.web.conftest import form_step

PHONE = {"viewport": {"width": 320, "height": 640}, "device_scale_factor": 2}
TRACEBACK = "Traceback (most recent call last):\n  File \"crawl.py\", line 7\nKeyError: 'url'"


@pytest.fixture(scope="session")
def database_url(tmp_path_factory):
    """One database is enough here: a browser does not see which database it is."""
    return f"sqlite:///{tmp_path_factory.mktemp('database')}/test.sqlite3"


@pytest.fixture
def version(make):
    """A reviewed step that ana, bea and cem may do, one after it, and a machine step."""
    version = make.version(
        form_step("reporting", name="Reporting", required_certifications=["reporter"]),
        step("photos", "reporting", name="Photos"),
        step("crawl", name="Crawling", human=False),
        certifications=["reporter"],
        slug="journalism",
    )
    for name in ("ana", "bea", "cem"):
        worker = make.worker(name, first_name=name.title())
        make.grant(worker, version.workflow.certifications[0])
    make.worker("dan", first_name="Dan")
    make.admin("mia", first_name="Mia", password="mia")
    return version


@pytest.fixture
def start(session, version):
    """Start and commit a project; gives its id."""

    def started(description="The Pope in New York"):
        mia = session.scalars(sa.select(Worker).where(Worker.username == "mia")).one()
        project = projects.create_project(
            session,
            Actor.of(mia),
            workflow_slug="journalism",
            version_slug="v1",
            short_description=description,
            priority=10,
            task_class=TaskClass.REAL,
            project_data={"url": "https://example.org"},
        )
        session.commit()
        return project.id

    return started


@pytest.fixture
def project_id(start):
    return start()


@pytest.fixture
def at_project(served, visiting, project_id):
    """Mia at the page of the project."""

    def opened(**options):
        visit = visiting(served, **options)
        page = visit.sign_in("mia")
        page.goto(f"{served}/orchestra/app/project/{project_id}")
        return visit, page

    return opened


def task_of(session, project_id, slug):
    found = sa.select(Task).where(Task.project_id == project_id, Task.step == slug)
    return session.scalars(found.execution_options(populate_existing=True)).one()


def worker_of(session, username):
    return session.scalars(sa.select(Worker).where(Worker.username == username)).one()


def row_of(page, name):
    return page.locator("tr", has=page.locator("[data-task-actions]")).filter(has_text=name)


def act(page, name, action):
    """Choose an action on a task: its own button, or one in the menu."""
    row = row_of(page, name)
    direct = row.locator(".task-actions > [data-act]").filter(has_text=action)
    if direct.count():
        direct.click()
        return
    row.locator("[popovertarget]").click()
    row.get_by_role("button", name=action, exact=True).click()


def act_on_project(page, action):
    direct = page.locator("[data-project-actions] > [data-act]").filter(has_text=action)
    if not direct.count():
        page.get_by_role("button", name="More", exact=True).click()
    page.locator("[data-project-actions]").get_by_role("button", name=action).click()


def dialog_of(page):
    return page.get_by_role("dialog")


def press(page, name):
    dialog_of(page).get_by_role("button", name=name).click()


def said(page):
    return page.locator("#notices")


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


def test_a_step_is_skipped_and_taken_back(at_project, session, project_id):
    """W-55, L-78"""
    visit, page = at_project()
    act(page, "Reporting", "Assign")
    dialog_of(page).get_by_role("radio", name="Ana").check()
    press(page, "Assign")
    expect(row_of(page, "Reporting")).to_contain_text("Processing")
    act(page, "Reporting", "Skip")
    dialog_of(page).get_by_label("Note").fill("The editor did it.")
    visit.shot("actions-skip")
    press(page, "Skip")
    expect(said(page)).to_contain_text("Reporting is skipped.")
    expect(row_of(page, "Photos")).to_contain_text("Awaiting Processing")
    said(page).get_by_role("button", name="Undo").click()
    expect(said(page)).to_contain_text("Reporting is as it was.")
    session.rollback()
    assert task_of(session, project_id, "reporting").status is TaskStatus.PROCESSING


def hand_in(session, project_id):
    ana = worker_of(session, "ana")
    task = task_of(session, project_id, "reporting")
    mia = Actor.of(worker_of(session, "mia"))
    lifecycle.assign_task(session, mia, task.id, ana)
    data = {"headline": "Rain"}
    lifecycle.hand_over(session, Actor.of(ana), task.id, "submit", data=data, revision=1)
    lifecycle.skip_task(session, mia, task.id)
    session.commit()


def test_a_revert_is_reported_before_it_is_done(at_project, session, project_id):
    """W-57"""
    hand_in(session, project_id)
    visit, page = at_project()
    act(page, "Reporting", "Revert")
    dialog = dialog_of(page)
    expect(dialog).to_contain_text("Round 1: Ana, delivery, submitted")
    visit.check()
    visit.shot("actions-revert-1")
    press(page, "Show what changes")
    expect(dialog).to_contain_text("Reporting is Complete now and will be Processing.")
    expect(dialog).to_contain_text("Round 1 of Ana is opened again.")
    expect(dialog).to_contain_text("Photos: Awaiting Processing")
    visit.check()
    visit.shot("actions-revert-2")
    assert task_of(session, project_id, "reporting").status is TaskStatus.COMPLETE
    session.rollback()
    press(page, "Revert now")
    expect(said(page)).to_contain_text("Reporting is Processing again.")

    act(page, "Reporting", "Revert")
    press(page, "Show what changes")
    expect(dialog).to_contain_text("nothing would change")
    expect(dialog.get_by_role("button", name="Revert now")).to_be_hidden()
    press(page, "Cancel")
    act(page, "Reporting", "Revert")
    dialog.get_by_role("radio", name="Before it").check()
    press(page, "Show what changes")
    expect(dialog).to_contain_text("Round 1 of Ana is discarded.")
    press(page, "Revert now")
    expect(said(page)).to_contain_text("Reporting is Awaiting Processing again.")


def test_a_machine_step_is_reverted_to_before_it_ran(at_project, session, project_id, failed):
    """L-91, L-97: the completed project is active again."""
    mia = Actor.of(worker_of(session, "mia"))
    repair.skip_with_data(session, mia, failed, {"found": 3})
    for slug in ("reporting", "photos"):
        session.flush()
        lifecycle.skip_task(session, mia, task_of(session, project_id, slug).id)
    session.commit()
    _, page = at_project()
    expect(page.get_by_text("This project is completed.")).to_be_visible()
    act(page, "Crawling", "Revert")
    expect(dialog_of(page)).to_contain_text("It goes back to before it ran")
    press(page, "Show what changes")
    expect(dialog_of(page)).to_contain_text("The project is Completed and becomes Active again.")
    press(page, "Revert now")
    expect(said(page)).to_contain_text("Crawling is Awaiting Processing again.")
    session.rollback()
    assert session.get(Project, project_id).status is ProjectStatus.ACTIVE


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


def test_a_skipped_step_is_wanted_after_all(at_project, session, project_id):
    """L-81"""
    task_of(session, project_id, "reporting").status = TaskStatus.SKIPPED
    session.commit()
    _, page = at_project()
    act(page, "Reporting", "Un-skip")
    expect(said(page)).to_contain_text("Reporting is wanted after all: Awaiting Processing.")
    expect(row_of(page, "Reporting").get_by_role("button", name="Assign")).to_be_visible()


@pytest.fixture
def failed(session, project_id):
    task = task_of(session, project_id, "crawl")
    task.status, task.last_error, task.attempts = TaskStatus.FAILED, "KeyError: 'url'", 3
    attempt = {"number": 3, "fencing_number": 3, "host": "h", "process": 1, "outcome": "failed"}
    session.add(Attempt(task_id=task.id, error="KeyError: 'url'", traceback=TRACEBACK, **attempt))
    session.commit()
    return task.id


def test_a_failed_step_is_tried_again_with_other_data(at_project, session, failed, project_id):
    """W-55, L-123"""
    visit, page = at_project()
    act(page, "Crawling", "Retry")
    dialog = dialog_of(page)
    expect(dialog).to_contain_text("KeyError: 'url'")
    dialog.get_by_text("Traceback of attempt 3").click()
    expect(dialog).to_contain_text('File "crawl.py", line 7')
    data = dialog.get_by_label("Project data")
    data.fill('{"url": ')
    press(page, "Retry")
    expect(dialog).to_contain_text("This is not JSON")
    expect(data).to_be_focused()
    expect(data).to_have_value('{"url": ')
    visit.check()
    visit.shot("actions-retry")
    data.fill('{"url": "https://example.com"}')
    press(page, "Retry")
    expect(said(page)).to_contain_text("Crawling is tried again.")
    session.rollback()
    assert session.get(Project, project_id).project_data == {"url": "https://example.com"}


def test_a_failed_step_is_completed_by_hand(at_project, session, failed, project_id):
    """W-55, L-123"""
    _, page = at_project()
    act(page, "Crawling", "Skip with data")
    data = dialog_of(page).get_by_label("Result")
    data.fill("[1]")
    press(page, "Skip with this data")
    expect(dialog_of(page)).to_contain_text("Give a JSON object")
    data.fill('{"found": 3}')
    press(page, "Skip with this data")
    expect(said(page)).to_contain_text("Crawling is complete with the data you gave.")
    assert task_of(session, project_id, "crawl").result == {"found": 3}


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


def test_a_project_is_aborted_only_with_its_id_typed(at_project, session, project_id):
    """W-54, W-62"""
    visit, page = at_project()
    act_on_project(page, "Abort")
    dialog = dialog_of(page)
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


def test_due_tasks_are_created_on_demand(at_project):
    """W-54, L-27"""
    _, page = at_project()
    act_on_project(page, "Create subsequent tasks")
    expect(said(page)).to_contain_text("No step is due that has no task yet.")


def test_a_refusal_names_what_changed_meanwhile(at_project, session, project_id):
    """N-18: refused only when the state changed in between."""
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


def type_keys(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def test_everything_is_done_by_keyboard_on_a_phone(at_project):
    """W-4, W-5, W-6"""
    visit, page = at_project(**PHONE)
    visit.check()
    visit.shot("actions-phone-1")
    opener = row_of(page, "Reporting").locator("[popovertarget]")
    opener.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Why (not)?")).to_be_focused()
    visit.shot("actions-phone-2")
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    type_keys(page, "Enter", "Tab", "Tab", "Enter")
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


def test_several_projects_are_paused_at_once(served, visiting, start, session):
    """Each says what became of it."""
    ids = [start(f"Story {number}") for number in range(4)]
    projects.pause(session, Actor.of(worker_of(session, "mia")), ids[3])
    session.commit()
    visit = visiting(served)
    page = visit.sign_in("mia")
    page.goto(f"{served}/orchestra/app/projects")
    page.get_by_label("Choose all open projects of this page").check()
    bar = page.locator("[data-bulk]")
    expect(bar).to_contain_text("4 projects chosen")
    visit.check()
    visit.shot("bulk-1")
    bar.get_by_role("button", name="Pause").click()
    press(page, "Pause 4 projects")
    expect(said(page)).to_contain_text("3 paused, 1 was not Active.")
    expect(said(page)).to_contain_text(f"{ids[0]} Story 0: paused")
    expect(bar).to_contain_text("1 project chosen")
    expect(page.locator("[data-status=paused]")).to_have_count(4)
    visit.check()
    visit.shot("bulk-2")


def test_several_projects_are_aborted_with_typed_confirmation(served, visiting, start, session):
    ids = [start(f"Story {number}") for number in range(3)]
    visit = visiting(served, **PHONE)
    page = visit.sign_in("mia")
    page.goto(f"{served}/orchestra/app/projects")
    for number in (0, 2):
        page.get_by_label(f"Choose project {ids[number]} ").check()
    bar = page.locator("[data-bulk]")
    visit.check()
    visit.shot("bulk-phone-1")
    bar.get_by_role("button", name="Abort").click()
    dialog = dialog_of(page)
    expect(dialog).to_contain_text("Story 2")
    press(page, "Abort 2 projects")
    expect(dialog).to_contain_text("Type exactly: abort 2 projects")
    visit.check()
    visit.shot("bulk-phone-2")
    dialog.get_by_label("to confirm").fill("abort 2 projects")
    press(page, "Abort 2 projects")
    expect(said(page)).to_contain_text("2 aborted.")
    expect(page.locator("[data-project-id]")).to_have_count(1)
    expect(bar).to_be_hidden()
    session.rollback()
    statuses = {row.id: row.status for row in session.query(Project)}
    assert [statuses[project_id] for project_id in ids] == [
        ProjectStatus.ABORTED, ProjectStatus.ACTIVE, ProjectStatus.ABORTED,
    ]  # fmt: skip


def test_several_projects_are_resumed_by_keyboard(served, visiting, start, session):
    project_id = start()
    projects.pause(session, Actor.of(worker_of(session, "mia")), project_id)
    session.commit()
    visit = visiting(served, color_scheme="dark")
    page = visit.sign_in("mia")
    page.goto(f"{served}/orchestra/app/projects")
    page.get_by_label("Choose project").focus()
    page.keyboard.press("Space")
    visit.check()
    visit.shot("bulk-dark")
    page.locator("[data-bulk]").get_by_role("button", name="Resume").focus()
    page.keyboard.press("Enter")
    expect(said(page)).to_contain_text("1 resumed.")
    expect(page.get_by_label("Choose all open projects of this page")).to_be_focused()
