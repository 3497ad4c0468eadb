"""Forms as HTML: accessible, complete, and deaf to hostile text."""

import json
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

import orchestra.web
from orchestra.domain.forms import Form
from orchestra.web.addresses import picture_source
from orchestra.web.pages.forms import render_data, render_form
from tests.posting import UNTOUCHED, Page, choices_of, is_box

NOTHING = {"prerequisites": {}, "project_data": {}}
HOSTILE = "\"><script>alert(1)</script>'{{ 7 * 7 }}"
ITEM = {
    "type": "object",
    "title": "Photo",
    "properties": {
        "caption": {"type": "string"},
        "sold": {"type": "boolean"},
        "names": {"type": "array", "items": {"type": "string", "minLength": 2}},
    },
    "required": ["caption"],
}
EVERYTHING = {
    "rating": {"type": "string", "enum": ["1", "2"], "description": "Be honest."},
    "colours": {"type": "array", "items": {"type": "string", "enum": ["red", "green"]}},
    "country": {"type": "string", "enum": list("abcdefgh")},
    "agree": {"type": "boolean", "const": True},
    "urgent": {"type": "boolean", "default": True},
    "sure": {"type": "boolean"},
    "count": {"type": "integer", "minimum": 1},
    "price": {"type": "number", "multipleOf": 0.05},
    "day": {"type": "string", "format": "date"},
    "moment": {"type": "string", "format": "date-time"},
    "page": {"type": "string", "format": "uri"},
    "text": {"type": "string", "minLength": 3},
    "code": {"type": "string", "pattern": "^[a-z]+$"},
    "place": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "zip": {"type": "string"}},
        "required": ["city"],
    },
    "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
    "photos": {"type": "array", "items": ITEM, "minItems": 1},
    "secret": {"type": "object", "properties": {"id": {"type": "integer"}}},
    "picture": {"type": "string", "maxLength": 30},
    "sources": {"type": "array", "items": {"type": "string"}},
}
HINTS = {
    "/text": {"widget": "textarea", "rows": 3, "placeholder": "Say it"},
    "/sure": {"widget": "radio", "labels": {"true": "Certainly"}},
    "/rating": {"help": "Five is best.", "labels": {"1": "bad"}},
    "/secret": {"widget": "hidden"},
    "/picture": {"widget": "image"},
    "/sources/*": {"widget": "file"},
}
DATA = {
    "rating": "2",
    "colours": ["green"],
    "country": "c",
    "agree": True,
    "urgent": False,
    "sure": False,
    "count": 5,
    "price": 0.35,
    "day": "2026-01-31",
    "moment": "2026-01-31T09:00:00Z",
    "page": "https://example.org/",
    "text": "\nfirst line empty\nlast",
    "code": "abc",
    "place": {"city": "Rome"},
    "tags": ["a", "b"],
    "photos": [{"caption": "A", "sold": True, "names": ["Ann"]}, {"caption": "B", "sold": False}],
    "secret": {"id": 7},
    "picture": "/rain.png",
    "sources": ["/files/a.pdf", "/files/b.pdf"],
}


def form_of(properties, required=(), hints=None, **ui):
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return Form.of({"form": schema, "ui": {"fields": hints or {}, **ui}})


FORM = form_of(EVERYTHING, ["rating", "agree", "text"], HINTS)


@pytest.fixture(scope="module", autouse=True)
def application():
    app = Flask("forms", template_folder=str(Path(orchestra.web.__file__).parent / "templates"))
    app.secret_key = "a key"
    with app.test_request_context("/", base_url="https://orchestra.example"):
        yield app


def test_what_a_form_shows_comes_back_unchanged():
    """W-39: also what stands in textareas, tick boxes, lists and hidden fields."""
    page = Page(render_form(FORM, DATA, NOTHING))

    assert FORM.from_html(page.posted()) == DATA
    assert FORM.problems(DATA, NOTHING) == {}


def test_an_empty_form_posts_nothing_but_its_boxes():
    """W-40."""
    page = Page(render_form(form_of(EVERYTHING, hints=HINTS), {"rating": "1"}, NOTHING))

    assert form_of(EVERYTHING, hints=HINTS).from_html(page.posted()) == {
        "rating": "1",
        "urgent": False,
    }


