"""For authors: any step's interface with sample data, to be tried out; nothing is stored."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy.orm import selectinload

from orchestra.config import Settings
from orchestra.database import reading
from orchestra.domain.forms import Form
from orchestra.domain.graph import Step
from orchestra.domain.samples import sample_context, sample_data
from orchestra.domain.versions import get_version, graph_of
from orchestra.errors import Forbidden, Malformed, NotFound
from orchestra.models import Workflow, WorkflowVersion
from orchestra.web import auth, requests
from orchestra.web.pages.elements import render_element
from orchestra.web.pages.forms import fields_of, render_form
from orchestra.web.pages.kept_panels import sample_panels
from orchestra.web.task_objects import person, place

Json = dict[str, Any]

blueprint = Blueprint("preview", __name__, url_prefix="/orchestra/app/preview")
auth.guard_pages(blueprint)


class Variant(StrEnum):
    """Who looks at the step."""

    EXPERT = "expert"
    REVIEWER = "reviewer"
    READER = "reader"

    @property
    def label(self) -> str:
        return {"expert": "Core expert", "reviewer": "Reviewer", "reader": "Read-only"}[self]


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What an author looks at. ``problems`` of a check; None: nothing was checked."""

    variant: Variant
    context: Json
    data: Json
    problems: Mapping[str, list[str]] | None = None
    faults: Mapping[str, str] | None = None  # of the sample data, by the name of its field


@blueprint.before_request
def _require_author() -> None:
    """:raises Forbidden: neither a project admin nor on an instance for development."""
    settings: Settings = current_app.config["SETTINGS"]
    if settings.environment != "development" and not auth.current_worker().is_project_admin:
        raise Forbidden("Only project admins may preview step interfaces. Ask one of them.")


@blueprint.get("/")
def choose() -> ResponseReturnValue:
    with reading() as session:
        workflows = session.scalars(
            sa.select(Workflow)
            .options(selectinload(Workflow.versions).undefer(WorkflowVersion.definition))
            .order_by(Workflow.name)
        ).all()
        listed = [
            (version, [step for step in graph_of(version).steps if step.is_human])
            for workflow in workflows
            for version in workflow.versions
        ]
    return render_template("preview.html", listed=listed)


@blueprint.get("/<workflow>/<version>/<slug>")
def show(workflow: str, version: str, slug: str) -> ResponseReturnValue:
    stored, step = _step(workflow, version, slug)
    context = sample_context(graph_of(stored), step)
    data = sample_data(Form.of(step.user_interface), context)
    return _page(stored, step, Tried(variant=Variant.EXPERT, context=context, data=data))


@blueprint.post("/<workflow>/<version>/<slug>")
def check(workflow: str, version: str, slug: str) -> ResponseReturnValue:
    """Show the step with other sample data, or check what was filled in; nothing changes."""
    auth.require_form_token()
    stored, step = _step(workflow, version, slug)
    form = Form.of(step.user_interface)
    faults: dict[str, str] = {}
    given = {name: _json(name, faults) for name in ("prerequisites", "project_data", "task_data")}
    context = {name: given[name] for name in ("prerequisites", "project_data")}
    tried = Tried(variant=_variant(), context=context, data=given["task_data"], faults=faults)
    if "check" not in request.form or faults:
        return _page(stored, step, tried)
    data = given["task_data"] if form.element else form.from_html(request.form)
    problems = form.problems(data, context)
    return _page(
        stored,
        step,
        Tried(variant=tried.variant, context=context, data=data, problems=problems),
    )


def _step(workflow: str, version: str, slug: str) -> tuple[WorkflowVersion, Step]:
    with reading() as session:
        stored = get_version(session, workflow, version)
        step = graph_of(stored).by_slug.get(slug)
    if step is None or not step.is_human:
        raise NotFound(f"Version {version!r} of {workflow!r} has no human step {slug!r}.")
    return stored, step


def _variant() -> Variant:
    text = request.form.get("variant", Variant.EXPERT)
    if text not in list(Variant):
        raise Malformed("The form does not say who looks at the step. Reload the page.")
    return Variant(text)


def _json(name: str, faults: dict[str, str]) -> Json:
    text = request.form.get(name, "").strip() or "{}"
    try:
        return requests.json_object(text.encode("utf-8", "replace"))
    except Malformed as error:
        faults[name] = error.message
        return {}


def _page(version: WorkflowVersion, step: Step, tried: Tried) -> str:
    return render_template(
        "preview_step.html",
        version=version,
        step=step,
        tried=tried,
        work=_work(version, step, tried),
        variants=list(Variant),
        is_element="element" in step.user_interface,
        samples=[
            ("prerequisites", "Earlier steps", _as_text(tried, "prerequisites")),
            ("project_data", "Project data", _as_text(tried, "project_data")),
            ("task_data", "Task data", _as_text(tried, "task_data")),
        ],
    )


def _work(version: WorkflowVersion, step: Step, tried: Tried) -> Markup:
    form = Form.of(step.user_interface)
    readonly = tried.variant is Variant.READER
    if form.element:
        sample = _task_object(version, step, tried)
        return render_element(version, step, tried.data, sample=sample, readonly=readonly)
    return render_form(
        form,
        tried.data,
        tried.context,
        tried.problems,
        readonly=readonly,
        reviewer=tried.variant is Variant.REVIEWER,
        kept=sample_panels(form, tried.context),
        earlier=fields_of(graph_of(version)),
    )


def _as_text(tried: Tried, name: str) -> str:
    """As it was typed, if it was no JSON."""
    if tried.faults and name in tried.faults:
        return request.form.get(name, "")
    value = tried.data if name == "task_data" else tried.context[name]
    return json.dumps(value, indent=2, ensure_ascii=False)


def _task_object(version: WorkflowVersion, step: Step, tried: Tried) -> Json:
    """What an element gets as ``taskAssignment`` (N-9), of a task that is not there."""
    worker = auth.current_worker()
    is_reviewer = tried.variant is Variant.REVIEWER
    readonly = tried.variant is Variant.READER
    return {
        "task_id": 0,
        "assignment_id": None,
        **place(version, step),
        "project": {
            "id": 0,
            "short_description": "A sample project",
            "status": "Active",
            "priority": 0,
            "team_messages_url": None,
            "project_folder": None,
            "project_data": tried.context["project_data"],
        },
        "task": {"data": tried.data, "status": "Reviewing" if is_reviewer else "Processing"},
        "worker": person(worker),
        "status": "Processing",
        "level": int(is_reviewer),
        "revision": 1,
        "is_reviewer": is_reviewer,
        "is_read_only": readonly,
        "read_only_reason": "not_yours" if readonly else None,
        "submit_blocked_reason": None,
        "is_project_admin": worker.is_project_admin,
        "prerequisites": tried.context["prerequisites"],
        "history": [],
        "remarks": [],
        "interface": dict(step.user_interface),
    }
