"""Tasks as those who record their time for them call them (T-27)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, load_only

from orchestra.database import utcnow
from orchestra.domain.dashboard import role_word
from orchestra.domain.time_records import holds_or_held
from orchestra.domain.versions import graph_of, load_graphs
from orchestra.models import TERMINAL, Assignment, Project, Task, Worker, WorkflowVersion

FINISHED_FOR = timedelta(days=14)  # tasks that ended in this time can be chosen still
MOST_CHOICES = 200


@dataclass(frozen=True, kw_only=True)
class WorkedTask:
    """The task that an entry or a choice names."""

    assignment_id: int
    task_id: int
    step: str  # name
    project: str  # its description
    workflow: str  # name
    role: str
    is_open: bool

    @property
    def label(self) -> str:
        review = ", review" if self.role == "Review" else ""
        return f"{self.step}{review}: {self.project}"


Of = sa.Select[Assignment, Task, Project, WorkflowVersion]
_OF_TASK = (
    sa.select(Assignment, Task, Project, WorkflowVersion)
    .join(Task, Task.id == Assignment.task_id)
    .join(Project, Project.id == Task.project_id)
    .join(WorkflowVersion, WorkflowVersion.id == Project.version_id)
    .options(load_only(Assignment.level, Assignment.task_id))
    .options(load_only(Task.step, Task.status, Task.ended_at, Task.project_id))
    .options(load_only(Project.short_description, Project.priority))
)


def tasks_by_assignment(
    session: Session, assignment_ids: Iterable[int | None]
) -> dict[int, WorkedTask]:
    """The tasks of assignments, by the assignment; None and unknown ids are left out."""
    ids = {assignment_id for assignment_id in assignment_ids if assignment_id is not None}
    if not ids:
        return {}
    chosen = _OF_TASK.where(Assignment.id.in_(ids))
    return {task.assignment_id: task for task in _tasks(session, chosen)}


def tasks_named_by(session: Session, assignments: sa.Select[Any]) -> dict[int, WorkedTask]:
    """As :func:`tasks_by_assignment`, of the assignments that another statement names."""
    chosen = _OF_TASK.where(Assignment.id.in_(assignments))
    return {task.assignment_id: task for task in _tasks(session, chosen)}


def choices(session: Session, worker: Worker, of: int | None = None) -> list[WorkedTask]:
    """Tasks that time can be recorded for: open ones, those that ended lately, and ``of`` (T-27).

    :param of: the assignment of the entry itself; one that is none of the worker's is left out.
    """
    is_over = Task.status.in_(TERMINAL)
    ended_lately = Task.ended_at > utcnow() - FINISHED_FOR
    found = _tasks(
        session,
        _OF_TASK.where(
            Assignment.worker_id == worker.id,
            Assignment.discarded_at.is_(None),
            sa.or_(~is_over, ended_lately),
        )
        .order_by(
            sa.case((is_over, 1), else_=0), Project.priority.desc(), Task.ended_at.desc(), Task.id
        )
        .limit(MOST_CHOICES),
    )
    is_new = of is not None and of not in {task.assignment_id for task in found}
    if of is not None and is_new and holds_or_held(session, worker.id, of):
        found += tasks_by_assignment(session, [of]).values()
    return found


def _tasks(session: Session, statement: Of) -> list[WorkedTask]:
    rows = session.execute(statement).all()
    load_graphs(session, [version for _, _, _, version in rows])
    return [
        WorkedTask(
            assignment_id=assignment.id,
            task_id=task.id,
            step=graph_of(version).by_slug[task.step].name,
            project=project.short_description,
            workflow=version.workflow.name,
            role=role_word(assignment.level),
            is_open=task.status not in TERMINAL,
        )
        for assignment, task, project, version in rows
    ]
