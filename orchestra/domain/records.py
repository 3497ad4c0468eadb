"""The rows behind projects, to be looked at and never changed by hand (specification W-71)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from orchestra.domain.information import LARGEST_ID
from orchestra.errors import NotFound
from orchestra.models import (
    Assignment,
    Attempt,
    AuditEvent,
    Iteration,
    Message,
    Project,
    Task,
    Worker,
)

PER_PAGE = 50
Column = InstrumentedAttribute[Any]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One table: what is shown of it, and what one can search by number and by text."""

    slug: str
    name: str
    id: Column
    columns: tuple[Column, ...]
    numbers: tuple[Column, ...]
    texts: tuple[Column, ...]
    search_hint: str
    status: Column | None = None
    for_administrators: bool = False


@dataclass(frozen=True)
class Page:
    headings: Sequence[str]
    rows: Sequence[Sequence[Any]]
    older_than: int | None  # where the next page begins; None: nothing is older


KINDS = (
    Kind(
        slug="projects",
        name="Projects",
        id=Project.id,
        columns=(
            Project.id,
            Project.short_description,
            Project.status,
            Project.priority,
            Project.task_class,
            Project.created_by,
            Project.started_at,
            Project.ended_at,
        ),
        numbers=(Project.id,),
        texts=(Project.short_description, Project.created_by),
        search_hint="Number, description or who created it",
        status=Project.status,
    ),
    Kind(
        slug="tasks",
        name="Tasks",
        id=Task.id,
        columns=(
            Task.id,
            Task.project_id,
            Task.step,
            Task.is_human,
            Task.status,
            Task.attempts,
            Task.created_at,
            Task.ended_at,
            Task.last_error,
        ),
        numbers=(Task.id, Task.project_id),
        texts=(Task.step, Task.last_error),
        search_hint="Number of task or project, step or error",
        status=Task.status,
    ),
    Kind(
        slug="assignments",
        name="Assignments",
        id=Assignment.id,
        columns=(
            Assignment.id,
            Assignment.task_id,
            Assignment.level,
            Worker.username,
            Assignment.status,
            Assignment.revision,
            Assignment.created_at,
            Assignment.saved_at,
            Assignment.discarded_at,
        ),
        numbers=(Assignment.id, Assignment.task_id),
        texts=(Worker.username,),
        search_hint="Number of assignment or task, or user name",
        status=Assignment.status,
    ),
    Kind(
        slug="iterations",
        name="Iterations",
        id=Iteration.id,
        columns=(
            Iteration.id,
            Iteration.task_id,
            Iteration.number,
            Worker.username,
            Iteration.status,
            Iteration.started_at,
            Iteration.ended_at,
            Iteration.discarded_at,
            Iteration.comment,
        ),
        numbers=(Iteration.id, Iteration.task_id),
        texts=(Worker.username, Iteration.comment),
        search_hint="Number of iteration or task, user name or comment",
        status=Iteration.status,
    ),
    Kind(
        slug="attempts",
        name="Attempts",
        id=Attempt.id,
        columns=(
            Attempt.id,
            Attempt.task_id,
            Attempt.number,
            Attempt.outcome,
            Attempt.host,
            Attempt.process,
            Attempt.started_at,
            Attempt.ended_at,
            Attempt.error,
        ),
        numbers=(Attempt.id, Attempt.task_id),
        texts=(Attempt.host, Attempt.error),
        search_hint="Number of attempt or task, host or error",
        status=Attempt.outcome,
    ),
    Kind(
        slug="messages",
        name="Messages",
        id=Message.id,
        columns=(
            Message.id,
            Message.kind,
            Message.channel,
            Worker.username,
            Message.address,
            Message.subject,
            Message.state,
            Message.tries,
            Message.created_at,
            Message.sent_at,
            Message.last_error,
        ),
        numbers=(Message.id, Message.task_id, Message.project_id),
        texts=(Worker.username, Message.address, Message.subject, Message.kind),
        search_hint="Number of message, task or project, person, address or subject",
        status=Message.state,
        for_administrators=True,
    ),
    Kind(
        slug="audit",
        name="Audit events",
        id=AuditEvent.id,
        columns=(
            AuditEvent.id,
            AuditEvent.at,
            AuditEvent.actor,
            AuditEvent.acting_as,
            AuditEvent.source,
            AuditEvent.verb,
            AuditEvent.object_kind,
            AuditEvent.object_id,
            AuditEvent.project_id,
            AuditEvent.before,
            AuditEvent.after,
            AuditEvent.note,
        ),
        numbers=(AuditEvent.project_id, AuditEvent.object_id),
        texts=(AuditEvent.actor, AuditEvent.acting_as, AuditEvent.verb, AuditEvent.note),
        search_hint="Number of project or object, person, verb or note",
        for_administrators=True,
    ),
)
BY_SLUG = {kind.slug: kind for kind in KINDS}


def kinds_for(worker: Worker) -> list[Kind]:
    return [kind for kind in KINDS if worker.is_administrator or not kind.for_administrators]


def get_kind(worker: Worker, slug: str) -> Kind:
    """:raises NotFound: there is no such list, or it is not for this worker."""
    kind = BY_SLUG.get(slug)
    if kind is None or kind not in kinds_for(worker):
        raise NotFound("There is no such list.")
    return kind


def page(
    session: Session, kind: Kind, *, text: str = "", status: str = "", before: int | None = None
) -> Page:
    """Rows that hold the text, the newest first; found by their place, so that none is skipped.

    :param before: only rows with a smaller id.
    """
    statement = sa.select(*kind.columns).order_by(kind.id.desc()).limit(PER_PAGE + 1)
    if any(column is Worker.username for column in kind.columns):
        owner: Any = kind.id.class_
        statement = statement.select_from(owner).outerjoin(Worker, Worker.id == owner.worker_id)
    if before is not None:
        statement = statement.where(kind.id < before)
    if kind.status is not None and status:
        statement = statement.where(kind.status == status)
    if text:
        statement = statement.where(_holds(kind, text))
    rows = [list(row) for row in session.execute(statement)]
    shown = rows[:PER_PAGE]
    older_than = shown[-1][0] if len(rows) > PER_PAGE else None
    return Page([_heading(kind, column) for column in kind.columns], shown, older_than)


def _holds(kind: Kind, text: str) -> sa.ColumnElement[bool]:
    """A number is a number of a row, and nothing else: a text of digits would be found all over."""
    if text.isascii() and text.isdecimal():
        number = int(text) if len(text) < 20 else 0
        return sa.or_(*(column == min(number, LARGEST_ID) for column in kind.numbers))
    word = text.lower()
    return sa.or_(*(sa.func.lower(c).contains(word, autoescape=True) for c in kind.texts))


def _heading(kind: Kind, column: Column) -> str:
    if column is Worker.username:
        return "Worker"
    if column is kind.id:
        return "No."
    return column.key.removesuffix("_id").replace("_", " ").capitalize()


def statuses(kind: Kind) -> list[StrEnum]:
    """What one can filter by."""
    return [] if kind.status is None else list(kind.status.type.enum_class)
