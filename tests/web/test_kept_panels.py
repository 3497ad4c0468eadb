"""Panels of documents and folders on the task page, and small copies of pictures (W-35)."""

import re
from io import BytesIO

import pytest
from PIL import Image

from orchestra.domain import documents
from orchestra.domain.audit import SYSTEM
from orchestra.domain.folders import Wanted
from orchestra.domain.folders import reserve as reserve_folder
from orchestra.models import FileKind, StoredFile, TaskStatus
from orchestra.project_files import ProjectFiles
from tests.web.test_files import picture

INTERFACE = {
    "form": {"type": "object", "properties": {"headline": {"type": "string"}}},
    "ui": {
        "show": [
            {"type": "document", "from": "/project_data/article", "title": "Article"},
            {"type": "folder", "from": "/project_data/raw", "title": "Raw photos"},
        ]
    },
}


@pytest.fixture
def work(make, session):
    work = make.work(TaskStatus.PROCESSING, user_interface=INTERFACE)
    project = work.project
    article = Wanted(kind=FileKind.DOCUMENT, key="article", name="Article Draft")
    raw = Wanted(kind=FileKind.FOLDER, key="raw", name="Raw Photos")
    work.article = documents.reserve(session, SYSTEM, project.id, article, "**Bold** words").id
    work.raw = reserve_folder(session, SYSTEM, project.id, raw).id
    data = {"article": work.article, "raw": work.raw}
    project.project_data = project.project_data | data
    session.commit()
    return work


@pytest.fixture
def at_writer(client, work):
    return client.sign_in(work.workers[work.writer.name])


def task_page(browser, work):
    response = browser.get(f"/orchestra/app/task/{work.task.id}")
    assert response.status_code == 200
    return response.text


def test_a_document_is_rendered_with_a_link_to_edit_it(at_writer, work):
    """W-35"""
    html = task_page(at_writer, work)

    assert "<strong>Bold</strong> words" in html
    assert f'href="/orchestra/documents/{work.article}/edit" target="_blank">Edit<' in html


def test_a_folder_shows_its_pictures_and_takes_more(at_writer, work, session):
    kept = ProjectFiles(work.project.id)
    id_ = kept.upload("pier.png", BytesIO(picture((2000, 1000))), key="1", folder=work.raw)
    html = task_page(at_writer, work)

    assert f'src="/orchestra/files/{id_}/small/pier.png"' in html
    assert f'form="upload-{work.raw}" multiple required' in html
    form = html[html.index(f'<form id="upload-{work.raw}"') :]
    assert html.rindex("</form>", 0, html.index(form)) > html.index('<form id="task-form"')
    sent = {"file": [(BytesIO(b"one"), "a.txt"), (BytesIO(b"two"), "a.txt")]}
    answer = at_writer.post_form(f"/orchestra/folders/{work.raw}/", task_id=work.task.id, **sent)
    assert answer.location == f"/orchestra/app/task/{work.task.id}"
    names = {row.name for row in session.query(StoredFile).filter_by(parent_id=work.raw)}
    assert names == {"pier.png", "a.txt", "a (2).txt"}


def test_the_interface_lists_and_fills_a_folder_by_its_id(at_writer, work):
    """W-45: ``uploadFile(file, folder)`` and ``listFiles(folder)``"""
    sent = {"task_id": work.task.id, "folder": work.raw, "file": (BytesIO(b"one"), "a.txt")}
    headers = {"X-CSRF-Token": at_writer.csrf_token}
    answer = at_writer.post("/orchestra/api/interface/files/", data=sent, headers=headers)
    assert answer.status_code == 200
    asked = {"task_id": work.task.id, "folder": work.raw}
    (listed,) = at_writer.get("/orchestra/api/interface/files/", query_string=asked).get_json()
    assert (listed["name"], listed["folder"]) == ("a.txt", "Raw Photos")


def test_what_is_read_only_takes_no_files(browser, work):
    html = task_page(browser().sign_in(work.workers[work.admin.name]), work)

    assert "<strong>Bold</strong> words" in html
    assert f'id="upload-{work.raw}"' not in html
    assert "data-upload-state" not in html


def test_a_panel_shows_nothing_of_another_project(at_writer, work, make, session):
    """R-32"""
    other = make.work(TaskStatus.PROCESSING).project
    secret = Wanted(kind=FileKind.DOCUMENT, key="x", name="X")
    document = documents.reserve(session, SYSTEM, other.id, secret, "A secret").id
    project = session.get(type(work.project), work.project.id)
    project.project_data = project.project_data | {"article": document}
    session.commit()

    html = task_page(at_writer, work)
    assert "A secret" not in html
    assert "It is not there, or not yours to see." in html


def test_a_preview_says_what_will_be_there(at_writer, work):
    version = work.project.version
    path = f"/orchestra/app/preview/{version.workflow.slug}/{version.slug}/write"
    html = at_writer.get(path).text

    assert "The document is shown here" in html
    assert "What lies in the folder is shown here" in html


def test_documents_of_a_service_are_linked(at_writer, work, service):
    """I-34"""
    html = task_page(at_writer, work)

    assert re.search(rf'href="/orchestra/documents/{work.article}/"[^>]*>Open Article Draft<', html)


def small(browser, id_, **headers):
    return browser.get(f"/orchestra/files/{id_}/small/a.png", headers=headers)


def test_a_picture_has_a_small_copy_that_stands_upright(at_writer, work):
    content = BytesIO()
    image = Image.new("RGBA", (600, 900), (200, 0, 0, 128))
    exif = image.getexif()
    exif[0x0112] = 6  # the camera was turned
    image.save(content, "PNG", exif=exif)
    content.seek(0)
    id_ = ProjectFiles(work.project.id).upload("a.png", content, key="1")

    answer = small(at_writer, id_)

    copy = Image.open(BytesIO(answer.data))
    assert (answer.mimetype, copy.format, copy.size) == ("image/jpeg", "JPEG", (320, 213))
    again = small(at_writer, id_, **{"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_what_is_no_picture_has_no_small_copy(at_writer, work):
    kept = ProjectFiles(work.project.id)
    text = kept.upload("a.txt", BytesIO(b"abc"), key="1")
    broken = kept.upload("b.png", BytesIO(picture((200, 200))[:80]), key="2")

    assert small(at_writer, text).status_code == 404
    assert small(at_writer, broken).status_code == 404