def test_every_control_has_a_label_and_every_reference_a_target():
    """W-5."""
    soup = Page(render_form(FORM, DATA, NOTHING, {"/rating": ["Bad."]})).soup
    identifiers = [element["id"] for element in soup.find_all(id=True)]
    labels = {label["for"] for label in soup.find_all("label")}
    shown = [c for c in soup.find_all(["input", "select", "textarea"]) if c.get("type") != "hidden"]

    assert len(identifiers) == len(set(identifiers))
    assert {control["id"] for control in shown} == labels
    for element in soup.find_all(attrs={"aria-describedby": True}):
        assert set(element["aria-describedby"].split()) <= set(identifiers)
    assert all(fieldset.find("legend") for fieldset in soup.find_all("fieldset"))


def test_an_error_is_tied_to_its_field_and_the_first_has_the_focus():
    """W-5, W-30."""
    errors = {"/text": ["Too short."], "/rating": ["Choose."], "/nowhere": ["Lost."]}
    page = Page(render_form(FORM, {}, NOTHING, errors))
    rating, text = page.field("/rating"), page.field("/text")

    assert rating["aria-invalid"] == "true"
    assert "field/rating-error" in rating["aria-describedby"]
    assert page.soup.find(id="field/rating-error").get_text() == "Choose."
    assert text.find("textarea")["aria-invalid"] == "true"
    assert [control["name"] for control in page.soup.find_all(autofocus=True)] == ["/rating"]
    assert page.soup.find(attrs={"data-other-errors": True}).get_text(strip=True) == "Lost."


def test_required_fields_are_marked_in_words_and_for_the_browser():
    """W-39."""
    page = Page(render_form(FORM, {}, NOTHING))

    assert "(required)" in page.field("/rating").get_text()
    assert page.field("/text").find("textarea").has_attr("required")
    assert page.field("/agree").find("input", type="checkbox").has_attr("required")
    # Demanded only if the group around it is begun: the browser must not insist.
    assert not page.field("/place/city").find("input").has_attr("required")


def test_hints_decide_widgets_labels_and_help():
    """W-34."""
    page = Page(render_form(FORM, {}, NOTHING))

    assert [label.get_text() for label in page.field("/rating").find_all("label")] == ["bad", "2"]
    assert "Be honest. Five is best." in page.field("/rating").get_text()
    assert page.field("/text").find("textarea")["placeholder"] == "Say it"
    assert page.field("/country").find("select")
    assert "Certainly" in page.field("/sure").get_text()
    assert page.field("/day").find("input")["type"] == "date"


def test_a_text_that_is_no_date_is_shown_to_be_mended():
    page = Page(render_form(FORM, {"day": "soon", "moment": "later"}, NOTHING))

    assert page.field("/day").find("input")["value"] == "soon"
    assert page.field("/day").find("input")["type"] == "text"
    assert page.field("/moment").find("input")["value"] == "later"


def test_a_field_whose_condition_does_not_hold_is_not_shown():
    """W-37, X-6."""
    form = form_of(EVERYTHING, ["rating"], {"/rating": {"when": "/crawl/image"}})
    found = {"prerequisites": {"crawl": {"image": "https://example.org/a.png"}}}

    assert Page(render_form(form, {}, NOTHING)).field("/rating") is None
    assert Page(render_form(form, {}, found)).field("/rating")


def test_items_made_from_earlier_data_show_their_source_and_cannot_be_removed():
    """W-36."""
    photos = {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"src": {"type": "string"}, "caption": {"type": "string"}},
        },
    }
    hints = {"/photos": {"items_from": {"from": "/adjust/photos", "key": "src"}}}
    form = form_of({"photos": photos}, hints=hints)
    context = {"prerequisites": {"adjust": {"photos": [{"src": "/files/1.jpg"}]}}}

    page = Page(render_form(form, {}, context))

    assert page.soup.find("img")["src"] == "/files/1.jpg"
    assert page.soup.find("button") is None
    assert form.from_html(page.posted()) == {"photos": [{"src": "/files/1.jpg"}]}


