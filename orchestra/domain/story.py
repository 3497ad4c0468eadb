"""The history of a project: its audit events in words (specification P-60, N-27)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.domain import story_sentences
from orchestra.domain.story_sentences import Names
from orchestra.domain.versions import graph_of, load_graphs
from orchestra.errors import NotFound
from orchestra.models import (
    Assignment,
    AuditEvent,
    Project,
    Source,
    Task,
    TimeEntry,
    Worker,
)

EVENTS_PER_PAGE = 50


@dataclass(frozen=True, kw_only=True)
class Told:
    """One event: who, and what they did."""

    id: int
    at: datetime
    actor: str
    acting_as: str | None
    source: Source
    verb: str
    who: str  # name for people
    person: Worker | None  # who did it, if it was one
    did: str  # the rest of the sentence
    task_id: int | None
    note: str | None

    @property
    def text(self) -> str:
        return f"{self.who} {self.did}"


@dataclass(frozen=True)
class Story:
    events: Sequence[Told]
    next_before: int | None  # where the next page begins, if there is one


def history(
    session: Session,
    project_id: int,
    *,
    task_id: int | None = None,
    person: str | None = None,
    before: int | None = None,
) -> Story:
    """One page of the events of a project, newest first.

    :param person: a username; events that they caused, or that gave or took a task of theirs.
    :param before: only events older than the one with this id.
    :raises NotFound: there is no such project.
    """
    project = session.get(Project, project_id)
    if project is None:
        raise NotFound(f"There is no project {project_id}.")
    query = sa.select(AuditEvent).where(AuditEvent.project_id == project_id)
    if task_id is not None:
        query = query.where(_is_about(task_id))
    if person is not None:
        query = query.where(_concerns(person))
    if before is not None:
        query = query.where(AuditEvent.id < before)
    newest_first = query.order_by(AuditEvent.id.desc()).limit(EVENTS_PER_PAGE + 1)
    events = session.scalars(newest_first).all()
    shown = events[:EVENTS_PER_PAGE]
    names = _names(session, project, shown)
    more = len(events) > EVENTS_PER_PAGE
    return Story([_told(names, event) for event in shown], shown[-1].id if more else None)


def people(session: Session, project_id: int) -> Sequence[tuple[str, str]]:
    """Username and name of everybody whom the history of a project is about, by name."""
    acted = sa.select(AuditEvent.actor).where(AuditEvent.project_id == project_id)
    acted_as = sa.select(AuditEvent.acting_as).where(AuditEvent.project_id == project_id)
    held = (
        sa.select(Assignment.worker_id)
        .join(Task, Task.id == Assignment.task_id)
        .where(Task.project_id == project_id)
    )
    found = session.scalars(
        sa.select(Worker).where(
            sa.or_(Worker.username.in_(acted), Worker.username.in_(acted_as), Worker.id.in_(held))
        )
    )
    pairs = [(worker.username, worker.name) for worker in found]
    return sorted(pairs, key=lambda pair: pair[1].lower())


def _is_about(task_id: int) -> sa.ColumnElement[bool]:
    is_task = sa.and_(AuditEvent.object_kind == Task.__tablename__, AuditEvent.object_id == task_id)
    of_task = sa.select(Assignment.id).where(Assignment.task_id == task_id)
    is_assignment = sa.and_(
        AuditEvent.object_kind == Assignment.__tablename__, AuditEvent.object_id.in_(of_task)
    )
    names_it = _text(AuditEvent.after, "task") == str(task_id)
    return sa.or_(is_task, is_assignment, names_it, _is_time_on(of_task))


def _is_time_on(assignments: sa.Select[int]) -> sa.ColumnElement[bool]:
    """Of an entry that was moved to another task, both tell it; a change that leaves the task
    alone does not name it, and is told where the entry is now."""
    as_text = sa.select(sa.cast(assignments.subquery().c.id, sa.Text()))
    named = [_text(changes, "assignment") for changes in (AuditEvent.before, AuditEvent.after)]
    entries = sa.select(TimeEntry.id).where(TimeEntry.assignment_id.in_(assignments))
    names_none = sa.and_(*(assignment.is_(None) for assignment in named))
    return sa.and_(
        AuditEvent.object_kind == TimeEntry.__tablename__,
        sa.or_(
            *(assignment.in_(as_text) for assignment in named),
            sa.and_(names_none, AuditEvent.object_id.in_(entries)),
        ),
    )


def _concerns(username: str) -> sa.ColumnElement[bool]:
    worker_id = (
        sa.select(sa.cast(Worker.id, sa.Text()))
        .where(Worker.username == username)
        .scalar_subquery()
    )
    return sa.or_(
        AuditEvent.actor == username,
        AuditEvent.acting_as == username,
        _text(AuditEvent.after, "worker") == username,
        _text(AuditEvent.after, "worker_id") == worker_id,
        _text(AuditEvent.before, "worker_id") == worker_id,
    )


def _text(changes: Any, key: str) -> sa.ColumnElement[str]:
    """As text whatever it is: of other verbs a key may hold something else."""
    return sa.cast(changes[key].as_string(), sa.Text())


def _names(session: Session, project: Project, events: Sequence[AuditEvent]) -> Names:
    load_graphs(session, [project.version])
    tasks = session.execute(sa.select(Task.id, Task.step).where(Task.project_id == project.id))
    usernames = {name for event in events for name in (event.actor, event.acting_as) if name}
    usernames |= {str(value) for event in events for value in _values(event, "worker")}
    ids = [value for event in events for value in _values(event, "worker_id")]
    ids += [
        worker for event in events for asked in _values(event, "worker_ids") for worker in asked
    ]
    workers = session.scalars(
        sa.select(Worker).where(sa.or_(Worker.username.in_(usernames), Worker.id.in_(ids)))
    ).all()
    return Names(
        graph=graph_of(project.version),
        steps={task.id: task.step for task in tasks},
        by_username={worker.username: worker for worker in workers},
        by_id={worker.id: worker.name for worker in workers},
    )


def _values(event: AuditEvent, key: str) -> list[Any]:
    both = (event.before or {}, event.after or {})
    return [value for changes in both if (value := changes.get(key)) is not None]


def _told(names: Names, event: AuditEvent) -> Told:
    who = names.of_actor(event.actor)
    if event.acting_as:
        who = f"{who}, acting as {names.of_actor(event.acting_as)},"
    return Told(
        id=event.id,
        at=event.at,
        actor=event.actor,
        acting_as=event.acting_as,
        source=event.source,
        verb=event.verb,
        who=who,
        person=names.by_username.get(event.actor),
        did=story_sentences.did(names, event),
        task_id=story_sentences.task_id_of(event),
        note=story_sentences.note_of(event),
    )
