"""The vocabulary of step forms and what their hints may name (W-32 to W-38)."""

import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from orchestra.domain.definitions.problems import Place, nearest
from orchestra.domain.definitions.shapes import is_ignored
from orchestra.domain.json_pointers import keys_of

FORMATS = ("date", "date-time", "uri", "email")
EVERYWHERE = {"type", "title", "description", "default", "const"}
NUMERIC = {"minimum", "maximum", "multipleOf"}
KEYWORDS = {
    "string": {"minLength", "maxLength", "pattern", "enum", "format"},
    "number": NUMERIC,
    "integer": NUMERIC,
    "boolean": set[str](),
    "array": {"items", "minItems", "maxItems"},
    "object": {"properties", "required", "additionalProperties"},
}
ITEM_TYPES = ("string", "object")
ITEM = "*"  # stands for every item of a list in the pointer of a property


def check_schema(schema: Any, place: Place) -> bool:
    """Note where a JSON Schema is not one, or reaches outside of itself; say whether it is one."""
    before = len(place.findings.errors)
    errors = Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema)
    # Its parts refer to one another, so that it finds the same more than once.
    for path, message in dict.fromkeys((tuple(e.absolute_path), e.message) for e in errors):
        _at(place, path).error("bad_form", f"is not JSON Schema: {message}")
    for where, keyword, value in _keywords(schema, place):
        if not isinstance(value, str):  # a property of this name
            continue
        if keyword in ("$ref", "$dynamicRef") and not value.startswith("#"):
            where.error("bad_form", f"must refer to a place in this schema, not to {value}")
        if keyword == "pattern":
            _check_pattern(value, where)
    return len(place.findings.errors) == before


def check_form(schema: Any, place: Place) -> bool:
    """Note where the schema of a form leaves the vocabulary; say whether it does not."""
    if not check_schema(schema, place):
        return False
    before = len(place.findings.errors)
    if schema.get("type") != "object":
        found = schema.get("type")
        (place / "type").error("bad_form", f"a form must have the type 'object', not {found!r}")
    else:
        _check_vocabulary(schema, place)
    return len(place.findings.errors) == before


def check_ui(ui: Any, schema: dict[str, Any], steps: set[str], place: Place) -> None:
    """Note hints that name a property or a step that is not there. The shapes are checked."""
    if not isinstance(ui, dict):
        return
    properties = list(schema.get("properties", {}))
    for where, name in _texts(ui.get("order"), place / "order"):
        if name not in properties:
            where.error("bad_form", f"unknown property {name!r}{nearest(name, properties)}")
    fields = ui.get("fields")
    for pointer, hints in (fields if isinstance(fields, dict) else {}).items():
        _check_field(pointer, hints, schema, place / "fields" / pointer)
    panels = ui.get("show")
    for index, panel in enumerate(panels if isinstance(panels, list) else []):
        _check_panel(panel, steps, place / "show" / index)
    for where, pointer in _source_pointers(ui, place):
        _check_source(pointer, steps, where)


def _check_vocabulary(schema: Any, place: Place) -> None:
    if not isinstance(schema, dict):
        place.error("bad_form", "must be an object that describes the property")
        return
    kind = schema.get("type")
    if not isinstance(kind, str) or kind not in KEYWORDS:
        place.error("bad_form", f"must have a type, one of {', '.join(KEYWORDS)}")
        return
    allowed = EVERYWHERE | KEYWORDS[kind]
    for keyword in schema:
        if keyword not in allowed and not is_ignored(keyword):
            (place / keyword).error("bad_form", _not_allowed(keyword, kind, allowed))
    if schema.get("format", FORMATS[0]) not in FORMATS:
        formats = ", ".join(FORMATS)
        (place / "format").error("bad_form", f"unknown format; forms know {formats}")
    if kind == "array":
        _check_items(schema, place)
    if kind == "object":
        _check_properties(schema, place)


def _not_allowed(keyword: str, kind: str, allowed: set[str]) -> str:
    known = sorted(allowed - EVERYWHERE)
    return (
        f"{keyword!r} is not in the vocabulary of forms for the type {kind!r}"
        f"{nearest(keyword, sorted(allowed))} (known: {', '.join([*sorted(EVERYWHERE), *known])})"
    )


def _check_items(schema: dict[str, Any], place: Place) -> None:
    items = schema.get("items")
    if not isinstance(items, dict) or items.get("type") not in ITEM_TYPES:
        where = place / "items" if "items" in schema else place
        where.error("bad_form", "the items of a list must have the type 'string' or 'object'")
        return
    _check_vocabulary(items, place / "items")


