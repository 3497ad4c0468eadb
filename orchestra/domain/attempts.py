"""The rows of an attempt at a machine step: written many times a second, so in few trips."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.database import seconds_from_now, settings_of, table_of
from orchestra.domain import attempt_rows, dispatching
from orchestra.domain.execution import Lease, Outcome, Runner
from orchestra.domain.graph import Step
from orchestra.models import Attempt, AttemptOutcome, TaskStatus
from orchestra.outbox import Dispatch

Data = dict[str, Any]
_ATTEMPTS = table_of(Attempt)


@dataclass(frozen=True)
class Claimable:
    """A machine task that can be claimed, as it was read under its project's lock."""

    task_id: int
    step: Step
    attempts: int = 0
    fencing_number: int = 0


# --- Open -------------------------------------------------------------------------------------


def begin(session: Session, project_id: int, task: Claimable, runner: Runner) -> None:
    """Take the task for a process: lease, attempt, assignment, event; its job has come."""
    values = _values(session, task.attempts + 1, task.fencing_number + 1, runner) | {
        "the_task": task.task_id,
        "the_project": project_id,
        "wished_as": dispatching.key_of(project_id, task.step.slug),
    }
    if task.fencing_number == 0:
        attempt_rows.begin_first.run(session, values)
    elif attempt_rows.begin_again.run(session, values)["assignment"] is None:
        attempt_rows.assign_after_revert.run(session, {"the_task": task.task_id})


def _values(session: Session, nth: int, fence: int, runner: Runner) -> Data:
    return {
        "nth": nth,
        "fence": fence,
        "for_seconds": settings_of(session).lease_seconds,
        "holder": str(runner),
        "on_host": runner.host,
        "in_process": runner.process,
        "as_job": runner.celery_id,
        "described": {"attempt": nth, "fencing_number": fence, "runner": str(runner)},
    }


# --- Close ------------------------------------------------------------------------------------


def complete(session: Session, lease: Lease, result: Data) -> None:
    """Store the result: the task is Complete, its assignment handed over (L-116)."""
    attempt_rows.complete.run(session, _result_values(lease, result))


def complete_and_ask(session: Session, lease: Lease, result: Data, run: Dispatch) -> None:
    """Store the result, create the task of the next step and ask for its job.

    The same rows as one after another, in one trip to the database.
    """
    values = _result_values(lease, result) | _created(run.kwargs["step"])
    attempt_rows.complete_and_ask.run(session, values | outbox.message_values(session, run))


def complete_and_begin(
    session: Session, lease: Lease, result: Data, next_step: str, runner: Runner
) -> int:
    """Store the result, create the task of the next step and take it; the new task's id.

    The same rows as one after another, in one trip to the database.
    """
    values = _result_values(lease, result) | _created(next_step) | _values(session, 1, 1, runner)
    task_id: int = attempt_rows.complete_and_begin.run(session, values)["task"]
    return task_id


def complete_and_take(
    session: Session, lease: Lease, result: Data, task: Claimable, runner: Runner
) -> None:
    """Store the result, and take another task, which nobody has begun yet.

    The same rows as one after another, in one trip to the database.
    """
    values = _result_values(lease, result) | _values(session, 1, 1, runner)
    taken = dispatching.key_of(lease.project_id, task.step.slug)
    attempt_rows.complete_and_take.run(
        session, values | {"taken_task": task.task_id, "wished_as": taken}
    )


def _created(step: str) -> Data:
    described = {"step": step, "status": TaskStatus.AWAITING_PROCESSING.value}
    return {"next_step": step, "as_created": described}


def _result_values(lease: Lease, result: Data) -> Data:
    return {
        "the_task": lease.task_id,
        "the_project": lease.project_id,
        "its_fence": lease.fencing_number,
        "given": result,
    }


def end(
    session: Session, task_id: int, fencing_number: int, kind: AttemptOutcome, outcome: Outcome
) -> None:
    """Close an attempt that did not complete its task.

    One that did stays as it is: its result was recorded, and only the answer got lost.
    """
    kept = outcome.result if kind is AttemptOutcome.REFUSED else None
    session.execute(
        sa.update(_ATTEMPTS)
        .where(
            _ATTEMPTS.c.task_id == task_id,
            _ATTEMPTS.c.fencing_number == fencing_number,
            _ATTEMPTS.c.outcome != AttemptOutcome.COMPLETE,
        )
        .values(
            outcome=kind,
            error=outcome.error,
            traceback=outcome.traceback,
            result=kept,
            ended_at=seconds_from_now(0),
        )
    )