def test_without_javascript_a_list_has_one_empty_row_and_no_noscript_within_another():
    soup = Page(render_form(FORM, DATA, NOTHING)).soup

    assert soup.find(attrs={"name": "/photos/2/caption"}).find_parent("noscript")
    assert not any(element.find("noscript") for element in soup.find_all("noscript"))


@pytest.mark.parametrize("readonly", [False, True])
def test_hostile_text_stays_text_everywhere(readonly):
    """R-30: as data, key, label, choice, help, error and in panels."""
    form = form_of(
        {HOSTILE: {"type": "string", "title": HOSTILE, "description": HOSTILE}, **EVERYTHING},
        [HOSTILE],
        {"/rating": {"labels": {"1": HOSTILE}, "help": HOSTILE}, "/code": {"widget": "markdown"}},
        title=HOSTILE,
        intro=HOSTILE + " [link](javascript:alert(1)) <img src=x onerror=alert(1)>",
        show=[
            {"type": "prerequisite", "step": "before", "title": HOSTILE},
            {"type": "message", "from": "/before/text"},
            {"type": "image", "from": "/before/picture"},
        ],
    )
    before = {"text": HOSTILE, HOSTILE: HOSTILE, "picture": "javascript:alert(1)//a.png"}
    data = {
        HOSTILE: HOSTILE,
        "rating": HOSTILE,
        "text": HOSTILE,
        "code": HOSTILE,
        "tags": [HOSTILE],
    }
    context = {"prerequisites": {"before": before}, "project_data": {}}

    html = render_form(form, data, context, {f"/{HOSTILE}": [HOSTILE]}, readonly=readonly)

    soup = Page(html).soup
    assert soup.find("script") is None
    assert [image for image in soup.find_all("img") if "onerror" in image.attrs] == []
    assert all(not link["href"].startswith("javascript") for link in soup.find_all("a", href=True))
    assert "49" not in html
    assert not any(name.startswith("on") for tag in soup.find_all() for name in tag.attrs)


def test_read_only_shows_values_and_no_controls():
    """W-25."""
    html = render_form(FORM, {**DATA, "extra": "kept"}, NOTHING, readonly=True)
    soup = Page(html).soup
    pairs = dict(
        zip(
            (term.get_text() for term in soup.find("dl").find_all("dt", recursive=False)),
            (
                value.get_text(strip=True)
                for value in soup.find("dl").find_all("dd", recursive=False)
            ),
            strict=True,
        )
    )

    assert soup.find(["input", "select", "textarea", "button"]) is None
    assert pairs["Sure"] == "No"
    assert pairs["Place"] == "CityRome"
    assert pairs["Extra"] == "kept"


def test_earlier_data_links_strange_pictures_and_shows_our_own():
    html = render_data(
        {
            "strange": "https://example.org/a.png",
            "own": "https://orchestra.example/gallery/b.PNG",
            "path": "/gallery/c.webp",
            "doubtful": "//example.org/d.png",
            "nested": {"list": [1, True, None, {"deep": "x"}]},
        }
    )
    soup = Page(html).soup

    assert [image["src"] for image in soup.find_all("img")] == [
        "https://orchestra.example/gallery/b.PNG",
        "/gallery/c.webp",
    ]
    assert soup.find("a", string="https://example.org/a.png")
    assert soup.find("span", string="//example.org/d.png")


def test_links_to_documents_and_folders_of_ours_say_what_they_open():
    """X-16: addresses of ours are for programs."""
    here, there = f"/orchestra/documents/{'a' * 32}/", f"/orchestra/folders/{'b' * 32}/"
    strange = f"https://example.org{here}"

    soup = Page(render_data({"article": here, "photos": there, "strange": strange})).soup

    assert [(link["href"], link.text) for link in soup.find_all("a")] == [
        (here, "Open the document"),
        (there, "Open the folder"),
        (strange, strange),
    ]


def test_very_deep_data_is_still_shown():
    value = "bottom"
    for _ in range(200):
        value = {"down": value}

    assert "bottom" in render_data(value)


