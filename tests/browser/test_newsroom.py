"""The newsroom as the documentation tells it: six people, a return, three photographs (X-27)."""

import os
import subprocess
import sys

from playwright.sync_api import expect

from tests.browser.conftest import PHONE
from tests.browser.test_review import confirm, open_row, said
from tests.newsroom import CAPTIONS, HEADLINE, PEOPLE, PHOTOS, PLAN
from tests.photographs import no_image

QUESTION = "What does the captain say?"
DRAFT = """\
# One last time

The *Aurora* left Pier 3 at sunset on Saturday, as she has done for forty years. Tomorrow the bridge
opens.
"""
ANSWER = """
## What the captain says

"I shall learn to bake," says Ines Alvarez, and lets the horn sound once more than she must.
"""


def test_six_people_make_an_article(system, visiting):
    """W-4, W-5, W-23, W-35, W-36, X-18 to X-22; the pictures are those of docs/newsroom.md."""
    project_id = ordered(system)
    people = {name: visiting(system.url) for name in PEOPLE}

    plan(people["journalism-editor"])
    report(people["journalism-reporter-1"])
    return_it(people["journalism-reporter-2"])
    rework(people["journalism-reporter-1"])
    accept(people["journalism-reporter-2"])
    photograph(people["journalism-photographer-1"])
    review_photos(people["journalism-photographer-2"])
    polish(people["journalism-copy-editor"])

    check_article(finished(system, project_id))
    look_at_the_project(visiting(system.url), system, project_id)


def ordered(system):
    return system.client.create_project("journalism", "v1", "The last ferry", 10, {}, "training")


def show(visit, name):
    """A picture of the page as a screen shows it that is high enough for all of it."""
    page, seen = visit.page, visit.page.viewport_size
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": seen["width"], "height": height})
    visit.shot(name)
    page.set_viewport_size(seen)


def sign_in(visit, username):
    return visit.sign_in(username, PEOPLE[username][0])


def take(visit, username, button, step):
    """Sign in and press the button, as soon as the page knows that a task waits."""
    page = sign_in(visit, username)
    pressed = page.get_by_role("button", name=button)
    expect(pressed).to_contain_text("1")
    if username == "journalism-editor":
        visit.shot("newsroom-start")
    pressed.click()
    expect(page.locator(".page-head h1")).to_contain_text(step)
    return page


def plan(visit):
    page = take(visit, "journalism-editor", "New delivery task", "Article Planning")
    expect(page.get_by_role("heading", name="Plan out the story idea")).to_be_visible()
    page.get_by_label("Who is the story about?").fill(PLAN["who"])
    page.get_by_label("What is the story about?").fill(PLAN["what"])
    page.get_by_label("When does it take place?").fill(PLAN["when"])
    page.get_by_label("Where does it take place?").fill(PLAN["where"])
    page.get_by_label("Notes").fill(PLAN["notes"])
    expect(page.locator("[data-save-state]")).to_contain_text("Saved at")
    visit.check()
    show(visit, "newsroom-plan")
    confirm(page, "Submit")
    expect(said(page)).to_contain_text("It is complete.")


def report(visit):
    page = take(visit, "journalism-reporter-1", "New delivery task", "Reporting")
    heading = "Draft the article based on the editor's story plan"
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    expect(page.locator(".step-panel").first).to_contain_text(PLAN["who"])
    write(visit, DRAFT)
    expect(page.locator(".kept-document")).to_contain_text("forty years")
    visit.check()
    show(visit, "newsroom-report")
    confirm(page, "Submit")
    expect(said(page)).to_contain_text("It waits for a reviewer now.")


def write(visit, text):
    """In the document, which opens beside the task; the task shows it when one comes back."""
    page = visit.page
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Edit Article Draft").click()
    document = opened.value
    document.get_by_label("Text", exact=True).fill(text)
    expect(document.locator("[data-save-state]")).to_contain_text("Saved at")
    document.get_by_role("link", name="Done").click()
    expect(document.get_by_role("heading", name="One last time")).to_be_visible()
    document.close()
    page.evaluate("dispatchEvent(new Event('focus'))")  # the browser of tests never leaves a tab


