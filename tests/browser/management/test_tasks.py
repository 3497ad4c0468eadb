"""Tasks are skipped, reverted and tried again, in a browser."""

from playwright.sync_api import expect

from orchestra.domain import interventions, lifecycle, repair
from orchestra.domain.audit import Actor
from orchestra.models import Project, ProjectStatus, TaskStatus
from tests.browser.management.hands import act, dialog_of, press, row_of, said, task_of, worker_of
from tests.builders import own


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


def test_a_skipped_step_is_wanted_after_all(at_project, session, project_id):
    """L-81"""
    task_of(session, project_id, "reporting").status = TaskStatus.SKIPPED
    session.commit()
    _, page = at_project()
    act(page, "Reporting", "Un-skip")
    expect(said(page)).to_contain_text("Reporting is wanted after all: Awaiting Processing.")
    expect(row_of(page, "Reporting").get_by_role("button", name="Assign")).to_be_visible()


def hand_in(session, project_id):
    ana = worker_of(session, "ana")
    task = task_of(session, project_id, "reporting")
    mia = Actor.of(worker_of(session, "mia"))
    lifecycle.assign_task(session, mia, task.id, ana)
    data = {"headline": "Rain"}
    lifecycle.hand_over(session, Actor.of(ana), task.id, "submit", data=data, revision=1)
    interventions.skip_task(session, mia, task.id)
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
        interventions.skip_task(session, mia, task_of(session, project_id, slug).id)
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
    assert own(session.get(Project, project_id).project_data) == {"url": "https://example.com"}


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
