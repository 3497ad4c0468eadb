"""What project admins do with projects and their tasks (N-14, N-15)."""

from typing import Any

from flask import Blueprint
from sqlalchemy.orm import Session

from orchestra.domain import (
    advancing,
    interventions,
    lifecycle,
    people,
    project_status,
    projects,
    repair,
    revert,
    team_messages,
)
from orchestra.domain.audit import Actor
from orchestra.domain.information import timestamp
from orchestra.domain.locking import LockedProject, gate, lock_project
from orchestra.domain.project_view import project_view
from orchestra.domain.task_view import attempts_of
from orchestra.models import ProjectStatus, TaskClass, Worker
from orchestra.web.auth import guard_interface, guard_management
from orchestra.web.interface import schemas
from orchestra.web.interface.calls import Answer, changing, looking

blueprint = Blueprint(
    "project_management", __name__, url_prefix="/orchestra/api/interface/project_management"
)
guard_management(blueprint)

# The one call here that workers on the project may make, too.
shared = Blueprint("project_information", __name__, url_prefix=blueprint.url_prefix)
guard_interface(shared)


@shared.post("/project_information/")
@looking(schemas.ProjectBody())
def project_information(session: Session, worker: Worker, project_id: int) -> Answer:
    return project_view(session, worker, project_id)


@blueprint.post("/create_project/")
@changing(schemas.NewProject())
def create_project(
    session: Session, actor: Actor, description: str, task_class: TaskClass, **wanted: Any
) -> Answer:
    project = projects.create_project(
        session,
        actor,
        workflow_slug=wanted["workflow_slug"],
        version_slug=wanted["workflow_version_slug"],
        short_description=description,
        priority=wanted["priority"],
        task_class=task_class,
        project_data=wanted["project_data"],
    )
    return {"project_id": project.id}


@blueprint.post("/assign_task/")
@changing(schemas.AssignTask())
def assign_task(session: Session, actor: Actor, task_id: int, worker_username: str) -> Answer:
    worker = people.find_worker(session, worker_username)
    assignment = lifecycle.assign_task(session, actor, task_id, worker)
    return {"assignment_id": assignment.id}


@blueprint.post("/reassign_assignment/")
@changing(schemas.Reassign())
def reassign_assignment(
    session: Session, actor: Actor, assignment_id: int, worker_username: str
) -> Answer:
    worker = people.find_worker(session, worker_username)
    assignment = interventions.reassign(session, actor, assignment_id, worker)
    return {"assignment_id": assignment.id}


@blueprint.post("/unassign/")
@changing(schemas.AssignmentBody())
def unassign(session: Session, actor: Actor, assignment_id: int) -> Answer:
    interventions.unassign(session, actor, assignment_id)
    return {}


@blueprint.post("/complete_and_skip_task/")
@changing(schemas.SkipTask())
def complete_and_skip_task(
    session: Session, actor: Actor, task_id: int, note: str | None
) -> Answer:
    return {"status": interventions.skip_task(session, actor, task_id, note).status.label}


@blueprint.post("/unskip_task/")
@changing(schemas.TaskBody())
def unskip_task(session: Session, actor: Actor, task_id: int) -> Answer:
    return {"status": interventions.unskip_task(session, actor, task_id).status.label}


@blueprint.post("/revert_task/")
@changing(schemas.RevertTask())
def revert_task(session: Session, actor: Actor, task_id: int, **wanted: Any) -> Answer:
    """The report, and with ``commit`` also the revert that it describes."""
    return dict(revert.revert_task(session, actor, task_id, **wanted))


@blueprint.post("/create_subsequent_tasks/")
@changing(schemas.ProjectBody())
def create_subsequent_tasks(session: Session, actor: Actor, project_id: int) -> Answer:
    project = lock_project(session, project_id)
    gate(project)
    done = advancing.advance(session, LockedProject.of(project))
    return {"created": done.created, "skipped": done.skipped, "problems": done.problems}


@blueprint.post("/set_project_status/")
@changing(schemas.SetStatus())
def set_project_status(
    session: Session, actor: Actor, project_id: int, status: ProjectStatus, reason: str | None
) -> Answer:
    project = project_status.set_status(session, actor, project_id, status, reason)
    return {"status": project.status.label}


@blueprint.post("/end_project/")
@changing(schemas.ProjectBody())
def end_project(session: Session, actor: Actor, project_id: int) -> Answer:
    return {"status": projects.abort(session, actor, project_id).status.label}


@blueprint.post("/message_team/")
@changing(schemas.MessageTeam())
def message_team(session: Session, actor: Actor, project_id: int, message: str) -> Answer:
    team_messages.send(session, actor, project_id, message)
    return {}


@blueprint.post("/edit_project/")
@changing(schemas.EditProject())
def edit_project(
    session: Session, actor: Actor, project_id: int, revision: int, **changes: Any
) -> Answer:
    project = projects.edit_project(session, actor, project_id, revision=revision, changes=changes)
    return {"revision": project.revision}


@blueprint.post("/retry_machine_task/")
@changing(schemas.RetryMachineTask())
def retry_machine_task(session: Session, actor: Actor, task_id: int, **edit: Any) -> Answer:
    """Retry; with project data both the edit and the retry, or neither (L-123)."""
    return {"status": repair.retry_task(session, actor, task_id, **edit).status.label}


@blueprint.post("/skip_machine_task/")
@changing(schemas.SkipMachineTask())
def skip_machine_task(session: Session, actor: Actor, task_id: int, data: Any) -> Answer:
    return {"status": repair.skip_with_data(session, actor, task_id, data).status.label}


@blueprint.get("/attempts/")
@looking(schemas.TaskQuery())
def attempts(session: Session, worker: Worker, task_id: int) -> Answer:
    rows = [
        {
            "number": attempt.number,
            "started_at": timestamp(attempt.started_at),
            "ended_at": timestamp(attempt.ended_at),
            "outcome": attempt.outcome.value,
            "error": attempt.error,
            "traceback": attempt.traceback,
            "result": attempt.result,
        }
        for attempt in attempts_of(session, task_id)
    ]
    return {"attempts": rows}
