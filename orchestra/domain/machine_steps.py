"""Machine steps of all projects by state, for operators: running, waiting, failed (W-73)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session, defer, load_only

from orchestra.database import utcnow
from orchestra.domain.markup import gist_of
from orchestra.domain.operations import is_last_attempt
from orchestra.domain.versions import graph_of, load_graphs
from orchestra.models import (
    Attempt,
    Project,
    ProjectStatus,
    Task,
    TaskStatus,
    WorkflowVersion,
)

PER_PAGE = 50
MOST_GROUPS = 20
NO_ERROR = "No error was recorded."
SHOWN_OF_A_GROUP = 3
MOST_AT_ONCE = 100  # decided by one press
LARGEST_TRACEBACK = 4000  # of the many on one page; the project page has all of it
Row = TypeVar("Row")

# Whoever ends a project ends its failed tasks. Said to the database, it looks at open projects
# only, and not at every task there ever was.
_HAS_FAILED = (
    Task.status == TaskStatus.FAILED,
    Project.status.in_([ProjectStatus.ACTIVE, ProjectStatus.PAUSED]),
)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows of a list, and how many there are."""

    rows: Sequence[Row]
    total: int
    number: int = 1

    @property
    def pages(self) -> int:
        return -(-self.total // PER_PAGE)


@dataclass(frozen=True, kw_only=True)
class MachineStep:
    """A machine task with its project, its step, and its newest attempt."""

    task_id: int
    project_id: int
    project: str  # its description
    is_paused: bool
    version_id: int
    workflow: str  # name
    version: str  # name
    slug: str
    name: str
    queue: str
    status: TaskStatus
    attempts: int
    most_attempts: int
    next_attempt_at: datetime | None
    lease_until: datetime | None
    host: str | None
    process: int | None
    started_at: datetime | None
    ended_at: datetime | None
    error: str | None
    traceback: str | None

    @property
    def has_lost_lease(self) -> bool:
        """Whether its process has not been heard of; the sweep gives the step back."""
        return self.lease_until is not None and self.lease_until < utcnow()

    @property
    def gist(self) -> str:
        return gist_of(self.error or "") or NO_ERROR


@dataclass(frozen=True, kw_only=True)
class FailedGroup:
    """The failed tasks of one step of one version; they often have one cause."""

    version_id: int
    slug: str
    total: int
    paused: int  # of them in paused projects, where nothing can be decided
    name: str = ""
    workflow: str = ""
    version: str = ""
    steps: list[MachineStep] = field(default_factory=list)

    @property
    def decidable(self) -> int:
        return self.total - self.paused

    @property
    def at_once(self) -> int:
        """How many of them one press decides."""
        return min(self.decidable, MOST_AT_ONCE)


# --- Lists ------------------------------------------------------------------------------------


def running(session: Session, number: int = 1) -> Page[MachineStep]:
    """Steps that hold a lease, the longest running first."""
    is_running = Task.lease_until.is_not(None)
    return _page(session, [is_running], number, (Attempt.started_at, Task.id))


def waiting(session: Session, number: int = 1) -> Page[MachineStep]:
    """Steps that are to run, now or after a pause for another attempt, the oldest first."""
    is_waiting = (
        Task.status == TaskStatus.AWAITING_PROCESSING,
        Task.is_human.is_(False),
        Project.status == ProjectStatus.ACTIVE,
    )
    return _page(session, is_waiting, number, (Task.id,))


def failed(session: Session, number: int = 1) -> Page[MachineStep]:
    return _page(session, _HAS_FAILED, number, (Task.id.desc(),))


def count_failed(session: Session) -> int:
    return _count(session, _HAS_FAILED)


def failed_groups(session: Session) -> list[FailedGroup]:
    """The largest groups, each with its newest tasks."""
    groups = _groups(session)
    place = sa.func.row_number().over(
        partition_by=(Project.version_id, Task.step), order_by=Task.id.desc()
    )
    newest = (
        sa.select(Task.id, place.label("place"))
        .join(Project, Project.id == Task.project_id)
        .where(*_HAS_FAILED)
        .subquery()
    )
    shown = sa.select(newest.c.id).where(newest.c.place <= SHOWN_OF_A_GROUP)
    steps = _steps(session, [Task.id.in_(shown)], (Task.id.desc(),)) if groups else []
    return _filled(groups, steps)


def failed_group(
    session: Session, version_id: int, slug: str, number: int = 1
) -> tuple[FailedGroup, Page[MachineStep]]:
    """One group and a page of it."""
    groups = _groups(session, version_id, slug)
    page = _page(session, _is_failed(version_id, slug), number, (Task.id.desc(),))
    empty = FailedGroup(version_id=version_id, slug=slug, total=0, paused=0, name=slug)
    return (_filled(groups, page.rows) or [empty])[0], page


def failed_task_ids(session: Session, version_id: int, slug: str) -> list[int]:
    """The failed tasks of a group that can be decided, at most as many as one press decides."""
    return list(
        session.scalars(
            sa.select(Task.id)
            .join(Project, Project.id == Task.project_id)
            .where(*_is_failed(version_id, slug), Project.status == ProjectStatus.ACTIVE)
            .order_by(Task.id)
            .limit(MOST_AT_ONCE)
        )
    )


def _is_failed(version_id: int, slug: str) -> list[sa.ColumnElement[bool]]:
    return [*_HAS_FAILED, Task.step == slug, Project.version_id == version_id]


def _groups(
    session: Session, version_id: int | None = None, slug: str | None = None
) -> list[FailedGroup]:
    total = sa.func.count()
    wanted = (
        _is_failed(version_id, slug) if version_id is not None and slug is not None else _HAS_FAILED
    )
    rows = session.execute(
        sa.select(
            Project.version_id,
            Task.step,
            total,
            sa.func.count().filter(Project.status == ProjectStatus.PAUSED),
        )
        .join(Project, Project.id == Task.project_id)
        .where(*wanted)
        .group_by(Project.version_id, Task.step)
        .order_by(total.desc(), Project.version_id, Task.step)
        .limit(MOST_GROUPS)
    )
    return [
        FailedGroup(version_id=version_id, slug=slug, total=total, paused=paused)
        for version_id, slug, total, paused in rows
    ]


def _filled(groups: Iterable[FailedGroup], steps: Iterable[MachineStep]) -> list[FailedGroup]:
    by_group: dict[tuple[int, str], list[MachineStep]] = defaultdict(list)
    for step in steps:
        by_group[step.version_id, step.slug].append(step)
    return [
        FailedGroup(
            version_id=group.version_id,
            slug=group.slug,
            total=group.total,
            paused=group.paused,
            name=held[0].name,
            workflow=held[0].workflow,
            version=held[0].version,
            steps=held,
        )
        for group in groups
        if (held := by_group[group.version_id, group.slug])
    ]


# --- Rows -------------------------------------------------------------------------------------


def _page(
    session: Session, wanted: Iterable[sa.ColumnElement[bool]], number: int, order: Any
) -> Page[MachineStep]:
    wanted = list(wanted)
    return Page(_steps(session, wanted, order, number), _count(session, wanted), number)


def _count(session: Session, wanted: Iterable[sa.ColumnElement[bool]]) -> int:
    counted = sa.select(sa.func.count()).select_from(Task)
    counted = counted.join(Project, Project.id == Task.project_id).where(*wanted)
    return session.scalar(counted) or 0


def _steps(
    session: Session, wanted: Iterable[sa.ColumnElement[bool]], order: Any, number: int = 1
) -> list[MachineStep]:
    rows = session.execute(
        sa.select(Task, Project, Attempt)
        .join(Project, Project.id == Task.project_id)
        .outerjoin(Attempt, is_last_attempt())
        .where(*wanted)
        .order_by(*order)
        .limit(PER_PAGE)
        .offset((number - 1) * PER_PAGE)
        .options(*_columns())
    ).all()
    used = {project.version_id for _, project, _ in rows}
    stored = session.scalars(sa.select(WorkflowVersion).where(WorkflowVersion.id.in_(used))).all()
    load_graphs(session, stored)
    versions = {version.id: version for version in stored}
    return [
        _step(task, project, attempt, versions[project.version_id])
        for task, project, attempt in rows
    ]


def _columns() -> list[Any]:
    """All but results and project data, which may be large."""
    return [
        defer(Task.result),
        defer(Task.kept_drafts),
        load_only(Project.short_description, Project.status, Project.version_id),
        defer(Attempt.result),
    ]


def _step(
    task: Task, project: Project, attempt: Attempt | None, version: WorkflowVersion
) -> MachineStep:
    step = graph_of(version).by_slug.get(task.step)
    return MachineStep(
        task_id=task.id,
        project_id=project.id,
        project=project.short_description,
        is_paused=project.status is ProjectStatus.PAUSED,
        version_id=version.id,
        workflow=version.workflow.name,
        version=version.name,
        slug=task.step,
        name=step.name if step else task.step,
        queue=step.queue if step else "",
        status=task.status,
        attempts=task.attempts,
        most_attempts=step.max_attempts if step else task.attempts,
        next_attempt_at=task.next_attempt_at,
        lease_until=task.lease_until,
        host=attempt.host if attempt else None,
        process=attempt.process if attempt else None,
        started_at=attempt.started_at if attempt else None,
        ended_at=attempt.ended_at if attempt else None,
        error=task.last_error,
        traceback=attempt.traceback[-LARGEST_TRACEBACK:] if attempt and attempt.traceback else None,
    )
