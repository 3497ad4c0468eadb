"""The list of projects, and how a new one is made (specification W-52)."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import project_list, projects
from orchestra.domain.project_list import Filters
from orchestra.errors import Invalid, Malformed, NotFound, TooLarge
from orchestra.models import ProjectStatus, TaskClass
from orchestra.web import auth, requests
from orchestra.web.errors import HTTP_STATUS

blueprint = Blueprint("projects", __name__, url_prefix="/orchestra/app/projects")
auth.guard_admin_pages(blueprint)

LIST_PAGE = blueprint.url_prefix
NOT_ABORTED: list[ProjectStatus] = [
    status for status in ProjectStatus if status is not ProjectStatus.ABORTED
]
STATUSES: dict[str, list[ProjectStatus]] = {  # aborted ones only when asked for (N-19)
    "": NOT_ABORTED,
    "open": [ProjectStatus.ACTIVE, ProjectStatus.PAUSED],
    **{status.value: [status] for status in ProjectStatus},
    "all": list(ProjectStatus),
}
STATUS_WORDS = {
    "": "All but aborted",
    "open": "Open",
    **{status.value: status.label for status in ProjectStatus},
    "all": "All",
}
EMPTY_FORM = {
    "version": "",
    "description": "",
    "priority": "0",
    "task_class": TaskClass.REAL.value,
    "project_data": "{}",
}


@blueprint.get("", strict_slashes=False)
def show() -> ResponseReturnValue:
    asked = {
        name: request.args.get(name, "").replace("\0", "").strip()
        for name in ("status", "workflow", "task_class", "q")
    }
    filters = _filters(asked)
    page = requests.page_argument()
    with reading() as session:
        found = project_list.project_list(session, filters, page)
        workflows = list(project_list.versions_by_workflow(session))
    kept = {name: text for name, text in asked.items() if text}
    return render_template(
        "projects/list.html",
        found=found,
        asked=asked,
        is_filtered=bool(kept),
        workflows=workflows,
        statuses=STATUS_WORDS,
        task_classes=list(TaskClass),
        address=lambda number: f"{LIST_PAGE}?{urlencode(kept | {'page': number})}",
    )


def _filters(asked: Mapping[str, str]) -> Filters:
    """:raises Malformed: a filter names what does not exist."""
    if asked["status"] not in STATUSES:
        raise Malformed("There is no such status of a project. Choose one in the list of projects.")
    if asked["task_class"] not in ("", *TaskClass):
        raise Malformed("There is no such class of projects. Choose one in the list of projects.")
    return Filters(
        statuses=STATUSES[asked["status"]],
        workflow_slug=asked["workflow"] or None,
        task_class=TaskClass(asked["task_class"]) if asked["task_class"] else None,
        text=asked["q"] or None,
    )


@blueprint.get("/new")
def new() -> ResponseReturnValue:
    asked = {"version": request.args.get("version", "")}
    return _form(EMPTY_FORM | asked)


@blueprint.post("/new")
def create() -> ResponseReturnValue:
    typed = {name: request.form.get(name, default) for name, default in EMPTY_FORM.items()}
    if not auth.token_fits(request.form.get("csrf_token")):
        return _form(typed, auth.OUTDATED), 400
    try:
        project_id = _create(**_read(typed))
    except (Invalid, NotFound, TooLarge) as error:
        fields = error.fields or _field_of(error)
        return _form(typed, "The project was not created.", fields), HTTP_STATUS[Invalid.kind]
    flash("The project was created.")
    return redirect(f"/orchestra/app/project/{project_id}")


def _field_of(error: Invalid | NotFound | TooLarge) -> dict[str, list[str]]:
    name = "version" if isinstance(error, NotFound) else "project_data"
    return {name: [error.message]}


@retry_deadlocks
def _create(**wanted: Any) -> int:
    with transaction() as session:
        return projects.create_project(session, auth.current_actor(), **wanted).id


def _read(typed: Mapping[str, str]) -> dict[str, Any]:
    """:raises Invalid: ``fields`` names each field that cannot be read."""
    problems: dict[str, list[str]] = {}
    workflow_slug, _, version_slug = typed["version"].partition("/")
    if not version_slug:
        problems["version"] = ["Choose a workflow and its version."]
    description = typed["description"].replace("\0", "").strip()
    if not 1 <= len(description) <= projects.LONGEST_DESCRIPTION:
        problems["description"] = [f"Write 1 to {projects.LONGEST_DESCRIPTION} characters."]
    priority = _whole(typed["priority"])
    if priority is None:
        problems["priority"] = [
            f"Give a whole number from -{projects.LARGEST_PRIORITY} to {projects.LARGEST_PRIORITY}."
        ]
    if typed["task_class"] not in list(TaskClass):
        problems["task_class"] = ["Choose real or training."]
    data, offence = _json(typed["project_data"])
    if offence:
        problems["project_data"] = [offence]
    if problems:
        raise Invalid("Some fields of the project are not valid.", fields=problems)
    return {
        "workflow_slug": workflow_slug,
        "version_slug": version_slug,
        "short_description": description,
        "priority": priority,
        "task_class": TaskClass(typed["task_class"]),
        "project_data": data,
    }


def _whole(text: str) -> int | None:
    digits = text.strip().removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 7):
        return None
    number = int(text)
    return number if abs(number) <= projects.LARGEST_PRIORITY else None


def _json(text: str) -> tuple[dict[str, Any], str | None]:
    """The object, or where the text ceases to be one."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return {}, f"Line {error.lineno}, column {error.colno} is no JSON: {error.msg}."
    except (ValueError, RecursionError):
        pass  # said by the next reader
    try:
        return requests.json_object(text.encode("utf-8", "replace")), None
    except Malformed:
        return {}, 'Give a JSON object, for example {"url": "https://example.org"}.'


def _form(
    typed: Mapping[str, str],
    problem: str | None = None,
    errors: Mapping[str, list[str]] | None = None,
) -> str:
    with reading() as session:
        workflows = project_list.versions_by_workflow(session)
    return render_template(
        "projects/new.html",
        workflows=workflows,
        typed=typed,
        problem=problem,
        errors=_by_field(errors or {}),
        task_classes=list(TaskClass),
    )


def _by_field(errors: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Some rules call the fields otherwise."""
    names = {"short_description": "description", "data": "project_data"}
    return {names.get(name, name): texts for name, texts in errors.items()}
