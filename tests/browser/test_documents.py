"""A document that two people edit, its history, and a folder beside the work (I-31, W-35)."""

import re

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


def test_what_was_not_saved_is_offered_to_who_wrote_it_only(served, work, visiting):
    """W-28"""
    visit = visiting(served)
    page = edit(visit, served, work, "ana")
    page.route("**/api/interface/documents/**", lambda route: route.abort())
    text_field(page).fill("Between us")
    state(page).to_contain_text("Could not save")
    page.close()
    visit.page = page = visit.context.new_page()
    for name, is_offered in (("ben", False), ("ana", True)):
        page.goto(f"{served}/orchestra/accounts/logout_then_login/")
        page.get_by_role("main").get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Password")).to_be_visible()
        edit(visit, served, work, name)
        expect(page.get_by_role("button", name="Restore it")).to_be_visible(visible=is_offered)


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


TEXT_EDGES = """(paragraph) => {
  const range = document.createRange();
  range.selectNodeContents(paragraph);
  const [text, box] = [range, paragraph].map((place) => place.getBoundingClientRect());
  return [text.left - box.left, box.right - text.right].map((distance) => distance < 2);
}"""


def test_each_text_runs_in_its_own_direction(served, work, visiting, session):
    """W-1: in the midst of our words, which run from left to right."""
    documents.save(
        session, work.writer, work.article, revision=1, text="العبارة الأخيرة\n\nThe end"
    )
    session.commit()
    visit = visiting(served)
    page = visit.sign_in("ana")
    page.goto(f"{served}/orchestra/documents/{work.article}/")
    edges = [paragraph.evaluate(TEXT_EDGES) for paragraph in page.locator(".document p").all()]
    assert edges == [[False, True], [True, False]]


COPY_PICTURE = """async () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 40, height: 30 });
  canvas.getContext("2d").fillRect(0, 0, 20, 20);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve));
  await navigator.clipboard.write([new ClipboardItem({ [blob.type]: blob })]);
}"""
DROP = """(area, files) => {
  const dataTransfer = new DataTransfer();
  for (const [name, type, bytes] of files) {
    dataTransfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
  }
  return ["dragover", "drop"].map((type) => {
    const event = new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer });
    area.dispatchEvent(event);
    return event.defaultPrevented;
  });
}"""


def test_pictures_are_pasted_and_dropped_into_a_document(served, work, visiting):
    """I-37"""
    visit = visiting(served, permissions=["clipboard-read", "clipboard-write"])
    page = edit(visit, served, work, "ana")
    text = text_field(page)
    text.fill("Look: ")
    page.evaluate(COPY_PICTURE)
    text.press("ControlOrMeta+v")
    pasted = r"Look: !\[image\.png\]\(/orchestra/files/\w+/image\.png\)"
    expect(text).to_have_value(re.compile(pasted))
    photos = [("ferry.jpg", ferry()), ("ring [1].jpg", life_ring())]
    text.evaluate(DROP, [(name, "image/jpeg", list(photo)) for name, photo in photos])
    dropped = r"!\[ferry\.jpg\]\(\S+/ferry\.jpg\)\n!\[ring 1\.jpg\]\(\S+\)"
    expect(text).to_have_value(re.compile(pasted + dropped))
    state(page).to_contain_text("Saved at")
    page.get_by_role("button", name="Preview").click()
    preview = page.get_by_role("region", name="Preview")
    expect(preview.get_by_role("img", name="ring 1.jpg")).to_have_js_property("naturalHeight", 1200)
    visit.check()
    visit.shot("document-pictures")
    page.get_by_role("link", name="Done").click()
    shown = page.locator(".document").get_by_role("img", name="image.png")
    expect(shown).to_have_js_property("naturalHeight", 30)
    visit.check()


def test_what_is_no_picture_is_refused_and_the_text_stays(served, work, visiting):
    """I-37, I-28"""
    visit = visiting(served, permissions=["clipboard-read", "clipboard-write"])
    page = edit(visit, served, work, "ana")
    text = text_field(page)
    text.fill("Look: ")
    assert text.evaluate(DROP, [("plan.pdf", "application/pdf", [1, 2])]) == [True, True]
    error = page.locator("#text-error")
    expect(error).to_have_text(
        "Only pictures can be dropped into a text: PNG, JPEG, GIF or WebP files."
    )
    text.evaluate(DROP, [("drawing.svg", "image/svg+xml", list(b"<svg></svg>"))])
    expect(error).to_contain_text("drawing.svg: This is no picture.")
    visit.check()
    expect(text).to_have_value("Look: ")
    page.evaluate("navigator.clipboard.writeText('only words')")
    text.press("ControlOrMeta+v")
    expect(text).to_have_value("Look: only words")


def test_a_document_is_not_left_while_a_picture_is_sent(served, work, visiting):
    """I-37, W-28"""
    visit = visiting(served, permissions=["clipboard-read", "clipboard-write"])
    page = edit(visit, served, work, "ana")
    held = []
    page.route("**/upload_image/", lambda route: held.append(route))
    text_field(page).fill("Look: ")
    page.evaluate(COPY_PICTURE)
    text_field(page).press("ControlOrMeta+v")
    expect(text_field(page)).to_have_value(re.compile(r"Look: !\[Sending picture 1, "))
    page.get_by_role("link", name="Done").click()
    expect(page.locator("#text-error")).to_have_text(
        "A picture is still being sent. Wait a moment."
    )
    held[0].continue_()
    expect(text_field(page)).to_have_value(re.compile(r"!\[image\.png\]\(/orchestra/files/"))
    expect(page.locator("#text-error")).to_be_hidden()
    page.get_by_role("link", name="Done").click()
    expect(page.locator(".document").get_by_role("img")).to_be_visible()
