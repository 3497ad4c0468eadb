"""A document that two people edit, its history, and a folder beside the work (I-31, W-35)."""

import pytest
from playwright.sync_api import expect

from orchestra.domain import documents
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.folders import Wanted, reserve
from orchestra.domain.people import hash_password
from orchestra.models import FileKind, StoredFile, TaskStatus, Worker
from tests.browser.conftest import PHONE
from tests.photographs import ferry, life_ring

LOOKS = {"phone": {"viewport": PHONE}, "dark": {"color_scheme": "dark"}}
PLAN = """# The last ferry

The ferry to the island makes its **last trip** on Sunday. We ask those who

- took it to school for years,
- sold the tickets, and
- will miss the smoke.

> "Nobody waves to a bridge," says the captain.
"""
INTERFACE = {
    "form": {
        "type": "object",
        "properties": {"headline": {"type": "string", "title": "Headline"}},
    },
    "ui": {
        "title": "Write the article",
        "show": [
            {"type": "document", "from": "/project_data/article", "title": "Article Draft"},
            {"type": "folder", "from": "/project_data/raw", "title": "Raw photos"},
        ],
    },
}


@pytest.fixture
def work(make, session):
    """A task of Ana's, with a document and a folder; Ben reviewed it and is on the project."""
    work = make.work(TaskStatus.POST_REVIEW_PROCESSING, user_interface=INTERFACE)
    for actor, name in ((work.writer, "ana"), (work.reviewer, "ben")):
        worker = work.workers[actor.name]
        worker.username, worker.first_name = name, name.title()
        worker.password_hash = hash_password(name)
    project = work.project
    project.short_description = "The last ferry"
    draft = Wanted(kind=FileKind.DOCUMENT, key="article", name="Article Draft")
    raw = Wanted(kind=FileKind.FOLDER, key="raw", name="Raw Photos")
    work.article = documents.reserve(session, SYSTEM, project.id, draft, PLAN).id
    work.raw = reserve(session, SYSTEM, project.id, raw).id
    project.project_data = project.project_data | {"article": work.article, "raw": work.raw}
    session.commit()
    return work


def text_field(page):
    return page.get_by_label("Text", exact=True)


def state(page):
    return expect(page.locator("[data-save-state]"))


def edit(visit, served, work, name):
    page = visit.sign_in(name)
    page.goto(f"{served}/orchestra/documents/{work.article}/")
    visit.check()
    visit.shot("document")
    page.get_by_role("link", name="Edit").click()
    expect(text_field(page)).to_have_value(PLAN)
    return page


def test_two_people_write_one_document(served, work, visiting):
    """I-31: saved as it is written, and two versions to choose from."""
    at_ana, at_ben = visiting(served), visiting(served)
    ana, ben = edit(at_ana, served, work, "ana"), edit(at_ben, served, work, "ben")

    text_field(ana).fill(PLAN.replace("Sunday", "Sunday at noon"))
    state(ana).to_have_text("Unsaved changes")
    state(ana).to_contain_text("Saved at")
    ana.get_by_role("button", name="Preview").click()
    expect(ana.get_by_role("region", name="Preview")).to_contain_text("Sunday at noon")
    at_ana.check()
    at_ana.shot("document-edit")

    text_field(ben).fill(PLAN.replace("Sunday", "Monday"))
    state(ben).to_have_text("Not saved: there is a newer version")
    conflict = ben.locator("#conflict")
    expect(conflict).to_contain_text("A newer version was saved by ana")
    at_ben.check()
    at_ben.shot("document-conflict")
    conflict.get_by_role("button", name="Keep all mine").click()
    state(ben).to_contain_text("Saved at")
    ben.get_by_role("link", name="Done").click()
    expect(ben.locator(".document")).to_contain_text("last trip on Monday")


def test_a_history_is_read_and_brought_back(served, work, visiting, session):
    for actor, day in ((work.writer, "Sunday at noon"), (work.reviewer, "Monday")):
        worker = session.get(Worker, actor.worker_id)
        revision = session.get(StoredFile, work.article).revision
        text = PLAN.replace("Sunday", day)
        documents.save(session, Actor.of(worker), work.article, revision=revision, text=text)
        session.commit()
    visit = visiting(served)
    page = visit.sign_in("ben")
    page.goto(f"{served}/orchestra/documents/{work.article}/")
    page.get_by_role("link", name="History").click()
    entries = page.locator(".document-history li")
    expect(entries).to_have_count(3)
    visit.check()
    visit.shot("document-history")
    entries.nth(0).get_by_role("link").click()
    expect(page.locator(".document-changes del")).to_contain_text("Sunday at noon.")
    visit.check()
    visit.shot("document-revision")
    page.get_by_label("from revision").select_option("1")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".document-changes del")).not_to_contain_text("noon")
    page.goto(f"{served}/orchestra/documents/{work.article}/history/2")
    page.get_by_role("button", name="Go back to this").click()
    expect(page.locator(".document")).to_contain_text("last trip on Sunday at noon")


@pytest.mark.parametrize("look", LOOKS)
def test_documents_and_folders_at_every_look(served, work, visiting, look):
    """W-4, W-5"""
    visit = visiting(served, **LOOKS[look])
    page = visit.sign_in("ana")
    for name, path in (
        ("document", f"documents/{work.article}/"),
        ("document-edit", f"documents/{work.article}/edit"),
        ("document-history", f"documents/{work.article}/history"),
        ("document-revision", f"documents/{work.article}/history/1"),
        ("folder", f"folders/{work.raw}/"),
        ("panels", f"app/task/{work.task.id}"),
    ):
        page.goto(f"{served}/orchestra/{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        visit.check()
        visit.shot(f"{name}-{look}")


def test_pictures_are_put_into_a_folder_beside_the_work(served, work, visiting):
    """W-35"""
    visit = visiting(served)
    page = visit.sign_in("ana")
    page.goto(f"{served}/orchestra/app/task/{work.task.id}")
    panel = page.locator(f'[data-folder="{work.raw}"]')
    page.get_by_label("Headline").fill("Nobody waves to a bridge")
    photos = [("ferry.jpg", ferry()), ("ring.jpg", life_ring())]
    panel.get_by_label("Add files").set_input_files(
        [{"name": name, "mimeType": "image/jpeg", "buffer": photo} for name, photo in photos]
    )
    panel.get_by_role("button", name="Upload").click()
    expect(panel).to_contain_text("2 files were added.")
    expect(panel.get_by_role("img")).to_have_count(0)  # their names say what they show
    expect(panel.locator("img")).to_have_count(2)
    expect(page.get_by_label("Headline")).to_have_value("Nobody waves to a bridge")
    expect(panel.locator("img").last).to_have_js_property("naturalHeight", 240)
    visit.check()
    visit.shot("panels")
    page.goto(f"{served}/orchestra/folders/{work.raw}/")
    expect(page.locator(".thumbnails img").last).to_have_js_property("naturalHeight", 240)
    visit.check()
    visit.shot("folder")
