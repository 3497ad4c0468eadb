"""Uploading and serving files, with the calls of pages and without JavaScript (I-27 to I-37)."""

import base64
from io import BytesIO

import pytest
from bs4 import BeautifulSoup
from PIL import Image

from orchestra.domain import projects
from orchestra.models import Assignment, StoredFile, TaskStatus

INTERFACE = {
    "form": {
        "type": "object",
        "properties": {
            "photo": {"type": "string", "title": "Photo"},
            "plan": {"type": "string", "title": "Plan"},
            "shots": {
                "type": "array",
                "title": "Shot",
                "items": {
                    "type": "object",
                    "properties": {"src": {"type": "string"}, "caption": {"type": "string"}},
                },
            },
        },
    },
    "ui": {
        "fields": {
            "/photo": {"widget": "image"},
            "/plan": {"widget": "file"},
            "/shots/*/src": {"widget": "image"},
        }
    },
}


def picture(size=(4, 3)):
    content = BytesIO()
    Image.new("RGB", size, "red").save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def work(make):
    return make.work(TaskStatus.PROCESSING, user_interface=INTERFACE)


@pytest.fixture
def at_writer(client, session, work):
    worker = work.workers[work.writer.name]
    session.commit()
    return client.sign_in(worker)


@pytest.fixture
def send(at_writer, work):
    """Upload as the scripts of a page do."""

    def sent(path, content, name="plan.txt", **fields):
        return at_writer.post(
            f"/orchestra/api/interface/{path}",
            data={"task_id": work.task.id, "file": (BytesIO(content), name)} | fields,
            headers={"X-CSRF-Token": at_writer.csrf_token},
        )

    return sent


def listed(browser, work, **more):
    parameters = {"task_id": work.task.id} | more
    return browser.get("/orchestra/api/interface/files/", query_string=parameters)


def test_a_file_is_uploaded_listed_served_and_taken_away(at_writer, work, send):
    """N-7, I-30"""
    answer = send("files/", b"Some words.", folder="Notes")
    assert answer.status_code == 200
    file = answer.get_json()
    assert file.keys() == {"id", "name", "url"}
    (row,) = listed(at_writer, work).get_json()
    assert row | {"changed_at": ""} == {
        **file,
        "folder": "Notes",
        "type": "text/plain",
        "size_bytes": 11,
        "changed_at": "",
    }
    assert listed(at_writer, work, folder="Other").get_json() == []
    for address in (file["url"], f"/orchestra/files/{file['id']}"):
        assert at_writer.get(address).data == b"Some words."
    gone = at_writer.delete(
        f"/orchestra/api/interface/files/{file['id']}/",
        headers={"X-CSRF-Token": at_writer.csrf_token},
    )
    assert (gone.status_code, gone.data) == (204, b"")
    assert listed(at_writer, work).get_json() == []
    assert at_writer.get(file["url"]).status_code == 404


def test_the_same_upload_with_the_same_key_is_one_file(at_writer, work, send):
    """N-4"""
    first, again = (
        at_writer.post(
            "/orchestra/api/interface/files/",
            data={"task_id": work.task.id, "file": (BytesIO(b"Words"), "a.txt")},
            headers={"X-CSRF-Token": at_writer.csrf_token, "Idempotency-Key": "once"},
        )
        for _ in range(2)
    )
    assert first.get_json() == again.get_json()
    assert len(listed(at_writer, work).get_json()) == 1