def test_the_picture_of_an_image_panel_is_shown_with_a_text():
    """X-5."""
    form = form_of({}, show=[{"type": "image", "from": "/crawl/image"}])
    context = {"prerequisites": {"crawl": {"image": "https://example.org/a.png"}}}

    image = Page(render_form(form, {}, context)).soup.find("img")

    assert (image["src"], image["alt"]) == (picture_source("https://example.org/a.png"), "Picture")


def test_a_list_that_is_all_a_panel_shows_stands_below_its_title_without_a_label():
    panel = {"type": "prerequisite", "step": "adjust", "keys": ["skipped"], "title": "Left out"}
    context = {"prerequisites": {"adjust": {"skipped": ["list.txt"]}}}

    soup = Page(render_form(form_of({}, show=[panel]), {}, context)).soup

    assert soup.find("section").get_text(" ", strip=True) == "Left out list.txt"


PLAN = {
    "kind": {"type": "string", "title": "Kind of story", "enum": ["q&a"]},
    "text": {"type": "string", "title": "What happened"},
    "due": {"type": "string", "format": "date", "title": "Due on"},
    "until": {"type": "string", "format": "date-time", "title": "Embargo until"},
}
PLAN_HINTS = {"/kind": {"labels": {"q&a": "An interview"}}, "/text": {"widget": "markdown"}}
PLANNED = {
    "kind": "q&a",
    "text": "# Fire\n*Twice*",
    "due": "2026-12-24",
    "until": "2026-12-01T11:30:00+01:00",
}


def test_earlier_work_is_read_by_the_names_it_had_in_its_form():
    """W-35, W-22."""
    plan = form_of(PLAN, (), PLAN_HINTS).root
    panel = {"type": "prerequisite", "step": "plan"}
    context = {"prerequisites": {"plan": PLANNED}}

    html = render_form(form_of({}, show=[panel]), {}, context, earlier={"plan": plan})

    soup = Page(html).soup
    assert [name.get_text(strip=True) for name in soup.find_all("dt")] == [
        "Kind of story",
        "What happened",
        "Due on",
        "Embargo until",
    ]
    kind, text, due, until = soup.find_all("dd")
    assert (kind.get_text(strip=True), text.find("em").string) == ("An interview", "Twice")
    assert due.get_text(strip=True) == "24 December 2026"
    assert until.get_text(strip=True) == "1 December 2026, 10:30 UTC"


def test_a_text_of_a_person_has_no_heading_above_those_of_the_page():
    """W-5."""
    form = form_of(PLAN, (), PLAN_HINTS, intro="# How to")

    soup = Page(render_form(form, {"text": "# Fire"}, NOTHING, readonly=True)).soup

    assert [one.name for one in soup.find_all(["h1", "h2", "h3", "h4"])] == ["h2", "h3", "h3"]


def test_what_is_no_time_is_shown_as_it_was_typed():
    form = form_of(PLAN)
    data = {"due": "soon", "until": "0001-01-01T00:00:00+05:00"}

    html = render_form(form, data, NOTHING, readonly=True)

    assert "soon" in html
    assert "0001-01-01T00:00:00+05:00" in html


def test_the_checks_of_an_item_say_which_one_it_is():
    """W-39: as the server does, with the number that the page knows."""
    row = Page(render_form(FORM, DATA, NOTHING)).field("/photos/1/caption")

    assert json.loads(row["data-checks"]) == [
        ["required", None, "Enter a value for Caption (item {item})."]
    ]


def test_the_page_is_given_the_checks_of_the_server_in_its_words():
    """W-39."""
    checks = json.loads(Page(render_form(FORM, {}, NOTHING)).field("/count")["data-checks"])

    assert checks == [
        ["type", "integer", "Count must be a whole number."],
        ["minimum", 1, "Count must be 1 or more."],
    ]


@st.composite
def answers(draw):
    """Somebody who fills in the form in a hurry, and now and then correctly."""
    texts = st.sampled_from(["", "a", "abc", "7", "0.35", "-1", "2026-01-31", "x y", "\n", HOSTILE])

    def answer(control):
        if control.get("type") == "hidden":
            return UNTOUCHED
        if is_box(control):
            return draw(st.booleans())
        return draw(st.sampled_from(choices_of(control)) if control.name == "select" else texts)

    return answer


