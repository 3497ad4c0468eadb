"""What a round changed, as a person reads it (W-22)."""

import pytest

from orchestra.domain.forms import Form
from orchestra.web.pages.changes import MOST_WORDS, changes_between, compare_texts
from orchestra.web.pages.places import address_of, name_of

FORM = Form.of(
    {
        "form": {
            "type": "object",
            "properties": {
                "headline": {"type": "string", "title": "Headline"},
                "mood": {"type": "string", "enum": ["good", "bad"]},
                "photo": {"type": "string", "format": "uri"},
                "due": {"type": "string", "format": "date"},
                "tags": {"type": "array", "items": {"type": "string"}},
                "sources": {
                    "type": "array",
                    "title": "Sources",
                    "items": {"type": "object", "properties": {"name": {"type": "string"}}},
                },
                "place": {"type": "object", "properties": {"city": {"type": "string"}}},
            },
        }
    }
)


def changes(before, after):
    return changes_between(FORM.root, before, after)


def marked(pieces):
    signs = {"same": "{}", "added": "[+{}]", "removed": "[-{}]", "left_out": "{}"}
    return "".join(signs[piece.kind].format(piece.text) for piece in pieces)


@pytest.mark.parametrize(
    ("before", "after", "reading"),
    [
        ("Rain", "Rain in New York", "Rain[+ in New York]"),
        ("Rain in New York", "Snow in New York", "[-Rain][+Snow] in New York"),
        ("It rains.", "It rains now.", "It[- rains.][+ rains now.]"),
        ("One.\nTwo.", "One.\n\nTwo.", "One.\n[+\n]Two."),
        ("a  b", "a b", "a b"),
    ],
)
def test_words_that_came_and_went_are_marked(before, after, reading):
    assert marked(compare_texts(before, after)) == reading


def test_much_that_is_the_same_is_left_out():
    words = " ".join(f"w{n}" for n in range(100))
    reading = marked(compare_texts(f"{words} end", f"{words} fin"))
    kept = " ".join(f"w{n}" for n in range(88, 100))
    assert reading == f" … {kept}[- end][+ fin]"


def test_very_long_texts_are_compared_by_lines():
    lines = "\n".join(f"line {n}" for n in range(MOST_WORDS))
    pieces = compare_texts(lines, lines.replace("line 7\n", "line seven\n"))
    assert [piece.text for piece in pieces if piece.kind == "removed"] == ["line 7\n"]


def test_fields_stand_in_the_order_of_the_form_and_others_last():
    found = changes({"x": "1", "mood": "good", "headline": "a"}, {"headline": "b", "mood": "bad"})
    assert [change.label for change in found] == ["Headline", "Mood", "X"]


def test_what_is_the_same_or_empty_is_no_change():
    """W-40"""
    assert changes({"headline": "a", "mood": ""}, {"headline": "a"}) == []


def test_choices_and_pictures_are_taken_whole():
    mood, photo = changes({"mood": "good", "photo": "/a.jpg"}, {"mood": "bad", "photo": "/b.jpg"})
    assert (mood.before.value, mood.after.value) == ("good", "bad")
    assert (photo.before.kind, photo.after.value) == ("image", "/b.jpg")


def test_a_day_is_taken_whole_and_said_in_words():
    (due,) = changes({"due": "2026-01-31"}, {"due": "2026-02-01"})
    assert (due.before.value, due.after.value) == ("31 January 2026", "1 February 2026")


def test_a_value_that_came_has_no_before():
    (change,) = changes({}, {"headline": "Rain"})
    assert change.before is None
    assert change.after.value == "Rain"


def test_items_that_only_moved_are_no_change():
    (tags,) = changes({"tags": ["b", "c"]}, {"tags": ["a", "b", "c"]})
    assert [(one.label, one.after.value) for one in tags.inner] == [("Item 1", "a")]


def test_rows_and_groups_say_what_changed_in_them():
    sources, place = changes(
        {"sources": [{"name": "Ana"}, {"name": "Ben"}], "place": {"city": "Rome"}},
        {"sources": [{"name": "Ana"}, {"name": "Eva"}], "place": {"city": "Bern"}},
    )
    (second,) = sources.inner
    assert (second.label, second.inner[0].label) == ("Item 2", "Name")
    assert marked(place.inner[0].pieces) == "[-Rome][+Bern]"


def test_true_and_one_are_not_the_same():
    assert changes({"x": True}, {"x": 1})


@pytest.mark.parametrize(
    ("pointer", "name", "address"),
    [
        (None, "The whole work", None),
        ("/headline", "Headline", "#field/headline"),
        ("/sources/1/name", "Sources, item 2, Name", "#field/sources/1/name"),
        ("/no such~1field", "No such/field", "#field/no%20such~1field"),
        ("/", "/", "#field/"),
    ],
)
def test_a_remark_says_where_it_stands(pointer, name, address):
    """W-23"""
    assert name_of(FORM, pointer) == name
    assert address_of(FORM, pointer) == address


def test_a_remark_on_an_element_has_no_field_of_ours():
    """W-41: the element decides where its places are."""
    element = Form.of({"element": "star-rating", "javascript_includes": ["stars.js"]})
    assert name_of(element, "/stars") == "Stars"
    assert address_of(element, "/stars") is None
