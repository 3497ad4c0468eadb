"""Jobs that run the functions of workflow authors."""

import logging
import os
import socket
import traceback
from typing import Any

from orchestra import outbox
from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import aborting, execution, machine
from orchestra.domain.execution import Lease, Outcome
from orchestra.domain.machine import Runner
from orchestra.outbox import Job
from orchestra.tasks import celery
from orchestra.tasks.supervision import LeaseTaken, Stopping, TimeLimitExceeded, watched

logger = logging.getLogger(__name__)


@celery.task(name=Job.RUN_STEP.value, bind=True)
def run_step(self: Any, project_id: int, step: str) -> None:
    """Run one machine step. Safe to deliver twice: only one process gets the lease."""
    with transaction() as session:
        lease = machine.claim(session, project_id, step, _runner(self.request))
    if lease is None:
        return
    try:
        outcome = _run(lease)
    except LeaseTaken:
        logger.warning("another process runs the step", extra={"task": lease.task_id})
        return
    except Stopping:
        _release(lease)
        raise SystemExit(0) from None
    _record(lease, outcome, _carried(self.request, project_id))


@retry_deadlocks
def _record(lease: Lease, outcome: Outcome, carried: frozenset[str]) -> None:
    """Tried again by itself: the whole job would find its own lease, and drop the outcome."""
    with transaction() as session:
        machine.record(session, lease, outcome, carried=carried)


@retry_deadlocks
def _release(lease: Lease) -> None:
    with transaction() as session:
        machine.release(session, lease)


def _runner(request: Any) -> Runner:
    return Runner(socket.gethostname(), os.getpid(), request.id)


def _run(lease: Lease) -> Outcome:
    try:
        with watched(lease):
            return execution.call(lease)
    except TimeLimitExceeded as error:
        return Outcome(error=str(error))


def _carried(request: Any, project_id: int) -> frozenset[str]:
    """The step whose job follows in the same chain, once this job ends."""
    if not request.chain:
        return frozenset()
    kwargs = request.chain[-1]["kwargs"]
    return frozenset({kwargs["step"]}) if kwargs["project_id"] == project_id else frozenset()


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
