"""The tasks of a worker in buckets (specification P-45 to P-50)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased, load_only

from orchestra.domain.graph import ReviewPolicy
from orchestra.domain.versions import graph_of, load_graphs
from orchestra.models import (
    TERMINAL,
    Assignment,
    AssignmentStatus,
    Certification,
    Iteration,
    IterationStatus,
    Project,
    ProjectStatus,
    Role,
    Task,
    TaskStatus,
    Worker,
    WorkerCertification,
    Workflow,
    WorkflowVersion,
)

COMPLETED_PER_PAGE = 25
OPEN_PER_PAGE = 50


class Bucket(StrEnum):
    """Where an assignment stands for its worker, in the order of the page."""

    RETURNED = "returned"
    IN_PROGRESS = "in_progress"
    PENDING_REVIEW = "pending_review"
    PENDING_PROCESSING = "pending_processing"
    PAUSED = "paused"
    COMPLETE = "complete"

    @property
    def label(self) -> str:
        return _LABELS[self]

    @property
    def per_page(self) -> int:
        return COMPLETED_PER_PAGE if self is Bucket.COMPLETE else OPEN_PER_PAGE


_LABELS = {
    Bucket.RETURNED: "Returned from reviewer",
    Bucket.IN_PROGRESS: "In progress",
    Bucket.PENDING_REVIEW: "Pending review",
    Bucket.PENDING_PROCESSING: "Pending update",
    Bucket.PAUSED: "Paused",
    Bucket.COMPLETE: "Completed",
}

FIRST_PAGES = dict.fromkeys(Bucket, 1)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One live assignment of the worker."""

    task_id: int
    assignment_id: int
    step: str  # name
    workflow: str  # name
    version: str  # name
    full_description: str
    priority: int
    bucket: Bucket
    role: str
    assigned_at: datetime
    status: TaskStatus
    returned_by: str | None = None
    returned_at: datetime | None = None

    @property
    def short_description(self) -> str:
        text = self.full_description
        return text if len(text) <= 50 else f"{text[:49]}…"


SORTS: Mapping[str, sa.SQLColumnExpression[Any]] = {
    "step": sa.func.lower(Task.step),
    "project": sa.func.lower(Project.short_description),
    "details": sa.func.lower(Workflow.name),
    "role": Assignment.level,
    "status": Task.status,
    "priority": Project.priority,
    "assigned": Assignment.created_at,
}


@dataclass(frozen=True)
class Search:
    """Which of the tasks a person wants to see, and in which order: by urgency unless told."""

    words: Sequence[str] = ()  # each must be somewhere in what the row says
    sort: str | None = None  # a key of SORTS
    is_descending: bool = False


EVERYTHING = Search()


@dataclass(frozen=True)
class Dashboard:
    counts: Mapping[Bucket, int]
    entries: Mapping[Bucket, Sequence[Entry]]  # the asked page of each asked bucket

    @property
    def is_empty(self) -> bool:
        return not any(self.counts.values())


def dashboard(
    session: Session,
    worker_id: int,
    pages: Mapping[Bucket, int] = FIRST_PAGES,
    search: Search = EVERYTHING,
) -> Dashboard:
    """Counts of all buckets, and one page of each asked one; of what is searched for only."""
    if search.words:
        ranked = _ranked(search.sort, search.is_descending)
        words = _having(session, worker_id, search.words)
        statement = _shown(ranked.where(*words))
    else:
        statement = _everything_shown(search.sort, search.is_descending)
    found = session.execute(statement, {"worker_id": worker_id, **_places(pages)}).all()
    counts = dict.fromkeys(Bucket, 0)
    counts |= {Bucket(row.bucket): row.of_bucket for row in found if row.place == 1}
    entries: dict[Bucket, list[Entry]] = {bucket: [] for bucket in pages}
    for entry in _entries(session, [row for row in found if row.is_asked]):
        entries[entry.bucket].append(entry)
    return Dashboard(counts, entries)


def _places(pages: Mapping[Bucket, int]) -> dict[str, int]:
    """After which place of its bucket a page begins, and the last one on it."""
    places = {}
    for bucket in Bucket:
        page = pages.get(bucket)
        places[f"{bucket}_after"] = (page - 1) * bucket.per_page if page else 0
        places[f"{bucket}_last"] = page * bucket.per_page if page else 0
    return places


