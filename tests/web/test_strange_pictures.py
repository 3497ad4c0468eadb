"""Pictures of other hosts: fetched by us, so that pages ask no host but ours."""

import io
import re

import pytest
from PIL import Image

from orchestra import workflow_kit
from orchestra.web.addresses import picture_source
from orchestra.web.markdown import render_markdown
from orchestra.web.pages import strange_pictures
from orchestra.workflow_kit import Fetched, FetchFailed, FetchRefused
from tests.builders import step

STRANGE = "https://example.org/a.png?size=2&x='\"<"
SHOW = [{"type": "image", "from": "/project_data/it"}]
SHOWN = {"form": {"type": "object"}, "ui": {"show": SHOW}}


def picture(format_="PNG"):
    file = io.BytesIO()
    Image.new("RGB", (20, 10), "navy").save(file, format_)
    return file.getvalue()


@pytest.fixture
def ana(make, session):
    worker = make.worker("ana")
    session.commit()
    return worker


@pytest.fixture
def source(app):
    """The address on our host under which a page shows the strange picture."""
    with app.test_request_context():
        return picture_source(STRANGE)


@pytest.fixture
def answers(monkeypatch):
    """What the other host answers: content, a status, or an error; collects what is asked."""
    asked = []

    def answering(content=b"", status=200):
        def fetch(url, *, only_public):
            assert only_public
            asked.append(url)
            if isinstance(content, Exception):
                raise content
            return Fetched(status, url, {"content-type": "text/html"}, content)

        monkeypatch.setattr(strange_pictures, "fetch", fetch)
        return asked

    return answering


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_picture_is_passed_on_as_what_its_content_is(her, source, answers, format_):
    asked = answers(picture(format_))
    answer = her.get(source)
    assert (answer.status_code, answer.data) == (200, picture(format_))
    assert answer.mimetype == f"image/{format_.lower()}"
    assert asked == [STRANGE]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert re.fullmatch(r"private, max-age=\d{5}", answer.headers["Cache-Control"])


@pytest.mark.parametrize(
    "answered",
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",),
        (b"<html>",),
        (b"",),
        (picture()[:-40],),
        (picture(), 404),
        (FetchRefused("10.0.0.1 is not a public address."),),
        (FetchFailed("no whole answer"),),
    ],
    ids=["SVG", "page", "nothing", "cut", "not there", "private", "failed"],
)
def test_what_cannot_be_shown_is_a_note_in_the_place_of_the_picture(her, source, answers, answered):
    answers(*answered)
    answer = her.get(source)
    assert answer.status_code in {404, 502}
    assert answer.mimetype == "image/svg+xml"
    assert b"cannot be shown" in answer.data
    assert b"script" not in answer.data
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_private_address_is_refused_by_the_fetch_itself(her, app, monkeypatch):
    """E-62: exceptions are for functions; what people write has none."""
    monkeypatch.setenv("ORCHESTRA_FETCH_ALLOW_HOSTS", "127.0.0.1")
    workflow_kit._settings.cache_clear()
    monkeypatch.setattr(workflow_kit, "_pool", pytest.fail)
    with app.test_request_context():
        source = picture_source("http://127.0.0.1:9/secret.png")
    assert her.get(source).status_code == 502
    workflow_kit._settings.cache_clear()


def test_only_addresses_that_a_page_of_ours_shows_are_fetched(her, source, answers):
    asked = answers(picture())
    path, _, query = source.partition("?")
    for wrong in (
        path,
        f"{path}?address=https%3A%2F%2Fexample.org%2Fother.png",
        f"/orchestra/pictures/{'0' * 32}?{query}",
        f"/orchestra/pictures/%C3%A9?{query}",
    ):
        assert her.get(wrong).status_code == 404, wrong
    assert asked == []


def test_strangers_have_nothing_fetched(browser, source, answers):
    asked = answers(picture())
    assert "/accounts/login/" in browser().get(source).location
    assert asked == []


def test_a_slow_host_does_not_keep_every_thread_waiting(her, source, answers, monkeypatch):
    answers(picture())
    monkeypatch.setattr(strange_pictures, "LONGEST_WAIT_SECONDS", 0.01)
    for _ in range(strange_pictures.MOST_AT_ONCE):
        strange_pictures._places.acquire()
    try:
        assert her.get(source).status_code == 503
    finally:
        strange_pictures._places.release(strange_pictures.MOST_AT_ONCE)
    assert her.get(source).status_code == 200


def test_an_image_panel_and_a_markdown_text_ask_our_host_only(
    her, session, make, start, take, ana, source
):
    """X-5, W-12"""
    start(make.version(step("rate", user_interface=SHOWN)), data={"it": STRANGE.replace(" ", "")})
    task_id = take(ana)
    session.commit()
    answer = her.get(f"/orchestra/app/task/{task_id}")
    sources = re.findall(r'<img class="img-fluid rounded" src="([^"]+)"', answer.text)
    assert sources == [source]
    assert "img-src 'self' data:;" in answer.headers["Content-Security-Policy"]


def test_pictures_in_markdown_come_through_us(app):
    with app.test_request_context(base_url="http://orchestra.example"):
        html = render_markdown("![a](https://example.org/a.png) ![b](/orchestra/files/1/b.png)")
        own = render_markdown("![c](http://orchestra.example/c.png) [d](https://example.org/d.png)")
        assert re.findall('src="([^"]+)"', html) == [
            picture_source("https://example.org/a.png"),
            "/orchestra/files/1/b.png",
        ]
        assert 'src="http://orchestra.example/c.png"' in own
        assert 'href="https://example.org/d.png"' in own
