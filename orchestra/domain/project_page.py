"""A project as its page shows it, in a fixed number of queries (specification W-53 to W-62)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, defer, joinedload

from orchestra.domain import allowed_actions, dead_letters, sanity_list, sharing
from orchestra.domain.allowed_actions import ProjectAction, TaskAction
from orchestra.domain.graph import Graph, Step
from orchestra.domain.project_staffing import OpenRequest, open_requests
from orchestra.domain.sanity_list import ChecksOfProject
from orchestra.domain.versions import graph_of, load_graphs
from orchestra.domain.waiting import Waiting, next_action, words_for
from orchestra.errors import NotFound
from orchestra.models import (
    TERMINAL,
    Assignment,
    AssignmentStatus,
    Attempt,
    CreationProblem,
    FolderShare,
    Iteration,
    IterationStatus,
    Project,
    Task,
    TaskStatus,
    Worker,
    WorkflowVersion,
)
from orchestra.outbox import OutboxMessage

Row = sa.Row[Any]
ATTEMPTS_SHOWN = 5
DEAD_LETTERS_READ = 500


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


@dataclass(frozen=True, kw_only=True)
class ProjectPage:
    """What the viewer may see; for workers ``is_reduced`` (specification W-60)."""

    project: Project
    graph: Graph
    rows: Sequence[TaskRow]  # in dependency order
    viewer_id: int
    is_reduced: bool
    paused_by: str | None = None  # name
    allowed: Sequence[ProjectAction] = ()
    creation_problems: Sequence[CreationProblem] = ()
    refusals: Sequence[FolderShare] = ()  # whom the service of files does not let in
    dead_steps: frozenset[str] = field(default_factory=frozenset)  # their job was given up
    dead_messages: int = 0  # given up
    checked: ChecksOfProject = field(default_factory=ChecksOfProject)

    @property
    def version(self) -> WorkflowVersion:
        return self.project.version

    def may_open(self, row: TaskRow) -> bool:
        """Whether the viewer may see the task itself (P-19)."""
        is_own = any(held.worker_id == self.viewer_id for held in row.assignments)
        return is_own or not self.is_reduced

    @property
    def tasks(self) -> Sequence[TaskRow]:
        """The rows whose step has a task."""
        return [row for row in self.rows if row.task]

    @cached_property
    def waiting(self) -> Sequence[Waiting]:
        """Open tasks: what failed first, then what waits longest."""
        found = [
            (row.task.status is not TaskStatus.FAILED, waiting.since, waiting)
            for row in self.rows
            if row.task and (waiting := row.waiting)
        ]
        return [waiting for _, _, waiting in sorted(found, key=lambda entry: entry[:2])]

    @property
    def failed(self) -> Sequence[TaskRow]:
        return [row for row in self.tasks if row.task and row.task.status is TaskStatus.FAILED]

    @property
    def with_policy_problem(self) -> Sequence[TaskRow]:
        return [row for row in self.tasks if row.is_open and row.task and row.task.policy_problem]

    @property
    def dead(self) -> Sequence[TaskRow]:
        return [row for row in self.tasks if row.is_open and row.step.slug in self.dead_steps]

    @property
    def people(self) -> Sequence[Worker]:
        """Everybody who holds or held a task, by name."""
        found = {
            worker.id: worker
            for row in self.rows
            for worker in (
                *(held.worker for held in row.assignments),
                *(past.iteration.worker for past in row.rounds),
            )
            if worker
        }
        return sorted(found.values(), key=lambda worker: (worker.name.lower(), worker.id))


def project_page(session: Session, viewer: Worker, project_id: int) -> ProjectPage:
    """:raises NotFound: there is no such project, or the viewer is not on it (P-20)."""
    project = session.scalars(
        sa.select(Project).where(Project.id == project_id).options(joinedload(Project.version))
    ).one_or_none()
    if project is None:
        raise NotFound(f"There is no project {project_id}.")
    assignments = _live_assignments(session, project_id)
    is_reduced = not viewer.is_project_admin
    if is_reduced and not any(held.worker_id == viewer.id for held in assignments):
        raise NotFound(f"There is no project {project_id}.")
    load_graphs(session, [project.version])
    tasks = _tasks(session, project_id)
    rounds = _rounds(session, project_id)
    reduced = ProjectPage(
        project=project,
        graph=graph_of(project.version),
        rows=_rows(project, tasks, assignments, rounds),
        viewer_id=viewer.id,
        is_reduced=is_reduced,
        paused_by=_paused_by(session, project),
    )
    return reduced if is_reduced else _for_admins(session, reduced)


def _for_admins(session: Session, page: ProjectPage) -> ProjectPage:
    project = page.project
    attempts = _attempts(session, project.id)
    requests = open_requests(session, project.id)
    return replace(
        page,
        rows=[_for_admin(project, row, attempts, requests) for row in page.rows],
        allowed=allowed_actions.on_project(project.status),
        creation_problems=_creation_problems(session, project.id),
        refusals=sharing.refusals(session, project.id),
        dead_steps=_dead_steps(session, project.id),
        dead_messages=dead_letters.count_dead(session, project_ids=[project.id]),
        checked=sanity_list.of_project(session, project),
    )


def submitted(session: Session, viewer: Worker, project_id: int, iteration_id: int) -> Round:
    """One iteration with the data that was handed over, for project admins (W-56).

    :raises NotFound: there is no such iteration in the project, or the viewer may not see it.
    """
    row = session.execute(
        sa.select(Iteration, Assignment.level)
        .join(Assignment, Assignment.id == Iteration.assignment_id)
        .join(Task, Task.id == Iteration.task_id)
        .where(Iteration.id == iteration_id, Task.project_id == project_id)
        .options(joinedload(Iteration.worker))
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None or not viewer.is_project_admin:
        raise NotFound(f"There is no iteration {iteration_id} in project {project_id}.")
    return Round(row[0], row[1])


def _tasks(session: Session, project_id: int) -> Sequence[Task]:
    return session.scalars(
        sa.select(Task)
        .where(Task.project_id == project_id)
        .order_by(Task.id)
        .options(defer(Task.result), defer(Task.kept_drafts))
    ).all()


def _live_assignments(session: Session, project_id: int) -> Sequence[Assignment]:
    return session.scalars(
        sa.select(Assignment)
        .join(Task, Task.id == Assignment.task_id)
        .where(Task.project_id == project_id, Assignment.discarded_at.is_(None))
        .order_by(Assignment.level)
        .options(joinedload(Assignment.worker), defer(Assignment.data))
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


def _rows(
    project: Project,
    tasks: Iterable[Task],
    assignments: Iterable[Assignment],
    rounds: Mapping[int, list[Round]],
) -> list[TaskRow]:
    by_step = {task.step: task for task in tasks}
    held: dict[int, list[Assignment]] = defaultdict(list)
    for assignment in assignments:
        held[assignment.task_id].append(assignment)
    rows = []
    for step in graph_of(project.version).ordered():
        task = by_step.get(step.slug)
        if task is None:
            rows.append(TaskRow(step=step))
            continue
        rows.append(
            TaskRow(
                step=step,
                task=task,
                assignments=held[task.id],
                rounds=rounds.get(task.id, ()),
            )
        )
    return rows


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


def _paused_by(session: Session, project: Project) -> str | None:
    if project.paused_by is None:
        return None
    worker = session.scalars(sa.select(Worker).where(Worker.username == project.paused_by))
    found = worker.one_or_none()
    return found.name if found else project.paused_by


def _creation_problems(session: Session, project_id: int) -> Sequence[CreationProblem]:
    return session.scalars(
        sa.select(CreationProblem)
        .where(CreationProblem.project_id == project_id)
        .order_by(CreationProblem.at, CreationProblem.step)
    ).all()


def _dead_steps(session: Session, project_id: int) -> frozenset[str]:
    """Steps whose job was given up. Dead rows of all projects are few: a person clears them."""
    dead = session.scalars(
        sa.select(OutboxMessage.kwargs)
        .where(OutboxMessage.resend_at.is_(None))
        .order_by(OutboxMessage.id.desc())
        .limit(DEAD_LETTERS_READ)
    )
    return frozenset(
        kwargs["step"]
        for kwargs in dead
        if kwargs.get("project_id") == project_id and "step" in kwargs
    )
