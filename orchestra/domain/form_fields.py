"""The fields of a form: its JSON Schema and its hints read together, as a tree."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from orchestra.domain.json_pointers import below, keys_of

JSON = dict[str, Any]
RADIO_BUTTONS_AT_MOST = 6  # more choices than that are quicker to scan in a list


class Kind(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CHOICES = "choices"  # a list of some of the allowed values
    LIST = "list"  # a list of texts
    ROWS = "rows"  # a list of objects
    OBJECT = "object"


SCALARS = {
    "number": Kind.NUMBER,
    "integer": Kind.INTEGER,
    "boolean": Kind.BOOLEAN,
    "object": Kind.OBJECT,
}
FORMAT_WIDGETS = {"date": "date", "date-time": "datetime", "uri": "url", "email": "email"}
KIND_WIDGETS = {
    Kind.NUMBER: "number",
    Kind.INTEGER: "number",
    Kind.BOOLEAN: "checkbox",
    Kind.CHOICES: "checkboxes",
    Kind.LIST: "list",
    Kind.ROWS: "rows",
    Kind.OBJECT: "object",
}
# What an author may ask for; a hint that does not fit the kind of the field has no effect.
ASKABLE = {
    Kind.TEXT: {"text", "textarea", "markdown", "date", "file", "image"},
    Kind.BOOLEAN: {"checkbox", "radio", "select"},
}
CHOOSERS = {"radio", "select"}


@dataclass(frozen=True, kw_only=True)
class Field:
    """One property of the data, with everything the form says about it.

    ``place`` is its pointer in ``ui.fields``: the properties on the way to it, with ``*`` for
    the items of a list, as in ``/photos/*/caption``.
    """

    name: str
    place: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)
    hints: Mapping[str, Any] = field(default_factory=dict)
    required: bool = False
    children: tuple["Field", ...] = ()
    item: "Field | None" = None

    @property
    def kind(self) -> Kind:
        if self.schema.get("type") != "array":
            return SCALARS.get(str(self.schema.get("type")), Kind.TEXT)
        items = self.schema.get("items", {})
        if items.get("type") == "object":
            return Kind.ROWS
        return Kind.CHOICES if "enum" in items else Kind.LIST

    @property
    def label(self) -> str:
        return str(self.schema.get("title") or in_words(self.name))

    @property
    def choices(self) -> list[Any]:
        """The values to choose from; empty when the person is free to write."""
        if self.kind is Kind.CHOICES:
            return list(self.schema["items"]["enum"])
        if "const" in self.schema and self.kind is not Kind.BOOLEAN:
            return [self.schema["const"]]
        return list(self.schema.get("enum", ()))

    @property
    def widget(self) -> str:
        asked = self.hints.get("widget")
        if asked == "hidden":
            return "hidden"
        if self.choices and self.kind is not Kind.CHOICES:
            return asked if asked in CHOOSERS else self._chooser()
        if asked in ASKABLE.get(self.kind, ()):
            return str(asked)
        fallback = FORMAT_WIDGETS.get(self.schema.get("format", ""), "text")
        return KIND_WIDGETS.get(self.kind, fallback)

    def _chooser(self) -> str:
        return "radio" if len(self.choices) <= RADIO_BUTTONS_AT_MOST else "select"

    @property
    def value_from(self) -> str | None:
        return self.hints.get("value_from") if self.widget == "hidden" else None

    @property
    def start(self) -> Any:
        """The value of an untouched field, or None. A hidden constant has only one."""
        constant = self.schema.get("const") if self.widget == "hidden" else None
        return self.schema.get("default", constant)

    def label_of(self, value: Any) -> str:
        labels = self.hints.get("labels", {})
        return str(labels.get(as_text(value), as_text(value)))

    def child(self, name: str) -> "Field":
        """The field of a property; a property nobody described gets a bare one."""
        found = (child for child in self.children if child.name == name)
        return next(found, Field(name=name))

    def along(self, path: Sequence[str | int]) -> Iterator["Field"]:
        """The fields met on the way to a value of the data."""
        here = self
        for key in path:
            item = here.item or Field(name=here.name)
            here = here.child(key) if isinstance(key, str) else item
            yield here

    @classmethod
    def of(cls, schema: Mapping[str, Any], ui: Mapping[str, Any]) -> "Field":
        """The root of a form."""
        return cls._read("", "", schema, ui)

    @classmethod
    def _read(
        cls, name: str, place: str, schema: Mapping[str, Any], ui: Mapping[str, Any]
    ) -> "Field":
        item = None
        if schema.get("type") == "array" and isinstance(schema.get("items"), Mapping):
            named = {"title": schema.get("title") or in_words(name)}
            item = cls._read(name, f"{place}/*", {**named, **schema["items"]}, ui)
        return cls(
            name=name,
            place=place,
            schema=schema,
            hints=ui.get("fields", {}).get(place, {}),
            children=tuple(cls._children(place, schema, ui)),
            item=item,
        )

    @classmethod
    def _children(
        cls, place: str, schema: Mapping[str, Any], ui: Mapping[str, Any]
    ) -> Iterator["Field"]:
        properties = schema.get("properties", {})
        first = [] if place else [name for name in ui.get("order", ()) if name in properties]
        for name in [*first, *(name for name in properties if name not in first)]:
            child = cls._read(name, below(place, name), properties[name], ui)
            yield replace(child, required=name in schema.get("required", ()))


def in_words(name: str) -> str:
    words = name.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def as_text(value: Any) -> str:
    """A single value as it stands in a form field."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def find(context: Mapping[str, Any], pointer: str) -> Any:
    """The earlier value a pointer of a hint or panel names, or None.

    ``/prerequisites/<step>/…`` and ``/project_data/…`` start where they say; any other pointer
    starts with the slug of a step: ``/crawl/image`` is ``/prerequisites/crawl/image``.
    """
    keys = keys_of(pointer)
    named = bool(keys) and keys[0] in ("prerequisites", "project_data")
    value: Any = context if named else context.get("prerequisites")
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, list) and key in map(str, range(len(value))):
            value = value[int(key)]
        else:
            return None
    return value


def holds(context: Mapping[str, Any], pointer: str) -> bool:
    """Whether something is there: not absent, null, false, or empty. Zero is something."""
    value = find(context, pointer)
    return value is not None and value is not False and value not in ("", [], {})


def is_shown(described: Field, context: Mapping[str, Any]) -> bool:
    """Whether the hint ``when`` of the field, if it has one, is met."""
    condition = described.hints.get("when")
    return condition is None or holds(context, condition)
