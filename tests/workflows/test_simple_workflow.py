"""The simple workflow: its crawler and its definition (X-1 to X-8)."""

import inspect
import json
from pathlib import Path

import pytest
from simple_workflow.v1 import crawl, sample_data

from orchestra.domain import definitions
from orchestra.domain.forms import Form
from orchestra.workflow_kit import Fetched, FetchFailed, FetchRefused

FOLDER = Path(inspect.getfile(crawl)).parents[1]
PAGE = "https://example.org/holiday/index.html"


def page_with(html, status=200, url=PAGE):
    headers = {"content-type": "text/html; charset=utf-8"}
    return Fetched(status, url, headers, html.encode())


@pytest.fixture
def answer_with(monkeypatch):
    """Let the page be this one, or let the fetch raise this exception."""

    def set_answer(answer):
        def fetch(url):
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(crawl, "fetch", fetch)

    return set_answer


def crawled(url=PAGE):
    return crawl.crawl_page({"url": url, "project_id": 1}, {})


@pytest.mark.parametrize(
    ("source", "image"),
    [
        ("sea.jpg", "https://example.org/holiday/sea.jpg"),
        ("/sea.JPEG", "https://example.org/sea.JPEG"),
        ("//pictures.example/sea.png", "https://pictures.example/sea.png"),
        ("https://pictures.example/sea.gif", "https://pictures.example/sea.gif"),
        ("sea.webp?width=300", "https://example.org/holiday/sea.webp?width=300"),
        (" sea.jpg ", "https://example.org/holiday/sea.jpg"),
    ],
)
def test_an_image_is_given_by_its_absolute_address(answer_with, source, image):
    """X-4"""
    answer_with(page_with(f'<p><img alt="the sea" src="{source}"></p>'))

    assert crawled() == {"status": "success", "image": image}


def test_images_are_listed_once_and_others_are_left_out():
    """X-4"""
    page = page_with(
        '<img src="a.jpg"><img src="./a.jpg"><img src="b.png"><img src="logo.svg"><img alt="none">'
        '<img src="data:image/png;base64,x.png"><img src="http://[broken/c.jpg"><img src="">'
    )

    start = "https://example.org/holiday"
    assert crawl.image_addresses(page) == [f"{start}/a.jpg", f"{start}/b.png"]


def test_one_of_all_images_is_picked(answer_with):
    """X-4"""
    answer_with(page_with('<img src="a.jpg"><img src="b.jpg">'))

    picked = {crawled()["image"] for _ in range(64)}

    assert picked == {"https://example.org/holiday/a.jpg", "https://example.org/holiday/b.jpg"}


def test_the_base_of_the_page_and_its_address_after_redirects_count(answer_with):
    answer_with(page_with('<base href="/pictures/"><img src="a.jpg">', url="https://moved.example"))

    assert crawled()["image"] == "https://moved.example/pictures/a.jpg"


@pytest.mark.parametrize(
    "url",
    [None, "", " ", 7, ["x"], "ftp://example.org/", "javascript:1", "example.org", "http://["],
)
def test_a_missing_or_odd_address_is_a_result_and_not_a_failure(url):
    """X-3: nothing is fetched, and a person can still act on it"""
    result = crawled(url)

    assert (result["status"], result["image"]) == ("error", None)
    assert result["error_message"]


def test_project_data_without_an_address_is_a_result_and_not_a_failure():
    """X-3"""
    assert crawl.crawl_page({"project_id": 1}, {})["status"] == "error"


def test_a_page_without_an_image_is_a_result(answer_with):
    """X-4"""
    answer_with(page_with("<p>Words only</p>"))

    assert crawled() == {
        "status": "error",
        "image": None,
        "error_message": f"There is no image on {PAGE}.",
    }


def test_a_page_that_is_missing_is_a_result(answer_with):
    answer_with(page_with('<img src="sad.png">', status=404))

    assert "404" in crawled()["error_message"]


def test_a_refused_address_is_a_result(answer_with):
    """X-4"""
    answer_with(FetchRefused("localhost is not a public address"))

    assert crawled()["error_message"] == "localhost is not a public address"


@pytest.mark.parametrize(
    "answer", [FetchFailed("no connection"), page_with("busy", 503)], ids=["network", "busy"]
)
def test_a_failure_of_the_network_raises_and_is_retried(answer_with, answer):
    """X-4"""
    answer_with(answer)

    with pytest.raises(FetchFailed):
        crawled()


def test_the_definition_is_valid_and_as_described():
    """X-1, X-2, X-5, X-6, D-16"""
    workflow = json.loads((FOLDER / "workflow.json").read_text())
    version = json.loads((FOLDER / "v1" / "version.json").read_text())
    crawling, rating = version["steps"]

    assert (workflow["slug"], workflow["name"]) == ("simple_workflow", "Simple Workflow")
    assert workflow["description"] == "Crawl a web page for an image and rate it."
    assert workflow["certifications"] == []
    assert workflow["$schema"].startswith("/orchestra/schemas/")
    assert version["$schema"].startswith("/orchestra/schemas/")
    assert (crawling["slug"], crawling["name"]) == ("crawl", "Web Crawling")
    assert crawling["is_human"] is False
    assert (rating["slug"], rating["name"]) == ("rate", "Image Rating")
    assert rating["creation_depends_on"] == ["crawl"]
    assert rating["review_policy"] == {"policy": "no_review"}
    interface = rating["user_interface"]
    assert interface["form"]["properties"]["rating"]["enum"] == ["1", "2", "3", "4", "5"]
    assert interface["form"]["required"] == ["rating"]
    hints = interface["ui"]["fields"]["/rating"]
    assert (hints["widget"], hints["when"]) == ("radio", "/prerequisites/crawl/image")
    assert hints["labels"]["1"] == "very un-awesome"
    assert hints["labels"]["5"] == "very awesome"


def form_and_panels(crawled_data):
    version = json.loads((FOLDER / "v1" / "version.json").read_text())
    form = Form.of(version["steps"][1]["user_interface"])
    context = {"prerequisites": {"crawl": crawled_data}, "project_data": {"url": PAGE}}
    return form, context, [(panel.type, panel.value) for panel in form.panels(context)]


def test_the_rating_is_asked_for_when_there_is_an_image():
    """X-5"""
    image = "https://example.org/sea.jpg"
    form, context, panels = form_and_panels({"status": "success", "image": image})

    assert panels == [("image", image), ("project_data", {"url": PAGE})]
    assert list(form.problems({}, context)) == ["/rating"]
    assert list(form.problems({"rating": "6"}, context)) == ["/rating"]
    assert not form.problems({"rating": "5"}, context)


def test_no_rating_is_asked_for_when_there_is_no_image():
    """X-6"""
    form, context, panels = form_and_panels(crawl.error_result("There is no image."))

    assert panels == [("message", "There is no image."), ("project_data", {"url": PAGE})]
    assert not form.problems({}, context)


def test_the_definition_is_accepted_without_a_warning():
    package = definitions.read_package(FOLDER)

    assert (package.slug, list(package.versions), package.warnings) == (
        "simple_workflow",
        ["v1"],
        [],
    )


def test_the_sample_person_is_the_demo_user(monkeypatch):
    """X-7"""
    made = []
    monkeypatch.setattr(sample_data, "create_worker", lambda *values: made.append(values))

    sample_data.load(None)

    assert [values[:4] for values in made] == [("demo", "demo", "Demo", "User")]
