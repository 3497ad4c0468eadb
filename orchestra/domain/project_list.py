"""Lists of projects, filtered and paged, in a fixed number of queries (W-52, N-15, A-40)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session, defer, joinedload

from orchestra.domain.information import LARGEST_ID
from orchestra.domain.versions import graph_of, load_graphs
from orchestra.domain.waiting import Waiting, words_for
from orchestra.models import (
    TERMINAL,
    Assignment,
    AssignmentStatus,
    Iteration,
    Project,
    ProjectStatus,
    Task,
    TaskClass,
    TaskStatus,
    Worker,
    Workflow,
    WorkflowVersion,
)

PER_PAGE = 50
WAITING_SHOWN = 3  # open tasks named for each project


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which projects are meant; None and empty mean any."""

    statuses: Sequence[ProjectStatus] = ()
    workflow_slug: str | None = None
    version_slug: str | None = None
    task_class: TaskClass | None = None
    started_after: datetime | None = None
    started_before: datetime | None = None
    text: str | None = None  # in the description; also the id of a project
    words: str | None = None  # in the description only


@dataclass(frozen=True, kw_only=True)
class ProjectRow:
    project: Project
    open_tasks: int
    total_tasks: int
    waiting: Sequence[Waiting] = ()  # at most WAITING_SHOWN


@dataclass(frozen=True, kw_only=True)
class ProjectList:
    rows: Sequence[ProjectRow]
    total: int
    page: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PER_PAGE))


def project_list(session: Session, filters: Filters, page: int) -> ProjectList:
    """One page of the projects that fit, the newest first."""
    fitting = _fitting(filters)
    total = session.scalar(sa.select(sa.func.count()).select_from(fitting.subquery())) or 0
    projects = session.scalars(
        _newest_first(fitting).limit(PER_PAGE).offset((page - 1) * PER_PAGE)
    ).all()
    load_graphs(session, [project.version for project in projects])
    counts = _counts(session, projects)
    waiting = _waiting(session, projects)
    rows = [
        ProjectRow(project=project, waiting=waiting[project.id], **counts[project.id]._asdict())
        for project in projects
    ]
    return ProjectList(rows=rows, total=total, page=page)


def projects_before(
    session: Session, filters: Filters, *, before: int | None, limit: int
) -> tuple[Sequence[ProjectRow], int | None]:
    """The newest projects that fit, and where to go on: None if these are the last (A-41).

    :param before: only projects that are older than this one; new ones do not move the others.
    """
    wanted = _newest_first(_fitting(filters)).limit(limit + 1)
    if before is not None:
        wanted = wanted.where(Project.id < before)
    projects = session.scalars(wanted).all()
    shown = projects[:limit]
    counts = _counts(session, shown)
    rows = [ProjectRow(project=project, **counts[project.id]._asdict()) for project in shown]
    return rows, shown[-1].id if len(projects) > limit else None


def versions_by_workflow(session: Session) -> Mapping[Workflow, Sequence[WorkflowVersion]]:
    """What a project can be made of: workflows by name, with their versions, the newest first."""
    versions = session.scalars(
        sa.select(WorkflowVersion)
        .join(Workflow)
        .order_by(Workflow.name, Workflow.id, WorkflowVersion.id.desc())
    )
    found: dict[Workflow, list[WorkflowVersion]] = defaultdict(list)
    for version in versions:
        found[version.workflow].append(version)
    return found


def _newest_first(fitting: sa.Select[int]) -> sa.Select[Project]:
    return (
        sa.select(Project)
        .where(Project.id.in_(fitting))
        .order_by(Project.id.desc())
        .options(joinedload(Project.version), defer(Project.project_data))
    )


def _fitting(filters: Filters) -> sa.Select[int]:
    query = sa.select(Project.id)
    if filters.workflow_slug or filters.version_slug:
        query = query.join(WorkflowVersion, WorkflowVersion.id == Project.version_id)
    return query.where(*_of_projects(filters), *_of_versions(filters))


