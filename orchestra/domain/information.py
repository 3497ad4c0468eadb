"""What client systems may know of projects (A-28 to A-33), in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, undefer

from orchestra.database import Json, settings_of
from orchestra.domain import versions
from orchestra.domain.graph import Graph
from orchestra.errors import NotFound
from orchestra.models import (
    Assignment,
    AssignmentStatus,
    Iteration,
    Project,
    Task,
    TaskStatus,
    TimeEntry,
    Worker,
    Workflow,
    WorkflowVersion,
)

LARGEST_ID = 2**31 - 1  # of the database; asking it for more is an error there
Row = sa.Row[Any]
Rows = dict[int, list[Row]]


def project_information(session: Session, project_ids: Sequence[int]) -> dict[int, Json]:
    """The whole state of each project by its id; unknown ids are left out."""
    project_ids = [project_id for project_id in project_ids if project_id <= LARGEST_ID]
    projects = session.execute(
        sa.select(Project.__table__).where(Project.id.in_(project_ids)).order_by(Project.id)
    ).all()
    known = {project.version_id for project in projects}
    stored = {version.id: version for version in _versions(session, known)}
    tasks = _grouped(session, _tasks(project_ids), "project_id")
    assignments = _grouped(session, _assignments(project_ids), "task_id")
    iterations = _grouped(session, _iterations(project_ids), "assignment_id")
    found = {
        project.id: _information(
            project, stored[project.version_id], tasks[project.id], assignments, iterations
        )
        for project in projects
    }
    for told in found.values():
        _complete_address(told["project"], settings_of(session).url)
    return found


def details_url(session: Session, project_id: int) -> str:
    """The address of a project's page, for people who may see it (A-35).

    :raises NotFound: there is no such project.
    """
    found = sa.select(Project.id).where(Project.id == sa.literal(project_id, sa.BigInteger()))
    if session.scalar(found) is None:
        raise NotFound(f"There is no project {project_id}.")
    return f"{settings_of(session).url}/orchestra/app/project/{project_id}"


def for_clients(session: Session, project: Project) -> Json:
    """What lists tell client systems of a project (A-41)."""
    told = without_data(project, project.version)
    _complete_address(told, settings_of(session).url)
    return told


def workflow_types(session: Session) -> dict[str, Json]:
    """Stored workflows with their versions, by slug (A-34)."""
    rows = session.execute(
        sa.select(
            Workflow.slug,
            Workflow.name,
            Workflow.description,
            WorkflowVersion.slug.label("version_slug"),
            WorkflowVersion.name.label("version_name"),
            WorkflowVersion.description.label("version_description"),
        )
        .outerjoin(WorkflowVersion, WorkflowVersion.workflow_id == Workflow.id)
        .order_by(Workflow.slug, WorkflowVersion.id)
    )
    found: dict[str, Json] = {}
    for row in rows:
        workflow = found.setdefault(
            row.slug, {"name": row.name, "description": row.description, "versions": {}}
        )
        if row.version_slug is not None:
            workflow["versions"][row.version_slug] = {
                "name": row.version_name,
                "description": row.version_description,
            }
    return found


def timestamp(moment: datetime | None) -> str | None:
    """Every time in JSON (specification C-8)."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if moment else None


def _versions(session: Session, ids: Iterable[int]) -> Sequence[WorkflowVersion]:
    """Definitions come along: a graph that is not cached must not cost a query of its own."""
    return session.scalars(
        sa.select(WorkflowVersion)
        .where(WorkflowVersion.id.in_(ids))
        .options(undefer(WorkflowVersion.definition))
    ).all()


def _tasks(project_ids: Sequence[int]) -> sa.Select[Any]:
    return sa.select(Task.__table__).where(Task.project_id.in_(project_ids)).order_by(Task.id)


def _assignments(project_ids: Sequence[int]) -> sa.Select[Any]:
    return (
        sa.select(Assignment.__table__, Worker.username, _recorded_seconds())
        .join(Task, Task.id == Assignment.task_id)
        .outerjoin(Worker, Worker.id == Assignment.worker_id)
        .where(Task.project_id.in_(project_ids), Assignment.discarded_at.is_(None))
        .order_by(Assignment.level)
    )


