"""The checks that a workflow switches on by name, for many projects at once.

Each gives the ids of the projects in which it finds something. The number of statements does not
depend on how many projects, tasks or workers there are.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import seconds_from_now
from orchestra.domain.eligibility import covering, role_for
from orchestra.domain.graph import Step
from orchestra.domain.versions import graph_of
from orchestra.models import (
    POOL,
    Assignment,
    AuditEvent,
    Certification,
    Iteration,
    Project,
    Role,
    Task,
    TaskClass,
    TaskStatus,
    Verb,
    Worker,
    WorkerCertification,
)

Limits = Mapping[str, Any]
Finder = Callable[[Session, "SwitchedOn", datetime], set[int]]
# What the system does by itself, while nobody does anything.
_NO_PROGRESS = (
    Verb.SANITY_HANDLED,
    Verb.SANITY_MUTED,
    Verb.SANITY_SNOOZED,
    Verb.SANITY_RESOLVED,
    Verb.OFFER_SENT,
    Verb.POLICY_FAILED,
    Verb.CREATION_FAILED,
)


@dataclass(frozen=True)
class SwitchedOn:
    """Projects whose versions switch one check on, and how."""

    projects: Sequence[Project]
    limits: Mapping[int, Limits]  # by the id of the project

    @property
    def ids(self) -> list[int]:
        return [project.id for project in self.projects]

    def looks_at(self, project_id: int, step: str) -> bool:
        named = self.limits[project_id].get("steps")
        return named is None or step in named

    def is_over(self, project_id: int, since: datetime, now: datetime) -> bool:
        # In seconds: a workflow may name more of them than a date can take.
        return bool((now - since).total_seconds() >= self.limits[project_id]["seconds"])


def find(session: Session, projects: Sequence[Project]) -> dict[int, set[str]]:
    """Slugs of the built-in checks that find something, by the id of the project."""
    found: dict[int, set[str]] = defaultdict(set)
    now = session.scalars(sa.select(seconds_from_now(0))).one()
    for slug, finder in _FINDERS.items():
        switched_on = _switched_on(slug, projects)
        if switched_on.projects:
            for project_id in finder(session, switched_on, now):
                found[project_id].add(slug)
    return found


def _switched_on(slug: str, projects: Iterable[Project]) -> SwitchedOn:
    limits = {}
    for project in projects:
        checks = graph_of(project.version).checks
        if checks and slug in checks.built_in:
            limits[project.id] = checks.built_in[slug]
    return SwitchedOn([project for project in projects if project.id in limits], limits)


# --- Time that passes -------------------------------------------------------------------------


def _stale_tasks(session: Session, wanted: SwitchedOn, now: datetime) -> set[int]:
    """Somebody holds a task, and has neither got nor saved it for so long."""
    rows = session.execute(
        sa.select(Task.project_id, Task.step, Iteration.started_at, Assignment.saved_at)
        .join(Iteration, Iteration.task_id == Task.id)
        .join(Assignment, Assignment.id == Iteration.assignment_id)
        .where(
            Task.project_id.in_(wanted.ids),
            Task.is_human,
            Iteration.ended_at.is_(None),
            Iteration.discarded_at.is_(None),
        )
    )
    return {
        row.project_id
        for row in rows
        if wanted.looks_at(row.project_id, row.step)
        and wanted.is_over(row.project_id, max(row.started_at, row.saved_at or row.started_at), now)
    }


def _unanswered_reviews(session: Session, wanted: SwitchedOn, now: datetime) -> set[int]:
    """Work was handed over, and nobody has taken its review for so long."""
    rows = session.execute(
        sa.select(Task.project_id, Task.step, sa.func.max(Iteration.ended_at).label("since"))
        .join(Iteration, Iteration.task_id == Task.id)
        .where(
            Task.project_id.in_(wanted.ids),
            Task.status == TaskStatus.PENDING_REVIEW,
            Iteration.discarded_at.is_(None),
        )
        .group_by(Task.id, Task.project_id, Task.step)
    )
    return {
        row.project_id
        for row in rows
        if row.since
        and wanted.looks_at(row.project_id, row.step)
        and wanted.is_over(row.project_id, row.since, now)
    }


def idle_projects(session: Session, wanted: SwitchedOn, now: datetime) -> set[int]:
    """Neither people nor machine steps did anything for so long."""
    rows = session.execute(
        sa.select(AuditEvent.project_id, sa.func.max(AuditEvent.at).label("last"))
        .where(AuditEvent.project_id.in_(wanted.ids), AuditEvent.verb.not_in(_NO_PROGRESS))
        .group_by(AuditEvent.project_id)
    )
    last = {row.project_id: row.last for row in rows}
    return {
        project.id
        for project in wanted.projects
        if wanted.is_over(project.id, last.get(project.id, project.started_at), now)
    }


# --- People -----------------------------------------------------------------------------------


def _without_eligible(session: Session, wanted: SwitchedOn, _now: datetime) -> set[int]:
    """A task waits that no active worker may hold (P-30 to P-33)."""
    projects = {project.id: project for project in wanted.projects}
    tasks = session.execute(
        sa.select(Task.id, Task.project_id, Task.step, Task.status).where(
            Task.project_id.in_(wanted.ids), Task.is_human, Task.status.in_(POOL)
        )
    ).all()
    tasks = [task for task in tasks if wanted.looks_at(task.project_id, task.step)]
    if not tasks:
        return set()
    holders = _holders(session, [task.id for task in tasks])
    certified = _Certified(session, {project.version.workflow_id for project in wanted.projects})
    found = set()
    for task in tasks:
        project = projects[task.project_id]
        step = graph_of(project.version).by_slug[task.step]
        role = role_for(0 if task.status is TaskStatus.AWAITING_PROCESSING else 1)
        if not certified.workers(project, step, role) - holders[task.id]:
            found.add(project.id)
    return found


def _holders(session: Session, task_ids: Collection[int]) -> dict[int, set[int | None]]:
    rows = session.execute(
        sa.select(Assignment.task_id, Assignment.worker_id).where(
            Assignment.task_id.in_(task_ids), Assignment.discarded_at.is_(None)
        )
    )
    holders: dict[int, set[int | None]] = defaultdict(set)
    for task_id, worker_id in rows:
        holders[task_id].add(worker_id)
    return holders


class _Certified:
    """Which active workers hold what, in some workflows."""

    def __init__(self, session: Session, workflow_ids: Collection[int]) -> None:
        self._everybody = frozenset(session.scalars(sa.select(Worker.id).where(Worker.is_active)))
        of_workflows = Certification.workflow_id.in_(workflow_ids)
        query = sa.select(Certification.workflow_id).where(of_workflows).distinct()
        self._certifying = set(session.scalars(query))
        self._held = session.execute(
            sa.select(
                Certification.workflow_id,
                Certification.slug,
                WorkerCertification.worker_id,
                WorkerCertification.role,
                WorkerCertification.task_class,
            )
            .join(Certification, Certification.id == WorkerCertification.certification_id)
            .where(of_workflows)
        ).all()
        self._known: dict[tuple[Any, ...], frozenset[int]] = {}

    def workers(self, project: Project, step: Step, role: Role) -> frozenset[int]:
        workflow_id = project.version.workflow_id
        key = (workflow_id, step.required_certifications, role, project.task_class)
        if key not in self._known:
            self._known[key] = self._everybody & self._certified(*key)
        return self._known[key]

    def _certified(
        self, workflow_id: int, needed: Sequence[str], role: Role, task_class: TaskClass
    ) -> frozenset[int]:
        held: dict[str, set[int]] = defaultdict(set)
        for row in self._held:
            is_meant = (row.workflow_id, row.role) == (workflow_id, role)
            if is_meant and row.task_class in covering(task_class):
                held[row.slug].add(row.worker_id)
        if needed:
            return frozenset.intersection(*(frozenset(held[slug]) for slug in needed))
        if role is Role.REVIEWER and workflow_id in self._certifying:
            return frozenset().union(*held.values())
        return self._everybody


_FINDERS: dict[str, Finder] = {
    "stale_task": _stale_tasks,
    "review_unanswered": _unanswered_reviews,
    "project_idle": idle_projects,
    "nobody_eligible": _without_eligible,
}
