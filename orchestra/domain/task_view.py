"""A task as its worker or a project admin sees it (specification N-9 to N-13)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra.domain import access, remarks
from orchestra.domain.files import files_of
from orchestra.domain.graph import Graph, Step
from orchestra.domain.prerequisites import prerequisites
from orchestra.domain.versions import graph_of
from orchestra.errors import NotFound
from orchestra.models import (
    FINISHED,
    Assignment,
    AssignmentStatus,
    Attempt,
    Iteration,
    IterationStatus,
    Project,
    ProjectStatus,
    Remark,
    ReviewDraw,
    StoredFile,
    Task,
    TaskStatus,
    Worker,
    WorkflowVersion,
)

Data = dict[str, Any]


@dataclass(frozen=True)
class Round:
    """One iteration in the history: who worked, how it ended, and what it changed."""

    iteration: Iteration
    level: int
    verb: str  # "works on it", "submitted", "accepted" or "returned"
    before: Data  # what the round before handed over
    draw: ReviewDraw | None
    remarks: Sequence[Remark]

    @property
    def is_open(self) -> bool:
        return self.iteration.ended_at is None

    @cached_property
    def changed(self) -> Sequence[str]:
        """The properties that differ from the round before."""
        after = {} if self.is_open else self.iteration.submitted_data
        before = after if self.is_open else self.before
        names = dict.fromkeys([*before, *after])
        return [name for name in names if before.get(name) != after.get(name)]


@dataclass(frozen=True)
class Member:
    """Somebody who holds a task of the project."""

    worker: Worker
    step: str  # slug
    level: int


@dataclass(frozen=True, kw_only=True)
class TaskView:
    """Everything the task page and its JSON show; ``assignment`` is the one looked at."""

    viewer: Worker
    task: Task
    project: Project
    graph: Graph
    step: Step
    live: Sequence[Assignment]
    assignment: Assignment | None
    prerequisites: Mapping[str, Data]
    open_dependencies: Sequence[str]  # names of steps
    history: Sequence[Round]
    team: Sequence[Member]
    files: Sequence[StoredFile]  # of the project

    @property
    def version(self) -> WorkflowVersion:
        return self.project.version

    @property
    def data(self) -> Data:
        return self.assignment.data if self.assignment else {}

    @property
    def context(self) -> Mapping[str, Any]:
        return {"prerequisites": self.prerequisites, "project_data": self.project.project_data}

    @property
    def is_own(self) -> bool:
        return self.assignment is not None and self.assignment.worker_id == self.viewer.id

    @property
    def level(self) -> int:
        return self.assignment.level if self.assignment else 0

    @property
    def is_reviewer(self) -> bool:
        return (
            self.is_own
            and self.level >= 1
            and self.task.status is TaskStatus.REVIEWING
            and self._is_processing(self.assignment)
        )

    @cached_property
    def read_only_reason(self) -> str | None:
        if not self.is_own:
            return "not_yours"
        if self.project.status.is_closed:
            return "project_closed"
        if self.task.status.is_terminal:
            return "task_closed"
        if self._is_processing(self.assignment):
            return None
        return self._why_handed_over()

    def _why_handed_over(self) -> str:
        if any(held.level < self.level and self._is_processing(held) for held in self.live):
            return "returned_below"
        if self.task.status in (TaskStatus.PENDING_REVIEW, TaskStatus.REVIEWING):
            return "waiting_for_review"
        return "submitted"

    @property
    def submit_blocked_reason(self) -> str | None:
        if self.project.status is ProjectStatus.PAUSED:
            return "project_paused"
        return "dependency_open" if self.open_dependencies else None

    @property
    def below(self) -> Worker | None:
        """Who would get the work by a return."""
        lower = [held.worker for held in self.live if held.level == self.level - 1]
        return lower[0] if lower else None

    @property
    def holder(self) -> Worker | None:
        """Who works on the task now."""
        return next((held.worker for held in self.live if self._is_processing(held)), None)

    @property
    def feedback(self) -> Round | None:
        """What the one before wrote, while this round lasts (W-23)."""
        ended = [past for past in self.history if not past.is_open]
        last = ended[-1] if ended else None
        if last is None or self.read_only_reason or last.iteration.worker_id == self.viewer.id:
            return None
        is_remark = last.iteration.comment or last.remarks or last.verb == "returned"
        return last if is_remark else None

    @property
    def remarks(self) -> Sequence[Remark]:
        """Of all rounds in force, the oldest first."""
        return [remark for past in self.history for remark in past.remarks]

    @property
    def may_resolve(self) -> bool:
        return self.read_only_reason is None

    @staticmethod
    def _is_processing(assignment: Assignment | None) -> bool:
        return assignment is not None and assignment.status is AssignmentStatus.PROCESSING


def task_view(session: Session, viewer: Worker, task_id: int) -> TaskView:
    """:raises NotFound: there is no such task, or the viewer may not see it (W-20)."""
    task = access.task_for(session, viewer, task_id)
    project = _project(session, task)
    live = _live_assignments(session, task)
    own = next((held for held in live if held.worker_id == viewer.id), None)
    if own is None and not viewer.is_project_admin:  # they know it, and messages lead here
        raise NotFound(f"You are not on task {task_id} any more, so you cannot open it.")
    graph = graph_of(project.version)
    step = graph.by_slug[task.step]
    return TaskView(
        viewer=viewer,
        task=task,
        project=project,
        graph=graph,
        step=step,
        live=live,
        assignment=own or (live[-1] if live else None),
        prerequisites=prerequisites(session, project.id, graph, task.step),
        open_dependencies=_open_dependencies(session, project, graph, step),
        history=_history(session, task),
        team=_team(session, project.id),
        files=files_of(session, project.id),
    )


def _project(session: Session, task: Task) -> Project:
    return session.scalars(
        sa.select(Project).where(Project.id == task.project_id).options(joinedload(Project.version))
    ).one()


def _live_assignments(session: Session, task: Task) -> Sequence[Assignment]:
    return session.scalars(
        sa.select(Assignment)
        .where(Assignment.task_id == task.id, Assignment.discarded_at.is_(None))
        .order_by(Assignment.level)
        .options(joinedload(Assignment.worker))
    ).all()


def _open_dependencies(
    session: Session, project: Project, graph: Graph, step: Step
) -> Sequence[str]:
    if not step.submission_depends_on:
        return ()
    finished = session.scalars(
        sa.select(Task.step).where(
            Task.project_id == project.id,
            Task.step.in_(step.submission_depends_on),
            Task.status.in_(FINISHED),
        )
    ).all()
    needed = (slug for slug in step.submission_depends_on if slug not in finished)
    return [graph.by_slug[slug].name for slug in needed]


def _history(session: Session, task: Task) -> Sequence[Round]:
    rows = session.execute(
        sa.select(Iteration, Assignment.level, ReviewDraw)
        .join(Assignment, Assignment.id == Iteration.assignment_id)
        .outerjoin(ReviewDraw, ReviewDraw.iteration_id == Iteration.id)
        .where(Iteration.task_id == task.id, Iteration.discarded_at.is_(None))
        .order_by(Iteration.number, ReviewDraw.id)
        .options(joinedload(Iteration.worker))
    )
    # Drawn again for the same round, after a revert: the last draw counts.
    last = {iteration.id: (iteration, level, draw) for iteration, level, draw in rows}
    said = _remarks_by_round(session, task)
    rounds: list[Round] = []
    before: Data = {}
    for iteration, level, draw in last.values():
        verb, remarked = _verb(iteration, level), said.get(iteration.id, ())
        rounds.append(Round(iteration, level, verb, before, draw, remarked))
        before = iteration.submitted_data if iteration.ended_at else before
    return rounds


def _team(session: Session, project_id: int) -> Sequence[Member]:
    """The people on a project, in the order in which they came to it."""
    rows = session.execute(
        sa.select(Worker, Task.step, Assignment.level)
        .join(Assignment, Assignment.worker_id == Worker.id)
        .join(Task, Task.id == Assignment.task_id)
        .where(Task.project_id == project_id, Assignment.discarded_at.is_(None))
        .order_by(Task.id, Assignment.level)
    )
    return [Member(worker, step, level) for worker, step, level in rows]


def _remarks_by_round(session: Session, task: Task) -> Mapping[int, Sequence[Remark]]:
    found: dict[int, list[Remark]] = {}
    for remark in remarks.of_task(session, task.id):
        found.setdefault(remark.iteration_id, []).append(remark)
    return found


def _verb(iteration: Iteration, level: int) -> str:
    if iteration.status is IterationStatus.PROCESSING:
        return "works on it"
    if iteration.status is IterationStatus.PROVIDED_REVIEW:
        return "returned"
    return "accepted" if level else "submitted"


def get_task(session: Session, task_id: int) -> Task:
    """:raises NotFound: there is no such task."""
    task = session.get(Task, task_id)
    if task is None:
        raise NotFound(f"There is no task {task_id}.")
    return task


def attempts_of(session: Session, task_id: int) -> Sequence[Attempt]:
    """The runs of a machine step, the last one first, at most 100 (N-21)."""
    get_task(session, task_id)
    return session.scalars(
        sa.select(Attempt).where(Attempt.task_id == task_id).order_by(Attempt.id.desc()).limit(100)
    ).all()
