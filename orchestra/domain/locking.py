"""Lock a project, a task and its live assignments, in this order, and see them as they are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra.domain.graph import Graph, Step
from orchestra.domain.versions import graph_by_key, graph_of
from orchestra.errors import NotFound, ProjectClosed, ProjectPaused, WrongStepKind
from orchestra.models import (
    Assignment,
    AssignmentStatus,
    Iteration,
    Project,
    ProjectStatus,
    Task,
    Workflow,
    WorkflowVersion,
)

Data = dict[str, Any]
_LOCK_PROJECT = (
    sa.select(
        Project.status,
        Project.project_data,
        Project.reopenings,
        Workflow.slug.label("workflow"),
        WorkflowVersion.slug.label("version"),
        WorkflowVersion.checksum,
    )
    .join(WorkflowVersion, WorkflowVersion.id == Project.version_id)
    .join(Workflow, Workflow.id == WorkflowVersion.workflow_id)
    .where(Project.id == sa.bindparam("project_id"))
    .with_for_update(of=Project)
)


@dataclass(frozen=True)
class LockedProject:
    """A locked project, with as much of it as machine steps and what follows them need."""

    __tablename__: ClassVar = Project.__tablename__  # what an audit event is about

    id: int
    status: ProjectStatus
    data: Data
    reopenings: int
    graph: Graph

    @classmethod
    def of(cls, project: Project) -> Self:
        return cls(
            id=project.id,
            status=project.status,
            data=project.project_data,
            reopenings=project.reopenings,
            graph=graph_of(project.version),
        )

    @property
    def is_active(self) -> bool:
        return self.status is ProjectStatus.ACTIVE


@dataclass
class LockedTask:
    """A task with all that its operations read and change, locked and fresh."""

    project: Project
    task: Task
    last_number: int  # of the iterations of the task, discarded ones included
    assignments: list[Assignment] = field(default_factory=list)  # live ones, by level
    open_iteration: Iteration | None = None

    @property
    def graph(self) -> Graph:
        return graph_of(self.project.version)

    @property
    def step(self) -> Step:
        return self.graph.by_slug[self.task.step]

    @property
    def processing(self) -> Assignment | None:
        """The live assignment that somebody works on now."""
        working = (a for a in self.assignments if a.status is AssignmentStatus.PROCESSING)
        return next(working, None)

    def assignment_of(self, worker_id: int | None) -> Assignment | None:
        held = (a for a in self.assignments if a.worker_id == worker_id and worker_id is not None)
        return next(held, None)

    def next_number(self) -> int:
        self.last_number += 1
        return self.last_number

    def require_human(self) -> None:
        if not self.task.is_human:
            raise WrongStepKind(f"Task {self.task.id} is a machine step; people cannot hold it.")

    def require_machine(self) -> None:
        if self.task.is_human:
            raise WrongStepKind(f"Task {self.task.id} is a human step; it has no attempts.")


def lock_briefly(session: Session, project_id: int) -> LockedProject | None:
    """Lock a project without loading it: the way of machine steps, many times a second."""
    found = session.connection().execute(_LOCK_PROJECT, {"project_id": project_id})
    row = found.one_or_none()
    if row is None:
        return None
    return LockedProject(
        id=project_id,
        status=row.status,
        data=row.project_data,
        reopenings=row.reopenings,
        graph=graph_by_key(session, (row.workflow, row.version, row.checksum)),
    )


def lock_project(session: Session, project_id: int, *, shared: bool = False) -> Project:
    """:raises NotFound: there is no such project."""
    statement = _LOCK_WHOLE_PROJECT[shared]
    project = session.scalars(statement, {"project_id": project_id}).one_or_none()
    if project is None:
        raise NotFound(f"There is no project {project_id}.")
    return project


def lock_task(session: Session, task_id: int, *, shared: bool = False) -> LockedTask:
    """Lock project, task and live assignments.

    :param shared: other holders of shared locks of the project need not wait (for drafts).
    :raises NotFound: there is no such task.
    """
    wanted = {"task_id": task_id}
    project = session.scalars(_LOCK_PROJECT_OF_TASK[shared], wanted).one_or_none()
    if project is None:
        raise NotFound(f"There is no task {task_id}.")
    task, last_number = session.execute(_LOCK_TASK, wanted).one()
    locked = LockedTask(project, task, last_number)
    _add_assignments({task_id: locked}, session.execute(_LOCK_ASSIGNMENTS, wanted))
    return locked


def lock_tasks(
    session: Session, task_ids: Sequence[int], *, skip_locked: bool = False
) -> dict[int, LockedTask]:
    """As :func:`lock_task`, many in three statements; those that there are, by id.

    :param skip_locked: leave out those whose project somebody else holds, so that nobody waits
        for a lock while holding others.
    """
    wanted = {"task_ids": list(task_ids)}
    found = session.scalars(_LOCK_PROJECTS[skip_locked], wanted)
    projects = {project.id: project for project in found}
    wanted["project_ids"] = list(projects)
    tasks = {
        task.id: LockedTask(projects[task.project_id], task, last_number)
        for task, last_number in session.execute(_LOCK_TASKS, wanted)
    }
    _add_assignments(tasks, session.execute(_LOCK_ALL_ASSIGNMENTS, {"task_ids": list(tasks)}))
    return tasks


def _add_assignments(tasks: dict[int, LockedTask], rows: Iterable[Any]) -> None:
    for assignment, iteration in rows:
        locked = tasks[assignment.task_id]
        locked.assignments.append(assignment)
        locked.open_iteration = iteration or locked.open_iteration


# These are sent with every operation; to build one anew takes longer than to run it.


def _locking_projects(
    which: sa.ColumnElement[bool], *, shared: bool = False, skip_locked: bool = False
) -> sa.Select[Project]:
    version = joinedload(Project.version, innerjoin=True)
    return (
        sa.select(Project)
        .where(which)
        .options(version.joinedload(WorkflowVersion.workflow, innerjoin=True))
        .order_by(Project.id)
        .with_for_update(of=Project, read=shared, skip_locked=skip_locked)
        .execution_options(populate_existing=True)
    )


def _locking_tasks(which: sa.ColumnElement[bool]) -> sa.Select[Task, int]:
    return (
        sa.select(Task, _LAST_NUMBER)
        .where(which)
        .order_by(Task.id)
        .with_for_update(of=Task)
        .execution_options(populate_existing=True)
    )


def _locking_assignments(which: sa.ColumnElement[bool]) -> sa.Select[Assignment, Iteration]:
    return (
        sa.select(Assignment, Iteration)
        .outerjoin(Iteration, _IS_OPEN)
        .where(which, Assignment.discarded_at.is_(None))
        .order_by(Assignment.task_id, Assignment.level)
        .with_for_update(of=Assignment)
        .execution_options(populate_existing=True)
    )


# Whoever asks by number may ask for one that no row can have: that is "not found", no error.
_PROJECT_ID = sa.bindparam("project_id", type_=sa.BigInteger())
_TASK_ID = sa.bindparam("task_id", type_=sa.BigInteger())
_TASK_IDS = sa.bindparam("task_ids", type_=sa.BigInteger(), expanding=True)
_PROJECT_IDS = sa.bindparam("project_ids", type_=sa.BigInteger(), expanding=True)
_OWNER = sa.select(Task.project_id).where(Task.id == _TASK_ID).scalar_subquery()
_OWNERS = sa.select(Task.project_id).where(Task.id.in_(_TASK_IDS))
_LAST_NUMBER = (
    sa.select(sa.func.coalesce(sa.func.max(Iteration.number), 0))
    .where(Iteration.task_id == Task.id)
    .scalar_subquery()
)
_IS_OPEN = sa.and_(
    Iteration.assignment_id == Assignment.id,
    Iteration.ended_at.is_(None),
    Iteration.discarded_at.is_(None),
)
_LOCK_WHOLE_PROJECT = {
    shared: _locking_projects(Project.id == _PROJECT_ID, shared=shared) for shared in (False, True)
}
_LOCK_PROJECT_OF_TASK = {
    shared: _locking_projects(Project.id == _OWNER, shared=shared) for shared in (False, True)
}
_LOCK_PROJECTS = {
    skip_locked: _locking_projects(Project.id.in_(_OWNERS), skip_locked=skip_locked)
    for skip_locked in (False, True)
}
_LOCK_TASK = _locking_tasks(Task.id == _TASK_ID)
_LOCK_TASKS = _locking_tasks(sa.and_(Task.id.in_(_TASK_IDS), Task.project_id.in_(_PROJECT_IDS)))
_LOCK_ASSIGNMENTS = _locking_assignments(Assignment.task_id == _TASK_ID)
_LOCK_ALL_ASSIGNMENTS = _locking_assignments(Assignment.task_id.in_(_TASK_IDS))


def gate(project: Project, *, while_paused: bool = False, while_completed: bool = False) -> None:
    """Refuse what the project's status does not allow (specification L-19).

    :raises ProjectPaused: it is paused, and the operation is not one that a pause allows.
    :raises ProjectClosed: it is completed or aborted.
    """
    if project.status is ProjectStatus.PAUSED and not while_paused:
        since = project.paused_at.strftime("%d %B %Y, %H:%M UTC") if project.paused_at else "today"
        raise ProjectPaused(
            f"Project {project.id} is paused by {project.paused_by} since {since}. "
            "It must be resumed first."
        )
    allowed = while_completed and project.status is ProjectStatus.COMPLETED
    if project.status.is_closed and not allowed:
        raise ProjectClosed(f"Project {project.id} is {project.status.label}; nothing can change.")
