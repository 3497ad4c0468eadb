"""What follows when something is done: the tasks that are due, or the end of the project."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import seconds_from_now, table_of, utcnow
from orchestra.domain import audit, dispatching, ending, notices, policies, staffing_requests
from orchestra.domain.audit import SYSTEM
from orchestra.domain.graph import Graph, Step
from orchestra.domain.locking import LockedProject, LockedTask, lock_project
from orchestra.domain.prerequisites import results
from orchestra.domain.task_rows import task_rows
from orchestra.models import (
    FINISHED,
    TERMINAL,
    CreationProblem,
    Project,
    ProjectStatus,
    Task,
    TaskStatus,
    Verb,
)
from orchestra.outbox import Dispatch

Data = dict[str, Any]
Statuses = dict[str, TaskStatus]  # by the slug of the step
PROBLEM_RETRY_SECONDS = 3600
_NOBODY: frozenset[str] = frozenset()
_TASKS = table_of(Task)
_STORE_TASKS = sa.insert(_TASKS).returning(_TASKS.c.id, _TASKS.c.step)


@dataclass(frozen=True)
class NewTask:
    """A task that was created just now."""

    __tablename__ = Task.__tablename__  # what an audit event is about

    id: int
    step: Step


@dataclass
class Advanced:
    """What :func:`advance` did."""

    created: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    held: list[tuple[NewTask, Dispatch]] = field(default_factory=list)  # for the caller to publish


def advance(session: Session, project: LockedProject) -> Advanced:
    """Create the tasks that are due, and complete the project when nothing is left to do.

    With :func:`go_on` the only function that creates tasks. The caller holds the project's lock,
    so the last of two dependencies to finish sees both, and running it twice creates nothing
    twice.
    """
    if not project.is_active:
        return Advanced()
    statuses = _statuses(session, project, project.graph.by_slug)
    return _Advance(session, project, statuses).run()


def begin(session: Session, project: LockedProject, delay_seconds: float = 0) -> Advanced:
    """Create the first tasks of a new project.

    :param delay_seconds: how long machine steps wait before they start.
    """
    return _Advance(session, project, {}, delay_seconds=delay_seconds).run()


def go_on(
    session: Session,
    project: LockedProject,
    statuses: Statuses,
    step: Step,
    *,
    carried: frozenset[str] = _NOBODY,
    hold_queue: str | None = None,
) -> Advanced:
    """What the completion of a step leads to: the end of the project, or the next tasks.

    While the project is paused nothing follows; resuming it makes up for that.

    :param statuses: of the tasks of :func:`names_around` the step, read under the lock.
    :param carried: machine steps whose job is on its way already, behind the running one.
    :param hold_queue: the jobs of machine steps of this queue are held for the caller, who runs
        the steps or publishes the jobs.
    """
    if not project.is_active:
        return Advanced()
    if step.completion_ends_project:
        ending.complete(session, project)
        return Advanced()
    statuses = statuses | {step.slug: TaskStatus.COMPLETE}
    dependents = project.graph.dependents(step.slug)
    waiting = [
        dependent.slug
        for dependent in dependents
        if not dependent.is_human and statuses.get(dependent.slug) is TaskStatus.AWAITING_PROCESSING
    ]
    candidates = None if project.graph.asks_policies else dependents
    advancing = _Advance(session, project, statuses, candidates)
    done = advancing.run(carried=carried, hold_queue=hold_queue)
    dispatching.dispatch_older(session, project, waiting)
    return done


def names_around(graph: Graph, slug: str) -> Iterable[str]:
    """The steps whose statuses decide what follows from a step.

    Without creation policies its dependents alone can follow: nothing is skipped, which would
    lead further, and no problem waits to be tried again. So the cost of a step is the same in a
    project of a thousand steps.
    """
    if graph.asks_policies:
        return graph.by_slug
    dependents = graph.dependents(slug)
    before = {name for dependent in dependents for name in dependent.creation_depends_on}
    return before | {dependent.slug for dependent in dependents} | {slug, *graph.endings}


def due_after(project: LockedProject, statuses: Statuses, step: Step) -> list[Step] | None:
    """The steps that become due when this one is complete, if nothing else has to be looked at.

    None: what follows is for :func:`go_on` to find out.
    """
    dependents = project.graph.dependents(step.slug)
    if (
        not project.is_active
        or step.completion_ends_project
        or project.graph.asks_policies
        or ending_step_is_complete(project.graph, statuses)
        or any(statuses.get(d.slug) is TaskStatus.AWAITING_PROCESSING for d in dependents)
    ):
        return None
    done = {step.slug} | {slug for slug, status in statuses.items() if status in FINISHED}
    return [
        dependent
        for dependent in dependents
        if dependent.slug not in statuses and done.issuperset(dependent.creation_depends_on)
    ]


def _statuses(session: Session, project: LockedProject, steps: Iterable[str]) -> Statuses:
    return {slug: row.status for slug, row in task_rows(session, project.id, steps).items()}


class _Advance:
    """One run over steps in dependency order; later steps see what earlier ones became.

    :param statuses: of all tasks, or of those that matter to ``candidates``.
    :param candidates: the steps that may be due; None: all.
    """

    def __init__(
        self,
        session: Session,
        project: LockedProject,
        statuses: Statuses,
        candidates: Iterable[Step] | None = None,
        delay_seconds: float = 0,
    ) -> None:
        self.session, self.project, self.statuses = session, project, statuses
        self.graph = project.graph
        self.sees_all = candidates is None
        self.candidates = self.graph.ordered() if candidates is None else candidates
        self.delay_seconds = delay_seconds
        self.done = Advanced()
        self.rows: list[Data] = []  # of the new tasks
        self.tasks: list[NewTask] = []
        self._results: dict[str, Data] | None = None
        self._problems: set[str] | None = None

    def run(self, *, carried: frozenset[str] = _NOBODY, hold_queue: str | None = None) -> Advanced:
        if not ending_step_is_complete(self.graph, self.statuses):
            self._create_due_tasks()
            self._start(carried, hold_queue)
        if not self.done.problems and not self._anything_open():
            ending.close(self.session, self.project)
        return self.done

    def _anything_open(self) -> bool:
        if any(not status.is_terminal for status in self.statuses.values()):
            return True
        if self.sees_all:
            return False
        open_tasks = sa.select(Task.id).where(
            Task.project_id == self.project.id, Task.status.not_in(TERMINAL)
        )
        return self.session.scalar(open_tasks.limit(1)) is not None

    def _create_due_tasks(self) -> None:
        for step in self.candidates:
            if step.slug in self.statuses:
                continue
            before = [self.statuses.get(slug) for slug in step.creation_depends_on]
            if all(status in FINISHED for status in before):
                self._create(step, before)
        if self.rows:
            self._store()

    def _store(self) -> None:
        """Insert all new tasks, and their events, in one statement each."""
        stored = self.session.connection().execute(_STORE_TASKS, self.rows)
        ids = {row.step: row.id for row in stored}
        self.tasks = [
            NewTask(ids[row["step"]], self.graph.by_slug[row["step"]]) for row in self.rows
        ]
        audit.record_all(
            self.session,
            [
                audit.event(
                    SYSTEM,
                    Verb.TASK_CREATED,
                    task,
                    project_id=self.project.id,
                    after={"step": row["step"], "status": row["status"].value},
                    note=row["skip_note"],
                )
                for task, row in zip(self.tasks, self.rows, strict=True)
            ],
        )

    def _create(self, step: Step, before: list[TaskStatus | None]) -> None:
        if before and all(status is TaskStatus.SKIPPED for status in before):
            self._add(step, TaskStatus.SKIPPED, "every step before it was skipped")
            return
        try:
            wanted = policies.is_wanted(step, self._before(step), self.project.data)
        except policies.PolicyFailed as error:
            self._remember(step, str(error))
            return
        if step.creation_policy is not None:
            self._forget(step)
        if wanted:
            self._add(step, TaskStatus.AWAITING_PROCESSING)
        else:
            self._add(step, TaskStatus.SKIPPED, "creation policy")

    def _add(self, step: Step, status: TaskStatus, note: str | None = None) -> None:
        self.rows.append(
            {
                "project_id": self.project.id,
                "step": step.slug,
                "is_human": step.is_human,
                "status": status,
                "skip_note": note,
                "ended_at": utcnow() if status is TaskStatus.SKIPPED else None,
            }
        )
        self.statuses[step.slug] = status
        (self.done.created if note is None else self.done.skipped).append(step.slug)

    def _before(self, step: Step) -> dict[str, Data]:
        if step.creation_policy is None:
            return {}
        if self._results is None:
            self._results = results(self.session, self.project.id, self.graph.by_slug)
        names = (ancestor.slug for ancestor in self.graph.ancestors(step.slug))
        return {name: self._results[name] for name in names if name in self._results}

    def _known_problems(self) -> set[str]:
        if self._problems is None:
            query = sa.select(CreationProblem.step).where(
                CreationProblem.project_id == self.project.id
            )
            self._problems = set(self.session.scalars(query))
        return self._problems

    def _remember(self, step: Step, error: str) -> None:
        self.done.problems.append(step.slug)
        self._forget(step)
        self.session.add(CreationProblem(project_id=self.project.id, step=step.slug, error=error))
        audit.record(
            self.session,
            SYSTEM,
            Verb.CREATION_FAILED,
            self.project,
            project_id=self.project.id,
            after={"step": step.slug, "problem": error},
        )
        notices.creation_problem(self.session, self.project.id, step, error)

    def _forget(self, step: Step) -> None:
        if step.slug in self._known_problems():
            self.session.execute(
                sa.delete(CreationProblem).where(
                    CreationProblem.project_id == self.project.id, CreationProblem.step == step.slug
                )
            )

    def _start(self, carried: frozenset[str], hold_queue: str | None) -> None:
        """Hand new tasks to their policies, and machine steps to the outbox."""
        waiting = [task for task in self.tasks if not self.statuses[task.step.slug].is_terminal]
        for task in waiting:
            if task.step.is_human and task.step.assignment_policy:
                self._ask_assignment_policy(task)
        machine = {task.step.slug: task for task in waiting if not task.step.is_human}
        steps = [task.step for task in machine.values()]
        jobs = dispatching.dispatch(
            self.session,
            self.project,
            steps,
            carried=carried,
            delay_seconds=self.delay_seconds,
            hold_queue=hold_queue,
        )
        self.done.held = [(machine[job.kwargs["step"]], job) for job in jobs]

    def _ask_assignment_policy(self, new: NewTask) -> None:
        project = self.session.get_one(Project, self.project.id)
        task = self.session.get_one(Task, new.id)
        policies.assign_by_policy(self.session, LockedTask(project, task, last_number=0))


def ending_step_is_complete(graph: Graph, statuses: Mapping[str, TaskStatus]) -> bool:
    return any(statuses.get(slug) is TaskStatus.COMPLETE for slug in graph.endings)


def finish_task(session: Session, locked: LockedTask, result: Data) -> None:
    """Complete a task with its result, and let follow what follows (specification L-64)."""
    task = locked.task
    task.move_to(TaskStatus.COMPLETE)
    task.result, task.ended_at = result, utcnow()
    audit.record(session, SYSTEM, Verb.TASK_COMPLETED, task, project_id=locked.project.id)
    if task.is_human:
        staffing_requests.cancel(session, SYSTEM, locked, "complete")
    session.flush()
    project = LockedProject.of(locked.project)
    statuses = _statuses(session, project, names_around(project.graph, task.step))
    go_on(session, project, statuses, locked.step)


def stuck(session: Session, limit: int) -> list[int]:
    """Active projects with nothing open, or a creation problem older than an hour (L-39)."""
    is_open = sa.exists().where(Task.project_id == Project.id, Task.status.not_in(TERMINAL))
    has_problem = sa.exists().where(CreationProblem.project_id == Project.id)
    old_problem = sa.exists().where(
        CreationProblem.project_id == Project.id,
        CreationProblem.at < seconds_from_now(-PROBLEM_RETRY_SECONDS),
    )
    return list(
        session.scalars(
            sa.select(Project.id)
            .where(
                Project.status == ProjectStatus.ACTIVE,
                sa.or_(sa.and_(~is_open, ~has_problem), old_problem),
            )
            .order_by(Project.id)
            .limit(limit)
        )
    )


def advance_stuck(session: Session, project_id: int) -> None:
    """Advance one of :func:`stuck`."""
    advance(session, LockedProject.of(lock_project(session, project_id)))
