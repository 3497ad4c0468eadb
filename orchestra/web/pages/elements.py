"""Step interfaces that are a custom element (W-41 to W-47); static/element.js runs them."""

from collections.abc import Mapping
from typing import Any

from flask import render_template
from markupsafe import Markup

from orchestra.domain.graph import Step
from orchestra.models import WorkflowVersion
from orchestra.web.pages import workflow_static
from orchestra.web.pages.forms import render_data

Json = Mapping[str, Any]


def render_element(
    version: WorkflowVersion,
    step: Step,
    data: Json,
    *,
    task_id: int | None = None,
    sample: Json | None = None,
    readonly: bool = False,
) -> Markup:
    """The place of the element, with all it needs to start.

    :param sample: a task object for a preview; without it the page asks for that of ``task_id``.
    """
    interface = step.user_interface
    slugs = version.workflow.slug, version.slug
    return Markup(
        render_template(
            "forms/element.html",
            element=interface["element"],
            scripts=workflow_static.addresses(*slugs, interface["javascript_includes"]),
            styles=workflow_static.addresses(*slugs, interface.get("stylesheet_includes", ())),
            static=workflow_static.folder_address(*slugs),
            data=dict(data),
            shown=render_data(data),
            task_id=task_id,
            sample=sample,
            readonly=readonly,
        )
    )
