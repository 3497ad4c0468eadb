"""Projects as a whole: create, pause, resume, abort, edit."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import utcnow
from orchestra.domain import (
    aborting,
    advancing,
    audit,
    channels,
    dispatching,
    ending,
    json_data,
    notices,
    policies,
    preparing,
    staffing_requests,
)
from orchestra.domain.audit import Actor, require_manager
from orchestra.domain.locking import LockedProject, LockedTask, gate, lock_project, lock_task
from orchestra.domain.versions import get_version
from orchestra.errors import Invalid, StaleRevision, WrongStatus
from orchestra.models import (
    AuditEvent,
    Project,
    ProjectStatus,
    Task,
    TaskClass,
    TaskStatus,
    Verb,
)
from orchestra.outbox import enqueue

Data = dict[str, Any]
LONGEST_DESCRIPTION = 1000
LARGEST_PRIORITY = 1_000_000
_EDITABLE = ("short_description", "priority", "project_data")


def create_project(
    session: Session,
    actor: Actor,
    *,
    workflow_slug: str,
    version_slug: str,
    short_description: str,
    priority: int,
    task_class: TaskClass,
    project_data: Data,
) -> Project:
    """Start a run of a version, with the tasks that are due at once.

    :raises Forbidden: the actor is neither project admin nor API key.
    :raises NotFound: workflow or version is not loaded.
    :raises Invalid: a field does not hold what it must.
    """
    require_manager(actor)
    version = get_version(session, workflow_slug, version_slug)
    _require_valid(session, short_description, priority, project_data)
    project = Project(
        version=version,
        short_description=short_description,
        priority=priority,
        task_class=task_class,
        project_data=project_data,
        revision=1,
        status=ProjectStatus.ACTIVE,
        created_by=actor.name,
    )
    preparing.begin(session, project)
    session.add(project)
    session.flush()
    _audit_creation(session, actor, project, workflow_slug)
    channels.begin(session, project)
    wait_seconds = preparing.ask(session, project)
    advancing.begin(session, LockedProject.of(project), wait_seconds)
    preparing.hold_back(session, project.id, wait_seconds)
    return project


def _audit_creation(session: Session, actor: Actor, project: Project, workflow_slug: str) -> None:
    described = {
        "workflow": workflow_slug,
        "version": project.version.slug,
        "priority": project.priority,
        "short_description": project.short_description,
        "task_class": project.task_class.value,
    }
    audit.record(
        session, actor, Verb.PROJECT_CREATED, project, project_id=project.id, after=described
    )


def _require_valid(
    session: Session, short_description: str, priority: int, project_data: Data
) -> None:
    fields = {}
    if not len(short_description.strip()) >= 1 or len(short_description) > LONGEST_DESCRIPTION:
        fields["short_description"] = [f"Write 1 to {LONGEST_DESCRIPTION} characters."]
    if not -LARGEST_PRIORITY <= priority <= LARGEST_PRIORITY:
        fields["priority"] = [f"Give a number from -{LARGEST_PRIORITY} to {LARGEST_PRIORITY}."]
    if not isinstance(project_data, dict):
        fields["project_data"] = ["Give a JSON object."]
    if fields:
        raise Invalid("Some fields of the project are not valid.", fields=fields)
    json_data.require_size(session, project_data, "project data")


def start_again(session: Session, locked: LockedTask) -> None:
    """A task is back in Awaiting Processing or Pending Review: ask its policy or its job."""
    if locked.task.is_human:
        policies.assign_by_policy(session, locked)
    else:
        project = LockedProject.of(locked.project)
        dispatching.dispatch_waiting(session, project, [locked.task.step])


def pause(session: Session, actor: Actor, project_id: int, reason: str | None = None) -> Project:
    """:raises WrongStatus: the project is not Active.
    :raises Invalid: the reason is too long.
    """
    require_manager(actor)
    reason = audit.explained(reason)
    project = lock_project(session, project_id)
    _require_status(project, {ProjectStatus.ACTIVE}, "paused")
    project.status = ProjectStatus.PAUSED
    project.paused_at, project.paused_by, project.pause_reason = utcnow(), actor.name, reason
    audit.record(session, actor, Verb.PROJECT_PAUSED, project, project_id=project.id, note=reason)
    notices.paused(session, actor, project)
    return project


def resume(session: Session, actor: Actor, project_id: int) -> Project:
    """Go on, and do all that was held back by the pause.

    :raises WrongStatus: the project is not Paused.
    """
    require_manager(actor)
    project = lock_project(session, project_id)
    _require_status(project, {ProjectStatus.PAUSED}, "resumed")
    project.status = ProjectStatus.ACTIVE
    staffing_requests.go_on_after_pause(session, project)
    project.paused_at = project.paused_by = project.pause_reason = None
    audit.record(session, actor, Verb.PROJECT_RESUMED, project, project_id=project.id)
    notices.resumed(session, actor, project)
    session.flush()
    statuses = {
        row.step: row.status
        for row in session.execute(
            sa.select(Task.step, Task.status).where(Task.project_id == project.id)
        )
    }
    resumed = LockedProject.of(project)
    if advancing.ending_step_is_complete(resumed.graph, statuses):
        ending.complete(session, resumed)
        return project
    _run_missed_policies(session, project)
    held = [step for step, status in statuses.items() if status is TaskStatus.AWAITING_PROCESSING]
    advancing.advance(session, resumed)
    dispatching.dispatch_waiting(session, resumed, held)
    return project


def _run_missed_policies(session: Session, project: Project) -> None:
    missed = sa.select(Task.id).where(Task.project_id == project.id, Task.policy_missed)
    for task_id in session.scalars(missed.order_by(Task.id)).all():
        locked = lock_task(session, task_id)
        locked.task.policy_missed = False
        if locked.task.status in {TaskStatus.AWAITING_PROCESSING, TaskStatus.PENDING_REVIEW}:
            policies.assign_by_policy(session, locked)
        session.flush()


def abort(session: Session, actor: Actor, project_id: int) -> Project:
    """End the project for good. Running functions may finish; nothing follows from them.

    :raises WrongStatus: the project is closed already.
    """
    require_manager(actor)
    project = lock_project(session, project_id)
    _require_status(project, {ProjectStatus.ACTIVE, ProjectStatus.PAUSED}, "aborted")
    project.status, project.ended_at = ProjectStatus.ABORTED, utcnow()
    ending.abort_open_tasks(session, actor, project.id)
    audit.record(session, actor, Verb.PROJECT_ABORTED, project, project_id=project.id)
    notices.project_aborted(session, project)
    channels.ask(session, project.id)
    wish = aborting.dispatch_for(project)
    if wish:
        enqueue(session, wish)
    return project


def _require_status(project: Project, allowed: Iterable[ProjectStatus], verb: str) -> None:
    if project.status not in allowed:
        raise WrongStatus(f"Project {project.id} is {project.status.label} and cannot be {verb}.")


def edit_project(
    session: Session, actor: Actor, project_id: int, *, revision: int, changes: Mapping[str, Any]
) -> Project:
    """Change description, priority or project data as a whole (specification L-108).

    :raises StaleRevision: somebody else edited the project since; ``details`` holds the newer.
    """
    require_manager(actor)
    project = lock_project(session, project_id)
    gate(project, while_paused=True, while_completed=True)
    current = {name: getattr(project, name) for name in _EDITABLE}
    wanted = {name: changes[name] for name in _EDITABLE if name in changes}
    if isinstance(wanted.get("project_data"), dict):
        wanted["project_data"] = preparing.with_folder(project, wanted["project_data"])
    _require_valid(session, **current | wanted)
    _require_revision(session, project, revision)
    changed = [name for name in wanted if not json_data.is_same(wanted[name], current[name])]
    if changed:
        for name in changed:
            setattr(project, name, wanted[name])
        project.revision += 1
        audit.record(
            session,
            actor,
            Verb.PROJECT_EDITED,
            project,
            project_id=project.id,
            before={name: current[name] for name in changed},
            after={name: wanted[name] for name in changed},
        )
    if "short_description" in changed:
        channels.describe_anew(session, project.id)
    return project


def _require_revision(session: Session, project: Project, revision: int) -> None:
    if revision > project.revision:
        raise Invalid("This revision does not exist yet.", fields={"revision": ["Reload."]})
    if revision == project.revision:
        return
    last = session.execute(
        sa.select(AuditEvent.at, AuditEvent.actor)
        .where(
            AuditEvent.object_kind == Project.__tablename__,
            AuditEvent.object_id == project.id,
            AuditEvent.verb == Verb.PROJECT_EDITED,
        )
        .order_by(AuditEvent.id.desc())
        .limit(1)
    ).one()
    raise StaleRevision(
        "Somebody else changed the project meanwhile. Compare both versions and choose.",
        details={
            "revision": project.revision,
            "data": {name: getattr(project, name) for name in _EDITABLE},
            "saved_at": last.at,
            "saved_by": last.actor,
        },
    )
