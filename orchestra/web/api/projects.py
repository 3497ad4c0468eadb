"""Projects for client systems: create them, follow them, know what can be created."""

from flask import Blueprint, Response
from sqlalchemy.orm import Session

from orchestra.domain import information, projects, staffing, team_messages
from orchestra.domain.audit import Actor
from orchestra.errors import NotFound
from orchestra.models import TaskClass
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
@only_reading()
def workflow_types(session: Session, _body: Json) -> Json:
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
