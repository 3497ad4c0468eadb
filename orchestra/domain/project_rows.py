"""The steps of a project with their tasks, as its page lists them (specification W-55, W-56)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, defer, joinedload

from orchestra.domain import allowed_actions
from orchestra.domain.allowed_actions import TaskAction
from orchestra.domain.graph import Step
from orchestra.domain.project_staffing import OpenRequest, open_requests
from orchestra.domain.versions import graph_of
from orchestra.domain.waiting import Waiting, next_action, words_for
from orchestra.models import (
    TERMINAL,
    Assignment,
    AssignmentStatus,
    Attempt,
    Iteration,
    IterationStatus,
    Project,
    Task,
    Worker,
)

Row = sa.Row[Any]
ATTEMPTS_SHOWN = 5


@dataclass(frozen=True)
class Round:
    """One stretch of work, also a discarded one."""

    iteration: Iteration
    level: int

    @property
    def who(self) -> str:
        return self.iteration.worker.name if self.iteration.worker else "The machine"

    @property
    def is_discarded(self) -> bool:
        return self.iteration.discarded_at is not None

    @property
    def verb(self) -> str:
        if self.is_discarded:
            return "discarded"
        if self.iteration.status is IterationStatus.PROCESSING:
            return "in progress"
        if self.iteration.status is IterationStatus.PROVIDED_REVIEW:
            return "returned"
        return "accepted" if self.level else "submitted"


@dataclass(frozen=True, kw_only=True)
class TaskRow:
    """A step of the project with its task, as far as there is one."""

    step: Step
    task: Task | None = None
    assignments: Sequence[Assignment] = ()  # live ones, by level
    rounds: Sequence[Round] = ()  # in order, discarded ones included
    attempts: Sequence[Row] = ()  # of a machine step that is not finished, the last one first
    allowed: Sequence[TaskAction] = ()
    requests: Sequence[OpenRequest] = ()  # for whom StaffBot is looking, for project admins

    @property
    def holder(self) -> Worker | None:
        """Who works on the task now."""
        working = (a for a in self.assignments if a.status is AssignmentStatus.PROCESSING)
        held = next(working, None)
        return held.worker if held else None

    @property
    def holder_name(self) -> str | None:
        return self.holder.name if self.holder else None

    @property
    def is_open(self) -> bool:
        return self.task is not None and self.task.status not in TERMINAL

    @property
    def next_action(self) -> str:
        return next_action(self.task, self.holder_name) if self.task else ""

    @property
    def last_error(self) -> str | None:
        """What went wrong in the attempt before, as long as it matters."""
        return self.task.last_error if self.task and self.is_open else None

    @cached_property
    def since(self) -> datetime | None:
        """When the task came into its present state."""
        if self.task is None:
            return None
        if self.task.ended_at and self.task.status in TERMINAL:
            return self.task.ended_at
        moments = [self.task.created_at]
        for past in self.rounds:
            moments += [m for m in (past.iteration.started_at, past.iteration.ended_at) if m]
            moments += [past.iteration.discarded_at] if past.iteration.discarded_at else []
        for attempt in self.attempts:
            moments.append(attempt.ended_at or attempt.started_at)
        return max(moments)

    @property
    def waiting(self) -> Waiting | None:
        if self.task is None or not self.is_open or self.since is None:
            return None
        words = words_for(self.task, self.holder_name)
        return Waiting(step=self.step.name, task_id=self.task.id, words=words, since=self.since)


def live_assignments(session: Session, project_id: int) -> Sequence[Assignment]:
    """Those of a project by level, with their workers and without their data."""
    return session.scalars(
        sa.select(Assignment)
        .join(Task, Task.id == Assignment.task_id)
        .where(Task.project_id == project_id, Assignment.discarded_at.is_(None))
        .order_by(Assignment.level)
        .options(joinedload(Assignment.worker), defer(Assignment.data))
    ).all()


def rows_of(session: Session, project: Project, assignments: Sequence[Assignment]) -> list[TaskRow]:
    """A row for each step in dependency order, with what every viewer of the project may see.

    :param assignments: as :func:`live_assignments` gives them.
    """
    tasks = {task.step: task for task in _tasks(session, project.id)}
    rounds = _rounds(session, project.id)
    held: dict[int, list[Assignment]] = defaultdict(list)
    for assignment in assignments:
        held[assignment.task_id].append(assignment)
    rows = []
    for step in graph_of(project.version).ordered():
        row, task = TaskRow(step=step), tasks.get(step.slug)
        if task is not None:
            row = replace(row, task=task, assignments=held[task.id], rounds=rounds.get(task.id, ()))
        rows.append(row)
    return rows


def _tasks(session: Session, project_id: int) -> Sequence[Task]:
    return session.scalars(
        sa.select(Task)
        .where(Task.project_id == project_id)
        .order_by(Task.id)
        .options(defer(Task.result), defer(Task.kept_drafts))
    ).all()


def _rounds(session: Session, project_id: int) -> Mapping[int, list[Round]]:
    found = session.execute(
        sa.select(Iteration, Assignment.level)
        .join(Assignment, Assignment.id == Iteration.assignment_id)
        .join(Task, Task.id == Iteration.task_id)
        .where(Task.project_id == project_id)
        .order_by(Iteration.task_id, Iteration.number)
        .options(joinedload(Iteration.worker), defer(Iteration.submitted_data))
    )
    grouped: dict[int, list[Round]] = defaultdict(list)
    for iteration, level in found:
        grouped[iteration.task_id].append(Round(iteration, level))
    return grouped


def for_admins(session: Session, project: Project, rows: Sequence[TaskRow]) -> list[TaskRow]:
    """The rows with their attempts, allowed actions and open staffing requests, too."""
    attempts = _attempts(session, project.id)
    requests = open_requests(session, project.id)
    return [_for_admin(project, row, attempts, requests) for row in rows]


def _for_admin(
    project: Project,
    row: TaskRow,
    attempts: Mapping[int, list[Row]],
    requests: Mapping[int, Sequence[OpenRequest]],
) -> TaskRow:
    if row.task is None:
        return row
    return replace(
        row,
        attempts=attempts.get(row.task.id, ()),
        allowed=allowed_actions.on_task(project.status, row.task, is_held=bool(row.assignments)),
        requests=requests.get(row.task.id, ()),
    )


def _attempts(session: Session, project_id: int) -> Mapping[int, list[Row]]:
    """The last attempts of machine steps that are not finished; one traceback for each task."""
    place = sa.func.row_number().over(partition_by=Attempt.task_id, order_by=Attempt.id.desc())
    numbered = (
        sa.select(Attempt.id, place.label("place"))
        .join(Task, Task.id == Attempt.task_id)
        .where(Task.project_id == project_id, Task.status.not_in(TERMINAL))
        .subquery()
    )
    found = session.execute(
        sa.select(
            Attempt.task_id,
            Attempt.number,
            Attempt.outcome,
            Attempt.error,
            Attempt.started_at,
            Attempt.ended_at,
            Attempt.host,
            sa.case((numbered.c.place == 1, Attempt.traceback)).label("traceback"),
        )
        .join(numbered, numbered.c.id == Attempt.id)
        .where(numbered.c.place <= ATTEMPTS_SHOWN)
        .order_by(Attempt.task_id, numbered.c.place)
    )
    grouped: dict[int, list[Row]] = defaultdict(list)
    for attempt in found:
        grouped[attempt.task_id].append(attempt)
    return grouped
