"""Forms: which data they accept, in which words they refuse, and what a post means."""

import json

import pytest
from werkzeug.datastructures import MultiDict

from orchestra.domain.forms import Form

NOTHING = {"prerequisites": {}, "project_data": {}}
IMAGE_FOUND = {"prerequisites": {"crawl": {"image": "https://example.org/a.png"}}}
NO_IMAGE = {"prerequisites": {"crawl": {"image": None, "error_message": "No image"}}}


def form_of(properties, required=(), hints=None, **ui):
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return Form.of({"form": schema, "ui": {"fields": hints or {}, **ui}})


def post(*pairs):
    return MultiDict(pairs)


PHOTOS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"src": {"type": "string"}, "caption": {"type": "string"}},
        "required": ["caption"],
    },
}
PLACE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
RATING = form_of(
    {"rating": {"type": "string", "enum": ["1", "2", "3"]}},
    ["rating"],
    {"/rating": {"when": "/prerequisites/crawl/image", "labels": {"1": "bad", "2": "so so"}}},
)


# Judging data


@pytest.mark.parametrize(
    ("schema", "value", "sentence"),
    [
        ({"type": "string"}, 5, "Thing must be text."),
        ({"type": "string", "minLength": 1}, "", "Enter a value for Thing."),
        ({"type": "string", "minLength": 3}, "ab", "Thing must be at least 3 characters long."),
        ({"type": "string", "maxLength": 3}, "abcd", "Thing must be at most 3 characters long."),
        ({"type": "string", "pattern": "^a+$"}, "b", "Thing does not have the expected form."),
        ({"type": "string", "enum": ["a", "b"]}, "c", "Thing must be one of: a, b."),
        (
            {"type": "string", "format": "date"},
            "2026-02-30",
            "Thing must be a date such as 2026-01-31.",
        ),
        (
            {"type": "string", "format": "date-time"},
            "2026-01-31T09:00",
            "Thing must be a time such as 2026-01-31T09:00:00Z.",
        ),
        (
            {"type": "string", "format": "uri"},
            "example.org",
            "Thing must be a complete address such as https://example.org/page.",
        ),
        (
            {"type": "string", "format": "email"},
            "ana",
            "Thing must be an e-mail address such as name@example.org.",
        ),
        ({"type": "number"}, "many", "Thing must be a number such as 12.5."),
        ({"type": "integer"}, 1.5, "Thing must be a whole number."),
        ({"type": "integer", "minimum": 1}, 0, "Thing must be 1 or more."),
        ({"type": "integer", "maximum": 9}, 10, "Thing must be 9 or less."),
        ({"type": "number", "multipleOf": 0.1}, 0.35, "Thing must be a multiple of 0.1."),
        (
            {"type": "number", "multipleOf": 0.1},
            float("inf"),
            "Thing must be a number such as 12.5.",
        ),
        ({"type": "boolean"}, "yes", "Thing must be yes or no."),
        ({"type": "boolean", "const": True}, False, "Thing must be ticked."),
        ({"type": "array", "items": {"type": "string"}}, "a", "Thing must be a list."),
        (
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
            [],
            "Add at least one item to Thing.",
        ),
        (
            {"type": "array", "items": {"type": "string"}, "maxItems": 1},
            ["a", "b"],
            "Thing must have at most 1 item.",
        ),
        (
            {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "minItems": 2},
            ["a"],
            "Thing must have at least 2 options ticked.",
        ),
        (
            {"type": "string", "format": "date-time"},
            "0001-01-01T00:00:00+05:00",  # in UTC before the first day there is
            "Thing must be a time such as 2026-01-31T09:00:00Z.",
        ),
        (PLACE, "Rome", "Thing must be a group of fields."),
    ],
)
def test_a_value_is_refused_in_a_sentence_for_a_person(schema, value, sentence):
    """L-142, W-32."""
    assert form_of({"thing": schema}).problems({"thing": value}, NOTHING) == {"/thing": [sentence]}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "format": "date"}, "2024-02-29"),
        ({"type": "string", "format": "date-time"}, "2026-01-31T09:00:00.5+02:00"),
        ({"type": "string", "format": "uri"}, "https://example.org/page?q=1#top"),
        ({"type": "string", "format": "email"}, "ana.b+c@mail.example.org"),
        ({"type": "string", "maxLength": 2}, "\U0001f600\U0001f600"),
        ({"type": "number", "multipleOf": 0.1}, 0.3),
        ({"type": "integer"}, 3.0),
    ],
)
def test_a_value_that_fits_is_accepted(schema, value):
    assert form_of({"thing": schema}).problems({"thing": value}, NOTHING) == {}


