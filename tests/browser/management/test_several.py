"""Several projects of the list are acted on at once, in a browser."""

from playwright.sync_api import expect

from orchestra.domain import projects
from orchestra.domain.audit import Actor
from orchestra.models import Project, ProjectStatus
from tests.browser.management.hands import PHONE, dialog_of, press, said, worker_of


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


def test_the_keyboard_stays_at_what_is_left_to_do(served, visiting, start):
    """W-6: what was refused is chosen still, and so is the button."""
    start()
    page = visiting(served).sign_in("mia")
    page.goto(f"{served}/orchestra/app/projects")
    page.get_by_label("Choose project").press("Space")
    resume = page.locator("[data-bulk]").get_by_role("button", name="Resume")
    resume.press("Enter")
    expect(said(page)).to_contain_text("0 resumed, 1 was not Paused.")
    expect(resume).to_be_focused()
