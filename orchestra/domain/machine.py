"""Machine steps: claim one, keep its lease, record what came of it."""

import logging
from dataclasses import dataclass
from enum import Enum, auto
from random import SystemRandom
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.database import seconds_from_now, settings_of, utcnow
from orchestra.domain import audit, dispatching, projects
from orchestra.domain.audit import SYSTEM
from orchestra.domain.execution import Lease, Outcome
from orchestra.domain.graph import Step
from orchestra.domain.locking import LockedTask, lock_project, lock_task
from orchestra.domain.prerequisites import prerequisites
from orchestra.domain.versions import graph_of
from orchestra.errors import NotFound
from orchestra.models import (
    FINISHED,
    Assignment,
    AssignmentStatus,
    Attempt,
    AttemptOutcome,
    Iteration,
    IterationStatus,
    ProjectStatus,
    Task,
    TaskStatus,
    Verb,
)

logger = logging.getLogger(__name__)
Data = dict[str, Any]
LONGEST_BACKOFF_SECONDS = 3600
LOST = "worker process lost"
_random = SystemRandom()


@dataclass(frozen=True)
class Runner:
    """The process that runs a step."""

    host: str
    process: int
    celery_id: str | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.process}"


# --- Claim ------------------------------------------------------------------------------------


def claim(session: Session, project_id: int, step: str, runner: Runner) -> Lease | None:
    """Take the step if it can run now; otherwise do nothing and return None (L-111).

    Delivered twice, delayed or out of order, the second one finds nothing to claim.
    """
    try:
        project = lock_project(session, project_id)
    except NotFound:
        return None
    graph = graph_of(project.version)
    known = graph.by_slug.get(step)
    row = None
    if (
        known is not None
        and project.status is ProjectStatus.ACTIVE
        and _dependencies_are_finished(session, project_id, known)
    ):
        row = _take(session, project_id, step, runner)
    if known is None or row is None:
        _not_now(session, project_id, step)
        return None
    _open_attempt(session, row, runner)
    outbox.done(session, dispatching.key_of(project_id, step))
    return Lease(
        task_id=row.id,
        project_id=project_id,
        step=known,
        attempt=row.attempts,
        fencing_number=row.fencing_number,
        project_data=project.project_data | {"project_id": project_id},
        prerequisites=prerequisites(session, project_id, graph, step),
        seconds=settings_of(session).lease_seconds,
    )


def _dependencies_are_finished(session: Session, project_id: int, step: Step) -> bool:
    if not step.creation_depends_on:
        return True
    finished = session.scalar(
        sa.select(sa.func.count()).where(
            Task.project_id == project_id,
            Task.step.in_(step.creation_depends_on),
            Task.status.in_(FINISHED),
        )
    )
    return finished == len(step.creation_depends_on)


def _take(session: Session, project_id: int, step: str, runner: Runner) -> Any:
    seconds = settings_of(session).lease_seconds
    return session.execute(
        sa.update(Task)
        .where(
            Task.project_id == project_id,
            Task.step == step,
            Task.is_human.is_(False),
            Task.status == TaskStatus.AWAITING_PROCESSING,
            sa.or_(Task.next_attempt_at.is_(None), Task.next_attempt_at <= seconds_from_now(0)),
        )
        .values(
            status=TaskStatus.PROCESSING,
            attempts=Task.attempts + 1,
            fencing_number=Task.fencing_number + 1,
            lease_until=seconds_from_now(seconds),
            lease_holder=str(runner),
            next_attempt_at=None,
        )
        .returning(Task.id, Task.project_id, Task.attempts, Task.fencing_number),
        execution_options={"synchronize_session": False},
    ).one_or_none()


def _not_now(session: Session, project_id: int, step: str) -> None:
    """Drop the wish to run a step that cannot run, unless its time is only to come.

    What makes it runnable later asks again: resume, retry, revert, the step before it.
    """
    task = session.execute(
        sa.select(Task.status, Task.next_attempt_at)
        .where(Task.project_id == project_id, Task.step == step)
        .with_for_update()
    ).one_or_none()
    if (
        task is None
        or task.status is not TaskStatus.AWAITING_PROCESSING
        or not task.next_attempt_at
    ):
        outbox.done(session, dispatching.key_of(project_id, step))


