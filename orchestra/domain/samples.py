"""Made-up data for trying out a step's interface: what its fields and panels ask for."""

from collections.abc import Iterator, Mapping
from typing import Any

from orchestra.domain.form_fields import Field, Kind, in_words
from orchestra.domain.forms import Form
from orchestra.domain.graph import Graph, Step
from orchestra.domain.json_pointers import keys_of

JSON = dict[str, Any]
PICTURE = "/orchestra/gallery/morning-hills.jpg"
OTHER_PICTURE = "/orchestra/gallery/dunes.jpg"
FILE = f"/orchestra/files/{'0' * 32}/sample.pdf"  # looks like one, and leads nowhere
UPLOADED = {"file": FILE, "image": PICTURE}
FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T09:00:00Z",
    "uri": "https://example.org/page",
    "email": "name@example.org",
}
LIST_ITEMS = 2


def sample_context(graph: Graph, step: Step) -> JSON:
    """Prerequisites and project data as the step's interface expects them."""
    prerequisites: JSON = {
        earlier.slug: _result_of(earlier) for earlier in graph.ancestors(step.slug)
    }
    context: JSON = {"prerequisites": prerequisites, "project_data": {}}
    ui = Form.of(step.user_interface).ui
    for pointer, value in sorted(_asked(ui), key=_is_plain):
        _put(context, pointer, value)
    return context


def sample_data(form: Form, context: Mapping[str, Any]) -> JSON:
    """The form filled in with something for every field."""
    described = {} if form.element else _object(form.root)
    return form.initial(described, context)


def _result_of(step: Step) -> JSON:
    if not step.is_human or "element" in step.user_interface:
        return {}
    return _object(Form.of(step.user_interface).root)


def _object(described: Field) -> JSON:
    return {
        child.name: _value(child)
        for child in described.children
        if not child.value_from and "items_from" not in child.hints
    }


def _value(described: Field) -> Any:
    schema = described.schema
    if "const" in schema or "default" in schema:
        return schema.get("const", schema.get("default"))
    if described.kind is Kind.OBJECT:
        return _object(described)
    if described.kind is Kind.CHOICES:
        return described.choices[: max(LIST_ITEMS, int(schema.get("minItems", 0)))]
    if described.item:
        count = max(1, min(LIST_ITEMS, int(schema.get("maxItems", LIST_ITEMS))))
        return [_value(described.item) for _ in range(max(count, int(schema.get("minItems", 0))))]
    if described.choices:
        return described.choices[0]
    return _scalar(described)


def _scalar(described: Field) -> Any:
    schema = described.schema
    if described.kind is Kind.BOOLEAN:
        return True
    if described.kind in (Kind.NUMBER, Kind.INTEGER):
        return schema.get("minimum", schema.get("multipleOf", min(7, schema.get("maximum", 7))))
    if described.widget in UPLOADED and "format" not in schema:
        return UPLOADED[described.widget]
    text = FORMATS.get(schema.get("format", ""), f"Sample of {described.label or 'a text'}")
    missing = int(schema.get("minLength", 0)) - len(text)
    return (text + " and more" * max(0, -(-missing // len(" and more"))))[: schema.get("maxLength")]


def _asked(ui: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Pointers into earlier data that the interface names, each with something to find there."""
    for panel in ui.get("show", ()):
        yield from _asked_by_panel(panel)
    for hints in ui.get("fields", {}).values():
        yield from ((hints[name], "Sample") for name in ("when", "value_from") if name in hints)
        if "items_from" in hints:
            yield hints["items_from"]["from"], _sources(hints["items_from"]["key"])


def _asked_by_panel(panel: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if "when" in panel:
        yield panel["when"], "Sample"
    if "from" in panel:
        yield panel["from"], PICTURE if panel["type"] == "image" else "Sample text"
    source = panel.get("step", panel["type"])
    yield from ((f"/{source}/{key}", f"Sample {key}") for key in panel.get("keys", ()))


def _is_plain(asked: tuple[str, Any]) -> bool:
    """Pictures and lists come first: a condition is content with them, but not they with it."""
    return isinstance(asked[1], str) and asked[1] != PICTURE


def _sources(key: str) -> list[JSON]:
    values = (PICTURE, OTHER_PICTURE) if key in ("src", "url") else ("A", "B")
    return [{key: value, "name": in_words(f"sample {n}")} for n, value in enumerate(values, 1)]


def _put(context: JSON, pointer: str, value: Any) -> None:
    """Set a value where nothing is yet; what stands in the way of the pointer stays."""
    keys = keys_of(pointer)
    if keys[0] not in context:
        keys.insert(0, "prerequisites")
    here: Any = context
    for key in keys[:-1]:
        here = here.setdefault(key, {})
        if not isinstance(here, dict):
            return
    here.setdefault(keys[-1], value)