def test_missing_and_extra_properties_have_the_pointer_they_would_have():
    """L-142."""
    form = form_of({"title": {"type": "string"}, "place": PLACE}, ["title"])

    assert form.problems({"place": {}, "a/b": 1}, NOTHING) == {
        "/title": ["Enter a value for Title."],
        "/place/city": ["Enter a value for City."],
        "/a~1b": ["a/b is not a field of this form. Remove it."],
    }


def test_items_without_a_name_are_called_after_their_list():
    """L-142: the sentence names the field as the page does."""
    tags = {"type": "array", "title": "Free tags", "items": {"type": "string", "minLength": 2}}

    assert form_of({"tags": tags}).problems({"tags": ["ok", "x"]}, NOTHING) == {
        "/tags/1": ["Free tags (item 2) must be at least 2 characters long."]
    }


def test_a_missing_choice_is_asked_for_as_a_choice():
    assert RATING.problems({}, IMAGE_FOUND) == {"/rating": ["Choose an option for Rating."]}


def test_a_label_that_is_a_question_stands_in_quotation_marks():
    """X-5."""
    form = form_of(
        {"rating": {"type": "string", "title": "How awesome?", "enum": ["1"]}}, ["rating"]
    )

    assert form.problems({}, NOTHING) == {"/rating": ['Choose an option for "How awesome?".']}


def test_problems_of_items_name_the_item():
    form = form_of({"photos": PHOTOS})

    problems = form.problems({"photos": [{"caption": "A"}, {"src": "b"}]}, NOTHING)

    assert problems == {"/photos/1/caption": ["Enter a value for Caption (item 2)."]}


@pytest.mark.parametrize("data", [None, [], "text", 5])
def test_data_that_is_not_an_object_is_keyed_task_data(data):
    """L-142."""
    assert list(RATING.problems(data, NOTHING)) == ["task_data"]


def test_enumerated_values_are_named_by_their_labels():
    problems = RATING.problems({"rating": "9"}, IMAGE_FOUND)

    assert problems == {"/rating": ["Rating must be one of: bad, so so, 3."]}


def test_without_an_interface_a_form_with_one_optional_text_is_shown():
    """D-25, W-48."""
    form = Form.of({})

    assert [(child.name, child.widget, child.required) for child in form.root.children] == [
        ("result", "textarea", False)
    ]
    assert form.problems({}, NOTHING) == {}
    assert form.problems({"result": "done"}, NOTHING) == {}