def _recorded_seconds() -> sa.Label[int]:
    """What the worker of an assignment recorded for it (T-30)."""
    recorded = sa.select(sa.func.sum(TimeEntry.work_seconds)).where(
        TimeEntry.assignment_id == Assignment.id,
        TimeEntry.worker_id == Assignment.worker_id,
        TimeEntry.deleted_at.is_(None),
    )
    return sa.func.coalesce(recorded.scalar_subquery(), 0).label("recorded_work_seconds")


def _iterations(project_ids: Sequence[int]) -> sa.Select[Any]:
    return (
        sa.select(Iteration.__table__)
        .join(Task, Task.id == Iteration.task_id)
        .where(Task.project_id.in_(project_ids), Iteration.discarded_at.is_(None))
        .order_by(Iteration.number)
    )


def _grouped(session: Session, statement: sa.Select[Any], column: str) -> Rows:
    grouped: Rows = defaultdict(list)
    for row in session.execute(statement):
        grouped[getattr(row, column)].append(row)
    return grouped


def _information(
    project: Row, version: WorkflowVersion, tasks: list[Row], assignments: Rows, iterations: Rows
) -> Json:
    graph = versions.graph_of(version)
    return {
        "project": _project(project, version),
        "steps": [[step.slug, step.description] for step in graph.ordered()],
        "step_details": _step_details(graph),
        "tasks": {task.step: _task(task, assignments[task.id], iterations) for task in tasks},
    }


def _complete_address(told: Json, base: str) -> None:
    """A client is not at our address, as pages are."""
    address = told["team_messages_url"]
    if address and address.startswith("/"):
        told["team_messages_url"] = base + address


def _project(project: Row, version: WorkflowVersion) -> Json:
    return without_data(project, version) | {"project_data": project.project_data}


def without_data(project: Row | Project, version: WorkflowVersion) -> Json:
    """What lists tell of a project."""
    return {
        "id": project.id,
        "short_description": project.short_description,
        "priority": project.priority,
        "team_messages_url": project.team_messages_url,
        "task_class": project.task_class.number,
        "status": project.status.label,
        "workflow_slug": version.workflow.slug,
        "workflow_version_slug": version.slug,
        "start_datetime": timestamp(project.started_at),
        "end_datetime": timestamp(project.ended_at),
    }


def _step_details(graph: Graph) -> list[Json]:
    return [
        {
            "slug": step.slug,
            "name": step.name,
            "description": step.description,
            "is_human": step.is_human,
        }
        for step in graph.ordered()
    ]


def _task(task: Row, assignments: list[Row], iterations: Rows) -> Json:
    return {
        "id": task.id,
        "project": task.project_id,
        "status": task.status.label,
        "step_slug": task.step,
        "start_datetime": timestamp(task.created_at),
        "latest_data": _latest_data(task, assignments),
        "skip_note": task.skip_note,
        "assignments": [_assignment(row, iterations[row.id]) for row in assignments],
    }


def _latest_data(task: Row, assignments: list[Row]) -> Json | None:
    """The result, else what somebody works on, else the work of the highest level (A-30)."""
    if task.status is TaskStatus.COMPLETE:
        result: Json | None = task.result
        return result
    working = [row for row in assignments if row.status is AssignmentStatus.PROCESSING]
    newest = (working or assignments)[-1:]
    return newest[0].data if newest else None


def _assignment(assignment: Row, iterations: list[Row]) -> Json:
    return {
        "id": assignment.id,
        "task": assignment.task_id,
        "worker": assignment.username,
        "level": assignment.level,
        "status": assignment.status.label,
        "in_progress_task_data": assignment.data,
        "start_datetime": timestamp(assignment.created_at),
        "recorded_work_seconds": assignment.recorded_work_seconds,
        "iterations": [_iteration(row) for row in iterations],
    }


def _iteration(iteration: Row) -> Json:
    return {
        "id": iteration.id,
        "status": iteration.status.label,
        "submitted_data": iteration.submitted_data,
        "comment": iteration.comment,
        "start_datetime": timestamp(iteration.started_at),
        "end_datetime": timestamp(iteration.ended_at),
    }
