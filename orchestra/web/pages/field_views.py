"""The fields of a form with their values, errors and names, ready for the templates."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote

from orchestra.domain.form_checks import UPLOADS, has_format, label_in_list, sentence
from orchestra.domain.form_fields import JSON, Field, Kind, as_text, is_shown
from orchestra.domain.form_values import with_defaults
from orchestra.domain.json_pointers import below, keys_of
from orchestra.web.pages.shown import Shown, show_data, yes_or_no

CHECKED = (
    "const",
    "format",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "multipleOf",
    "minItems",
    "maxItems",
)
INPUT_TYPES = {"url": "url", "email": "email", "date": "date"}
PICTURES = frozenset({"image", "source"})
TEXTS = frozenset({"text", "textarea", "markdown"})
ANY_ITEM = "*"  # in the place of a field
NUMBER_TO_COME = "{item}"  # form.js knows which item it is
SPACIOUS = {"rows": 6, "cols": 60}


@dataclass(frozen=True)
class Sheet:
    """What all fields of one rendering share."""

    context: Mapping[str, Any]
    errors: Mapping[str, list[str]] = field(default_factory=dict)
    focus: str | None = None  # pointer of the first field with an error


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    id: str
    is_chosen: bool


@dataclass(frozen=True)
class FieldView:
    """``is_needed``: every group on the way to the field is required, so the browser itself may
    insist. ``number`` counts the items of a list from 1; ``source_key`` names the property of an
    item that tells which earlier item it is about, and that property ``is_source``. A spare view
    stands in the empty row that only people without JavaScript see."""

    described: Field
    pointer: str
    value: Any
    sheet: Sheet
    is_needed: bool = True
    is_source: bool = False
    source_key: str | None = None
    number: int | None = None
    is_spare: bool = False
    depth: int = 0

    @property
    def id(self) -> str:
        return f"field{quote(self.pointer, safe='/')}"

    @property
    def kind(self) -> str:
        nested = self.described.kind in (Kind.OBJECT, Kind.CHOICES, Kind.LIST, Kind.ROWS)
        return "json" if self.widget == "hidden" and nested else self.described.kind

    @property
    def widget(self) -> str:
        return "source" if self.is_source else self.described.widget

    @property
    def label(self) -> str:
        return self.described.label

    @property
    def help(self) -> str:
        texts = (self.described.schema.get("description"), self.described.hints.get("help"))
        asked_unit = "Time in UTC." if self.widget == "datetime" else None
        return " ".join(str(text) for text in (*texts, asked_unit) if text)

    @property
    def errors(self) -> list[str]:
        return self.sheet.errors.get(self.pointer, [])

    @property
    def is_required(self) -> bool:
        return self.described.required and self.is_needed

    @property
    def is_marked(self) -> bool:
        """A required box may stay empty: no is an answer, unless the form says it is none."""
        is_box = self.widget == "checkbox" and self.described.schema.get("const") is not True
        return self.described.required and not is_box

    @property
    def must_be_ticked(self) -> bool:
        return self.is_required and self.described.schema.get("const") is True

    @property
    def described_by(self) -> str:
        return f"{self.id}-help {self.id}-error" if self.help else f"{self.id}-error"

    @property
    def has_focus(self) -> bool:
        return self.sheet.focus == self.pointer

    @property
    def text(self) -> str:
        """The value as the form control holds it."""
        if isinstance(self.value, Mapping | list):
            return json.dumps(self.value, ensure_ascii=False)
        if self.widget == "datetime" and isinstance(self.value, str):
            return _utc_without_zone(self.value)
        return as_text(self.value)

    @property
    def upload_kind(self) -> str:
        """What a file control of this field says of itself: ``file`` or ``picture``."""
        return UPLOADS[self.widget]

    @property
    def is_picture_with_text(self) -> bool:
        """Whether the group is a picture and a text about it, which stand side by side."""
        widgets = {child.widget for child in self.children if child.widget != "hidden"}
        return len(widgets) == 2 and bool(widgets & PICTURES) and bool(widgets & TEXTS)

    @property
    def input_type(self) -> str:
        """A control for dates would swallow a text that is no date."""
        if self.widget == "date" and self.text and not has_format("date", self.text):
            return "text"
        if self.widget == "datetime":
            return "text" if self.text == self.value else "datetime-local"
        return INPUT_TYPES.get(self.widget, "text")

    @property
    def input_mode(self) -> str | None:
        """Numbers are typed as text, because number controls hide what they cannot read."""
        modes = {Kind.NUMBER: "decimal", Kind.INTEGER: "numeric"}
        return modes.get(self.described.kind)

    @property
    def placeholder(self) -> str:
        return str(self.described.hints.get("placeholder", ""))

    @property
    def rows_of_text(self) -> int:
        return int(self.described.hints.get("rows", SPACIOUS["rows"]))

    @property
    def options(self) -> list[Option]:
        field_ = self.described
        values = [True, False] if field_.kind is Kind.BOOLEAN else field_.choices
        chosen = self.value if isinstance(self.value, list) else [self.value]
        texts = [as_text(one) for one in chosen if one is not None]
        return [
            Option(as_text(one), self._option_label(one), f"{self.id}-{n}", as_text(one) in texts)
            for n, one in enumerate(values)
        ]

    def _option_label(self, value: Any) -> str:
        if isinstance(value, bool):
            return yes_or_no(self.described, value=value)
        return self.described.label_of(value)

    @property
    def has_empty_choice(self) -> bool:
        return "" not in [option.value for option in self.options]

    @property
    def checks(self) -> list[tuple[str, Any, str]]:
        """What the page itself checks: keyword, limit, and the sentence the server would say."""
        schema = self.described.schema
        is_number = self.described.kind in (Kind.NUMBER, Kind.INTEGER)
        keywords = ("type", *CHECKED) if is_number else CHECKED
        given = [(keyword, schema[keyword]) for keyword in keywords if keyword in schema]
        required = [("required", None)] if self.described.required else []
        is_in_list = ANY_ITEM in keys_of(self.described.place)
        label = label_in_list(self.label, NUMBER_TO_COME) if is_in_list else self.label
        return [
            (key, value, sentence(self.described, key, value, label=label))
            for key, value in required + given
        ]

    @property
    def is_ticked_by_default(self) -> bool:
        return self.described.schema.get("default") is True

    @property
    def shown_value(self) -> Shown:
        return show_data(self.value, self.label, self.described)

    @cached_property
    def children(self) -> list["FieldView"]:
        values = self.value if isinstance(self.value, Mapping) else {}
        return list(self._children(values))

    def _children(self, values: Mapping[str, Any]) -> Iterator["FieldView"]:
        for child in self.described.children:
            if not is_shown(child, self.sheet.context) or child.value_from:
                continue
            unset = child.start if child.widget == "hidden" else None
            yield replace(
                self,
                described=child,
                pointer=below(self.pointer, child.name),
                value=values.get(child.name, unset),
                is_needed=self.is_needed and (self.described.required or not self.pointer),
                is_source=child.name == self.source_key,
                source_key=None,
                number=None,
            )

    @property
    def is_made_from_sources(self) -> bool:
        return "items_from" in self.described.hints

    @cached_property
    def rows(self) -> list["FieldView"]:
        saved = self.value if isinstance(self.value, list) else []
        missing = int(self.described.schema.get("minItems", 0)) - len(saved)
        return [self._row(index, value) for index, value in enumerate([*saved, *[None] * missing])]

    @property
    def next_row(self) -> "FieldView":
        """An empty row for people without JavaScript."""
        return replace(self._row(len(self.rows), self._untouched()), is_spare=True)

    @property
    def pattern_row(self) -> "FieldView":
        """The row the page copies to add one; the mark stands for its index."""
        row = self._row(len(self.rows), self._untouched())
        return replace(row, pointer=f"{self.pointer}/{self.mark}")

    @property
    def mark(self) -> str:
        return f"__{self.depth}__"

    def _untouched(self) -> JSON | None:
        item = self.described.item
        return with_defaults(item, self.sheet.context) if item and item.children else None

    def _row(self, index: int, value: Any) -> "FieldView":
        return FieldView(
            described=self.described.item or self.described,
            pointer=f"{self.pointer}/{index}",
            value=value,
            sheet=self.sheet,
            is_needed=False,
            number=index + 1,
            is_spare=self.is_spare,
            depth=self.depth + 1,
            source_key=self.described.hints.get("items_from", {}).get("key"),
        )


def views_of(root: Field, data: Mapping[str, Any], sheet: Sheet) -> list[FieldView]:
    """The fields of a form on a page, filled with the data."""
    return FieldView(described=root, pointer="", value=data, sheet=sheet).children


def all_views(views: list[FieldView]) -> Iterator[FieldView]:
    """The fields in the order of the page."""
    for view in views:
        yield view
        if view.widget == "object":
            yield from all_views(view.children)
        elif view.widget in ("list", "rows"):
            yield from all_views(view.rows)


def _utc_without_zone(value: str) -> str:
    if not has_format("date-time", value):
        return value
    moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="auto")
