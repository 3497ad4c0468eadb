"""Workflows, versions and certifications as they are loaded (specification W-69, P-28)."""

import json

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import certifications, workflow_list
from orchestra.domain.certifications import NewCertification
from orchestra.domain.project_rows import TaskRow
from orchestra.errors import Conflict, Invalid
from orchestra.web import auth
from orchestra.web.errors import HTTP_STATUS
from orchestra.web.pages import step_graph
from orchestra.web.pages.admin import asked

PREFIX = "/orchestra/admin/workflows"
blueprint = Blueprint("admin_workflows", __name__, url_prefix=PREFIX)
auth.guard_admin_pages(blueprint)


@blueprint.get("/")
def show_all() -> ResponseReturnValue:
    text = asked.text()
    with reading() as session:
        loaded = workflow_list.workflows(session, text)
    return render_template("admin/workflows.html", loaded=loaded, text=text)


@blueprint.get("/<slug>/")
def show(slug: str) -> ResponseReturnValue:
    return _page(slug)


@blueprint.get("/<slug>/<version_slug>")
def show_version(slug: str, version_slug: str) -> ResponseReturnValue:
    with reading() as session:
        view = workflow_list.version_view(session, slug, version_slug)
    rows = [TaskRow(step=step) for step in view.graph.ordered()]
    return render_template(
        "admin/version.html",
        view=view,
        graph=step_graph.picture(view.graph, rows, absent="Step"),
        definition=_as_text(view.definition),
        workflow_definition=_as_text(view.workflow_definition),
    )


def _as_text(definition: object) -> str:
    return json.dumps(definition, indent=2, ensure_ascii=False)


@blueprint.post("/<slug>/certifications")
def add_certification(slug: str) -> ResponseReturnValue:
    """By hand, by administrators only (P-28)."""
    auth.require_administrator()
    if not auth.token_fits(request.form.get("csrf_token")):
        return _page(slug, Invalid(auth.OUTDATED)), 400
    try:
        name = _add_certification(slug)
    except (Invalid, Conflict) as error:
        return _page(slug, error), HTTP_STATUS[error.kind]
    flash(f"The certification {name} can be granted now.")
    return redirect(f"{PREFIX}/{slug}/")


@retry_deadlocks
def _add_certification(slug: str) -> str:
    wanted = NewCertification(
        slug=request.form.get("slug", "").strip(),
        name=request.form.get("name", "").strip(),
        description=request.form.get("description", "").strip(),
        required=tuple(request.form.getlist("required")),
    )
    with transaction() as session:
        workflow = workflow_list.get_workflow(session, slug)
        return certifications.add(session, workflow, wanted, actor=auth.current_actor()).name


def _page(slug: str, problem: Invalid | Conflict | None = None) -> str:
    with reading() as session:
        workflow = workflow_list.get_workflow(session, slug)
    return render_template(
        "admin/workflow.html", workflow=workflow, problem=problem, typed=request.form
    )
