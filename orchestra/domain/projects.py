"""Projects as a whole: create, advance, pause, resume, abort, complete, edit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import seconds_from_now, utcnow
from orchestra.domain import aborting, audit, dispatching, json_data, policies
from orchestra.domain.audit import SYSTEM, Actor, require_manager
from orchestra.domain.graph import Graph, Step
from orchestra.domain.locking import LockedTask, gate, lock_project, lock_task
from orchestra.domain.prerequisites import results
from orchestra.domain.versions import get_version, graph_of
from orchestra.errors import Invalid, StaleRevision, WrongStatus
from orchestra.models import (
    FINISHED,
    TERMINAL,
    AuditEvent,
    CreationProblem,
    Project,
    ProjectStatus,
    Task,
    TaskClass,
    TaskStatus,
    Verb,
)
from orchestra.outbox import enqueue

Data = dict[str, Any]
LONGEST_DESCRIPTION = 1000
LARGEST_PRIORITY = 1_000_000
PROBLEM_RETRY_SECONDS = 3600
_NOBODY: frozenset[str] = frozenset()
_WITH_NULLS = {"render_nulls": True}  # rows of one shape: one statement
_EDITABLE = ("short_description", "priority", "project_data")


def create_project(
    session: Session,
    actor: Actor,
    *,
    workflow_slug: str,
    version_slug: str,
    short_description: str,
    priority: int,
    task_class: TaskClass,
    project_data: Data,
) -> Project:
    """Start a run of a version, with the tasks that are due at once.

    :raises Forbidden: the actor is neither project admin nor API key.
    :raises NotFound: workflow or version is not loaded.
    :raises Invalid: a field does not hold what it must.
    """
    require_manager(actor)
    version = get_version(session, workflow_slug, version_slug)
    _require_valid(session, short_description, priority, project_data)
    project = Project(
        version=version,
        short_description=short_description,
        priority=priority,
        task_class=task_class,
        project_data=project_data,
        revision=1,
        status=ProjectStatus.ACTIVE,
        created_by=actor.name,
    )
    session.add(project)
    session.flush()
    described = {
        "workflow": workflow_slug,
        "version": version_slug,
        "priority": priority,
        "short_description": short_description,
        "task_class": task_class.value,
    }
    audit.record(
        session, actor, Verb.PROJECT_CREATED, project, project_id=project.id, after=described
    )
    _Advance(session, project, statuses={}).run()
    return project


def _require_valid(
    session: Session, short_description: str, priority: int, project_data: Data
) -> None:
    fields = {}
    if not len(short_description.strip()) >= 1 or len(short_description) > LONGEST_DESCRIPTION:
        fields["short_description"] = [f"Write 1 to {LONGEST_DESCRIPTION} characters."]
    if not -LARGEST_PRIORITY <= priority <= LARGEST_PRIORITY:
        fields["priority"] = [f"Give a number from -{LARGEST_PRIORITY} to {LARGEST_PRIORITY}."]
    if not isinstance(project_data, dict):
        fields["project_data"] = ["Give a JSON object."]
    if fields:
        raise Invalid("Some fields of the project are not valid.", fields=fields)
    json_data.require_size(session, project_data, "project data")


@dataclass
class Advanced:
    """What :func:`advance` did."""

    created: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def advance(session: Session, project: Project, *, carried: frozenset[str] = _NOBODY) -> Advanced:
    """Create the tasks that are due, and complete the project when nothing is left to do.

    The only function that creates tasks. The caller holds the project's lock, so the last of two
    dependencies to finish sees both, and running it twice creates nothing twice.

    :param carried: machine steps whose job is on its way already, behind the running one.
    """
    if project.status is not ProjectStatus.ACTIVE:
        return Advanced()
    rows = session.execute(sa.select(Task.step, Task.status).where(Task.project_id == project.id))
    statuses = {row.step: row.status for row in rows}
    return _Advance(session, project, statuses, carried).run()


class _Advance:
    """One run over all steps in dependency order; later steps see what earlier ones became."""

    def __init__(
        self,
        session: Session,
        project: Project,
        statuses: dict[str, TaskStatus],
        carried: frozenset[str] = _NOBODY,
    ) -> None:
        self.session, self.project, self.carried = session, project, carried
        self.graph = graph_of(project.version)
        self.statuses = statuses
        self.done = Advanced()
        self.rows: list[Data] = []  # of the new tasks
        self.tasks: list[Task] = []
        self._results: dict[str, Data] | None = None
        self._problems: set[str] | None = None

    def run(self) -> Advanced:
        ending = _ending_step_is_complete(self.graph, self.statuses)
        if not ending:
            self._create_due_tasks()
            self._start()
        if not self.done.problems and not self._anything_open():
            complete(self.session, self.project)
        return self.done

    def _anything_open(self) -> bool:
        return any(not status.is_terminal for status in self.statuses.values())

    def _create_due_tasks(self) -> None:
        for step in self.graph.ordered():
            if step.slug in self.statuses:
                continue
            before = [self.statuses.get(slug) for slug in step.creation_depends_on]
            if all(status in FINISHED for status in before):
                self._create(step, before)
        self._store()

    def _store(self) -> None:
        """Insert all new tasks, and their events, in one statement each."""
        if self.rows:
            stored = self.session.scalars(
                sa.insert(Task).returning(Task), self.rows, execution_options=_WITH_NULLS
            )
            by_step = {task.step: task for task in stored}
            self.tasks = [by_step[row["step"]] for row in self.rows]
        audit.record_all(
            self.session,
            [
                audit.event(
                    SYSTEM,
                    Verb.TASK_CREATED,
                    task,
                    project_id=self.project.id,
                    after={"step": task.step, "status": task.status.value},
                    note=task.skip_note,
                )
                for task in self.tasks
            ],
        )

    def _create(self, step: Step, before: list[TaskStatus | None]) -> None:
        if before and all(status is TaskStatus.SKIPPED for status in before):
            self._add(step, TaskStatus.SKIPPED, "every step before it was skipped")
            return
        try:
            wanted = policies.is_wanted(step, self._before(step), self.project.project_data)
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
            self._results = results(self.session, self.project.id)
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

    def _forget(self, step: Step) -> None:
        if step.slug in self._known_problems():
            self.session.execute(
                sa.delete(CreationProblem).where(
                    CreationProblem.project_id == self.project.id, CreationProblem.step == step.slug
                )
            )

    def _start(self) -> None:
        """Hand new tasks to their policies, and machine steps to the outbox."""
        waiting = [task for task in self.tasks if not task.status.is_terminal]
        for task in waiting:
            if task.is_human and self.graph.by_slug[task.step].assignment_policy:
                locked = LockedTask(self.project, task, last_number=0)
                policies.assign_by_policy(self.session, locked)
        steps = [task.step for task in waiting if not task.is_human]
        dispatching.dispatch(self.session, self.project, steps, carried=self.carried)


def _ending_step_is_complete(graph: Graph, statuses: Mapping[str, TaskStatus]) -> bool:
    return any(
        step.completion_ends_project and statuses.get(step.slug) is TaskStatus.COMPLETE
        for step in graph.steps
    )


def finish_task(
    session: Session, locked: LockedTask, result: Data, *, carried: frozenset[str] = _NOBODY
) -> None:
    """Complete a task with its result, and let follow what follows (specification L-64)."""
    task, project = locked.task, locked.project
    task.move_to(TaskStatus.COMPLETE)
    task.result, task.ended_at = result, utcnow()
    audit.record(session, SYSTEM, Verb.TASK_COMPLETED, task, project_id=project.id)
    session.flush()
    go_on(session, project, locked.step, carried=carried)


def go_on(
    session: Session, project: Project, step: Step, *, carried: frozenset[str] = _NOBODY
) -> None:
    """What the completion of a step leads to: the end of the project, or the next tasks.

    While the project is paused nothing follows; :func:`resume` makes up for it.
    """
    if project.status is not ProjectStatus.ACTIVE:
        return
    if step.completion_ends_project:
        complete(session, project)
    else:
        created = advance(session, project, carried=carried).created
        dispatching.dispatch_waiting_dependents(session, project, step, besides=created)


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
    advance(session, lock_project(session, project_id))


def start_again(session: Session, locked: LockedTask) -> None:
    """A task is back in Awaiting Processing or Pending Review: ask its policy or its job."""
    if locked.task.is_human:
        policies.assign_by_policy(session, locked)
    else:
        dispatching.dispatch_waiting(session, locked.project, [locked.task.step])


def complete(session: Session, project: Project) -> None:
    """End the project; whatever is still open is not wanted any more (specification L-106)."""
    _abort_open_tasks(session, SYSTEM, project)
    _end(session, project)


def _end(session: Session, project: Project) -> None:
    project.status, project.ended_at = ProjectStatus.COMPLETED, utcnow()
    audit.record(session, SYSTEM, Verb.PROJECT_COMPLETED, project, project_id=project.id)


def _abort_open_tasks(session: Session, actor: Actor, project: Project) -> None:
    session.flush()
    open_tasks = session.scalars(
        sa.select(Task)
        .where(Task.project_id == project.id, Task.status.not_in(TERMINAL))
        .order_by(Task.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    events = []
    for task in open_tasks.all():
        before = {"status": task.status.value}
        task.move_to(TaskStatus.ABORTED)
        task.ended_at, task.lease_until, task.lease_holder = utcnow(), None, None
        events.append(
            audit.event(actor, Verb.TASK_ABORTED, task, project_id=project.id, before=before)
        )
    audit.record_all(session, events)
    dispatching.forget(session, project.id)


def pause(session: Session, actor: Actor, project_id: int, reason: str | None = None) -> Project:
    """:raises WrongStatus: the project is not Active."""
    require_manager(actor)
    project = lock_project(session, project_id)
    _require_status(project, {ProjectStatus.ACTIVE}, "paused")
    project.status = ProjectStatus.PAUSED
    project.paused_at, project.paused_by, project.pause_reason = utcnow(), actor.name, reason
    audit.record(session, actor, Verb.PROJECT_PAUSED, project, project_id=project.id, note=reason)
    return project


def resume(session: Session, actor: Actor, project_id: int) -> Project:
    """Go on, and do all that was held back by the pause.

    :raises WrongStatus: the project is not Paused.
    """
    require_manager(actor)
    project = lock_project(session, project_id)
    _require_status(project, {ProjectStatus.PAUSED}, "resumed")
    project.status = ProjectStatus.ACTIVE
    project.paused_at = project.paused_by = project.pause_reason = None
    audit.record(session, actor, Verb.PROJECT_RESUMED, project, project_id=project.id)
    session.flush()
    statuses = {
        row.step: row.status
        for row in session.execute(
            sa.select(Task.step, Task.status).where(Task.project_id == project.id)
        )
    }
    if _ending_step_is_complete(graph_of(project.version), statuses):
        complete(session, project)
        return project
    _run_missed_policies(session, project)
    held = [step for step, status in statuses.items() if status is TaskStatus.AWAITING_PROCESSING]
    advance(session, project)
    dispatching.dispatch_waiting(session, project, held)
    return project


def _run_missed_policies(session: Session, project: Project) -> None:
    missed = sa.select(Task.id).where(Task.project_id == project.id, Task.policy_missed)
    for task_id in session.scalars(missed.order_by(Task.id)).all():
        locked = lock_task(session, task_id)
        locked.task.policy_missed = False
        if locked.task.status in {TaskStatus.AWAITING_PROCESSING, TaskStatus.PENDING_REVIEW}:
            policies.assign_by_policy(session, locked)
        session.flush()


def abort(session: Session, actor: Actor, project_id: int) -> Project:
    """End the project for good. Running functions may finish; nothing follows from them.

    :raises WrongStatus: the project is closed already.
    """
    require_manager(actor)
    project = lock_project(session, project_id)
    _require_status(project, {ProjectStatus.ACTIVE, ProjectStatus.PAUSED}, "aborted")
    project.status, project.ended_at = ProjectStatus.ABORTED, utcnow()
    _abort_open_tasks(session, actor, project)
    audit.record(session, actor, Verb.PROJECT_ABORTED, project, project_id=project.id)
    wish = aborting.dispatch_for(project)
    if wish:
        enqueue(session, wish)
    return project


def _require_status(project: Project, allowed: Iterable[ProjectStatus], verb: str) -> None:
    if project.status not in allowed:
        raise WrongStatus(f"Project {project.id} is {project.status.label} and cannot be {verb}.")


def edit_project(
    session: Session, actor: Actor, project_id: int, *, revision: int, changes: Mapping[str, Any]
) -> Project:
    """Change description, priority or project data as a whole (specification L-108).

    :raises StaleRevision: somebody else edited the project since; ``details`` holds the newer.
    """
    require_manager(actor)
    project = lock_project(session, project_id)
    gate(project, while_paused=True, while_completed=True)
    current = {name: getattr(project, name) for name in _EDITABLE}
    wanted = {name: changes[name] for name in _EDITABLE if name in changes}
    _require_valid(session, **current | wanted)
    _require_revision(session, project, revision)
    changed = [name for name in wanted if not json_data.is_same(wanted[name], current[name])]
    if changed:
        for name in changed:
            setattr(project, name, wanted[name])
        project.revision += 1
        audit.record(
            session,
            actor,
            Verb.PROJECT_EDITED,
            project,
            project_id=project.id,
            before={name: current[name] for name in changed},
            after={name: wanted[name] for name in changed},
        )
    return project


def _require_revision(session: Session, project: Project, revision: int) -> None:
    if revision > project.revision:
        raise Invalid("This revision does not exist yet.", fields={"revision": ["Reload."]})
    if revision == project.revision:
        return
    last = session.execute(
        sa.select(AuditEvent.at, AuditEvent.actor)
        .where(
            AuditEvent.object_kind == Project.__tablename__,
            AuditEvent.object_id == project.id,
            AuditEvent.verb == Verb.PROJECT_EDITED,
        )
        .order_by(AuditEvent.id.desc())
        .limit(1)
    ).one()
    raise StaleRevision(
        "Somebody else changed the project meanwhile. Compare both versions and choose.",
        details={
            "revision": project.revision,
            "data": {name: getattr(project, name) for name in _EDITABLE},
            "saved_at": last.at,
            "saved_by": last.actor,
        },
    )
