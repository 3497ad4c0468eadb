"""Step interfaces of kind form (W-32 to W-40): one schema for the page and for the server."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from orchestra.domain import form_checks, form_values
from orchestra.domain.form_fields import JSON, Field, find, holds, in_words
from orchestra.domain.form_values import Posted

Context = Mapping[str, Any]  # {"prerequisites": {step: data}, "project_data": {…}}

DEFAULT_INTERFACE: JSON = {
    "form": {
        "type": "object",
        "properties": {"result": {"type": "string", "title": "Result"}},
    },
    "ui": {"fields": {"/result": {"widget": "textarea", "rows": 8}}},
}
ANY_OBJECT: JSON = {"type": "object"}


@dataclass(frozen=True)
class Panel:
    """Something read-only beside the work; ``value`` is what earlier data holds."""

    type: str
    title: str
    value: Any
    step: str | None = None  # whose data it is


@dataclass(frozen=True)
class Form:
    """What a person fills in to do a step.

    A ``context`` is ``{"prerequisites": {step: data}, "project_data": {…}}``. Pointers into it
    are read by :func:`orchestra.domain.form_fields.find`: ``/prerequisites/crawl/image``,
    ``/project_data/url``, or ``/crawl/image`` as a short form of the first.

    ``element`` is the name of the custom element of interfaces of that kind; they have no fields
    here, and a schema only if the author gave one.
    """

    schema: Mapping[str, Any]
    ui: Mapping[str, Any] = field(default_factory=dict)
    element: str | None = None

    @classmethod
    def of(cls, user_interface: Mapping[str, Any]) -> "Form":
        if "element" in user_interface:
            schema = user_interface.get("schema", ANY_OBJECT)
            return cls(schema, element=user_interface["element"])
        interface = user_interface or DEFAULT_INTERFACE
        return cls(interface["form"], interface.get("ui", {}))

    @cached_property
    def root(self) -> Field:
        return Field.of(ANY_OBJECT if self.element else self.schema, self.ui)

    def problems(self, data: Any, context: Context) -> dict[str, list[str]]:
        """What keeps the data from being handed in: a sentence per JSON pointer (L-142).

        The data is judged as it would be stored, see :meth:`with_server_values`.
        """
        if not isinstance(data, Mapping):
            return {"task_data": ["The task data must be an object with the fields of the form."]}
        schema = self.schema if self.element else form_values.demanded(self.root, context)
        found: dict[str, list[str]] = {}
        stored = self.with_server_values(dict(data), context)
        for pointer, sentence in form_checks.faults(stored, schema, self.root):
            found.setdefault(pointer, [sentence])
        return found

    def with_server_values(self, data: JSON, context: Context) -> JSON:
        """The data as it is stored on submit: hidden fields set from earlier data, fields whose
        condition does not hold left out. Doing it twice changes nothing."""
        return dict(form_values.settled(self.root, data, context))

    def from_html(self, posted: Posted) -> JSON:
        """The data of a posted form; empty optional fields are left out (W-40).

        A tick box that was on the page is true or false, never absent. Rows of a list in which
        nothing is filled in are dropped.
        """
        values = {
            child.name: form_values.read(child, child.place, posted) for child in self.root.children
        }
        return {name: value for name, value in values.items() if value is not None}

    def initial(self, data: JSON, context: Context) -> JSON:
        """What the form shows: the draft, or the defaults if nothing was saved yet, and in lists
        made from earlier data one item for each source (W-36)."""
        start = data or form_values.with_defaults(self.root, context)
        return form_values.with_source_items(self.root, start, context)

    def title(self, *, reviewer: bool = False) -> str | None:
        return self._text("title", reviewer=reviewer)

    def intro(self, *, reviewer: bool = False) -> str | None:
        """Markdown above the form."""
        return self._text("intro", reviewer=reviewer)

    def _text(self, key: str, *, reviewer: bool) -> str | None:
        for_reviewers = self.ui.get(f"review_{key}") if reviewer else None
        text = for_reviewers or self.ui.get(key)
        return str(text) if text else None

    def panels(self, context: Context) -> Iterator[Panel]:
        """The panels of ``show`` that have something to show, in order (W-35)."""
        for described in self.ui.get("show", ()):
            if "when" in described and not holds(context, described["when"]):
                continue
            if "unless" in described and holds(context, described["unless"]):
                continue
            value = _panel_value(described, context)
            if value not in (None, "", {}, []):
                title = _panel_title(described)
                yield Panel(described["type"], title, value, described.get("step"))


def _panel_value(described: Mapping[str, Any], context: Context) -> Any:
    if described["type"] == "prerequisite":
        value = context.get("prerequisites", {}).get(described["step"])
    elif described["type"] == "project_data":
        value = context.get("project_data")
    else:
        return find(context, described["from"])
    if "keys" not in described or not isinstance(value, Mapping):
        return value
    return {key: value[key] for key in described["keys"] if value.get(key) is not None}


def _panel_title(described: Mapping[str, Any]) -> str:
    fallback = {
        "prerequisite": in_words(described.get("step", "")),
        "project_data": "Project",
        "document": "Document",
        "folder": "Folder",
        "image": "Picture",
    }
    return str(described.get("title") or fallback.get(described["type"], ""))
