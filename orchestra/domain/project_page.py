"""A project as its page shows it, in a fixed number of queries (specification W-53 to W-62)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra.domain import allowed_actions, dead_letters, project_rows, sanity_list, sharing
from orchestra.domain.allowed_actions import ProjectAction
from orchestra.domain.graph import Graph
from orchestra.domain.project_rows import Round, TaskRow
from orchestra.domain.sanity_list import ChecksOfProject
from orchestra.domain.versions import graph_of, load_graphs
from orchestra.domain.waiting import Waiting
from orchestra.errors import NotFound
from orchestra.models import (
    Assignment,
    CreationProblem,
    FolderShare,
    Iteration,
    Project,
    Task,
    TaskStatus,
    Worker,
    WorkflowVersion,
)
from orchestra.outbox import OutboxMessage

DEAD_LETTERS_READ = 500


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
    assignments = project_rows.live_assignments(session, project_id)
    is_reduced = not viewer.is_project_admin
    if is_reduced and not any(held.worker_id == viewer.id for held in assignments):
        raise NotFound(f"There is no project {project_id}.")
    load_graphs(session, [project.version])
    reduced = ProjectPage(
        project=project,
        graph=graph_of(project.version),
        rows=project_rows.rows_of(session, project, assignments),
        viewer_id=viewer.id,
        is_reduced=is_reduced,
        paused_by=_paused_by(session, project),
    )
    return reduced if is_reduced else _for_admins(session, reduced)


def _for_admins(session: Session, page: ProjectPage) -> ProjectPage:
    project = page.project
    return replace(
        page,
        rows=project_rows.for_admins(session, project, page.rows),
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
