"""Files that a browser sends to S3 itself, and how they get there where it may not (I-36, W-1)."""

import pytest
from PIL import Image
from playwright.sync_api import expect

from orchestra.domain import lifecycle
from orchestra.domain.audit import Actor
from orchestra.models import Assignment
from tests.builders import step
from tests.contract.s3_server import BUCKET, files_in_s3

FORM = {
    "form": {
        "type": "object",
        "properties": {
            "cover": {"type": "string", "title": "Cover"},
            "sources": {"type": "string", "title": "Sources"},
        },
    },
    "ui": {"fields": {"/cover": {"widget": "image"}, "/sources": {"widget": "file"}}},
}


@pytest.fixture
def bucket(app, s3_address, change_settings):
    change_settings(s3_direct_uploads=True)
    with files_in_s3(app, s3_address) as looking:
        yield looking
        looking.delete_bucket_cors(Bucket=BUCKET)


@pytest.fixture
def task_id(make, session, bucket):
    version = make.version(step("write", user_interface=FORM), step("other"))
    task = make.task(make.project(version=version), "write")
    ana, mia = make.worker("ana", first_name="Ana", password="ana"), make.admin()
    lifecycle.assign_task(session, Actor.of(mia), task.id, ana)
    session.commit()
    return task.id


@pytest.fixture
def at_task(visiting, served, task_id):
    """Ana's visit to her task, and the addresses that she sends something to from there on."""
    visit = visiting(served)
    page = visit.sign_in("ana")
    page.goto(f"{served}/orchestra/app/task/{task_id}")
    visit.posted = []
    page.on("request", lambda one: one.method == "POST" and visit.posted.append(one.url))
    return visit


def choose(page, field, tmp_path, name, size=(800, 500)):
    Image.new("RGB", size, "steelblue").save(tmp_path / name)
    page.get_by_label(field, exact=False).first.set_input_files(tmp_path / name)


def allow(bucket, origin):
    """The rule of the bucket that docs/files.md asks for."""
    rule = {"AllowedOrigins": [origin], "AllowedMethods": ["POST"]}
    bucket.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": [rule]})


def test_a_picture_is_sent_to_the_bucket_itself(
    served, at_task, bucket, s3_address, session, tmp_path
):
    """I-36: no other host is asked, and that one for nothing else."""
    allow(bucket, served)
    page = at_task.page

    choose(page, "Cover", tmp_path, "rain.png")

    cover = page.get_by_role("img", name="Cover")
    expect(cover).to_have_js_property("naturalWidth", 800)
    calls = f"{served}/orchestra/api/interface"
    to_bucket = f"{s3_address}/{BUCKET}"
    assert at_task.posted[:3] == [
        f"{calls}/direct_uploads/",
        to_bucket,
        f"{calls}/direct_uploads/finish/",
    ]
    expect(page.locator("[data-save-state]")).to_contain_text("Saved at")
    page.reload()
    expect(cover).to_have_js_property("naturalWidth", 800)
    page.get_by_label("Sources", exact=True).set_input_files(
        {"name": "plan.txt", "mimeType": "text/plain", "buffer": b"Ask two people."}
    )
    expect(page.get_by_role("link", name="plan.txt")).to_be_visible()
    assert not [url for url in at_task.posted if "upload_image" in url or "/files/" in url]
    with session.begin():
        assert session.query(Assignment).one().data["cover"].endswith("/rain.png")
    assert set(at_task.complaints) == {f"asked another host: {to_bucket}"}
    at_task.complaints.clear()
    at_task.check()


def test_scripts_of_the_page_reach_no_other_bucket(at_task, s3_address):
    """W-1: the service would take it; the content policy names one address."""
    ask = "url => fetch(url, { mode: 'no-cors' }).then(() => 'asked', () => 'stopped')"
    assert at_task.page.evaluate(ask, f"{s3_address}/{BUCKET}") == "asked"
    assert at_task.page.evaluate(ask, f"{s3_address}/other") == "stopped"
    assert any("Content Security Policy" in one for one in at_task.complaints)
    at_task.complaints.clear()


def test_what_is_no_picture_is_told_at_its_field(served, at_task, bucket):
    """I-27: the bucket took it; we do not."""
    allow(bucket, served)
    page = at_task.page
    page.get_by_label("Cover", exact=False).first.set_input_files(
        {"name": "rain.png", "mimeType": "image/png", "buffer": b"<svg></svg>"}
    )
    error = page.locator('[data-pointer="/cover"] [data-error]')
    expect(error).to_contain_text("This is no picture.")
    assert at_task.posted[-1].endswith("/direct_uploads/finish/")
    at_task.complaints.clear()


def test_where_the_bucket_takes_nothing_from_pages_files_come_to_us(
    at_task, bucket, s3_address, tmp_path
):
    """I-36: its rules name other pages than ours; it is not asked again."""
    allow(bucket, "https://other.example.org")
    page = at_task.page
    for number, size in enumerate((300, 400), start=1):
        choose(page, "Cover", tmp_path, f"{number}.png", (size, 100))
        cover = page.get_by_role("img", name="Cover")
        expect(cover).to_have_js_property("naturalWidth", size)
    begun = [url for url in at_task.posted if url.endswith("/direct_uploads/")]
    assert len(begun) == 1
    assert len([url for url in at_task.posted if url.endswith("/upload_image/")]) == 2
    asked, blocked = at_task.complaints
    assert asked == f"asked another host: {s3_address}/{BUCKET}"
    assert "CORS policy" in blocked
    at_task.complaints.clear()
