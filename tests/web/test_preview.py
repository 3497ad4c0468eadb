"""The preview of step interfaces for authors: any step, with sample data, and nothing stored."""

import json
import re

import pytest
from bs4 import BeautifulSoup

from orchestra.domain.forms import Form
from orchestra.domain.graph import Graph
from orchestra.domain.samples import sample_context, sample_data
from tests.builders import step
from tests.web.conftest import form_step

PAGE = "/orchestra/app/preview/journalism/v1/reporting"
EVERYTHING = {
    "form": {
        "type": "object",
        "properties": {
            "text": {"type": "string", "minLength": 40, "maxLength": 60},
            "short": {"type": "string", "maxLength": 3},
            "day": {"type": "string", "format": "date"},
            "page": {"type": "string", "format": "uri"},
            "number": {"type": "number", "maximum": 3},
            "whole": {"type": "integer", "minimum": 20},
            "sure": {"type": "boolean"},
            "agree": {"type": "boolean", "const": True},
            "choice": {"type": "string", "enum": ["a", "b"]},
            "colours": {"type": "array", "items": {"type": "string", "enum": ["red", "green"]}},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 3},
            "one": {"type": "array", "items": {"type": "string"}, "maxItems": 1},
            "photo": {"type": "string"},
            "place": {"type": "object", "properties": {"city": {"type": "string"}}},
            "captions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"src": {"type": "string"}, "caption": {"type": "string"}},
                },
            },
            "price": {"type": "number"},
            "origin": {"type": "string"},
        },
        "required": ["text", "day", "whole", "agree", "photo", "origin", "price"],
    },
    "ui": {
        "fields": {
            "/photo": {"widget": "image"},
            "/captions": {"items_from": {"from": "/adjust/photos", "key": "src"}},
            "/price": {"when": "/project_data/is_sold"},
            "/origin": {"widget": "hidden", "value_from": "/adjust/origin"},
        },
        "show": [
            {"type": "image", "from": "/adjust/picture"},
            {"type": "message", "from": "/adjust/error", "unless": "/adjust/picture"},
            {"type": "prerequisite", "step": "plan", "keys": ["headline"]},
            {"type": "project_data", "keys": ["client"]},
        ],
    },
}


@pytest.fixture
def version(make):
    return make.version(
        form_step("plan"),
        step("adjust", "plan", human=False),
        form_step("reporting", "plan", name="Reporting", description="Report it."),
        step("captions", "adjust", user_interface=EVERYTHING),
        slug="journalism",
    )


@pytest.fixture
def at_ana(client, make, session, version):
    ana = make.worker("ana")
    session.commit()
    return client.sign_in(ana)


def values(text):
    soup = BeautifulSoup(text, "html.parser")
    return {area["name"]: area.get_text() for area in soup.find_all("textarea", class_="sample")}


def test_all_human_steps_of_all_versions_are_listed(at_ana):
    text = at_ana.get("/orchestra/app/preview/").text
    assert re.findall(r'href="/orchestra/app/preview/(journalism/[^"]+)"', text) == [
        "journalism/v1/plan",
        "journalism/v1/reporting",
        "journalism/v1/captions",
    ]


def test_an_empty_list_says_what_to_do(client, make, session):
    """W-8"""
    worker = make.worker()
    session.commit()
    assert (
        "orchestra workflows load-all" in client.sign_in(worker).get("/orchestra/app/preview/").text
    )


def test_the_list_costs_a_fixed_number_of_statements(at_ana, make, session, statements):
    for number in range(5):
        make.version(form_step("a"), slug=f"more-{number}")
    session.commit()
    with statements() as seen:
        at_ana.get("/orchestra/app/preview/")
    assert len(seen) <= 8


def test_a_step_is_shown_with_sample_data(at_ana):
    text = at_ana.get(PAGE).text
    assert "<h1>Reporting</h1>" in text
    assert 'name="/headline" value="Sample of Headline"' in text
    assert json.loads(values(text)["prerequisites"])["plan"]["headline"] == "Sample of Headline"


