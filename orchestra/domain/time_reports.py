"""What was recorded for projects, by task, person and week, for project admins (T-14, T-30)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement

from orchestra.domain.time_records import ROUNDED_MINUTES, VISIBLE
from orchestra.models import Assignment, Project, Task, TimeEntry, Worker

PER_PAGE = 50


class MondayOf(FunctionElement[date]):
    """SQL of the Monday of the week of a day."""

    type = sa.Date()
    inherit_cache = True


@compiles(MondayOf, "postgresql")
def _postgresql_monday(element: Any, compiler: Any, **kw: Any) -> str:
    return f"CAST(date_trunc('week', {compiler.process(element.clauses, **kw)}) AS DATE)"


@compiles(MondayOf, "sqlite")
def _sqlite_monday(element: Any, compiler: Any, **kw: Any) -> str:
    return f"date({compiler.process(element.clauses, **kw)}, 'weekday 0', '-6 days')"


@dataclass(frozen=True)
class Recorded:
    """What one person recorded for a task."""

    name: str
    minutes: int


@dataclass(frozen=True)
class ReportRow:
    """What one person recorded for a project in a week."""

    monday: date
    project_id: int
    project: str  # its description
    worker: Worker
    minutes: int
    seconds: int
    entries: int
    undescribed: int


@dataclass(frozen=True)
class Report:
    rows: Sequence[ReportRow]
    total: int  # rows on all pages
    minutes: int  # of all of them
    seconds: int

    @property
    def pages(self) -> int:
        return -(-self.total // PER_PAGE)


@dataclass(frozen=True, kw_only=True)
class Search:
    """Of which days, and of whom or what."""

    first: date | None = None
    last: date | None = None
    text: str = ""  # in the description of the project, or in the name of the person
    project_id: int | None = None

    @property
    def conditions(self) -> Iterator[sa.ColumnElement[bool]]:
        yield VISIBLE
        if self.first is not None:
            yield TimeEntry.worked_on >= self.first
        if self.last is not None:
            yield TimeEntry.worked_on <= self.last
        if self.project_id is not None:
            yield Project.id == self.project_id
        for word in self.text.lower().split():
            yield sa.or_(*(_has(column, word) for column in _SEARCHED))


_SEARCHED = (
    Project.short_description,
    Worker.username,
    Worker.first_name,
    Worker.last_name,
)
_MONDAY = MondayOf(TimeEntry.worked_on)


def _has(column: Any, word: str) -> sa.ColumnElement[bool]:
    lower = sa.func.lower(column).contains(word, autoescape=True)
    return sa.or_(lower, column.contains(word, autoescape=True))


def recorded_on(session: Session, project_id: int) -> Mapping[int, Sequence[Recorded]]:
    """By the id of each task, what each person recorded for it (T-30, W-55)."""
    rows = session.execute(
        sa.select(Assignment.task_id, Worker, sa.func.sum(ROUNDED_MINUTES))
        .join(TimeEntry, TimeEntry.assignment_id == Assignment.id)
        .join(Worker, Worker.id == TimeEntry.worker_id)
        .join(Task, Task.id == Assignment.task_id)
        .where(Task.project_id == project_id, VISIBLE)
        .group_by(Assignment.task_id, Worker.id)
        .order_by(Assignment.task_id, sa.func.min(TimeEntry.id))
    )
    found: dict[int, list[Recorded]] = defaultdict(list)
    for task_id, worker, minutes in rows:
        found[task_id].append(Recorded(worker.name, int(minutes)))
    return found


def report(session: Session, search: Search, page: int = 1) -> Report:
    """A page of what was recorded, newest week first, and the sums of all pages."""
    sums = _grouped(search).subquery()
    total, minutes, seconds = session.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(sums.c.minutes), 0),
            sa.func.coalesce(sa.func.sum(sums.c.seconds), 0),
        ).select_from(sums)
    ).one()
    rows = _ordered(search).offset((page - 1) * PER_PAGE).limit(PER_PAGE)
    return Report([_row(row) for row in session.execute(rows)], total, int(minutes), int(seconds))


def rows_of(session: Session, search: Search) -> Iterator[ReportRow]:
    """All rows in the order of the pages, read a piece at a time."""
    for row in session.execute(_ordered(search).execution_options(yield_per=500)):
        yield _row(row)


def _row(row: Any) -> ReportRow:
    monday, project_id, project, worker, minutes, seconds, entries, undescribed = row
    return ReportRow(
        monday, project_id, project, worker, int(minutes), int(seconds), entries, undescribed
    )


def _joined(columns: Sequence[Any], search: Search) -> sa.Select[Any]:
    return (
        sa.select(*columns)
        .select_from(TimeEntry)
        .join(Worker, Worker.id == TimeEntry.worker_id)
        .join(Assignment, Assignment.id == TimeEntry.assignment_id)
        .join(Task, Task.id == Assignment.task_id)
        .join(Project, Project.id == Task.project_id)
        .where(*search.conditions)
        .group_by(_MONDAY, Project.id, Worker.id)
    )


_SUMS = (
    sa.func.sum(ROUNDED_MINUTES).label("minutes"),
    sa.func.sum(TimeEntry.work_seconds).label("seconds"),
)


def _grouped(search: Search) -> Any:
    return _joined(_SUMS, search)


def _ordered(search: Search) -> Any:
    undescribed = sa.func.count(sa.case((TimeEntry.description == "", 1)))
    named = (_MONDAY, Project.id, Project.short_description, Worker)
    columns = (*named, *_SUMS, sa.func.count(), undescribed)
    return _joined(columns, search).order_by(
        _MONDAY.desc(), Project.short_description, Project.id, Worker.username
    )
