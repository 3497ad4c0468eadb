"""Jobs that run the functions of workflow authors."""

import logging
import traceback
from time import monotonic, sleep
from typing import Any

from flask import current_app

from orchestra import outbox
from orchestra.config import Settings
from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import aborting, execution, machine, onward
from orchestra.domain.execution import Lease, Outcome
from orchestra.domain.onward import Onward
from orchestra.errors import Unavailable
from orchestra.outbox import Job
from orchestra.tasks import celery
from orchestra.tasks.carrying import Carrying
from orchestra.tasks.supervision import LeaseTaken, Stopping, TimeLimitExceeded, watched

logger = logging.getLogger(__name__)
PAUSE_SECONDS = 0.5  # between tries to record a result


@celery.task(name=Job.RUN_STEP.value, bind=True)
def run_step(self: Any, project_id: int, step: str) -> None:
    """Run one machine step, and for a while those that follow from it.

    Safe to deliver twice: only one process gets the lease.
    """
    carrying = Carrying(self.request, project_id, settings().carry_on_seconds)
    with transaction() as session:
        lease = machine.claim(session, project_id, step, carrying.runner)
    try:
        while lease is not None:
            lease = _run(lease, carrying)
    finally:
        carrying.held.publish()
        carrying.tell()


def settings() -> Settings:
    found: Settings = current_app.config["SETTINGS"]
    return found


def _run(lease: Lease, carrying: Carrying) -> Lease | None:
    """Run one step; the lease of the next one, if this job carries on."""
    try:
        outcome = _called(lease, carrying)
    except LeaseTaken:
        logger.warning("another process runs the step", extra={"task": lease.task_id})
        carrying.drop_chain()
        return None
    except Stopping:
        _release(lease)
        raise SystemExit(0) from None
    recorded = _record_in_time(lease, outcome, carrying)
    carrying.end()
    carrying.held.add(recorded.held)
    if recorded.lease is not None:
        carrying.begin(recorded.lease)
    elif outcome.result is None:
        carrying.drop_chain()
    return recorded.lease


def _called(lease: Lease, carrying: Carrying) -> Outcome:
    carrying.held.step_begins()
    try:
        with watched(lease, when_long=carrying.tell):
            return execution.call(lease)
    except TimeLimitExceeded as error:
        return Outcome(error=str(error))


def _record_in_time(lease: Lease, outcome: Outcome, carrying: Carrying) -> Onward:
    """Try again for as long as the lease may last: without its result the step runs once more."""
    ends_at = monotonic() + lease.seconds
    while True:
        try:
            return _record(lease, outcome, carrying)
        except Unavailable as error:
            if monotonic() > ends_at:
                raise
            logger.warning("result not recorded yet: %s", error, extra={"task": lease.task_id})
            sleep(PAUSE_SECONDS)


@retry_deadlocks
def _record(lease: Lease, outcome: Outcome, carrying: Carrying) -> Onward:
    """Tried again by itself: the whole job would find its own lease, and drop the outcome."""
    carried = carrying.carried
    with transaction() as session:
        if outcome.result is not None and carrying.has_time:
            return onward.record_and_go_on(
                session,
                lease,
                outcome.result,
                carrying.runner_for,
                carried=carried,
                waiting=carrying.held.first,
            )
        machine.record(session, lease, outcome, carried=carried)
    return Onward()


@retry_deadlocks
def _release(lease: Lease) -> None:
    with transaction() as session:
        machine.release(session, lease)


@celery.task(name=Job.AFTER_ABORT.value)
def after_abort(project_id: int) -> None:
    """Call the author's function for an aborted project; it may be called twice."""
    key = aborting.key_of(project_id)
    with reading() as session:
        call = aborting.completion_of(session, project_id)
    try:
        call()
    except Exception:  # noqa: BLE001 - an author's function may raise anything
        with transaction() as session:
            outbox.record_failure(session, key, traceback.format_exc())
        return
    with transaction() as session:
        outbox.done(session, key)
