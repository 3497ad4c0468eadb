"""What workers do and see: dashboard, pick-up, task, draft, hand-over (N-7 to N-13)."""

from typing import Any

from flask import Blueprint, flash
from sqlalchemy.orm import Session

from orchestra.domain import dashboard as dashboards
from orchestra.domain import lifecycle, pickup, remarks
from orchestra.domain.audit import Actor
from orchestra.domain.dashboard import Bucket, Entry
from orchestra.domain.discarded import review_draw
from orchestra.domain.forms import Form
from orchestra.domain.information import timestamp
from orchestra.domain.lifecycle import Command
from orchestra.domain.remarks import Said
from orchestra.domain.task_view import Round, TaskView, task_view
from orchestra.models import Remark, Role, Worker
from orchestra.web.auth import START_PAGE, guard_interface
from orchestra.web.interface import schemas
from orchestra.web.interface.calls import Answer, changing, looking
from orchestra.web.pages.wording import handed_over
from orchestra.web.task_objects import person, place

blueprint = Blueprint("interface", __name__, url_prefix="/orchestra/api/interface")
guard_interface(blueprint)


@blueprint.get("/dashboard_tasks/")
@looking(schemas.DashboardQuery())
def dashboard_tasks(session: Session, worker: Worker, bucket: Bucket | None, page: int) -> Answer:
    """Of one bucket a page; without one, the first page of every bucket (N-25)."""
    pages = {bucket: page} if bucket else dashboards.FIRST_PAGES
    found = dashboards.dashboard(session, worker.id, pages)
    reason = pickup.blocked(session, worker)
    return {
        "tasks": [_entry(entry) for entries in found.entries.values() for entry in entries],
        "counts": {name.value: count for name, count in found.counts.items()},
        "pool": {role.value: n for role, n in pickup.waiting(session, worker).items()},
        "blocked": reason.kind if reason else None,
        "has_reviewer_role": dashboards.may_review_something(session, worker.id),
    }


def _entry(entry: Entry) -> Answer:
    """The keys of specification P-66."""
    return {
        "task_id": entry.task_id,
        "assignment_id": entry.assignment_id,
        "step": entry.step,
        "workflow": entry.workflow,
        "version": entry.version,
        "short_description": entry.short_description,
        "priority": entry.priority,
        "bucket": entry.bucket.value,
        "role": entry.role,
        "assigned_at": timestamp(entry.assigned_at),
        "url": task_address(entry.task_id),
    }


def task_address(task_id: int) -> str:
    return f"{START_PAGE}/task/{task_id}"


@blueprint.post("/new_task_assignment/entry_level/", defaults={"role": Role.ENTRY_LEVEL})
@blueprint.post("/new_task_assignment/reviewer/", defaults={"role": Role.REVIEWER})
@changing(schemas.Nothing())
def new_task_assignment(session: Session, actor: Actor, role: Role) -> Answer:
    assignment = pickup.pick_up(session, actor, role)
    task = assignment.task
    return {
        "id": task.id,
        "assignment_id": assignment.id,
        "step": task.step,
        "project": task.project.version.slug,
        "detail": task.project.short_description,
    }


@blueprint.get("/task_assignment_information/")
@looking(schemas.TaskQuery())
def task_assignment_information(session: Session, worker: Worker, task_id: int) -> Answer:
    return task_object(task_view(session, worker, task_id))


def task_object(view: TaskView) -> Answer:
    holder = view.assignment.worker if view.assignment else None
    return {
        "task_id": view.task.id,
        "assignment_id": view.assignment.id if view.assignment else None,
        **place(view.version, view.step),
        "project": _project(view),
        "task": {"data": view.data, "status": view.task.status.label},
        "worker": person(holder),
        "status": view.assignment.status.label if view.assignment else None,
        "level": view.assignment.level if view.assignment else None,
        "revision": view.assignment.revision if view.assignment else None,
        "is_reviewer": view.is_reviewer,
        "is_read_only": view.read_only_reason is not None,
        "read_only_reason": view.read_only_reason,
        "submit_blocked_reason": view.submit_blocked_reason,
        "is_project_admin": view.viewer.is_project_admin,
        "prerequisites": view.prerequisites,
        "history": [_round(past) for past in view.history],
        "remarks": [_remark(remark, past) for past in view.history for remark in past.remarks],
        "interface": dict(view.step.user_interface),
    }


def _project(view: TaskView) -> Answer:
    project = view.project
    return {
        "id": project.id,
        "short_description": project.short_description,
        "status": project.status.label,
        "priority": project.priority,
        "team_messages_url": project.team_messages_url,
        "project_folder": project.project_folder_url,
        "project_data": project.project_data,
    }


def _round(past: Round) -> Answer:
    iteration = past.iteration
    return {
        "id": iteration.id,
        "number": iteration.number,
        "assignment_id": iteration.assignment_id,
        "level": past.level,
        "worker": person(iteration.worker),
        "status": iteration.status.label,
        "submitted_data": iteration.submitted_data,
        "changed": list(past.changed),
        "comment": iteration.comment,
        "remarks": [_remark(remark, past) for remark in past.remarks],
        "started_at": timestamp(iteration.started_at),
        "ended_at": timestamp(iteration.ended_at),
        "review_draw": review_draw(past.draw) if past.draw else None,
    }


def _remark(remark: Remark, past: Round) -> Answer:
    return {
        "id": remark.id,
        "worker": person(past.iteration.worker),
        "pointer": remark.pointer,
        "text": remark.text,
        "resolved_at": timestamp(remark.resolved_at),
        "resolved_by": person(remark.resolved_by),
    }


@blueprint.post("/save_task_assignment/")
@changing(schemas.Draft())
def save_task_assignment(
    session: Session, actor: Actor, task_id: int, task_data: Any, revision: int
) -> Answer:
    saved = lifecycle.save_draft(session, actor, task_id, task_data, revision)
    return {"revision": saved.revision, "saved_at": timestamp(saved.saved_at or saved.created_at)}


@blueprint.post("/submit_task_assignment/")
@changing(schemas.HandOver())
def submit_task_assignment(
    session: Session, actor: Actor, task_id: int, command_type: Command, **work: Any
) -> Answer:
    task = lifecycle.hand_over(
        session,
        actor,
        task_id,
        command_type,
        data=work["task_data"],
        revision=work["revision"],
        comment=work["comment"],
        said=[Said(**remark) for remark in work["remarks"]],
    )
    flash(handed_over(task, command_type))
    return {"status": task.status.label, "next": START_PAGE}


@blueprint.post("/remarks/<int:remark_id>/resolve/")
@changing(schemas.Nothing())
def resolve_remark(session: Session, actor: Actor, remark_id: int) -> Answer:
    return _state_of(remarks.resolve(session, actor, remark_id))


@blueprint.post("/remarks/<int:remark_id>/reopen/")
@changing(schemas.Nothing())
def reopen_remark(session: Session, actor: Actor, remark_id: int) -> Answer:
    return _state_of(remarks.reopen(session, actor, remark_id))


def _state_of(remark: Remark) -> Answer:
    return {"id": remark.id, "resolved_at": timestamp(remark.resolved_at)}


@blueprint.post("/validate_task_data/")
@looking(schemas.FormData())
def validate_task_data(session: Session, worker: Worker, task_id: int, task_data: Any) -> Answer:
    """The check of a submit, without its effect."""
    view = task_view(session, worker, task_id)
    problems = Form.of(view.step.user_interface).problems(task_data, view.context)
    return {"valid": not problems, "fields": problems}
