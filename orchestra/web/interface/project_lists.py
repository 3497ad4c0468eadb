"""Lists for project admins: of projects, and of what happened in one (N-15, N-27)."""

from datetime import UTC
from typing import Any

from flask import Blueprint, request
from marshmallow import Schema, fields, pre_load, validate
from sqlalchemy.orm import Session

from orchestra.domain import project_list, story
from orchestra.domain.information import timestamp, without_data
from orchestra.domain.project_list import Filters, ProjectRow
from orchestra.domain.story import Told
from orchestra.models import TaskClass, Worker
from orchestra.web.api.schemas import StatusOf, Text
from orchestra.web.auth import guard_management
from orchestra.web.interface.calls import Answer, looking
from orchestra.web.interface.projects import blueprint as management
from orchestra.web.interface.schemas import Id

blueprint = Blueprint("project_lists", __name__, url_prefix=management.url_prefix)
guard_management(blueprint)


class ProjectsQuery(Schema):
    status = fields.List(StatusOf(), load_default=())
    workflow_slug = Text(load_default=None)
    workflow_version_slug = Text(load_default=None)
    task_class = fields.Enum(TaskClass, by_value=True, load_default=None)
    started_after = fields.AwareDateTime(default_timezone=UTC, load_default=None)
    started_before = fields.AwareDateTime(default_timezone=UTC, load_default=None)
    q = Text(load_default=None)
    page = fields.Integer(load_default=1, validate=validate.Range(min=1, max=1_000_000))

    @pre_load
    def _take_every_status(self, given: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        return given | {"status": request.args.getlist("status")}


class HistoryQuery(Schema):
    project_id = Id(in_query=True)
    task_id = Id(in_query=True, required=False, load_default=None)
    person = Text(load_default=None)
    before = Id(in_query=True, required=False, load_default=None)


@blueprint.get("/projects/")
@looking(ProjectsQuery())
def projects(session: Session, _worker: Worker, page: int, **asked: Any) -> Answer:
    filters = Filters(
        statuses=asked["status"],
        workflow_slug=asked["workflow_slug"],
        version_slug=asked["workflow_version_slug"],
        task_class=asked["task_class"],
        started_after=asked["started_after"],
        started_before=asked["started_before"],
        text=asked["q"],
    )
    found = project_list.project_list(session, filters, page)
    return {
        "projects": [_project(row) for row in found.rows],
        "page": found.page,
        "pages": found.pages,
        "total": found.total,
    }


def _project(row: ProjectRow) -> dict[str, Any]:
    counts = {"open_tasks": row.open_tasks, "total_tasks": row.total_tasks}
    return without_data(row.project, row.project.version) | counts


@blueprint.get("/history/")
@looking(HistoryQuery())
def history(session: Session, _worker: Worker, project_id: int, **asked: Any) -> Answer:
    told = story.history(session, project_id, **asked)
    return {"events": [_event(event) for event in told.events], "next_before": told.next_before}


def _event(event: Told) -> dict[str, Any]:
    return {
        "id": event.id,
        "at": timestamp(event.at),
        "actor": event.actor,
        "acting_as": event.acting_as,
        "source": event.source.value,
        "verb": event.verb,
        "text": event.text,
        "task_id": event.task_id,
        "note": event.note,
    }