def _open_attempt(session: Session, row: Any, runner: Runner) -> None:
    session.add(
        Attempt(
            task_id=row.id,
            number=row.attempts,
            fencing_number=row.fencing_number,
            host=runner.host,
            process=runner.process,
            celery_id=runner.celery_id,
            outcome=AttemptOutcome.RUNNING,
        )
    )
    if row.fencing_number == 1 or not _use_assignment(session, row.id):
        _open_assignment(session, row.id, first=row.fencing_number == 1)
    audit.record(
        session,
        SYSTEM,
        Verb.MACHINE_CLAIMED,
        _TaskRow(row.id),
        project_id=row.project_id,
        after={
            "attempt": row.attempts,
            "fencing_number": row.fencing_number,
            "runner": str(runner),
        },
    )
    session.flush()


@dataclass(frozen=True)
class _TaskRow:
    """A task of which only the id is known, for the audit."""

    id: int
    __tablename__ = Task.__tablename__


def _use_assignment(session: Session, task_id: int) -> bool:
    """Let the assignment of an earlier attempt go on, if it is in force."""
    found = session.execute(
        sa.update(Assignment)
        .where(Assignment.task_id == task_id, Assignment.discarded_at.is_(None))
        .values(status=AssignmentStatus.PROCESSING)
        .returning(Assignment.id),
        execution_options={"synchronize_session": False},
    )
    return found.one_or_none() is not None


def _open_assignment(session: Session, task_id: int, *, first: bool) -> None:
    last = 0
    if not first:
        newest = sa.select(sa.func.max(Iteration.number)).where(Iteration.task_id == task_id)
        last = session.scalar(newest) or 0
    assignment = Assignment(
        task_id=task_id, level=0, worker_id=None, status=AssignmentStatus.PROCESSING, data={}
    )
    assignment.iterations.append(
        Iteration(task_id=task_id, number=last + 1, worker_id=None, submitted_data={})
    )
    session.add(assignment)


# --- Record -----------------------------------------------------------------------------------


def record(
    session: Session, lease: Lease, outcome: Outcome, *, carried: frozenset[str] = frozenset()
) -> bool:
    """Store what came of an attempt; False when the lease is another's by now.

    :param carried: steps whose jobs follow in the same chain.
    """
    locked = lock_task(session, lease.task_id)
    task = locked.task
    holds = task.fencing_number == lease.fencing_number and task.status is TaskStatus.PROCESSING
    if not holds:
        _keep_refused(session, lease, outcome)
        return False
    if outcome.result is None:
        _fail(session, locked, outcome, AttemptOutcome.FAILED)
        return True
    _end_attempt(session, lease.task_id, lease.fencing_number, AttemptOutcome.COMPLETE, outcome)
    close_assignment(locked, outcome.result)
    task.lease_until = task.lease_holder = task.last_error = None
    projects.finish_task(session, locked, outcome.result, carried=carried)
    return True


def close_assignment(locked: LockedTask, result: Data) -> None:
    assignment = locked.assignments[0]
    assignment.data, assignment.status = result, AssignmentStatus.SUBMITTED
    assignment.revision += 1
    iteration = locked.open_iteration
    if iteration is not None:
        iteration.status, iteration.submitted_data = IterationStatus.REQUESTED_REVIEW, result
        iteration.ended_at = utcnow()


def _end_attempt(
    session: Session, task_id: int, fencing_number: int, kind: AttemptOutcome, outcome: Outcome
) -> None:
    kept = outcome.result if kind is AttemptOutcome.REFUSED else None
    session.execute(
        sa.update(Attempt)
        .where(Attempt.task_id == task_id, Attempt.fencing_number == fencing_number)
        .values(
            outcome=kind,
            error=outcome.error,
            traceback=outcome.traceback,
            result=kept,
            ended_at=seconds_from_now(0),
        ),
        execution_options={"synchronize_session": False},
    )


def _keep_refused(session: Session, lease: Lease, outcome: Outcome) -> None:
    """A late result changes nothing; it is kept with its attempt for inspection (L-117, L-119)."""
    logger.warning(
        "late result refused",
        extra={"task": lease.task_id, "fencing_number": lease.fencing_number},
    )
    _end_attempt(session, lease.task_id, lease.fencing_number, AttemptOutcome.REFUSED, outcome)