def _bucket() -> sa.ColumnElement[str]:
    lower = aliased(Assignment)
    somebody_below_works = sa.exists().where(
        lower.task_id == Task.id,
        lower.discarded_at.is_(None),
        lower.level < Assignment.level,
        lower.status == AssignmentStatus.PROCESSING,
    )
    is_mine = Assignment.status == AssignmentStatus.PROCESSING
    is_back = Task.status == TaskStatus.POST_REVIEW_PROCESSING
    cases: list[tuple[sa.ColumnElement[bool], str | None]] = [
        (Task.status == TaskStatus.COMPLETE, Bucket.COMPLETE.value),
        (Task.status.in_(TERMINAL), None),
        (Project.status == ProjectStatus.PAUSED, Bucket.PAUSED.value),
        (Project.status != ProjectStatus.ACTIVE, None),
        (sa.and_(is_mine, is_back), Bucket.RETURNED.value),
        (is_mine, Bucket.IN_PROGRESS.value),
        (somebody_below_works, Bucket.PENDING_PROCESSING.value),
    ]
    whens = [(condition, sa.literal(name, sa.Text())) for condition, name in cases]
    return sa.case(*whens, else_=sa.literal(Bucket.PENDING_REVIEW.value, sa.Text()))


# Statements are made once: to make one takes as long as the database needs to answer it.
@cache
def _ranked(sort: str | None, is_descending: bool) -> sa.Select[Any]:
    """Assignments of ``worker_id``, each with its bucket and its place there (P-46)."""
    bucket = _bucket()
    ended = sa.case((Task.status == TaskStatus.COMPLETE, Task.ended_at))
    wanted = [SORTS[sort]] if sort else []
    order = (
        *(column.desc() if is_descending else column.asc() for column in wanted),
        *(ended.desc(), Project.priority.desc(), Project.started_at, Task.id),
    )
    place = sa.func.row_number().over(partition_by=bucket, order_by=order)
    of_bucket = sa.func.count().over(partition_by=bucket)
    return (
        sa.select(
            Assignment.id,
            bucket.label("bucket"),
            place.label("place"),
            of_bucket.label("of_bucket"),
        )
        .join(Task, Task.id == Assignment.task_id)
        .join(Project, Project.id == Task.project_id)
        .join(WorkflowVersion, WorkflowVersion.id == Project.version_id)
        .join(Workflow, Workflow.id == WorkflowVersion.workflow_id)
        .where(
            Assignment.worker_id == sa.bindparam("worker_id", type_=sa.Integer()),
            Assignment.discarded_at.is_(None),
            bucket.is_not(None),
        )
    )


def _having(
    session: Session, worker_id: int, words: Sequence[str]
) -> Iterator[sa.ColumnElement[bool]]:
    """One condition a word: it is in the description, or in a name or word of the row."""
    versions = _versions_of(session, worker_id)
    for word in words:
        statuses = [status for status in TaskStatus if word in status.label.lower()]
        is_review, is_delivery = (word in role_word(level).lower() for level in (1, 0))
        yield sa.or_(
            _has(Project.short_description, word),
            _has(Workflow.name, word),
            Task.status.in_(statuses),
            *([Assignment.level > 0] if is_review else []),
            *([Assignment.level == 0] if is_delivery else []),
            *_of_steps_named(versions, word),
        )


def _has(column: sa.ColumnElement[str] | Any, word: str) -> sa.ColumnElement[bool]:
    """SQLite knows the capitals of ASCII only; others are found as they are typed."""
    lower = sa.func.lower(column).contains(word, autoescape=True)
    return sa.or_(lower, column.contains(word, autoescape=True))


def _versions_of(session: Session, worker_id: int) -> Sequence[WorkflowVersion]:
    ids = (
        sa.select(Project.version_id)
        .join(Task, Task.project_id == Project.id)
        .join(Assignment, Assignment.task_id == Task.id)
        .where(Assignment.worker_id == worker_id, Assignment.discarded_at.is_(None))
    )
    versions = session.scalars(sa.select(WorkflowVersion).where(WorkflowVersion.id.in_(ids))).all()
    load_graphs(session, versions)
    return versions


def _of_steps_named(
    versions: Sequence[WorkflowVersion], word: str
) -> Iterator[sa.ColumnElement[bool]]:
    """The names of steps stand in the definitions."""
    for version in versions:
        slugs = [step.slug for step in graph_of(version).steps if word in step.name.lower()]
        if slugs:
            yield sa.and_(Project.version_id == version.id, Task.step.in_(slugs))