@settings(max_examples=60, deadline=None)
@given(
    answer=answers(),
    required=st.sets(st.sampled_from(sorted(EVERYTHING))),
    start=st.sampled_from([{}, DATA]),
)
def test_what_the_form_produces_is_accepted_or_refused_at_a_field_of_the_page(
    answer, required, start
):
    """W-39, W-30: whatever is typed, it is shown again, and every error stands at a field."""
    form = form_of(EVERYTHING, required, HINTS)
    data = form.from_html(Page(render_form(form, start, NOTHING)).posted(answer))
    problems = form.problems(data, NOTHING)

    again = Page(render_form(form, data, NOTHING, problems))

    hidden = {"/secret"}
    assert problems.keys() - hidden <= again.pointers
    assert form.from_html(again.posted()) == data or not data


def test_chosen_values_are_shown_by_their_labels():
    """W-34"""
    colours = {"type": "array", "items": {"type": "string", "enum": ["r", "g"]}}
    form = form_of({"colours": colours}, hints={"/colours": {"labels": {"r": "Red"}}})

    html = render_form(form, {"colours": ["r", "g"]}, NOTHING, readonly=True)

    assert [item.get_text(strip=True) for item in Page(html).soup.find_all("li")] == ["Red", "g"]


FILES = {
    "photo": {"type": "string"},
    "plan": {"type": "string", "format": "uri"},
    "shot": {
        "type": "object",
        "properties": {"src": {"type": "string"}, "caption": {"type": "string"}},
    },
}
FILE_HINTS = {
    "/photo": {"widget": "image"},
    "/plan": {"widget": "file"},
    "/shot/src": {"widget": "image"},
}


def test_fields_of_files_hold_addresses_and_are_labelled():
    """W-34, W-5"""
    plan = f"https://orchestra.example/orchestra/files/{'a' * 32}/my%20plan.pdf"
    data = {"photo": "/a.png", "plan": plan, "shot": {"src": "/b.png", "caption": "B"}}
    form = form_of(FILES, ["photo"], FILE_HINTS)
    page = Page(render_form(form, data, NOTHING, {"/photo": ["No."]}))

    assert page.field("/photo").find("img")["src"] == "/a.png"
    assert page.field("/plan").find("a").get_text() == "my plan.pdf"
    assert not page.field("/photo").find("input", type="file").has_attr("required")
    assert page.field("/photo").find("input", type="file")["aria-invalid"] == "true"
    controls = [c for c in page.controls() if c.get("type") != "hidden"]
    labels = {label["for"] for label in page.soup.find_all("label")}
    assert {control["id"] for control in controls} == labels
    kept = [control for control in page.controls() if control.get("type") != "file"]
    assert {control["name"] for control in kept} == {
        "/photo",
        "/plan",
        "/shot",
        "/shot/src",
        "/shot/caption",
    }
    assert form.from_html(page.posted()) == data


def test_a_required_file_is_demanded_as_long_as_there_is_none():
    page = Page(render_form(form_of(FILES, ["photo"], FILE_HINTS), {}, NOTHING))

    assert page.field("/photo").find("input", type="file").has_attr("required")
    assert page.field("/photo").find("img") is None


def test_a_picture_and_its_text_stand_side_by_side():
    form = form_of(FILES, hints=FILE_HINTS)
    page = Page(render_form(form, {}, NOTHING))
    shown = render_form(form, {"shot": {"caption": "B", "src": "/b.png"}}, NOTHING, readonly=True)

    assert page.field("/shot").find(class_="picture-with-text")
    figure = Page(shown).soup.find("figure")
    assert [figure.find("img")["src"], figure.find("figcaption").get_text(strip=True)] == [
        "/b.png",
        "B",
    ]


def test_a_result_without_a_form_keeps_its_labels():
    html = render_data({"status": "success", "image": "/gallery/a.png"})

    assert Page(html).soup.find("figure") is None