def _check_properties(schema: dict[str, Any], place: Place) -> None:
    properties = schema.get("properties", {})
    for name, described in properties.items():
        _check_vocabulary(described, place / "properties" / name)
    if isinstance(schema.get("additionalProperties"), dict):
        _check_vocabulary(schema["additionalProperties"], place / "additionalProperties")
    for where, name in _texts(schema.get("required"), place / "required"):
        if name not in properties:
            where.error("bad_form", f"unknown property {name!r}{nearest(name, properties)}")


def _check_field(pointer: str, hints: Any, schema: dict[str, Any], place: Place) -> None:
    described = find_property(schema, pointer)
    if described is None:
        place.error("bad_form", f"no property has the pointer {pointer!r}")
        return
    if not isinstance(hints, dict):
        return
    labels, values = hints.get("labels"), _enumerated(described)
    for value in labels if isinstance(labels, dict) else ():
        if value not in values:
            (place / "labels" / value).error("bad_form", f"unknown value {value!r}")
    if "value_from" in hints and hints.get("widget") != "hidden":
        (place / "value_from").error("bad_form", "only fields with the widget 'hidden' take it")
    if isinstance(hints.get("items_from"), dict):
        _check_items_from(hints["items_from"].get("key"), described, place / "items_from")


def _enumerated(described: dict[str, Any]) -> list[str]:
    values = described.get("items", described).get("enum", [])
    return ["true", "false"] if described["type"] == "boolean" else list(map(str, values))


def _check_items_from(key: Any, described: dict[str, Any], place: Place) -> None:
    items = described.get("items", {})
    if items.get("type") != "object":
        place.error("bad_form", "only lists of objects can be filled from earlier data")
        return
    known = items.get("properties", {})
    if isinstance(key, str) and key not in known:
        (place / "key").error("bad_form", f"unknown property {key!r}{nearest(key, known)}")


def find_property(schema: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    """The schema of a property by its pointer in the data; ``*`` stands for any item of a list."""
    found: Any = schema
    if not pointer.startswith("/"):
        return None
    for name in keys_of(pointer):
        if found.get("type") == "array" and name == ITEM:
            found = found["items"]
        elif name in found.get("properties", {}):
            found = found["properties"][name]
        else:
            return None
    return dict(found)


def _check_panel(panel: Any, steps: set[str], place: Place) -> None:
    step = panel.get("step") if isinstance(panel, dict) else None
    if isinstance(step, str) and step not in steps:
        (place / "step").error("unknown_step", f"unknown step {step!r}{nearest(step, steps)}")


def _source_pointers(ui: Any, place: Place) -> Iterator[tuple[Place, str]]:
    """Pointers into prerequisites and project data, wherever they stand in the hints."""
    if isinstance(ui, list):
        for index, item in enumerate(ui):
            yield from _source_pointers(item, place / index)
    for key, value in ui.items() if isinstance(ui, dict) else ():
        if key in ("from", "when", "unless", "value_from") and isinstance(value, str):
            yield place / key, value
        else:
            yield from _source_pointers(value, place / key)


def _check_source(pointer: str, steps: set[str], place: Place) -> None:
    """``/prerequisites/<step>/…``, ``/project_data/…``, or ``/<step>/…`` for the first."""
    first, *others = [*pointer.split("/")[1:], ""]
    step = others[0] if first == "prerequisites" else first
    if pointer.startswith("/") and first != "project_data" and step not in steps:
        place.error("unknown_step", f"unknown step {step!r}{nearest(step, steps)}")


def _keywords(schema: Any, place: Place) -> Iterator[tuple[Place, str, Any]]:
    """Every key of a schema and of what it contains."""
    waiting = [(schema, place)]
    while waiting:
        value, where = waiting.pop()
        if isinstance(value, list):
            waiting += [(item, where / index) for index, item in enumerate(value)]
        for key, item in value.items() if isinstance(value, dict) else ():
            yield where / key, key, item
            if key not in ("default", "const", "enum", "examples"):
                waiting.append((item, where / key))


def _check_pattern(value: str, place: Place) -> None:
    try:
        re.compile(value)
    except re.error as error:
        place.error("bad_form", f"is not a regular expression: {error}")


def _at(place: Place, tokens: Any) -> Place:
    for token in tokens:
        place = place / token
    return place


def _texts(value: Any, place: Place) -> list[tuple[Place, str]]:
    entries = value if isinstance(value, list) else []
    return [(place / i, entry) for i, entry in enumerate(entries) if isinstance(entry, str)]