def test_generated_sample_data_is_what_the_form_accepts():
    """W-39: also of conditions, lists from earlier data and values that the server sets."""
    steps = [
        form_step("plan"),
        step("adjust", "plan", human=False),
        step("captions", "adjust", user_interface=EVERYTHING),
    ]
    graph = Graph.from_json({"steps": steps})
    form = Form.of(EVERYTHING)
    context = sample_context(graph, graph.by_slug["captions"])
    data = sample_data(form, context)
    assert form.problems(data, context) == {}
    assert [panel.type for panel in form.panels(context)] == [
        "image",
        "prerequisite",
        "project_data",
    ]
    assert len(data["captions"]) == 2


def test_an_author_tries_other_data_as_another_person(at_ana):
    text = at_ana.post_form(
        PAGE, variant="reviewer", prerequisites="{}", project_data="", task_data='{"text": "Mine"}'
    ).text
    assert "Review</span></h1>" in text
    assert "Mine</textarea>" in text
    assert re.search(r'value="reviewer" checked', text)


def test_a_reader_sees_the_data_and_no_fields(at_ana):
    text = at_ana.post_form(PAGE, variant="reader", task_data='{"headline": "Rain"}').text
    assert 'name="/headline"' not in text
    assert "Rain" in text
    assert "Check this data" not in text


def test_a_check_shows_what_the_server_says(at_ana):
    refused = at_ana.post_form(PAGE, check="yes", **{"/headline": "R", "/text": ""}).text
    assert "The server refuses this data" in refused
    assert "Headline must be at least 3 characters long." in refused
    assert 'value="R"' in refused
    accepted = at_ana.post_form(PAGE, check="yes", **{"/headline": "Rain"}).text
    assert "The server accepts this data." in accepted


def test_data_that_is_no_json_is_shown_again_with_the_reason(at_ana):
    text = at_ana.post_form(PAGE, task_data='{"headline": ', check="yes").text
    assert values(text)["task_data"].strip() == '{"headline":'
    assert "The body is not JSON" in text
    assert "The server" not in text


def test_nothing_is_stored(at_ana, session, statements):
    at_ana.post_form(PAGE, check="yes", **{"/headline": "Rain"})
    with statements() as seen:
        at_ana.post_form(PAGE, check="yes", **{"/headline": "Rain"})
    assert not [one for one in seen if one.lstrip().upper().startswith(("INSERT", "UPDATE"))]


def test_an_element_gets_a_task_object_of_sample_data(client, make, session):
    element = {"element": "star-rating", "javascript_includes": ["a.js"]}
    make.version(step("rate", user_interface=element), slug="stars")
    worker = make.worker("ben")
    session.commit()
    client.sign_in(worker)
    page = "/orchestra/app/preview/stars/v1/rate"
    text = client.post_form(page, variant="reviewer", task_data='{"stars": 3}').text
    root = BeautifulSoup(text, "html.parser").find(attrs={"data-element": True})
    sample = json.loads(root["data-task-assignment"])
    assert (sample["task"]["data"], sample["is_reviewer"]) == ({"stars": 3}, True)
    assert json.loads(root["data-element-data"]) == {"stars": 3}
    checked = client.post_form(page, check="yes", task_data='{"stars": 4}').text
    assert "The server accepts this data." in checked


@pytest.mark.parametrize("path", ["journalism/v1/adjust", "journalism/v2/plan", "none/v1/plan"])
def test_there_is_no_preview_of_what_is_not_there(at_ana, path):
    assert at_ana.get(f"/orchestra/app/preview/{path}").status_code == 404


def test_in_production_it_is_for_project_admins(at_ana, browser, make, session, change_settings):
    """P-20"""
    admin = make.admin()
    session.commit()
    change_settings(environment="production")
    for path in ("/orchestra/app/preview/", PAGE):
        assert at_ana.get(path).status_code == 403
        assert browser().sign_in(admin).get(path).status_code == 200


def test_a_form_that_is_not_of_this_page_is_refused(at_ana):
    assert at_ana.post_form(PAGE, variant="nobody").status_code == 400
    assert at_ana.post_form(PAGE, csrf_token="stale").status_code == 403