def _fail(session: Session, locked: LockedTask, outcome: Outcome, kind: AttemptOutcome) -> None:
    """Due again while attempts are left; otherwise Failed, for a person (specification L-120)."""
    task, step = locked.task, locked.step
    _end_attempt(session, task.id, task.fencing_number, kind, outcome)
    locked.assignments[0].status = AssignmentStatus.FAILED
    task.lease_until = task.lease_holder = None
    task.last_error = outcome.error
    ends = outcome.final or task.attempts >= step.max_attempts
    audit.record(
        session,
        SYSTEM,
        Verb.MACHINE_FAILED,
        task,
        project_id=locked.project.id,
        after={"attempt": task.attempts, "error": outcome.error, "ends": ends},
    )
    if ends:
        task.move_to(TaskStatus.FAILED)
        return
    task.move_to(TaskStatus.AWAITING_PROCESSING)
    lost = kind is AttemptOutcome.LOST
    _come_back(session, locked, 0 if lost else _backoff_seconds(task, step, outcome))


def _backoff_seconds(task: Task, step: Step, outcome: Outcome) -> float:
    if outcome.retry_after_seconds is not None:
        return min(outcome.retry_after_seconds, LONGEST_BACKOFF_SECONDS)
    doubled = step.backoff_seconds * 2 ** (task.attempts - 1)
    spread = _random.uniform(0.8, 1.2)  # so that many failures do not come back at once
    return float(min(doubled, LONGEST_BACKOFF_SECONDS) * spread)


def _come_back(session: Session, locked: LockedTask, delay_seconds: float) -> None:
    session.flush()
    session.execute(
        sa.update(Task)
        .where(Task.id == locked.task.id)
        .values(next_attempt_at=seconds_from_now(delay_seconds)),
        execution_options={"synchronize_session": False},
    )
    if locked.project.status is ProjectStatus.ACTIVE:
        step = locked.task.step
        dispatching.dispatch(session, locked.project, [step], delay_seconds=delay_seconds)


def release(session: Session, lease: Lease) -> None:
    """Give the step back because this process must stop; the attempt is not counted (L-124)."""
    locked = lock_task(session, lease.task_id)
    task = locked.task
    if task.fencing_number != lease.fencing_number or task.status is not TaskStatus.PROCESSING:
        return
    stopped = Outcome(error="the worker process was asked to stop")
    _end_attempt(session, task.id, task.fencing_number, AttemptOutcome.RELEASED, stopped)
    audit.record(
        session,
        SYSTEM,
        Verb.MACHINE_FAILED,
        task,
        project_id=locked.project.id,
        after={"attempt": task.attempts, "error": stopped.error, "ends": False},
        note="not counted",
    )
    task.attempts -= 1
    task.lease_until = task.lease_holder = None
    task.move_to(TaskStatus.AWAITING_PROCESSING)
    _come_back(session, locked, 0)


# --- Lease ------------------------------------------------------------------------------------


class Extension(Enum):
    """What a heartbeat finds."""

    HELD = auto()
    CLOSED = auto()  # the project ended: the function may finish, its result is kept
    LOST = auto()  # somebody else runs the step: stop


def extend(session: Session, lease: Lease) -> Extension:
    """Extend the lease by the database's clock, if it is still ours (specification L-112)."""
    extended = session.execute(
        sa.update(Task)
        .where(
            Task.id == lease.task_id,
            Task.fencing_number == lease.fencing_number,
            Task.status == TaskStatus.PROCESSING,
        )
        .values(lease_until=seconds_from_now(lease.seconds))
        .returning(Task.id),
        execution_options={"synchronize_session": False},
    ).one_or_none()
    if extended is not None:
        return Extension.HELD
    task = session.execute(
        sa.select(Task.status, Task.fencing_number).where(Task.id == lease.task_id)
    ).one()
    closed = task.status is TaskStatus.ABORTED and task.fencing_number == lease.fencing_number
    return Extension.CLOSED if closed else Extension.LOST


def expired_leases(session: Session, limit: int) -> list[int]:
    """Ids of machine tasks whose process has not been heard of for the length of its lease."""
    return list(
        session.scalars(
            sa.select(Task.id)
            .where(Task.lease_until < seconds_from_now(0))
            .order_by(Task.lease_until)
            .limit(limit)
        )
    )


def reclaim(session: Session, task_id: int) -> None:
    """Take a step back from a process that is lost; the attempt counts (specification L-121)."""
    locked = lock_task(session, task_id)
    task = locked.task
    expired = session.scalar(
        sa.select(Task.lease_until < seconds_from_now(0)).where(Task.id == task_id)
    )
    if task.status is TaskStatus.PROCESSING and expired:
        _fail(session, locked, Outcome(error=LOST), AttemptOutcome.LOST)