def _of_projects(filters: Filters) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = []
    if filters.statuses:
        wanted.append(Project.status.in_(filters.statuses))
    if filters.task_class:
        wanted.append(Project.task_class == filters.task_class)
    if filters.started_after:
        wanted.append(Project.started_at >= filters.started_after)
    if filters.started_before:
        wanted.append(Project.started_at <= filters.started_before)
    if filters.text:
        wanted.append(_has_text(filters.text))
    if filters.words:
        wanted.append(_has_words(filters.words))
    return wanted


def _of_versions(filters: Filters) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = []
    if filters.workflow_slug:
        named = sa.select(Workflow.id).where(Workflow.slug == filters.workflow_slug)
        wanted.append(WorkflowVersion.workflow_id.in_(named))
    if filters.version_slug:
        wanted.append(WorkflowVersion.slug == filters.version_slug)
    return wanted


def _has_words(text: str) -> sa.ColumnElement[bool]:
    return Project.short_description.icontains(text, autoescape=True)


def _has_text(text: str) -> sa.ColumnElement[bool]:
    has_words = _has_words(text)
    number = text.strip().removeprefix("#")
    if number.isascii() and number.isdigit() and int(number[:12]) <= LARGEST_ID:
        return sa.or_(has_words, Project.id == int(number[:12]))
    return has_words


class _Counts(NamedTuple):
    open_tasks: int = 0
    total_tasks: int = 0


def _counts(session: Session, projects: Sequence[Project]) -> dict[int, _Counts]:
    """Open tasks and all tasks of each project."""
    is_open = sa.case((Task.status.not_in(TERMINAL), 1), else_=0)
    found = session.execute(
        sa.select(Task.project_id, sa.func.sum(is_open), sa.func.count())
        .where(Task.project_id.in_([project.id for project in projects]))
        .group_by(Task.project_id)
    )
    counted = {project_id: _Counts(int(n_open), total) for project_id, n_open, total in found}
    return {project.id: counted.get(project.id, _Counts()) for project in projects}


def _waiting(session: Session, projects: Sequence[Project]) -> Mapping[int, list[Waiting]]:
    """The first open tasks of each project, failed ones first, with who works on them."""
    graphs = {project.id: graph_of(project.version) for project in projects}
    place = sa.func.row_number().over(
        partition_by=Task.project_id,
        order_by=(sa.case((Task.status == TaskStatus.FAILED, 0), else_=1), Task.id),
    )
    numbered = (
        sa.select(Task.id, place.label("place"))
        .where(Task.project_id.in_(graphs), Task.status.not_in(TERMINAL))
        .subquery()
    )
    is_working = sa.and_(
        Assignment.task_id == Task.id,
        Assignment.discarded_at.is_(None),
        Assignment.status == AssignmentStatus.PROCESSING,
    )
    found = session.execute(
        sa.select(Task, Worker, _last_change())
        .join(numbered, numbered.c.id == Task.id)
        .outerjoin(Assignment, is_working)
        .outerjoin(Worker, Worker.id == Assignment.worker_id)
        .where(numbered.c.place <= WAITING_SHOWN)
        .order_by(Task.project_id, numbered.c.place)
        .options(defer(Task.result), defer(Task.kept_drafts))
    )
    waiting: dict[int, list[Waiting]] = defaultdict(list)
    for task, worker, changed_at in found:
        waiting[task.project_id].append(
            Waiting(
                step=graphs[task.project_id].by_slug[task.step].name,
                task_id=task.id,
                words=words_for(task, worker.name if worker else None),
                since=changed_at or task.created_at,
            )
        )
    return waiting


def _last_change() -> sa.ScalarSelect[datetime]:
    """When the last round of a task began or ended."""
    moment = sa.func.coalesce(Iteration.ended_at, Iteration.started_at)
    newest = sa.select(sa.func.max(moment, type_=Iteration.started_at.type))
    return newest.where(Iteration.task_id == Task.id).correlate(Task).scalar_subquery()