def test_the_schema_of_an_element_is_used_if_there_is_one():
    """D-44."""
    schema = {"type": "object", "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}

    assert Form.of({"element": "my-editor"}).problems({"any": ["thing"]}, NOTHING) == {}
    with_schema = Form.of({"element": "my-editor", "schema": schema})
    assert with_schema.problems({"b": 1}, NOTHING) == {}
    assert list(with_schema.problems({}, NOTHING)) == ["task_data"]


# Conditions and values of the server


def test_a_field_is_demanded_only_when_its_condition_holds():
    """W-37, X-6."""
    assert RATING.problems({}, NO_IMAGE) == {}
    assert RATING.problems({}, IMAGE_FOUND) != {}


def test_a_field_whose_condition_does_not_hold_is_not_kept():
    """W-37."""
    assert RATING.with_server_values({"rating": "1"}, NO_IMAGE) == {}
    assert RATING.with_server_values({"rating": "1"}, IMAGE_FOUND) == {"rating": "1"}
    assert RATING.problems({"rating": "nonsense"}, NO_IMAGE) == {}


@pytest.mark.parametrize(
    ("pointer", "holds"),
    [
        ("/prerequisites/crawl/image", True),
        ("/crawl/image", True),
        ("/crawl/sizes/1", True),
        ("/crawl/zero", True),
        ("/crawl/nothing", False),
        ("/crawl/no", False),
        ("/crawl/empty", False),
        ("/crawl/sizes/2", False),
        ("/crawl/image/deeper", False),
        ("/other/image", False),
        ("/project_data/url", True),
        ("/project_data/other", False),
    ],
)
def test_a_condition_holds_when_its_pointer_finds_a_value(pointer, holds):
    """W-35, W-37."""
    crawl = {"image": "x", "sizes": [1, 2], "zero": 0, "nothing": None, "no": False, "empty": ""}
    context = {"prerequisites": {"crawl": crawl}, "project_data": {"url": "u"}}
    form = form_of({"a": {"type": "string"}}, ["a"], {"/a": {"when": pointer}})

    assert bool(form.problems({}, context)) is holds


def test_hidden_fields_are_set_by_the_server_whatever_was_sent():
    """W-37, X-22."""
    hints = {"/link": {"widget": "hidden", "value_from": "/document_creation/articleURL"}}
    form = form_of({"link": {"type": "string"}, "headline": {"type": "string"}}, ["link"], hints)
    context = {"prerequisites": {"document_creation": {"articleURL": "https://docs.example/1"}}}
    posted = form.from_html(post(("/link", "https://evil.example"), ("/headline", "Rain")))

    stored = form.with_server_values({**posted, "link": "https://evil.example"}, context)

    assert posted == {"headline": "Rain"}
    assert stored == {"link": "https://docs.example/1", "headline": "Rain"}
    assert form.with_server_values(stored, context) == stored
    assert form.problems(posted, context) == {}
    assert list(form.problems(posted, NOTHING)) == ["/link"]


# Reading a post


@pytest.mark.parametrize(
    ("schema", "texts", "value"),
    [
        ({"type": "string"}, ["a\r\nb"], "a\nb"),
        ({"type": "string"}, [" "], " "),
        ({"type": "string", "enum": ["", "a"]}, [""], ""),
        ({"type": "string", "format": "date-time"}, ["2026-01-31T09:00"], "2026-01-31T09:00:00Z"),
        ({"type": "number"}, ["1.50"], 1.5),
        ({"type": "number"}, ["1e2"], 100),
        ({"type": "number"}, ["1e999"], "1e999"),
        ({"type": "number"}, ["nan"], "nan"),
        ({"type": "integer"}, [" 7 "], 7),
        ({"type": "integer"}, ["-3"], -3),
        ({"type": "integer"}, ["seven"], "seven"),
        ({"type": "integer"}, ["9" * 5000], "9" * 5000),
        ({"type": "boolean"}, ["false"], False),
        ({"type": "boolean"}, ["false", "true"], True),
        ({"type": "boolean"}, ["maybe"], "maybe"),
        (
            {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
            ["", "b", "a"],
            ["b", "a"],
        ),
    ],
)
def test_posted_texts_become_typed_values(schema, texts, value):
    """W-39."""
    data = form_of({"thing": schema}).from_html(post(*(("/thing", text) for text in texts)))

    assert json.dumps(data) == json.dumps({"thing": value})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "boolean", "const": True},
        {"type": "array", "items": {"type": "string"}},
        {"type": "array", "items": {"type": "string", "enum": ["a"]}},
        PHOTOS,
        PLACE,
    ],
)
def test_empty_optional_fields_are_left_out(schema):
    """W-40."""
    form = form_of({"thing": schema})
    empty = "false" if "const" in schema else ""

    assert form.from_html(post()) == {}
    assert form.from_html(post(("/thing", empty))) == {}


def test_an_empty_group_is_left_out_even_if_it_demands_something():
    form = form_of({"place": PLACE})

    assert form.from_html(post(("/place", ""), ("/place/city", ""))) == {}
    assert form.from_html(post(("/place", ""), ("/place/city", "Rome"))) == {
        "place": {"city": "Rome"}
    }


def test_a_required_group_is_there_so_that_what_it_lacks_is_told():
    data = form_of({"place": PLACE}, ["place"]).from_html(post(("/place", "")))

    assert data == {"place": {}}


