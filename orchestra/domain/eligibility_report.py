"""Which workers may hold a task, and why the others may not (specification P-29 to P-34, P-64)."""

from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra.domain import versions
from orchestra.domain.eligibility import (
    covering,
    defines_certifications,
    role_for,
    why_not_certified,
)
from orchestra.errors import Invalid, NotFound, WrongStepKind
from orchestra.models import (
    Assignment,
    AssignmentStatus,
    Certification,
    Project,
    Task,
    TaskStatus,
    Worker,
    WorkerCertification,
)

_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Candidate:
    """An active worker, and the first rule that keeps them from the task."""

    worker: Worker
    reason: str | None  # None: eligible

    @property
    def is_eligible(self) -> bool:
        return self.reason is None


@dataclass(frozen=True)
class Report:
    """All active workers, the eligible ones first, by name."""

    level: int
    candidates: list[Candidate]


def eligibility_report(session: Session, task_id: int, level: int | None = None) -> Report:
    """Look at every active worker, in a fixed number of queries.

    :param level: without it, the one to be filled next, or that of the work in progress.
    :raises NotFound: there is no such task.
    :raises WrongStepKind: nobody holds a machine step.
    :raises Invalid: no worker can have this level yet.
    """
    task = _task(session, task_id)
    live = _live_assignments(session, task_id)
    if level is None:
        level = _level_in_question(task, live)
    elif level > len(live):
        fields = {"level": [f"Give a level from 0 to {len(live)}."]}
        raise Invalid("Nobody can be on the task at this level yet.", fields=fields)
    holders = {held.worker_id for held in live}
    return Report(level, _candidates(session, task, level, holders))


def _task(session: Session, task_id: int) -> Task:
    version = joinedload(Task.project, innerjoin=True).joinedload(Project.version, innerjoin=True)
    task = session.scalars(sa.select(Task).where(Task.id == task_id).options(version)).one_or_none()
    if task is None:
        raise NotFound(f"There is no task {task_id}.")
    if not task.is_human:
        raise WrongStepKind(f"Task {task_id} is a machine step; people cannot hold it.")
    return task


def _live_assignments(session: Session, task_id: int) -> list[Assignment]:
    in_force = sa.select(Assignment).where(
        Assignment.task_id == task_id, Assignment.discarded_at.is_(None)
    )
    return list(session.scalars(in_force.order_by(Assignment.level)))


def _level_in_question(task: Task, live: list[Assignment]) -> int:
    if task.status is TaskStatus.PENDING_REVIEW:
        return len(live)
    working = [held.level for held in live if held.status is AssignmentStatus.PROCESSING]
    return working[0] if working else max(len(live) - 1, 0)


def _candidates(
    session: Session, task: Task, level: int, holders: Set[int | None]
) -> list[Candidate]:
    project, step = task.project, versions.step_of(task.project, task)
    certifies = defines_certifications(session, project.version.workflow_id)
    held = _held_by_all(session, project, level)
    candidates = []
    for worker in session.scalars(sa.select(Worker).where(Worker.is_active)):
        if worker.id in holders:
            reason: str | None = f"{worker.username} is on task {task.id} already."
        else:
            slugs = held.get(worker.id, _NOTHING)
            reason = why_not_certified(
                worker, project, step, level, held=slugs, certifies=certifies
            )
        candidates.append(Candidate(worker, reason))
    return sorted(candidates, key=lambda one: (not one.is_eligible, one.worker.name.casefold()))


def _held_by_all(session: Session, project: Project, level: int) -> Mapping[int, Set[str]]:
    rows = session.execute(
        sa.select(WorkerCertification.worker_id, Certification.slug)
        .join(Certification, Certification.id == WorkerCertification.certification_id)
        .where(
            WorkerCertification.role == role_for(level),
            WorkerCertification.task_class.in_(covering(project.task_class)),
            Certification.workflow_id == project.version.workflow_id,
        )
    )
    held: dict[int, set[str]] = defaultdict(set)
    for worker_id, slug in rows:
        held[worker_id].add(slug)
    return held
