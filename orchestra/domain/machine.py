"""Machine steps: claim one, keep its lease, record what came of it."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from random import SystemRandom
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.database import seconds_from_now, settings_of, utcnow
from orchestra.domain import advancing, attempts, audit, dispatching, notices
from orchestra.domain.attempts import Claimable
from orchestra.domain.audit import SYSTEM
from orchestra.domain.execution import Lease, Outcome, Runner
from orchestra.domain.graph import Step
from orchestra.domain.locking import LockedProject, LockedTask, lock_briefly, lock_task
from orchestra.domain.prerequisites import prerequisites
from orchestra.domain.task_rows import TaskRows, before_claim, task_rows
from orchestra.models import (
    AssignmentStatus,
    AttemptOutcome,
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
_NOBODY: frozenset[str] = frozenset()
_random = SystemRandom()

# --- Claim ------------------------------------------------------------------------------------


def claim(session: Session, project_id: int, step: str, runner: Runner) -> Lease | None:
    """Take the step if it can run now; otherwise do nothing and return None (L-111).

    Delivered twice, delayed or out of order, the second one finds nothing to claim.
    """
    project = lock_briefly(session, project_id)
    if project is None:
        return None
    known = project.graph.by_slug.get(step)
    if known is None or known.is_human or not project.is_active:
        _not_now(session, project_id, step)
        return None
    task = claimable(session, project, known)
    if task is None:
        _not_now(session, project_id, step)
        return None
    return take(session, project, known, task, runner)


def claimable(session: Session, project: LockedProject, step: Step) -> Any:
    """What :func:`before_claim` reads of the step, or None when it cannot run now."""
    task = before_claim(session, project, step)
    can_run = task is not None and (
        task.status is TaskStatus.AWAITING_PROCESSING
        and task.is_due
        and task.finished == len(step.creation_depends_on)
    )
    return task if can_run else None


def take(session: Session, project: LockedProject, step: Step, task: Any, runner: Runner) -> Lease:
    """:param task: what :func:`claimable` read."""
    claimed = Claimable(task.id, step, task.attempts, task.fencing_number)
    attempts.begin(session, project.id, claimed, runner)
    return lease_of(session, project, claimed, task, runner)


def lease_of(
    session: Session, project: LockedProject, claimed: Claimable, read: Any, runner: Runner
) -> Lease:
    """The lease of a task that was claimed just now.

    :param read: what :func:`before_claim` read of the steps before it.
    """
    step = claimed.step
    given = read.results or {}
    if read.unsettled:  # a step before it was opened again, and gives what it holds now
        given = prerequisites(session, project.id, project.graph, step.slug)
    return Lease(
        task_id=claimed.task_id,
        project_id=project.id,
        step=step,
        attempt=claimed.attempts + 1,
        fencing_number=claimed.fencing_number + 1,
        runner=runner,
        project_data=project.data | {"project_id": project.id},
        prerequisites=given,
        seconds=settings_of(session).lease_seconds,
        reopenings=None if read.unsettled else project.reopenings,
    )


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


# --- Record -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Held:
    """A project, locked, and the tasks that matter to one of its steps."""

    project: LockedProject
    rows: TaskRows

    @property
    def statuses(self) -> dict[str, TaskStatus]:
        return {slug: row.status for slug, row in self.rows.items()}


def hold(
    session: Session, lease: Lease, outcome: Outcome, *, also: Iterable[str] = ()
) -> Held | None:
    """Lock the project and see the tasks around the step, if the lease is still ours.

    A late result changes nothing; it is kept with its attempt for inspection (L-117, L-119).

    :param also: further steps whose tasks are to be seen.
    """
    project = lock_briefly(session, lease.project_id)
    if project is not None:
        names = {*advancing.names_around(project.graph, lease.step.slug), *also}
        rows = task_rows(session, project.id, names)
        task = rows.get(lease.step.slug)
        if (
            task
            and task.status is TaskStatus.PROCESSING
            and task.fencing_number == lease.fencing_number
        ):
            return Held(project, rows)
    logger.warning(
        "late result refused",
        extra={"task": lease.task_id, "fencing_number": lease.fencing_number},
    )
    attempts.end(session, lease.task_id, lease.fencing_number, AttemptOutcome.REFUSED, outcome)
    return None


def record(
    session: Session, lease: Lease, outcome: Outcome, *, carried: frozenset[str] = _NOBODY
) -> bool:
    """Store what came of an attempt; False when the lease is another's by now.

    :param carried: steps whose jobs follow in the same chain.
    """
    held = hold(session, lease, outcome)
    if held is None:
        return False
    if outcome.result is None:
        _fail(session, lock_task(session, lease.task_id), outcome, AttemptOutcome.FAILED)
    else:
        _complete(session, held, lease, outcome.result, carried)
    return True


def _complete(
    session: Session, held: Held, lease: Lease, result: Data, carried: frozenset[str]
) -> None:
    project, statuses = held.project, held.statuses
    match advancing.due_after(project, statuses, lease.step):
        case [Step(is_human=False) as following]:
            run = dispatching.run_of(project.graph, project.id, following.slug)
            attempts.complete_and_ask(session, lease, result, run)
            if following.slug not in carried:
                outbox.publish_after_commit(session, [run])
        case _:
            attempts.complete(session, lease, result)
            advancing.go_on(session, project, statuses, lease.step, carried=carried)


def close_assignment(locked: LockedTask, result: Data) -> None:
    assignment = locked.assignments[0]
    assignment.data, assignment.status = result, AssignmentStatus.SUBMITTED
    assignment.revision += 1
    iteration = locked.open_iteration
    if iteration is not None:
        iteration.status, iteration.submitted_data = IterationStatus.REQUESTED_REVIEW, result
        iteration.ended_at = utcnow()


def _fail(session: Session, locked: LockedTask, outcome: Outcome, kind: AttemptOutcome) -> None:
    """Due again while attempts are left; otherwise Failed, for a person (specification L-120)."""
    task, step = locked.task, locked.step
    attempts.end(session, task.id, task.fencing_number, kind, outcome)
    locked.assignments[0].status = AssignmentStatus.FAILED
    task.lease_until = task.lease_holder = None
    task.last_error = outcome.error
    ends = outcome.final or task.attempts >= step.max_attempts
    _audit_failure(session, locked, outcome.error, ends=ends)
    if ends:
        task.move_to(TaskStatus.FAILED)
        notices.machine_failed(session, locked)
        return
    task.move_to(TaskStatus.AWAITING_PROCESSING)
    lost = kind is AttemptOutcome.LOST
    _come_back(session, locked, 0 if lost else _backoff_seconds(task, step, outcome))


def _audit_failure(
    session: Session, locked: LockedTask, error: str | None, *, ends: bool, note: str | None = None
) -> None:
    audit.record(
        session,
        SYSTEM,
        Verb.MACHINE_FAILED,
        locked.task,
        project_id=locked.project.id,
        after={"attempt": locked.task.attempts, "error": error, "ends": ends},
        note=note,
    )


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
        project = LockedProject.of(locked.project)
        dispatching.dispatch(session, project, [locked.step], delay_seconds=delay_seconds)


def release(session: Session, lease: Lease) -> None:
    """Give the step back because this process must stop; the attempt is not counted (L-124)."""
    locked = lock_task(session, lease.task_id)
    task = locked.task
    if task.fencing_number != lease.fencing_number or task.status is not TaskStatus.PROCESSING:
        return
    stopped = Outcome(error="the worker process was asked to stop")
    attempts.end(session, task.id, task.fencing_number, AttemptOutcome.RELEASED, stopped)
    _audit_failure(session, locked, stopped.error, ends=False, note="not counted")
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