def test_items_are_read_in_order_and_empty_ones_dropped():
    form = form_of({"tags": {"type": "array", "items": {"type": "string"}}, "photos": PHOTOS})
    posted = post(
        ("/tags", ""),
        ("/tags/10", "last"),
        ("/tags/2", "first"),
        ("/tags/3", ""),
        ("/tags/evil", "ignored"),
        ("/photos/0/caption", ""),
        ("/photos/1/caption", "B"),
        ("/other", "ignored"),
        ("command", "submit"),
    )

    assert form.from_html(posted) == {"tags": ["first", "last"], "photos": [{"caption": "B"}]}


# What the form shows


def test_an_untouched_form_starts_with_its_defaults():
    properties = {
        "a": {"type": "string", "default": "x"},
        "b": {"type": "object", "properties": {"c": {"type": "integer", "default": 3}}},
        "d": {"type": "string", "const": "fixed"},
        "e": {"type": "string"},
    }
    form = form_of(properties, hints={"/d": {"widget": "hidden"}})

    assert form.initial({}, NOTHING) == {"a": "x", "b": {"c": 3}, "d": "fixed"}
    assert form.initial({"e": "typed"}, NOTHING) == {"e": "typed"}


def test_items_come_from_earlier_data_and_saved_ones_are_kept():
    """W-36, X-22."""
    hints = {"/photos": {"items_from": {"from": "/adjust/photos_for_caption", "key": "src"}}}
    form = form_of({"photos": PHOTOS}, hints=hints)
    sources = [{"src": "1.jpg", "name": "one"}, {"src": "2.jpg"}, {"name": "no key"}]
    context = {"prerequisites": {"adjust": {"photos_for_caption": sources}}}
    saved = {"photos": [{"src": "gone.jpg", "caption": "Old"}, {"src": "2.jpg", "caption": "Two"}]}

    assert form.initial({}, context) == {"photos": [{"src": "1.jpg"}, {"src": "2.jpg"}]}
    assert form.initial(saved, context) == {
        "photos": [
            {"src": "1.jpg"},
            {"src": "2.jpg", "caption": "Two"},
            {"src": "gone.jpg", "caption": "Old"},
        ]
    }
    assert form.initial({}, NOTHING) == {}


def test_fields_stand_in_the_order_the_author_gave():
    """W-33."""
    texts = {name: {"type": "string"} for name in "abc"}

    form = form_of(texts, order=["c", "a"])

    assert [child.name for child in form.root.children] == ["c", "a", "b"]


def test_reviewers_read_their_own_heading_and_introduction():
    """W-33."""
    form = form_of({}, title="Write", review_title="Review", intro="Write it.")

    assert (form.title(), form.title(reviewer=True)) == ("Write", "Review")
    assert (form.intro(), form.intro(reviewer=True)) == ("Write it.", "Write it.")


def test_panels_show_what_is_there_and_leave_out_what_is_not():
    """W-35, X-5."""
    form = form_of(
        {},
        show=[
            {"type": "image", "from": "/prerequisites/crawl/image"},
            {"type": "message", "from": "/crawl/error_message", "unless": "/crawl/image"},
            {"type": "project_data", "keys": ["url"], "unless": "/crawl/image"},
            {"type": "prerequisite", "step": "plan", "keys": ["who", "why"], "title": "The plan"},
            {"type": "prerequisite", "step": "absent_step"},
            {"type": "document", "from": "/crawl/document"},
            {"type": "message", "from": "/crawl/image", "when": "/crawl/error_message"},
        ],
    )
    plan = {"who": "The Pope", "why": None, "where": "New York"}
    found = {"prerequisites": {**IMAGE_FOUND["prerequisites"], "plan": plan}}
    failed = {**NO_IMAGE, "project_data": {"url": "https://example.org", "other": 1}}

    assert [(panel.type, panel.title, panel.value) for panel in form.panels(found)] == [
        ("image", "Picture", "https://example.org/a.png"),
        ("prerequisite", "The plan", {"who": "The Pope"}),
    ]
    assert [(panel.type, panel.value) for panel in form.panels(failed)] == [
        ("message", "No image"),
        ("project_data", {"url": "https://example.org"}),
    ]