def _shown(ranked: sa.Select[Any]) -> sa.Select[Any]:
    """Rows of the asked pages, and the first of each bucket, which has the count in any case."""
    rows = ranked.subquery()
    is_asked = sa.or_(*(_is_on_page(rows, bucket) for bucket in Bucket))
    return (
        sa.select(
            Assignment,
            Task,
            Project,
            WorkflowVersion,
            rows.c.bucket,
            rows.c.place,
            rows.c.of_bucket,
            is_asked.label("is_asked"),
        )
        .join(rows, rows.c.id == Assignment.id)
        .join(Task, Task.id == Assignment.task_id)
        .join(Project, Project.id == Task.project_id)
        .join(WorkflowVersion, WorkflowVersion.id == Project.version_id)
        .where(sa.or_(rows.c.place == 1, is_asked))
        .order_by(rows.c.place)
        .options(load_only(Assignment.level, Assignment.created_at, Assignment.task_id))
        .options(load_only(Task.step, Task.status))
        .options(load_only(Project.short_description, Project.priority))
    )


@cache
def _everything_shown(sort: str | None, is_descending: bool) -> sa.Select[Any]:
    return _shown(_ranked(sort, is_descending))


def _is_on_page(rows: sa.Subquery, bucket: Bucket) -> sa.ColumnElement[bool]:
    after, last = (sa.bindparam(f"{bucket}_{end}", type_=sa.Integer()) for end in ("after", "last"))
    return sa.and_(rows.c.bucket == bucket.value, rows.c.place > after, rows.c.place <= last)


def _entries(session: Session, rows: Sequence[Any]) -> list[Entry]:
    load_graphs(session, [row.WorkflowVersion for row in rows])
    back = [row.Task.id for row in rows if row.bucket == Bucket.RETURNED]
    returns = _returns(session, back) if back else {}
    return [_entry(row, *returns.get(row.Task.id, (None, None))) for row in rows]


def _entry(row: Any, returned_by: str | None, returned_at: datetime | None) -> Entry:
    assignment, task, project, version = row[:4]
    return Entry(
        task_id=task.id,
        assignment_id=assignment.id,
        step=graph_of(version).by_slug[task.step].name,
        workflow=version.workflow.name,
        version=version.name,
        full_description=project.short_description,
        priority=project.priority,
        bucket=Bucket(row.bucket),
        role=role_word(assignment.level),
        assigned_at=assignment.created_at,
        status=task.status,
        returned_by=returned_by,
        returned_at=returned_at,
    )


def role_word(level: int) -> str:
    return "Review" if level else "Delivery"


def _returns(session: Session, task_ids: Sequence[int]) -> dict[int, tuple[str, datetime | None]]:
    """Who returned each task last, and when."""
    rows = session.execute(
        sa.select(Iteration.task_id, Worker, Iteration.ended_at)
        .join(Worker, Worker.id == Iteration.worker_id)
        .where(
            Iteration.task_id.in_(task_ids),
            Iteration.status == IterationStatus.PROVIDED_REVIEW,
            Iteration.discarded_at.is_(None),
        )
        .order_by(Iteration.number)  # the last one is the last to be set
    )
    return {task_id: (worker.name, ended_at) for task_id, worker, ended_at in rows}


def may_review_something(session: Session, worker_id: int) -> bool:
    """Whether the worker could be asked to review a step of any loaded version (P-35)."""
    holds_one = sa.exists().where(
        WorkerCertification.worker_id == worker_id, WorkerCertification.role == Role.REVIEWER
    )
    free = ~sa.exists().where(Certification.workflow_id == WorkflowVersion.workflow_id)
    versions = session.execute(
        sa.select(WorkflowVersion, holds_one.label("holds_one")).where(sa.or_(holds_one, free))
    ).all()
    if any(row.holds_one for row in versions):
        return True
    load_graphs(session, [version for version, _ in versions])
    return any(
        step.is_human and _may_select(step.review_policy)
        for version, _ in versions
        for step in graph_of(version).steps
    )


def _may_select(policy: ReviewPolicy) -> bool:
    return policy.policy != "no_review" and policy.rate > 0 and policy.max_reviews > 0