def test_a_picture_is_shown_and_everything_else_is_a_download(at_writer, send):
    """I-28"""
    shown = at_writer.get(send("files/", picture(), "a.png").get_json()["url"])
    assert shown.headers["Content-Disposition"].startswith("inline")
    assert shown.mimetype == "image/png"
    for name in ("page.html", "drawing.svg", "script.js", "a.png"):
        content = b"<svg onload=alert(1)><script>alert(1)</script></svg>"
        answer = at_writer.get(send("files/", content, name).get_json()["url"])
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.mimetype == "text/plain"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_part_of_a_file_can_be_asked_for(at_writer, send):
    """I-30"""
    address = send("files/", b"0123456789").get_json()["url"]
    part = at_writer.get(address, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.data) == (206, b"234")
    assert part.headers["Content-Range"] == "bytes 2-4/10"
    beyond = at_writer.get(address, headers={"Range": "bytes=20-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */10")


def test_an_unchanged_file_is_not_sent_again(at_writer, send):
    address = send("files/", b"0123456789").get_json()["url"]
    etag = at_writer.get(address).headers["ETag"]
    assert at_writer.get(address, headers={"If-None-Match": etag}).status_code == 304


def test_a_name_with_letters_of_other_languages_comes_back(at_writer, send):
    address = send("files/", b"x", 'Bär "1".txt').get_json()["url"]
    disposition = at_writer.get(address).headers["Content-Disposition"]
    assert "filename*=UTF-8''B%C3%A4r" in disposition


def test_nobody_else_gets_a_file(at_writer, browser, make, session, send):
    """R-32: anonymous, other projects, guessed ids."""
    url = send("files/", b"Secret").get_json()["url"]
    stranger, admin = make.worker(), make.admin()
    session.commit()
    assert "/accounts/login/" in browser().get(url).location
    assert browser().sign_in(stranger).get(url).status_code == 404
    assert browser().sign_in(admin).get(url).data == b"Secret"
    for guess in ("0" * 32, "..%2f..%2forchestra.sqlite3", "x"):
        assert at_writer.get(f"/orchestra/files/{guess}").status_code == 404


def test_a_stranger_cannot_use_the_calls(browser, make, session, work, send):
    """R-32"""
    file = send("files/", b"Secret").get_json()
    stranger = make.worker()
    session.commit()
    other = browser().sign_in(stranger)
    headers = {"X-CSRF-Token": other.csrf_token}
    assert listed(other, work).status_code == 404
    address = f"/orchestra/api/interface/files/{file['id']}/"
    assert other.delete(address, headers=headers).status_code == 404
    data = {"task_id": work.task.id, "file": (BytesIO(b"x"), "a.txt")}
    answer = other.post("/orchestra/api/interface/files/", data=data, headers=headers)
    assert answer.status_code == 404


def test_what_is_refused_leaves_nothing_in_the_store(app, at_writer, change_settings, send):
    """I-27"""
    change_settings(max_upload_bytes=10)
    answer = send("files/", b"01234567890")
    assert (answer.status_code, answer.get_json()["error"]) == (413, "too_large")
    assert "larger than 10 bytes" in answer.get_json()["message"]
    assert send("files/", b"0123456789").status_code == 200
    assert send("files/", b"Words", task_id=999_999).status_code == 404
    folder = app.config["SETTINGS"].data_dir / "files"
    assert not list(folder.glob("*.unfinished"))


def test_uploads_may_be_larger_than_other_bodies_but_not_without_end(
    at_writer, change_settings, work
):
    change_settings(max_upload_bytes=3_000_000)
    assert send_large(at_writer, work, 2_500_000).status_code == 200
    assert send_large(at_writer, work, 6_000_000).status_code == 413
    headers = {"X-CSRF-Token": at_writer.csrf_token}
    body = {"task_id": 1, "task_data": {"text": "x" * 2_000_000}, "revision": 1}
    address = "/orchestra/api/interface/save_task_assignment/"
    assert at_writer.post(address, json=body, headers=headers).status_code == 413


def send_large(browser, work, size_bytes):
    """The test client would leave a temporary file open."""
    parts = (
        f'--part\r\nContent-Disposition: form-data; name="task_id"\r\n\r\n{work.task.id}\r\n'
        '--part\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    )
    return browser.post(
        "/orchestra/api/interface/files/",
        data=parts.encode() + b"x" * size_bytes + b"\r\n--part--\r\n",
        content_type="multipart/form-data; boundary=part",
        headers={"X-CSRF-Token": browser.csrf_token},
    )


@pytest.mark.parametrize("data", [{}, {"file": "no file"}, {"task_id": "x"}])
def test_an_upload_without_a_file_is_malformed(at_writer, data):
    headers = {"X-CSRF-Token": at_writer.csrf_token}
    for path in ("files/", "upload_image/"):
        answer = at_writer.post(f"/orchestra/api/interface/{path}", data=data, headers=headers)
        assert (answer.status_code, answer.get_json()["error"]) == (400, "malformed")


def test_an_image_for_a_text_is_taken_as_file_or_in_base64(at_writer, work, send):
    """I-37"""
    first = send("upload_image/", picture(), "photo").get_json()
    assert first["url"].endswith("/photo.png")
    encoded = base64.b64encode(picture((2, 2))).decode()
    for data in (encoded, f"data:image/png;base64,{encoded}"):
        body = {"task_id": work.task.id, "image_data": data}
        second = at_writer.call("upload_image/", body).get_json()
        assert at_writer.get(second["url"]).mimetype == "image/png"
    assert second.keys() == {"url", "file_id"}
    names = [file["name"] for file in listed(at_writer, work, folder="Images").get_json()]
    assert sorted(names) == ["photo.png", "picture (2).png", "picture.png"]


def test_what_is_no_picture_is_refused_as_one(at_writer, work, send):
    answer = send("upload_image/", b"<svg/>", "photo.png")
    assert (answer.status_code, answer.get_json()["error"]) == (422, "invalid")
    body = {"task_id": work.task.id, "image_data": "***"}
    assert at_writer.call("upload_image/", body).get_json()["fields"].keys() == {"image_data"}


def test_a_text_is_previewed_by_the_renderer_of_the_pages(at_writer):
    text = "**Bold** <script>alert(1)</script> [x](javascript:alert(1))"
    html = at_writer.call("preview_markdown/", {"text": text}).get_json()["html"]
    assert "<strong>Bold</strong>" in html
    assert "<script>" not in html
    assert "href" not in html


def test_headings_of_a_preview_stand_under_those_of_its_page(at_writer):
    """W-5: one h1 a page, and no level left out."""
    of_a_form = at_writer.call("preview_markdown/", {"text": "# Fire"}).get_json()["html"]
    of_a_document = at_writer.call("preview_markdown/", {"text": "# Fire", "below": 1})
    assert (of_a_form, of_a_document.get_json()["html"]) == (
        "<h3>Fire</h3>\n",
        "<h2>Fire</h2>\n",
    )
    refused = at_writer.call("preview_markdown/", {"text": "# Fire", "below": 7})
    assert refused.status_code == 422


def test_files_are_stored_without_javascript(at_writer, session, work):
    """W-1: by the form of the task page."""
    page = f"/orchestra/app/task/{work.task.id}"
    answer = at_writer.post_form(
        page,
        command="save",
        revision="1",
        **{
            "/photo": "",
            "picture:/photo": (BytesIO(picture()), "rain.png"),
            "/plan": "/orchestra/files/kept",
            "file:/plan": (BytesIO(b""), ""),
            "/shots/0/src": "",
            "/shots/0/caption": "Rain",
            "picture:/shots/0/src": (BytesIO(picture()), "rain.png"),
        },
    )
    assert answer.location == page
    with session.begin():
        data = session.query(Assignment).filter_by(task_id=work.task.id).one().data
    assert data["photo"].endswith("/rain.png")
    assert data["plan"] == "/orchestra/files/kept"
    assert data["shots"][0]["src"].endswith("/rain%20%282%29.png")
    text = at_writer.get(page).text
    assert f'src="{data["photo"]}"' in text
    assert 'class="picture-with-text"' in text


def test_a_file_that_cannot_be_taken_is_told_at_its_field(at_writer, work):
    """W-30"""
    answer = at_writer.post_form(
        f"/orchestra/app/task/{work.task.id}",
        command="save",
        revision="1",
        **{"/photo": "", "picture:/photo": (BytesIO(b"words"), "rain.png"), "/plan": "x"},
    )
    assert answer.status_code == 422
    assert "This is no picture." in answer.text
    assert 'id="field/photo-error"' in answer.text


def test_nothing_is_stored_with_a_stale_token(at_writer, session, work):
    answer = at_writer.post_form(
        f"/orchestra/app/task/{work.task.id}",
        csrf_token="stale",
        command="save",
        revision="1",
        **{"/photo": "", "picture:/photo": (BytesIO(picture()), "rain.png")},
    )
    assert answer.status_code == 400
    with session.begin():
        assert session.query(StoredFile).filter_by(kind="file").count() == 0


def test_a_file_is_removed_without_javascript(at_writer, session, work):
    page = f"/orchestra/app/task/{work.task.id}"
    at_writer.post_form(page, command="save", revision="1", **{"/photo": ["/a.png", ""]})
    with session.begin():
        assert session.query(Assignment).filter_by(task_id=work.task.id).one().data == {}


def test_what_was_uploaded_is_shown_by_its_name_to_who_only_reads(
    browser, make, session, work, send
):
    """W-25: pictures as pictures, with their text beside them."""
    photo = send("upload_image/", picture(), "rain.png").get_json()["url"]
    plan = send("files/", b"Words", "my plan.txt").get_json()["url"]
    data = {"photo": photo, "plan": plan, "shots": [{"src": photo, "caption": "It rains"}]}
    work.at(0).data = data
    admin = make.admin()
    session.commit()
    text = browser().sign_in(admin).get(f"/orchestra/app/task/{work.task.id}").text
    assert text.count(f'src="{photo}"') == 2
    assert ">my plan.txt</a>" in text
    assert "<figcaption>" in text


def test_the_calls_cost_a_fixed_number_of_statements(at_writer, work, send, statements):
    """N-22"""
    for _ in range(5):
        url = send("files/", b"Words").get_json()["url"]
    for call in (
        lambda: listed(at_writer, work),
        lambda: send("files/", b"Words"),
        lambda: at_writer.get(url),
    ):
        with statements() as seen:
            call()
        assert len(seen) <= 15


def test_machine_steps_get_addresses_that_tell_pictures(at_writer, send):
    assert send("upload_image/", picture(), "no ending").get_json()["url"].endswith("ending.png")


def test_the_files_of_the_project_stand_beside_the_task(at_writer, work, send):
    """W-22"""
    page = f"/orchestra/app/task/{work.task.id}"
    assert "No files yet." in at_writer.get(page).text
    url = send("files/", b"Words", "plan.txt").get_json()["url"]
    text = at_writer.get(page).text
    assert f'href="{url}"' in text
    assert "5 Bytes" in text


def test_files_of_folders_are_folded_beside_the_task(at_writer, work, send):
    send("files/", b"a")
    send("files/", b"b", name="b.txt", folder="Raw Photos")
    send("files/", b"c", name="c.txt", folder="Raw Photos")

    page = BeautifulSoup(at_writer.get(f"/orchestra/app/task/{work.task.id}").text, "html.parser")
    folder = page.select_one("details:has(.files)")

    assert folder.summary.get_text(" ", strip=True) == "Raw Photos 2"
    assert [link.text for link in folder.select("a")] == ["b.txt", "c.txt"]
    assert [link.text for link in page.select("section > .files a")] == ["plan.txt"]


def test_files_are_added_and_deleted_by_plain_forms(at_writer, work):
    """W-1"""
    page = f"/orchestra/app/task/{work.task.id}"
    answer = at_writer.post_form(
        "/orchestra/files/", task_id=work.task.id, file=(BytesIO(b"Words"), "plan.txt")
    )
    assert answer.location == page
    assert "plan.txt was added" in at_writer.get(page).text
    (file,) = listed(at_writer, work).get_json()
    answer = at_writer.post_form(f"/orchestra/files/{file['id']}/delete", task_id=work.task.id)
    assert answer.location == page
    assert "plan.txt was deleted." in at_writer.get(page).text
    assert listed(at_writer, work).get_json() == []


def test_what_a_plain_form_sends_wrongly_is_told_in_words(at_writer, work, change_settings):
    page = f"/orchestra/app/task/{work.task.id}"
    at_writer.post_form("/orchestra/files/", task_id=work.task.id)
    assert "Choose a file first." in at_writer.get(page).text
    change_settings(max_upload_bytes=3)
    file = (BytesIO(b"Words"), "plan.txt")
    at_writer.post_form("/orchestra/files/", task_id=work.task.id, file=file)
    assert "larger than 3 bytes" in at_writer.get(page).text
    assert at_writer.post_form("/orchestra/files/", task_id="x").status_code == 400
    file = (BytesIO(b"Words"), "plan.txt")
    assert at_writer.post_form("/orchestra/files/", task_id=99, file=file).status_code == 404


def test_the_files_of_a_closed_project_cannot_be_changed(at_writer, browser, session, work, send):
    send("files/", b"Words", "plan.txt")
    with session.begin():
        projects.abort(session, work.admin, work.project.id)
    admin = work.workers[work.admin.name]
    text = browser().sign_in(admin).get(f"/orchestra/app/task/{work.task.id}").text
    assert "plan.txt" in text
    assert "Add a file" not in text
    assert send("files/", b"Words").get_json()["error"] in ("project_closed", "not_found")


def test_the_page_costs_the_same_whatever_the_number_of_files(at_writer, work, send, statements):
    page = f"/orchestra/app/task/{work.task.id}"

    def cost():
        with statements() as seen:
            at_writer.get(page)
        return len(seen)

    send("files/", b"Words")
    before = cost()
    for _ in range(5):
        send("files/", b"Words")
    assert cost() == before
