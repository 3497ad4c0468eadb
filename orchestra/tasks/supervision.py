"""Watch over the function of a step: keep its lease, keep its time limit, be able to stop it."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType
from typing import Any

from celery import current_app as celery_app
from celery.signals import worker_shutting_down
from celery.worker.state import active_requests
from flask import Flask, current_app

from orchestra.database import transaction
from orchestra.domain import machine
from orchestra.domain.execution import Lease, Outcome
from orchestra.domain.machine import Extension
from orchestra.errors import OrchestraError

logger = logging.getLogger(__name__)

LONG_SECONDS = 0.5  # less than the shortest time limit and every third of a lease
STUBBORN_SECONDS = 5  # how long a function may ignore that it is to stop


class Interrupted(BaseException):
    """The function must stop; not an Exception, so that an author's ``except`` lets it through."""


class TimeLimitExceeded(Interrupted):
    """The attempt ran longer than the step allows."""


class LeaseTaken(Interrupted):
    """Another process runs the step by now."""


class Stopping(Interrupted):
    """This process was asked to stop."""


class Watch(threading.Thread):
    """Extends the lease every third of its length, and interrupts the function in time."""

    def __init__(self, app: Flask, lease: Lease, when_long: Callable[[], None]) -> None:
        super().__init__(name=f"watch-{lease.task_id}", daemon=True)
        self.app, self.lease, self.when_long = app, lease, when_long
        self.ends_at = monotonic() + lease.step.time_limit_seconds
        self.finished = threading.Event()
        self.reason: Interrupted | None = None

    def run(self) -> None:
        if self.finished.wait(LONG_SECONDS):
            return
        self.when_long()
        interval = self.lease.seconds / 3
        while not self.finished.wait(max(0, min(interval, self.ends_at - monotonic()))):
            if monotonic() >= self.ends_at:
                self._interrupt(TimeLimitExceeded(self.limit_message))
            elif not self._extend():
                self._interrupt(LeaseTaken())
            else:
                continue
            return

    @property
    def limit_message(self) -> str:
        return f"time limit of {self.lease.step.time_limit_seconds} seconds exceeded"

    def _extend(self) -> bool:
        """Whether the function may go on. A database out of reach is no reason to stop."""
        try:
            with self.app.app_context(), transaction() as session:
                return machine.extend(session, self.lease) is not Extension.LOST
        except OrchestraError as error:
            logger.warning("heartbeat failed", exc_info=error, extra={"task": self.lease.task_id})
            return True

    def _interrupt(self, reason: Interrupted) -> None:
        """Raise ``reason`` in the function; a function that ignores it loses its process."""
        self.reason = reason
        os.kill(os.getpid(), signal.SIGUSR2)
        if self.finished.wait(STUBBORN_SECONDS):
            return
        if isinstance(reason, TimeLimitExceeded):
            with self.app.app_context(), transaction() as session:
                machine.record(session, self.lease, Outcome(error=self.limit_message))
        logger.error("step ignored its interruption", extra={"task": self.lease.task_id})
        os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def watched(lease: Lease, when_long: Callable[[], None]) -> Iterator[None]:
    """Run the block under watch.

    :param when_long: called beside the block if it takes longer than an instant.
    :raises Interrupted: the block was stopped; the class says why.
    """
    app: Any = current_app
    watch = Watch(app._get_current_object(), lease, when_long)
    with _interruptible(watch):
        watch.start()
        try:
            yield
        finally:
            watch.finished.set()
            watch.join()  # its signal must find our handler: without one it ends the process


@contextmanager
def _interruptible(watch: Watch) -> Iterator[None]:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if watch.reason is not None and not watch.finished.is_set():
            raise watch.reason

    def stop(number: int, _frame: FrameType | None) -> None:
        if watch.finished.is_set():
            return  # there is an outcome, and to record it is the quickest way to an end
        watch.finished.set()
        signal.signal(number, signal.SIG_IGN)  # Celery asks twice; the step is yet to be released
        raise Stopping

    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread only: fencing and leases still hold
        return
    former = {
        signal.SIGUSR2: signal.signal(signal.SIGUSR2, interrupt),
        signal.SIGTERM: signal.signal(signal.SIGTERM, stop),
    }
    try:
        yield
    except Stopping:
        del former[signal.SIGTERM]
        raise
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@worker_shutting_down.connect
def _end_in_time(how: str, **_: Any) -> None:
    """After the grace time, tell pool processes to give back their steps (specification L-124).

    Celery's warm shutdown waits for as long as they take, and is killed in the end.
    """
    if how == "Warm":
        grace = celery_app.conf.worker_soft_shutdown_timeout
        timer = threading.Timer(grace, _stop_running_steps)
        timer.daemon = True
        timer.start()


def _stop_running_steps() -> None:
    for request in tuple(active_requests):
        if request.worker_pid:
            os.kill(request.worker_pid, signal.SIGTERM)
