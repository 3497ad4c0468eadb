"""What authors make of steps: forms with files and Markdown, elements of their own, previews."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from orchestra.domain import documents, lifecycle
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.folders import Wanted
from orchestra.domain.lifecycle import Command
from orchestra.models import Assignment, FileKind, Task
from tests.builders import reviewed, step

GUIDE = Path(__file__).parents[2] / "docs" / "writing-workflows.md"
PHONE = {"width": 320, "height": 640}
FORM = {
    "form": {
        "type": "object",
        "properties": {
            "text": {"type": "string", "title": "Article"},
            "cover": {"type": "string", "title": "Cover"},
            "sources": {"type": "string", "title": "Sources"},
            "photos": {
                "type": "array",
                "title": "Photos",
                "items": {
                    "type": "object",
                    "title": "Photo",
                    "properties": {
                        "src": {"type": "string", "title": "Picture"},
                        "caption": {"type": "string", "title": "Caption"},
                    },
                    "required": ["src"],
                },
            },
            "checked": {
                "type": "array",
                "title": "Checklist",
                "items": {"type": "string", "enum": ["names", "dates", "quotes"]},
                "minItems": 3,
            },
        },
        "required": ["cover"],
    },
    "ui": {
        "title": "Write the article",
        "fields": {
            "/text": {"widget": "markdown", "rows": 4},
            "/cover": {"widget": "image", "help": "The picture on top of the article."},
            "/sources": {"widget": "file"},
            "/photos/*/src": {"widget": "image"},
            "/photos/*/caption": {"widget": "textarea", "rows": 3},
            "/checked": {
                "widget": "checkboxes",
                "labels": {"names": "All names are right", "dates": "Dates", "quotes": "Quotes"},
            },
        },
    },
}
STARS = """
class StarRating extends HTMLElement {
  set taskAssignment(task) {
    this.data = task.task.data;
    this.render();
  }
  connectedCallback() { this.render(); }
  validate() {
    return this.data.stars ? [] : [{ pointer: "/stars", message: "Choose a number of stars." }];
  }
  render() {
    const earlier = this.api.prerequisite("plan", "headline") ?? "nothing";
    this.innerHTML = `<p>About: ${earlier}</p>
      <label>Stars <input name="stars" type="number" max="5" class="form-control"></label>
      <button type="button" class="break btn btn-outline-secondary">Break</button>`;
    const input = this.querySelector("input");
    input.value = this.data.stars ?? "";
    input.disabled = this.readonly;
    input.addEventListener("input", () => {
      this.data = { ...this.data, stars: Number(input.value) };
      const detail = { data: this.data };
      this.dispatchEvent(new CustomEvent("orchestra-change", { bubbles: true, detail }));
    });
    const fail = () => { throw new Error("broken star"); };
    this.querySelector(".break").addEventListener("click", fail);
  }
}
customElements.define("star-rating", StarRating);
"""
ELEMENT = {"element": "star-rating", "javascript_includes": ["stars.js"]}


def picture(tmp_path, name="rain.png", size=(800, 500)):
    file = tmp_path / name
    Image.new("RGB", size, "steelblue").save(file)
    return file


@pytest.fixture
def started(make, session, tmp_path, change_settings):
    """Start a project whose step has this interface, and give its task to ana; returns its id."""

    def made(interface):
        package = tmp_path / "workflows" / "stars"
        (package / "v1" / "static").mkdir(parents=True)
        (package / "workflow.json").write_text(json.dumps({"slug": "stars"}))
        (package / "v1" / "version.json").write_text("{}")
        (package / "v1" / "static" / "stars.js").write_text(STARS)
        change_settings(workflow_dirs=(tmp_path / "workflows",))
        write = step("write", user_interface=interface, review_policy=reviewed())
        version = make.version(write, step("other"), slug="stars")
        task = make.task(make.project(version=version), "write")
        ana, mia = make.worker("ana", first_name="Ana", password="ana"), make.admin()
        lifecycle.assign_task(session, Actor.of(mia), task.id, ana)
        session.commit()
        return task.id

    return made


def at_task(visit, task_id):
    page = visit.sign_in("ana")
    page.goto(f"{visit.url}/orchestra/app/task/{task_id}")
    return page


def saved(page):
    expect(page.locator("[data-save-state]")).to_contain_text("Saved at")


def data_of(session):
    with session.begin():
        return session.query(Assignment).one().data


def test_files_are_chosen_seen_saved_and_removed(served, visiting, started, session, tmp_path):
    visit = visiting(served)
    page = at_task(visit, started(FORM))
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#error-summary")).to_contain_text("Choose a picture for Cover.")
    page.get_by_label("Cover", exact=False).first.set_input_files(picture(tmp_path))
    expect(page.get_by_role("img", name="Cover")).to_be_visible()
    expect(page.get_by_text("Choose a picture for Cover.")).to_have_count(1)  # only in the summary
    plan = tmp_path / "my plan.txt"
    plan.write_text("Ask two people.")
    page.get_by_label("Sources", exact=True).set_input_files(plan)
    expect(page.get_by_role("link", name="my plan.txt")).to_be_visible()
    page.get_by_role("button", name="Add to Photos").click()
    page.locator('[data-pointer="/photos/0/src"] input[type=file]').set_input_files(
        picture(tmp_path, "sun.png", (300, 500))
    )
    page.get_by_label("Caption").fill("The sun over the river")
    expect(page.get_by_role("img", name="Picture")).to_be_visible()
    saved(page)
    visit.check()
    visit.shot("files-1-filled")
    page.reload()
    expect(page.get_by_role("img", name="Cover")).to_be_visible()
    page.get_by_role("button", name="Remove Sources").click()
    sources = page.locator('[data-pointer="/sources"]')
    expect(sources.get_by_role("link")).to_have_count(0)
    expect(page.get_by_label("Sources", exact=True)).to_be_focused()
    saved(page)
    data = data_of(session)
    assert data.keys() == {"cover", "photos"}
    assert data["photos"][0]["caption"] == "The sun over the river"


def test_a_file_is_dropped_and_what_cannot_be_taken_is_told(
    served, visiting, started, change_settings
):
    task_id = started(FORM)
    change_settings(max_upload_bytes=100_000)
    visit = visiting(served, viewport=PHONE, color_scheme="dark")
    page = at_task(visit, task_id)
    drop(page, "/sources", "words.txt", "x" * 50)
    expect(page.get_by_role("link", name="words.txt")).to_be_visible()
    drop(page, "/sources", "long.txt", "x" * 200_000)
    expect(page.locator('[data-pointer="/sources"] [data-error]')).to_have_text(
        "This file is larger than 0.1 MB."
    )
    expect(page.get_by_role("link", name="words.txt")).to_be_visible()
    drop(page, "/cover", "drawing.png", "<svg></svg>")
    expect(page.locator('[data-pointer="/cover"] [data-error]')).to_contain_text("no picture")
    visit.check()
    visit.shot("files-2-phone-dark")


def drop(page, pointer, name, text):
    page.locator(f'[data-pointer="{pointer}"] [data-drop]').evaluate(
        """(zone, [name, text]) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([text], name));
          for (const type of ["dragover", "drop"]) {
            const options = { bubbles: true, cancelable: true, dataTransfer };
            zone.dispatchEvent(new DragEvent(type, options));
          }
        }""",
        [name, text],
    )


AGE = {"type": "integer", "title": "Age"}
LISTS = {
    "form": {
        "type": "object",
        "properties": {
            "text": {"type": "string", "title": "Article", "minLength": 3},
            "kind": {"type": "string", "title": "Kind", "enum": ["news", "q&a"]},
            "people": {
                "type": "array",
                "title": "People",
                "items": {
                    "type": "object",
                    "title": "Person",
                    "properties": {"name": {"type": "string", "title": "Full name"}, "age": AGE},
                    "required": ["name"],
                },
            },
        },
    },
    "ui": {
        "fields": {
            "/text": {"widget": "textarea", "rows": 30},
            "/kind": {"labels": {"q&a": "Interview"}},
        }
    },
}


def name_of_person(page, index):
    return page.locator(f'[name="/people/{index}/name"]')


def test_an_error_in_a_list_says_in_which_item_and_its_field_is_seen_whole(
    served, visiting, started
):
    """W-30, W-39"""
    visit = visiting(served)
    page = at_task(visit, started(LISTS))
    for age in ("7", "old"):
        page.get_by_role("button", name="Add to People").click()
        page.get_by_label("Age").last.fill(age)
    page.get_by_role("button", name="Submit").click()
    summary = page.locator("#error-summary")
    for text in ("Full name (item 1)", "Full name (item 2)", "Age (item 2) must be a whole"):
        expect(summary).to_contain_text(text)
    page.evaluate("scrollTo(0, 0)")
    summary.get_by_role("link", name="Full name (item 2)").click()
    expect(name_of_person(page, 1)).to_be_focused()
    hidden_by_frame = """input => {
      const label = document.querySelector(`label[for="${input.id}"]`);
      const frame = document.querySelector("header.frame");
      return label.getBoundingClientRect().top < frame.getBoundingClientRect().bottom;
    }"""
    assert not name_of_person(page, 1).evaluate(hidden_by_frame)
    page.get_by_role("button", name="Remove Person 1").click()
    name_of_person(page, 1).fill("Ann")
    page.get_by_role("button", name="Submit").click()
    expect(summary).to_contain_text("Age (item 1) must be a whole number.")
    visit.check()


def test_two_versions_with_lists_are_read_in_the_words_of_the_form(served, visiting, started):
    """W-29"""
    visit = visiting(served)
    page = at_task(visit, started(LISTS))
    other = visit.context.new_page()
    other.goto(page.url)
    page.get_by_label("Interview").check()
    page.get_by_role("button", name="Add to People").click()
    page.keyboard.type("Ann")
    saved(page)
    other.get_by_label("news").check()
    other.get_by_role("button", name="Add to People").click()
    other.keyboard.type("Bob")
    conflict = other.locator("#conflict")
    expect(conflict).to_contain_text("A newer version was saved in another window at")
    expect(other.locator("[data-form]")).to_have_attribute("inert", "")
    people = conflict.get_by_role("group", name="People")
    expect(people.locator("dt")).to_have_text(["Full name", "Full name"])
    expect(people.locator("dd")).to_have_text(["Bob", "Ann"])
    expect(conflict.get_by_role("group", name="Kind")).to_contain_text("Interview")
    people.get_by_role("radio", name="Take theirs").check()
    conflict.get_by_role("button", name="Save what I chose").click()
    expect(name_of_person(other, 0)).to_have_value("Ann")
    expect(other.get_by_label("news")).to_be_checked()


def test_remarks_stand_beside_groups_and_their_fields_each_in_its_place(
    served, visiting, started, session, make
):
    """W-23"""
    task_id = started(LISTS)
    people = [{"name": "Ann"}, {"name": "Bob"}]
    ana = session.get(Assignment, 1).worker
    lifecycle.hand_over(
        session, Actor.of(ana), task_id, Command.SUBMIT, data={"people": people}, revision=1
    )
    ben = make.worker("ben", first_name="Ben", password="ben")
    lifecycle.assign_task(session, Actor.of(make.admin()), task_id, ben)
    session.commit()
    visit = visiting(served)
    page = visit.sign_in("ben")
    page.goto(f"{visit.url}/orchestra/app/task/{task_id}")
    for place in ("People", "People, item 2", "People, item 2, Full name"):
        page.get_by_role("button", name=f"Remark on {place}", exact=True).click()
        page.keyboard.type(f"Of {place}.")
    visit.check()
    visit.shot("remarks-in-lists")
    page.get_by_role("button", name="Remove Person 1").click()
    page.get_by_role("button", name="Return to Ana").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("People, item 1, Full name: Of People, item 2, Full name.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#notices")).to_contain_text("went back to the person before you")


def test_a_file_that_does_not_get_through_is_told(served, visiting, started, tmp_path):
    visit = visiting(served)
    page = at_task(visit, started(FORM))
    page.route("**/upload_image/", lambda route: route.abort())
    page.get_by_label("Cover", exact=False).first.set_input_files(picture(tmp_path))
    error = page.locator('[data-pointer="/cover"] [data-error]')
    expect(error).to_contain_text("could not be sent")
    page.unroute("**/upload_image/")
    page.get_by_label("Cover", exact=False).first.set_input_files(picture(tmp_path))
    expect(page.get_by_role("img", name="Cover")).to_be_visible()
    expect(error).to_be_hidden()


def test_a_text_is_previewed_while_it_is_written(served, visiting, started):
    visit = visiting(served)
    page = at_task(visit, started(FORM))
    page.get_by_role("textbox", name="Article").fill("A *fine* day\n\n- one\n- two")
    button = page.get_by_role("button", name="Preview of Article")
    button.focus()
    page.keyboard.press("Enter")
    preview = page.get_by_role("region", name="Preview of Article")
    expect(preview.locator("em")).to_have_text("fine")
    page.get_by_role("textbox", name="Article").fill("Another **day**")
    expect(preview.locator("strong")).to_have_text("day")
    visit.check()
    visit.shot("markdown-preview")
    button.click()
    expect(preview).to_be_hidden()


def test_a_picture_is_sent_with_the_login_there_is_now(served, visiting, started, tmp_path):
    """W-31"""
    visit = visiting(served)
    page = at_task(visit, started(FORM))
    page.wait_for_load_state("networkidle")
    visit.context.clear_cookies()
    choose = page.locator('[data-pointer="/cover"] input[type=file]')
    choose.set_input_files(picture(tmp_path))
    error = page.locator('[data-pointer="/cover"] [data-error]').first
    expect(error).to_contain_text("You are signed out. Sign in in another tab")
    visit.page = visit.context.new_page()
    visit.sign_in("ana")
    choose.set_input_files(picture(tmp_path))
    expect(page.locator('[data-pointer="/cover"]').get_by_role("img")).to_be_visible()
    expect(error).to_be_hidden()


def test_a_picture_is_dropped_into_a_text(served, visiting, started, tmp_path):
    """I-37"""
    visit = visiting(served)
    page = at_task(visit, started(FORM))
    text = page.get_by_role("textbox", name="Article")
    text.fill("Before. ")
    text.evaluate(
        """(area, bytes) => {
          const dataTransfer = new DataTransfer();
          const file = new File([new Uint8Array(bytes)], "rain.png", { type: "image/png" });
          dataTransfer.items.add(file);
          const options = { bubbles: true, cancelable: true, dataTransfer };
          area.dispatchEvent(new DragEvent("drop", options));
        }""",
        list(picture(tmp_path, size=(40, 30)).read_bytes()),
    )
    address = re.compile(r"Before\. !\[rain\.png\]\(/orchestra/files/\w+/rain\.png\)")
    expect(text).to_have_value(address)
    page.get_by_role("button", name="Preview of Article").click()
    preview = page.get_by_role("region", name="Preview of Article")
    expect(preview.get_by_role("img", name="rain.png")).to_be_visible()
    saved(page)


def test_files_are_stored_without_javascript(served, visiting, started, session, tmp_path):
    """W-1"""
    visit = visiting(served, java_script_enabled=False)
    page = at_task(visit, started(FORM))
    page.get_by_label("Cover", exact=False).first.set_input_files(picture(tmp_path))
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#notices")).to_contain_text("Saved.")
    expect(page.get_by_role("img", name="Cover")).to_be_visible()
    visit.shot("files-3-without-javascript")
    page.get_by_label("Remove Cover").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("img", name="Cover")).to_have_count(0)


def test_an_element_works_saves_and_is_checked(served, visiting, started, session):
    """W-30, W-41 to W-44"""
    visit = visiting(served)
    page = at_task(visit, started(ELEMENT))
    expect(page.get_by_text("About: nothing")).to_be_visible()
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#error-summary")).to_contain_text("Choose a number of stars.")
    expect(page.get_by_label("Stars")).to_be_focused()
    page.get_by_label("Stars").fill("9")
    saved(page)  # a save is not stopped
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#error-summary")).to_contain_text("Stars: ")
    expect(page.get_by_label("Stars")).to_be_focused()
    visit.check()
    visit.shot("element-1")
    page.get_by_label("Stars").fill("4")
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("dialog").get_by_role("button", name="Submit").click()
    expect(page.locator("#notices")).to_contain_text("It waits for a reviewer now.")
    assert data_of(session) == {"stars": 4}


def test_handed_over_work_is_shown_by_the_element_to_be_read(served, visiting, started, session):
    """W-43"""
    task_id = started(ELEMENT)
    visit = visiting(served)
    page = at_task(visit, task_id)
    page.get_by_label("Stars").fill("4")
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("dialog").get_by_role("button", name="Submit").click()
    expect(page.locator("#notices")).to_contain_text("It waits for a reviewer now.")
    page.goto(f"{served}/orchestra/app/task/{task_id}")
    expect(page.get_by_label("Stars")).to_be_disabled()
    expect(page.locator("star-rating")).to_have_attribute("readonly", "")


def test_an_element_follows_what_another_window_saved(served, visiting, started):
    """W-43"""
    visit = visiting(served)
    task_id = started(ELEMENT)
    page = at_task(visit, task_id)
    other = visit.context.new_page()
    other.goto(page.url)
    other.get_by_label("Stars").fill("2")
    saved(other)
    expect(page.get_by_label("Stars")).to_have_value("2")
    page.get_by_label("Stars").fill("3")
    saved(page)
    expect(page.locator("#conflict")).to_be_hidden()


def test_an_element_that_breaks_leaves_the_work_to_be_saved(served, visiting, started, session):
    """W-46"""
    visit = visiting(served)
    page = at_task(visit, started(ELEMENT))
    page.get_by_label("Stars").fill("4")
    page.get_by_role("button", name="Break").click()
    expect(page.get_by_role("alert").filter(has_text="broken star")).to_be_visible()
    expect(page.locator("pre")).to_contain_text('"stars": 4')
    page.get_by_role("button", name="Save").click()
    saved(page)
    visit.check()
    visit.shot("element-2-broken")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#error-summary")).to_contain_text("did not load")
    assert data_of(session) == {"stars": 4}
    assert visit.complaints == ["broken star"]
    visit.complaints.clear()


def test_an_element_whose_script_is_gone_shows_the_data(served, visiting, started, tmp_path):
    """W-46"""
    task_id = started(ELEMENT)
    (tmp_path / "workflows/stars/v1/static/stars.js").unlink()
    visit = visiting(served)
    page = at_task(visit, task_id)
    expect(page.get_by_text("The fields of this step could not be shown")).to_be_visible()


def test_an_author_previews_a_form(served, visiting, started, tmp_path):
    started(FORM)
    visit = visiting(served)
    page = visit.sign_in("ana")
    page.goto(f"{served}/orchestra/app/preview/")
    visit.check()
    visit.shot("preview-1-list")
    page.get_by_role("link", name="Write").click()
    expect(page.locator("[data-live-data]")).to_contain_text("Sample of Article")
    visit.check()
    visit.shot("preview-2-form")
    page.get_by_role("button", name="Remove Cover").click()
    page.get_by_role("button", name="Check this data").click()
    expect(page.get_by_text("Choose a picture for Cover.")).to_be_visible()
    page.get_by_label("Cover", exact=False).first.set_input_files(picture(tmp_path))
    expect(page.get_by_role("img", name="Cover")).to_be_visible()
    page.get_by_role("button", name="Check this data").click()
    expect(page.get_by_text("The server accepts this data.")).to_be_visible()
    page.get_by_label("Read-only").check()
    page.get_by_role("button", name="Show with this data").click()
    expect(page.get_by_role("button", name="Check this data")).to_have_count(0)
    visit.check()
    visit.shot("preview-4-reader")


def test_an_author_previews_an_element_on_a_phone(served, visiting, started):
    started(ELEMENT)
    visit = visiting(served, viewport=PHONE, color_scheme="dark")
    page = visit.sign_in("ana")
    page.goto(f"{served}/orchestra/app/preview/stars/v1/write")
    page.get_by_label("Stars").fill("3")
    expect(page.locator("[data-live-data]")).to_contain_text('"stars": 3')
    page.get_by_role("button", name="Check this data").click()
    expect(page.get_by_text("The server accepts this data.")).to_be_visible()
    expect(page.get_by_label("Stars")).to_have_value("3")
    visit.check()
    visit.shot("preview-5-element-phone-dark")


def test_files_of_the_project_are_kept_beside_the_task(served, visiting, started, tmp_path):
    """W-22"""
    visit = visiting(served)
    page = at_task(visit, started(FORM))
    for name in ("plan.txt", "a very long name of a file that goes on and on and on.txt"):
        (tmp_path / name).write_text("Words")
        page.get_by_label("Add a file").set_input_files(tmp_path / name)
        page.get_by_role("button", name="Upload").click()
        expect(page.locator("#notices")).to_contain_text(f"{name} was added")
    visit.check()
    visit.shot("files-4-project")
    page.set_viewport_size(PHONE)
    visit.check()
    visit.shot("files-5-project-phone")
    page.get_by_role("button", name="Delete … plan.txt").click()
    question = page.get_by_role("dialog", name="Delete plan.txt?")
    visit.check()
    visit.shot("files-6-delete")
    question.get_by_role("button", name="Keep it").click()
    expect(question).to_be_hidden()
    page.get_by_role("button", name="Delete … plan.txt").click()
    question.get_by_role("button", name="Delete the file").click()
    expect(page.locator("#notices")).to_contain_text("plan.txt was deleted.")


def test_who_stays_on_a_page_with_unsaved_work_can_send_its_forms_again(
    served, visiting, started, tmp_path
):
    """W-14, W-28"""
    visit = visiting(served)
    visit.page.clock.install()
    page = at_task(visit, started(FORM))
    plan = tmp_path / "plan.txt"
    plan.write_text("Words")
    page.get_by_label("Add a file").set_input_files(plan)
    page.get_by_role("textbox", name="Article").fill("Not saved yet")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("textbox", name="Article")).to_have_value("Not saved yet")
    assert asked == ["beforeunload"]
    page.clock.run_for(11_000)
    saved(page)
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("#notices")).to_contain_text("plan.txt was added")


def test_the_element_of_the_guide_works(served, visiting, started, tmp_path):
    task_id = started(ELEMENT)
    (script,) = re.findall(r"```js\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "workflows/stars/v1/static/stars.js").write_text(script)
    page = at_task(visiting(served), task_id)
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#error-summary")).to_contain_text("Choose a number of stars.")
    page.get_by_label("Stars").fill("4")
    saved(page)


def test_a_reviewer_remarks_on_the_whole_and_on_a_field_of_an_element(
    served, visiting, started, session, make
):
    """W-23, N-9: kept while the page is reloaded, told to the element, resolved by the writer."""
    task_id = started(ELEMENT)
    make.worker("ben", first_name="Ben", password="ben")
    session.commit()
    at_ana, at_ben = visiting(served), visiting(served)
    page = at_task(at_ana, task_id)
    page.get_by_label("Stars").fill("4")
    hand_over(page, "Submit")
    expect(page.locator("#notices")).to_contain_text("waits for a reviewer")
    review_element(at_ben)
    page.goto(f"{served}/orchestra/app/task/{task_id}")
    feedback = page.locator(".feedback")
    expect(feedback).to_contain_text("The whole work")
    expect(feedback).to_contain_text("Look again, please.")
    expect(feedback).to_contain_text("Four is too many.")
    feedback.get_by_role("button", name=re.compile("Mark as resolved.*Stars")).click()
    expect(feedback).to_contain_text("Resolved by you")
    told = page.evaluate(
        """async () => {
          const answer = await fetch(`/orchestra/api/interface/task_assignment_information/?${
            new URLSearchParams({ task_id: location.pathname.split("/").pop() })}`);
          return (await answer.json()).remarks.map(({ pointer }) => pointer);
        }"""
    )
    assert told == [None, "/stars"]
    at_ana.check()


def hand_over(page, action):
    page.get_by_role("button", name=action).click()
    page.get_by_role("dialog").get_by_role("button", name=action).click()


def review_element(visit):
    page = visit.sign_in("ben")
    page.get_by_role("button", name="New review task").click()
    expect(page.get_by_label("Stars")).to_have_value("4")
    add = page.get_by_role("button", name="Write a remark")
    add.click()
    page.get_by_label("What you say").fill("Look again, please.")
    add.click()
    page.get_by_label("What you say").nth(1).fill("Four is too many.")
    page.get_by_label("Remark on").nth(1).select_option("Stars")
    page.reload()
    expect(page.get_by_label("What you say").nth(1)).to_have_value("Four is too many.")
    expect(page.get_by_label("Remark on").nth(1)).to_have_value("/stars")
    visit.check()
    visit.shot("element-remarks")
    page.get_by_role("button", name="Return to Ana").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Four is too many.")
    dialog.get_by_role("button", name="Return to Ana").click()
    expect(page.locator("#notices")).to_contain_text("went back")


def test_an_element_reaches_files_by_its_api(served, visiting, started, session):
    """W-45"""
    task_id = started(ELEMENT)
    project_id = session.get_one(Task, task_id).project_id
    wanted = Wanted(kind=FileKind.DOCUMENT, key="plan", name="The plan")
    document_id = documents.reserve(session, SYSTEM, project_id, wanted, "**Who** calls whom").id
    session.commit()
    page = at_task(visiting(served), task_id)
    expect(page.get_by_label("Stars")).to_be_visible()
    found = page.evaluate(
        """async (documentId) => {
          const { api } = document.querySelector("star-rating");
          const file = await api.uploadFile(new File(["Words"], "plan.txt"), "Notes");
          const [listed] = await api.listFiles("Notes");
          const [text, script, page] = await Promise.all(
            [file.url, api.staticUrl("stars.js"), api.documentUrl(documentId)].map(async (url) => {
              const response = await fetch(url);
              return response.text();
            }),
          );
          api.notify("All is <b>well</b>.");
          return { file, listed, text, script, page, none: await api.listFiles("Other") };
        }""",
        document_id,
    )
    assert found["file"]["name"] == found["listed"]["name"] == "plan.txt"
    assert found["text"] == "Words"
    assert "<strong>Who</strong> calls whom" in found["page"]
    assert found["script"] == STARS
    assert found["none"] == []
    expect(page.locator("#notices")).to_have_text("All is <b>well</b>.")
