"""Pictures of people: given in the settings, shown where names stand."""

import io
import re

import pytest
import sqlalchemy as sa
from PIL import Image

from orchestra.domain import worker_pictures
from orchestra.models import AuditEvent, Verb, Worker, WorkerPicture
from tests.builders import step

SETTINGS = "/orchestra/accounts/settings/"
UPLOAD = f"{SETTINGS}picture/"
PLACE = 0x8825  # the tag with the place where a photograph was taken


@pytest.fixture
def ana(make, session):
    worker = make.worker("ana", first_name="Ana", last_name="Lopez")
    session.commit()
    return worker


def picture(format_="PNG", size=(600, 300), colour="navy", **more):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, format_, **more)
    return file.getvalue()


def upload(client, content, name="me.png", **fields):
    return client.post_form(UPLOAD, picture=(io.BytesIO(content), name), **fields)


def shown(page):
    """The addresses of the pictures on a page."""
    return re.findall(r'class="avatar" src="([^"]+)"', page)


def address_in_header(client):
    return shown(client.get(SETTINGS).text)[0]


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_picture_is_made_square_and_shown_to_whoever_is_signed_in(
    her, browser, make, session, ana, format_
):
    assert upload(her, picture(format_)).location == SETTINGS
    address = address_in_header(her)
    other = make.worker("ben")
    session.commit()
    answer = browser().sign_in(other).get(address)
    assert answer.mimetype == "image/webp"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in answer.headers["Cache-Control"]
    assert "private" in answer.headers["Cache-Control"]
    with Image.open(io.BytesIO(answer.data)) as image:
        assert image.size == (256, 256)
    assert browser().get(address).status_code == 302


def test_what_a_camera_noted_is_dropped_and_its_turn_is_kept():
    with Image.new("RGB", (400, 400), "white") as image:
        image.paste("red", (0, 0, 400, 100))  # above, and after a quarter turn on the right
        noted = image.getexif()
        noted[0x0112] = 6  # to be turned clockwise
        noted[PLACE] = {1: "N"}
        file = io.BytesIO()
        image.save(file, "JPEG", exif=noted, icc_profile=b"a profile")
    with Image.open(io.BytesIO(worker_pictures.made_square(file.getvalue()))) as square:
        assert not square.getexif()
        assert set(square.info) & {"exif", "icc_profile", "xmp"} == set()
        red, green, _ = square.convert("RGB").getpixel((250, 128))
        assert red > 200
        assert green < 100


def test_what_is_transparent_stays_so():
    file = io.BytesIO()
    Image.new("RGBA", (300, 300), (0, 0, 0, 0)).save(file, "PNG")
    with Image.open(io.BytesIO(worker_pictures.made_square(file.getvalue()))) as square:
        assert square.getpixel((10, 10))[3] == 0


def bomb():
    """A file of a few kilobytes with 64 million pixels."""
    file = io.BytesIO()
    Image.new("1", (8000, 8000)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "Choose a picture first"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "This is no picture"),
        (b"\x89PNG\r\n\x1a\n and nonsense", "This is no picture"),
        (picture()[:-40], "This is no picture"),
        (bomb(), "too many pixels"),
        (picture() + b"\0" * 20_000, "larger than 4 MB"),
    ],
    ids=["nothing", "SVG", "nonsense", "cut", "bomb", "too large"],
)
def test_what_cannot_be_taken_is_said_at_the_field(
    her, session, ana, content, sentence, monkeypatch
):
    monkeypatch.setattr(worker_pictures, "LARGEST_BYTES", 20_000)
    answer = upload(her, content)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'id="picture-error"' in answer.text
    assert 'value="Lopez"' in answer.text
    assert session.get(Worker, ana.id, populate_existing=True).picture_hash is None


def test_without_a_file_or_with_a_stale_token_nothing_is_taken(her):
    """W-13"""
    assert her.post_form(UPLOAD).status_code == 422
    assert upload(her, picture(), csrf_token="stale").status_code == 400
    assert her.post_form(f"{UPLOAD}remove/", csrf_token="stale").status_code == 400


def test_another_picture_has_another_address_and_the_former_is_gone(her, session):
    upload(her, picture())
    former = address_in_header(her)
    upload(her, picture(colour="red"))
    assert address_in_header(her) != former
    assert her.get(former).status_code == 404
    assert session.scalar(sa.select(sa.func.count()).select_from(WorkerPicture)) == 1


def test_a_picture_can_be_removed_and_initials_stand_for_it(her, session, ana):
    assert ">AL</span>" in her.get(SETTINGS).text
    upload(her, picture())
    page = her.get(SETTINGS).text
    assert ">AL</span>" not in page
    former = shown(page)[0]
    assert her.post_form(f"{UPLOAD}remove/").location == SETTINGS
    page = her.get(SETTINGS).text
    assert not shown(page)
    assert ">AL</span>" in page
    assert her.get(former).status_code == 404
    assert session.scalar(sa.select(sa.func.count()).select_from(WorkerPicture)) == 0


def test_only_what_changed_is_audited(her, session, ana):
    """P-59, P-61"""
    for _ in range(2):
        upload(her, picture())
    for _ in range(2):
        her.post_form(f"{UPLOAD}remove/")
    events = session.scalars(sa.select(AuditEvent).order_by(AuditEvent.id)).all()
    assert [(event.verb, event.object_id) for event in events] == [
        (Verb.ACCOUNT_CHANGED, ana.id),
        (Verb.ACCOUNT_CHANGED, ana.id),
    ]
    assert events[0].before == {"picture": None}
    assert events[1].before == events[0].after
    assert events[1].after == {"picture": None}


@pytest.mark.parametrize(
    ("names", "initials"),
    [(("Ana", "Lopez"), "AL"), (("ana", ""), "A"), (("", "lopez"), "L"), (("", ""), "W")],
)
def test_initials_are_of_the_names_or_else_of_the_username(names, initials):
    first_name, last_name = names
    worker = Worker(username="writer", first_name=first_name, last_name=last_name)
    assert worker.initials == initials


def test_pictures_stand_where_names_do(her, session, make, start, take, ana, browser):
    """The team and the history of a task and of a project, and the list of people."""
    project = start(make.version(step("write")))
    task_id = take(ana)
    admin = make.admin("boss")
    session.commit()
    upload(her, picture())
    address = address_in_header(her)
    assert shown(her.get(f"/orchestra/app/task/{task_id}").text) == [address] * 3
    manager = browser().sign_in(admin)
    of_project = f"/orchestra/app/project/{project.id}?tab="
    for path in (f"{of_project}team", f"{of_project}history", "/orchestra/admin/people/"):
        assert address in shown(manager.get(path).text), path
