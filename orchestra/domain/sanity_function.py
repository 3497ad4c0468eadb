"""The author's check function: what it is told of a project, and what it may give (SB-6, SB-7)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import Json
from orchestra.domain import execution
from orchestra.domain.definitions.functions import resolve
from orchestra.domain.execution import running_project
from orchestra.domain.graph import FunctionReference
from orchestra.models import Assignment, Project, Task, Worker

MOST_NAMED = 5  # in an error


@dataclass(frozen=True)
class SanityCheck:
    """A problem that a sanity check function found in a project."""

    check_slug: str


# --- The project ------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class AssignmentDescription:
    """A live assignment; ``worker`` is a username, and None for the machine."""

    level: int
    worker: str | None
    status: str
    started_at: datetime
    last_saved_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class TaskDescription:
    status: str
    created_at: datetime
    assignments: Sequence[AssignmentDescription]  # by level
    result: Json | None


@dataclass(frozen=True, kw_only=True)
class ProjectDescription:
    """A project as its check function sees it: a copy, which can be changed without effect."""

    id: int
    short_description: str
    priority: int
    task_class: str
    status: str
    project_data: Json
    started_at: datetime
    workflow_slug: str
    version_slug: str
    tasks: Mapping[str, TaskDescription]  # by the slug of the step

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def describe(session: Session, projects: Sequence[Project]) -> dict[int, ProjectDescription]:
    """Describe projects by their ids, in a fixed number of statements."""
    ids = [project.id for project in projects]
    tasks = _tasks(session, ids)
    return {
        project.id: ProjectDescription(
            id=project.id,
            short_description=project.short_description,
            priority=project.priority,
            task_class=project.task_class.value,
            status=project.status.value,
            project_data=project.project_data,
            started_at=project.started_at,
            workflow_slug=project.version.workflow.slug,
            version_slug=project.version.slug,
            tasks=tasks[project.id],
        )
        for project in projects
    }


def _tasks(session: Session, project_ids: Sequence[int]) -> dict[int, dict[str, TaskDescription]]:
    held = _assignments(session, project_ids)
    rows = session.execute(
        sa.select(Task.id, Task.project_id, Task.step, Task.status, Task.created_at, Task.result)
        .where(Task.project_id.in_(project_ids))
        .order_by(Task.id)
    )
    found: dict[int, dict[str, TaskDescription]] = defaultdict(dict)
    for row in rows:
        found[row.project_id][row.step] = TaskDescription(
            status=row.status.value,
            created_at=row.created_at,
            assignments=held[row.id],
            result=row.result,
        )
    return found


def _assignments(
    session: Session, project_ids: Sequence[int]
) -> dict[int, list[AssignmentDescription]]:
    rows = session.execute(
        sa.select(
            Assignment.task_id,
            Assignment.level,
            Worker.username,
            Assignment.status,
            Assignment.created_at,
            Assignment.saved_at,
        )
        .join(Task, Task.id == Assignment.task_id)
        .outerjoin(Worker, Worker.id == Assignment.worker_id)
        .where(Task.project_id.in_(project_ids), Assignment.discarded_at.is_(None))
        .order_by(Assignment.task_id, Assignment.level)
    )
    found: dict[int, list[AssignmentDescription]] = defaultdict(list)
    for row in rows:
        described = AssignmentDescription(
            level=row.level,
            worker=row.username,
            status=row.status.value,
            started_at=row.created_at,
            last_saved_at=row.saved_at,
        )
        found[row.task_id].append(described)
    return found


# --- The function -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """A function, and the project that it is to look at."""

    function: FunctionReference
    project: ProjectDescription


@dataclass(frozen=True)
class Answer:
    """The slugs that a function gave, or why it gave none."""

    slugs: Sequence[str] = ()
    error: str | None = None
    traceback: str | None = field(default=None, repr=False)
    is_timeout: bool = False


class _FunctionFailed(Exception):
    """The author's function raised something."""


def call(question: Question) -> Answer:
    """What the function says of the project; whatever it does wrong is an answer, too."""
    earlier = running_project.set(question.project.id)
    try:
        return _called(question)
    except _FunctionFailed as failed:
        outcome = execution.failure(failed.__cause__ or failed)
        return Answer(error=outcome.error, traceback=outcome.traceback)
    finally:
        running_project.reset(earlier)


def _called(question: Question) -> Answer:
    path = question.function.path
    try:
        return _judged(path, resolve(path)(question.project, **question.function.kwargs))
    except BaseException as error:
        raise _FunctionFailed from error


def _judged(path: str, given: Any) -> Answer:
    if not isinstance(given, list):
        return Answer(error=f"{path} must give a list, gave {type(given).__name__}.")
    slugs = [item.check_slug if isinstance(item, SanityCheck) else item for item in given]
    wrong = [type(slug).__name__ for slug in slugs if not isinstance(slug, str)]
    if wrong:
        named = ", ".join(dict.fromkeys(wrong))
        return Answer(error=f"{path} must give SanityCheck or slugs, gave {named}.")
    return Answer(slugs=tuple(dict.fromkeys(map(str, slugs))))


def unknown(path: str, slugs: Sequence[str]) -> str:
    """The error of a function that gave slugs without configuration (SB-10)."""
    named = ", ".join(repr(slug) for slug in slugs[:MOST_NAMED])
    more = ", …" if len(slugs) > MOST_NAMED else ""
    return f"{path} gave {named}{more}: not in check_configurations."
