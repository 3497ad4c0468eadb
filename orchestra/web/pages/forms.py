"""Step interfaces of kind form as accessible HTML, to fill in or to read."""

from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

from flask import render_template
from markupsafe import Markup

from orchestra.domain.form_fields import JSON, Field
from orchestra.domain.forms import Context, Form, Panel
from orchestra.domain.graph import Graph
from orchestra.web.addresses import is_address
from orchestra.web.markdown import LAST_HEADING, render_markdown
from orchestra.web.pages.field_views import Sheet, all_views, views_of
from orchestra.web.pages.kept_names import Named, with_names
from orchestra.web.pages.shown import Shown, show_data, show_form

Kept = Mapping[tuple[str, str], Shown]
Fields = Mapping[str, Field]  # the root of the form, by the slug of its step


class Reading(TypedDict, total=False):
    """Who looks at the form, and what they see; nothing unless given."""

    readonly: bool  # the data as text, without form controls
    reviewer: bool  # with the heading and introduction for reviewers
    kept: Kept  # what panels of documents and folders show, by type and id
    named: Named  # what data gives by its id
    earlier: Fields  # what the fields of earlier steps are called


def render_form(
    form: Form,
    data: JSON,
    context: Context,
    errors: Mapping[str, list[str]] | None = None,
    **reading: Unpack[Reading],
) -> Markup:
    """The heading, the panels, and the fields with the data in them.

    :param errors: sentences by JSON pointer of the data; those that belong to no field of the
        page stand above the form.
    """
    reviewer = reading.get("reviewer", False)
    named = reading.get("named", {})
    content = (
        {"content": with_names(show_form(form.root, data, context), named)}
        if reading.get("readonly", False)
        else _fields(form, data, context, errors or {})
    )
    intro = form.intro(reviewer=reviewer)
    return Markup(
        render_template(
            "forms/form.html",
            title=form.title(reviewer=reviewer),
            intro=render_markdown(intro, below=LAST_HEADING) if intro else "",
            panels=[(panel, _panel_content(panel, reading)) for panel in form.panels(context)],
            **content,
        )
    )


def fields_of(graph: Graph) -> dict[str, Field]:
    """What people filled in is read by the names it had in its form."""
    return {step.slug: Form.of(step.user_interface).root for step in graph.steps if step.is_human}


def render_data(value: Any, named: Named | None = None, described: Field | None = None) -> Markup:
    """Any JSON value, such as the data of an earlier step, to be read."""
    content = with_names(show_data(value, described=described), named or {})
    return Markup(render_template("forms/data.html", content=content))


def _fields(
    form: Form, data: JSON, context: Context, errors: Mapping[str, list[str]]
) -> dict[str, Any]:
    start = form.initial(data, context)
    pointers = [view.pointer for view in all_views(views_of(form.root, start, Sheet(context)))]
    focus = next((pointer for pointer in pointers if pointer in errors), None)
    elsewhere = [texts for pointer, texts in errors.items() if pointer not in pointers]
    return {
        "views": views_of(form.root, start, Sheet(context, errors, focus)),
        "other_errors": [text for texts in elsewhere for text in texts],
    }


def _panel_content(panel: Panel, reading: Reading) -> Shown:
    kept = reading.get("kept", {})
    if isinstance(panel.value, str) and (panel.type, panel.value) in kept:
        return kept[panel.type, panel.value]
    if panel.type == "image" and isinstance(panel.value, str) and is_address(panel.value):
        return Shown("image", panel.title, panel.value)
    if panel.type == "message" and isinstance(panel.value, str):
        return Shown("text", panel.title, panel.value)
    described = reading.get("earlier", {}).get(panel.step or "", Field(name=""))
    value, described = _alone(panel.value, described)
    return with_names(show_data(value, panel.title, described), reading.get("named", {}))


def _alone(value: Any, described: Field) -> tuple[Any, Field]:
    """A list that is all a panel shows needs no label beside the title of the panel."""
    only = list(value.items()) if isinstance(value, Mapping) else []
    if len(only) == 1 and isinstance(only[0][1], list):
        return only[0][1], described.child(only[0][0])
    return value, described
