"""Uploads that go to S3 past us: what they may hold, and whose they are (I-27, I-36)."""

import base64
import json
from datetime import timedelta
from io import BytesIO

import pytest
import requests
import time_machine
from PIL import Image

from orchestra.database import utcnow
from orchestra.domain import documents, projects
from orchestra.domain.folders import Wanted
from orchestra.errors import RefusedByService
from orchestra.integrations.files import FilesInMemory
from orchestra.integrations.s3 import S3Files
from orchestra.models import AuditEvent, FileKind, StoredFile, TaskStatus, Verb
from orchestra.web import direct_uploads
from tests.contract.s3_server import BUCKET, files_in_s3

HTML = b"<html><script>alert(1)</script></html>"


def picture():
    content = BytesIO()
    Image.new("RGB", (4, 3), "red").save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def bucket(app, s3_address, change_settings):
    change_settings(s3_direct_uploads=True)
    with files_in_s3(app, s3_address) as looking:
        for key in keys(looking):
            looking.delete_object(Bucket=BUCKET, Key=key)
        yield looking


def keys(bucket):
    return [found["Key"] for found in bucket.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


@pytest.fixture
def work(make):
    return make.work(TaskStatus.PROCESSING)


@pytest.fixture
def writer(browser, session, work, bucket):
    worker = work.workers[work.writer.name]
    session.commit()
    return browser().sign_in(worker)


@pytest.fixture
def begin(writer, work):
    def begun(content=b"Words.", name="plan.txt", *, by=writer, **more):
        body = {"task_id": work.task.id, "name": name, "size_bytes": len(content)} | more
        return by.call("direct_uploads/", body)

    return begun


@pytest.fixture
def sent(begin):
    """Begin an upload, and send its content to the bucket as a browser does."""

    def sent(content=b"Words.", name="plan.txt", **more):
        begun = begin(content, name, **more).get_json()
        post(begun, content)
        return begun

    return sent


def post(begun, content):
    answer = requests.post(
        begun["address"], data=begun["fields"], files={"file": content}, timeout=5
    )
    assert answer.status_code == 204


def finish(by, begun, **headers):
    headers["X-CSRF-Token"] = by.csrf_token
    return by.post(
        "/orchestra/api/interface/direct_uploads/finish/",
        json={"upload": begun["upload"]},
        headers=headers,
    )


def listed(by, work):
    return by.get("/orchestra/api/interface/files/", query_string={"task_id": work.task.id}).json


def test_a_file_is_sent_to_the_bucket_and_finished(writer, work, bucket, sent, session):
    """N-7, I-27: its type is found from the content, its name is cleaned and gets a number."""
    writer.call("direct_uploads/finish/", {"upload": sent(name="a/plan.txt")["upload"]})
    begun = sent(b"Other words.", "b\\plan.txt", folder="Notes")
    answer = finish(writer, begun)

    assert answer.status_code == 200
    file = answer.get_json()
    assert file.keys() == {"id", "name", "url"}
    first, second = listed(writer, work)
    assert (first["name"], first["folder"], first["size_bytes"]) == ("plan.txt", "", 6)
    assert (second["id"], second["name"], second["folder"]) == (file["id"], "plan.txt", "Notes")
    assert second["type"] == "text/plain"
    third = finish(writer, sent(b"%PDF-1.7", "plan.txt")).get_json()
    assert third["name"] == "plan (2).txt"
    assert listed(writer, work)[2]["type"] == "application/pdf"
    assert requests.get(writer.get(file["url"]).location, timeout=5).content == b"Other words."
    places = session.query(StoredFile.place).filter_by(kind="file")
    assert sorted(keys(bucket)) == sorted(place for (place,) in places)
    assert all(key.startswith(f"projects/{work.project.id}/") for key in keys(bucket))
    assert session.query(AuditEvent).filter_by(verb=Verb.FILE_CHANGED).count() == 4  # a folder, too


def test_a_picture_is_shown_and_everything_else_is_a_download(writer, sent):
    """I-28: whatever the name says."""
    shown = writer.get(finish(writer, sent(picture(), "a.html")).get_json()["url"])
    assert (shown.mimetype, shown.data) == ("image/png", picture())
    assert shown.headers["Content-Disposition"].startswith("inline")
    page = writer.get(finish(writer, sent(HTML, "a.png")).get_json()["url"])
    assert page.status_code == 302
    disposition = requests.get(page.location, timeout=5).headers["Content-Disposition"]
    assert disposition.startswith("attachment")


def test_a_picture_for_a_text_must_be_one(writer, work, bucket, sent):
    """I-37"""
    taken = finish(writer, sent(picture(), "sea.png", is_picture=True)).get_json()
    assert listed(writer, work)[0]["folder"] == "Images"
    for content in (HTML, b"<svg onload=alert(1)></svg>"):
        refused = finish(writer, sent(content, "sea.png", is_picture=True))
        assert (refused.status_code, refused.get_json()["error"]) == (422, "invalid")
        assert "This is no picture." in refused.get_json()["message"]
    assert [file["id"] for file in listed(writer, work)] == [taken["id"]]
    assert len(keys(bucket)) == 1


def test_the_form_lets_in_no_more_than_uploads_may_hold(begin, change_settings):
    """I-27"""
    change_settings(max_upload_bytes=10)
    refused = begin(b"x" * 11)
    assert (refused.status_code, refused.get_json()["error"]) == (413, "too_large")
    assert "larger than 10 bytes" in refused.get_json()["message"]
    policy = json.loads(base64.b64decode(begin(b"x" * 10).get_json()["fields"]["policy"]))
    assert ["content-length-range", 0, 10] in policy["conditions"]


def test_what_is_larger_than_was_said_is_refused_at_the_end(
    writer, work, begin, change_settings, bucket
):
    """I-27: also where the service does not keep to the form."""
    change_settings(max_upload_bytes=10)
    begun = begin(b"x").get_json()
    post(begun, b"x" * 11)
    refused = finish(writer, begun)
    assert (refused.status_code, refused.get_json()["error"]) == (413, "too_large")
    assert (listed(writer, work), keys(bucket)) == ([], [])


def test_finishing_again_is_the_same_file(writer, work, sent):
    """N-4: with or without an Idempotency-Key."""
    begun = sent()
    answers = [
        finish(writer, begun, **{"Idempotency-Key": "once"}),
        finish(writer, begun, **{"Idempotency-Key": "once"}),
        finish(writer, begun),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    (file,) = {answer.get_json()["id"] for answer in answers}
    assert [one["id"] for one in listed(writer, work)] == [file]
    writer.open(
        f"/orchestra/api/interface/files/{file}/",
        method="DELETE",
        headers={"X-CSRF-Token": writer.csrf_token},
    )
    assert finish(writer, begun).status_code == 404


def test_of_two_that_finish_at_once_one_makes_the_file(writer, work, sent, bucket, monkeypatch):
    """N-4: the other is asked to come again, and leaves nothing in the bucket."""
    begun = sent()
    file = finish(writer, begun).get_json()
    post(begun, b"Something else.")  # the form is good for a while
    monkeypatch.setattr(direct_uploads, "find_finished", lambda _: None)  # when both looked
    second = finish(writer, begun)
    assert (second.status_code, second.headers["Retry-After"]) == (409, "1")
    monkeypatch.undo()
    assert finish(writer, begun).get_json() == file
    assert requests.get(writer.get(file["url"]).location, timeout=5).content == b"Words."
    assert len([key for key in keys(bucket) if "incoming" not in key]) == 1


def test_what_is_begun_and_not_finished_is_no_file(writer, work, sent, bucket):
    """I-36: a rule of the bucket removes it."""
    sent()
    assert listed(writer, work) == []
    (left,) = keys(bucket)
    assert left.startswith(f"projects/incoming/{work.project.id}/")


def test_what_was_not_sent_cannot_be_finished_yet(writer, begin):
    begun = begin(b"Words.").get_json()
    refused = finish(writer, begun)
    assert (refused.status_code, refused.get_json()["error"]) == (404, "not_found")
    assert "has not arrived" in refused.get_json()["message"]
    post(begun, b"Words.")
    assert finish(writer, begun).status_code == 200


def test_who_is_not_on_the_project_can_neither_begin_nor_finish(
    browser, make, session, work, begin, sent
):
    """R-32"""
    stranger, begun = browser().sign_in(_committed(session, make.worker())), sent()
    for answer in (begin(by=stranger), finish(stranger, begun)):
        assert (answer.status_code, answer.get_json()["error"]) == (404, "not_found")
    anonymous = browser()
    anonymous.csrf_token = ""
    for answer in (begin(by=anonymous), finish(anonymous, begun)):
        assert answer.status_code == 401


def _committed(session, worker):
    session.commit()
    return worker


def test_nobody_finishes_what_somebody_else_began(browser, work, session, sent, writer):
    """R-32: not even who is on the project."""
    begun = sent()
    admin = browser().sign_in(work.workers[work.admin.name])
    assert finish(admin, begun).status_code == 404
    assert finish(writer, begun).status_code == 200


def test_who_left_the_project_cannot_finish_any_more(writer, work, session, sent, bucket):
    """R-32"""
    begun = sent()
    work.at(0).discarded_at = utcnow()
    session.commit()
    assert finish(writer, begun).status_code == 404
    assert len(keys(bucket)) == 1


def test_a_closed_project_takes_nothing(browser, work, session, sent, bucket, writer):
    admin = browser().sign_in(work.workers[work.admin.name])
    begun = sent(by=admin)
    with session.begin():
        projects.abort(session, work.admin, work.project.id)
    refused = finish(admin, begun)
    assert (refused.status_code, refused.get_json()["error"]) == (409, "project_closed")
    assert not [key for key in keys(bucket) if "incoming" not in key]


@pytest.mark.parametrize(
    "forge",
    [
        lambda signed: "",
        lambda signed: "projects/1/a",
        lambda signed: signed[:-1],
        lambda signed: "e30" + signed[signed.index(".") :],
    ],
)
def test_only_what_we_signed_is_finished(writer, work, begin, sent, forge):
    """I-36: no other place of the bucket can be named."""
    begun = sent()
    refused = finish(writer, {"upload": forge(begun["upload"])})
    assert (refused.status_code, refused.get_json()["error"]) == (404, "not_found")
    assert listed(writer, work) == []


def test_an_upload_is_finished_within_hours(writer, sent):
    begun = sent()
    later = timedelta(seconds=direct_uploads.FINISH_WITHIN_SECONDS + 1)
    with time_machine.travel(utcnow() + later, tick=False):
        assert finish(writer, begun).status_code == 404
    assert finish(writer, begun).status_code == 200


@pytest.mark.parametrize(
    "fault",
    [{"size_bytes": -1}, {"size_bytes": "1"}, {"name": None}, {"is_picture": "yes"}, {"other": 1}],
)
def test_a_beginning_says_what_is_to_come(begin, fault):
    answer = begin(**fault)
    assert (answer.status_code, answer.get_json()["fields"].keys()) == (422, fault.keys())


def test_where_it_is_off_files_come_to_us(app, writer, work, begin, change_settings):
    """W-1: no page asks another host then."""
    page = f"/orchestra/app/task/{work.task.id}"
    address = begin().get_json()["address"]
    on = writer.get(page)
    assert f"; connect-src 'self' {address}" in on.headers["Content-Security-Policy"]
    assert 'name="direct-uploads"' in on.text
    other = writer.get("/orchestra/app").headers["Content-Security-Policy"]
    assert "connect-src" not in other
    assert on.headers["Content-Security-Policy"].startswith(other)

    for change in (
        lambda: app.extensions.update(orchestra_files=FilesInMemory()),
        lambda: change_settings(s3_direct_uploads=False),
    ):
        change()
        answer = begin()
        assert (answer.status_code, answer.get_json()) == (200, None)
        off = writer.get(page)
        assert off.headers["Content-Security-Policy"] == other
        assert "direct-uploads" not in off.text


def test_documents_take_pictures_the_same_way(writer, work, session, begin):
    """I-37"""
    wanted = Wanted(kind=FileKind.DOCUMENT, key="plan", name="The plan")
    document = documents.reserve(session, work.admin, work.project.id, wanted, "Words").id
    session.commit()
    address = begin().get_json()["address"]
    for path, sends in (("", False), ("edit", True)):
        page = writer.get(f"/orchestra/documents/{document}/{path}")
        assert (address in page.headers["Content-Security-Policy"]) is sends
        assert ('name="direct-uploads"' in page.text) is sends


def test_a_page_is_there_whatever_its_store_lacks(writer, work, monkeypatch):
    """N-7: files then come to us, and what is wrong is told of each."""

    def refuse(_):
        raise RefusedByService("There is no key for S3.")

    monkeypatch.setattr(S3Files, "upload_address", property(refuse))
    page = writer.get(f"/orchestra/app/task/{work.task.id}")
    assert page.status_code == 200
    assert "direct-uploads" not in page.text


def test_the_calls_cost_a_fixed_number_of_statements(writer, work, begin, sent, statements):
    """N-22"""
    for _ in range(5):
        finish(writer, sent())
    begun = sent()
    for call in (begin, lambda: finish(writer, begun), lambda: finish(writer, begun)):
        with statements() as seen:
            assert call().status_code == 200
        assert len(seen) <= 16
