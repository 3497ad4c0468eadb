"""Projects for client systems: create them, steer them, follow them, know what there is."""

from flask import Blueprint, Response
from sqlalchemy.orm import Session

from orchestra.domain import (
    event_feed,
    information,
    lifecycle,
    people,
    project_list,
    project_status,
    projects,
    staffing,
    team_messages,
)
from orchestra.domain.audit import Actor
from orchestra.domain.project_list import Filters
from orchestra.errors import NotFound
from orchestra.models import AuditEvent, TaskClass
from orchestra.web.api import schemas, signature
from orchestra.web.api.calls import Json, changing, only_reading

blueprint = Blueprint("project_api", __name__, url_prefix="/orchestra/api/project")
ANY_ENDING = {"strict_slashes": False, "provide_automatic_options": False}


@blueprint.after_request
def challenge(response: Response) -> Response:
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = signature.CHALLENGE
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/create_project/", **ANY_ENDING)
@changing(schemas.CreateProject)
def create_project(session: Session, actor: Actor, body: Json) -> Json:
    project = projects.create_project(
        session,
        actor,
        workflow_slug=body["workflow_slug"],
        version_slug=body["workflow_version_slug"],
        short_description=body["description"],
        priority=body["priority"],
        task_class=TaskClass(body["task_class"]),
        project_data=body["project_data"],
    )
    return {"project_id": project.id}


@blueprint.post("/project_information/", **ANY_ENDING)
@only_reading(schemas.ProjectInformation)
def project_information(session: Session, body: Json) -> Json:
    if "project_ids" in body:
        found = information.project_information(session, body["project_ids"])
        return {str(project_id): project for project_id, project in found.items()}
    found = information.project_information(session, [body["project_id"]])
    if not found:
        raise NotFound(f"There is no project {body['project_id']}.")
    return found[body["project_id"]]


@blueprint.get("/workflow_types/", **ANY_ENDING)
@only_reading(schemas.NoQuery)
def workflow_types(session: Session, _asked: Json) -> Json:
    return {"workflows": information.workflow_types(session)}


@blueprint.post("/message_project_team/", **ANY_ENDING)
@changing(schemas.MessageTeam)
def message_project_team(session: Session, actor: Actor, body: Json) -> Json:
    team_messages.send(session, actor, body["project_id"], body["message"])
    return {"success": True}


@blueprint.post("/staff_task/", **ANY_ENDING)
@changing(schemas.StaffTask)
def staff_task(session: Session, actor: Actor, body: Json) -> Json:
    request = staffing.staff(session, actor, body["task_id"])
    return {"success": True, "request_id": request.id}


@blueprint.post("/restaff_task/", **ANY_ENDING)
@changing(schemas.RestaffTask)
def restaff_task(session: Session, actor: Actor, body: Json) -> Json:
    request = staffing.restaff(session, actor, body["task_id"], body["worker_username"])
    return {"success": True, "request_id": request.id}


@blueprint.post("/project_details_url/", **ANY_ENDING)
@only_reading(schemas.ProjectBody)
def project_details_url(session: Session, body: Json) -> Json:
    return {"project_details_url": information.details_url(session, body["project_id"])}


@blueprint.post("/assign_worker_to_task/", **ANY_ENDING)
@changing(schemas.AssignWorker)
def assign_worker_to_task(session: Session, actor: Actor, body: Json) -> Json:
    if "worker_id" in body:
        worker = people.find_by_id(session, body["worker_id"])
    else:
        worker = people.find_worker(session, body["worker_username"])
    assignment = lifecycle.assign_task(session, actor, body["task_id"], worker)
    return {"success": True, "assignment_id": assignment.id}


@blueprint.post("/set_project_status/", **ANY_ENDING)
@changing(schemas.SetStatus)
def set_project_status(session: Session, actor: Actor, body: Json) -> Json:
    project = project_status.set_status(session, actor, body["project_id"], body["status"])
    return {"success": True, "status": project.status.label}


@blueprint.get("/projects/", **ANY_ENDING)
@only_reading(schemas.ProjectsQuery)
def list_projects(session: Session, asked: Json) -> Json:
    filters = Filters(
        statuses=asked["status"],
        workflow_slug=asked.get("workflow_slug"),
        version_slug=asked.get("workflow_version_slug"),
        task_class=asked.get("task_class"),
        started_after=asked.get("started_after"),
        started_before=asked.get("started_before"),
        words=asked.get("q"),
    )
    rows, following = project_list.projects_before(
        session, filters, before=asked.get("cursor"), limit=asked["limit"]
    )
    return {
        "projects": [
            information.for_clients(session, row.project)
            | {"open_tasks": row.open_tasks, "total_tasks": row.total_tasks}
            for row in rows
        ],
        "next_cursor": str(following) if following else None,
    }


@blueprint.get("/events/", **ANY_ENDING)
@only_reading(schemas.EventsQuery)
def list_events(session: Session, asked: Json) -> Json:
    filters = event_feed.Filters(project_id=asked.get("project_id"), verbs=asked["verb"])
    page = event_feed.events_after(session, asked.get("after", 0), filters, asked["limit"])
    return {"events": [_event(event) for event in page.events], "next": str(page.next)}


def _event(event: AuditEvent) -> Json:
    return {
        "id": event.id,
        "cursor": str(event.id),
        "at": information.timestamp(event.at),
        "verb": event.verb,
        "actor": event.actor,
        "acting_as": event.acting_as,
        "source": event.source.value,
        "object": {"kind": event.object_kind, "id": event.object_id},
        "project_id": event.project_id,
        "changes": event_feed.changes(event),
    }