def return_it(visit):
    page = take(visit, "journalism-reporter-2", "New review task", "Reporting")
    expect(page.get_by_role("heading", name="Review the article")).to_be_visible()
    visit.check()
    show(visit, "newsroom-review")
    confirm(page, "Return to Rosa", comment=QUESTION)
    expect(said(page)).to_contain_text("went back to the person before you")


def rework(visit):
    page = visit.page
    open_row(page, "Reporting")
    expect(page.get_by_role("region", name="Ravi Menon returned this")).to_contain_text(QUESTION)
    visit.check()
    show(visit, "newsroom-returned")
    write(visit, DRAFT + ANSWER)
    expect(page.locator(".kept-document")).to_contain_text("I shall learn to bake")
    confirm(page, "Submit")
    expect(said(page)).to_contain_text("Its reviewer has it again.")


def accept(visit):
    page = visit.page
    open_row(page, "Reporting")
    confirm(page, "Accept")
    expect(said(page)).to_contain_text("It is complete.")


def photograph(visit):
    page = take(visit, "journalism-photographer-1", "New delivery task", "Photography")
    folder = page.locator("[data-folder]")
    folder.get_by_label("Add files").set_input_files(
        [
            *(picture(name, "image/jpeg", photo()) for name, photo in PHOTOS.items()),
            picture("shopping list.txt", "text/plain", no_image()),
        ]
    )
    folder.get_by_role("button", name="Upload").click()
    expect(folder.get_by_role("status")).to_contain_text("4 files were added.")
    expect(folder.locator("img")).to_have_count(len(PHOTOS))
    visit.check()
    show(visit, "newsroom-photograph")
    confirm(page, "Submit")
    expect(said(page)).to_contain_text("It waits for a reviewer now.")


def picture(name, content_type, content):
    """A file as a browser chooses it."""
    return {"name": name, "mimeType": content_type, "buffer": content}


def review_photos(visit):
    page = take(visit, "journalism-photographer-2", "New review task", "Photography")
    expect(page.get_by_role("heading", name="Review the photos")).to_be_visible()
    visit.check()
    show(visit, "newsroom-review-photos")
    confirm(page, "Accept")
    expect(said(page)).to_contain_text("It is complete.")


def polish(visit):
    page = take(visit, "journalism-copy-editor", "New delivery task", "Copy Editing")
    page.get_by_label("Headline").fill(HEADLINE)
    captions = page.get_by_label("Caption")
    expect(captions).to_have_count(len(CAPTIONS))
    for caption, text in zip(captions.all(), CAPTIONS.values(), strict=True):
        caption.fill(text)
    expect(page.locator("[data-save-state]")).to_contain_text("Saved at")
    page.reload()
    for caption, text in zip(captions.all(), CAPTIONS.values(), strict=True):
        expect(caption).to_have_value(text)
    visit.check()
    show(visit, "newsroom-polish")
    page.set_viewport_size(PHONE)
    visit.check()
    show(visit, "newsroom-polish-phone")
    confirm(page, "Submit")
    expect(said(page)).to_contain_text("It is complete.")


def finished(system, project_id):
    """The information of the project at its end."""
    return system.client.project_information(project_id)["tasks"]


def check_article(tasks):
    """X-22: what the client gets is exactly this."""
    photos = tasks["photo_adjustment"]["latest_data"]["photos_for_caption"]
    assert tasks["copy_editing"]["latest_data"] == {
        "articleDocument": tasks["document_creation"]["latest_data"]["articleURL"],
        "headline": HEADLINE,
        "photos": [{"src": photo["src"], "caption": CAPTIONS[photo["name"]]} for photo in photos],
    }
    assert [photo["name"] for photo in photos] == list(PHOTOS)


def look_at_the_project(visit, system, project_id):
    command = [sys.executable, "-m", "orchestra.cli", "create-admin", "--demo"]
    environment = os.environ | {"ORCHESTRA_DATA_DIR": str(system.folder)}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    page = visit.sign_in("admin")
    page.goto(f"{system.url}/orchestra/app/project/{project_id}")
    visit.check()
    show(visit, "newsroom-project")
