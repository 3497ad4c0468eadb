"""Files that lie in S3: who may have them is decided by us, and they come from there (I-36)."""

from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from PIL import Image

from orchestra.models import StoredFile, TaskStatus
from tests.contract.s3_server import BUCKET, files_in_s3


@pytest.fixture
def in_s3(app, s3_address):
    with files_in_s3(app, s3_address) as looking:
        yield looking


@pytest.fixture
def work(make):
    return make.work(TaskStatus.PROCESSING)


@pytest.fixture
def upload(browser, session, work, in_s3):
    writer = browser().sign_in(work.workers[work.writer.name])
    session.commit()

    def uploaded(content, name):
        answer = writer.post(
            "/orchestra/api/interface/files/",
            data={"task_id": work.task.id, "file": (BytesIO(content), name)},
            headers={"X-CSRF-Token": writer.csrf_token},
        )
        return writer, answer.get_json()

    return uploaded


def test_a_download_goes_to_a_signed_address_and_is_called_as_it_should(upload, work):
    """I-36"""
    upload(b"The first.", "Grüße.txt")
    writer, file = upload(b"Words.", "Grüße.txt")

    answer = writer.get(file["url"])

    assert answer.status_code == 302
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    address = urlsplit(answer.location)
    assert address.path == f"/{BUCKET}/projects/{work.project.id}/{file['id']}"
    assert parse_qs(address.query)["X-Amz-Expires"] == ["300"]
    given = requests.get(answer.location, timeout=5)
    assert given.content == b"Words."
    assert given.headers["Content-Type"] == "text/plain"
    disposition = "attachment; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%282%29.txt"
    assert given.headers["Content-Disposition"] == disposition


def test_who_is_not_on_the_project_gets_no_address(upload, browser, make, session):
    """I-30, I-36"""
    _, file = upload(b"Words.", "plan.txt")
    stranger = make.worker()
    session.commit()

    assert browser().sign_in(stranger).get(file["url"]).status_code == 404
    assert "amz" not in browser().get(file["url"]).headers.get("Location", "").lower()


def test_pictures_come_from_us_also_in_parts(upload):
    """I-28, I-36: no page loads anything from another host."""
    picture = BytesIO()
    Image.effect_noise((600, 500), 90).save(picture, "PNG")
    content = picture.getvalue()
    writer, file = upload(content, "sea.png")

    assert writer.get(file["url"]).data == content
    part = writer.get(file["url"], headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.data) == (206, content[1000:2000])
    assert writer.get(file["url"], headers={"Range": "bytes=99999999-"}).status_code == 416


def test_what_is_refused_leaves_nothing_in_the_bucket(upload, change_settings, session, in_s3):
    """I-27"""
    change_settings(max_upload_bytes=10)
    before = in_s3.list_objects_v2(Bucket=BUCKET).get("KeyCount")
    _, answer = upload(b"x" * 11, "plan.txt")

    assert answer["error"] == "too_large"
    assert in_s3.list_objects_v2(Bucket=BUCKET).get("KeyCount") == before
    assert session.query(StoredFile).filter_by(kind="file").count() == 0
