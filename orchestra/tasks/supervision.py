"""Watch over the function of a step: keep its lease, keep its time limit, be able to stop it."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from time import monotonic, sleep
from types import FrameType
from typing import Any

from celery import current_app as celery_app
from celery.signals import worker_shutting_down
from celery.worker.state import active_requests
from flask import Flask, current_app

from orchestra.database import transaction
from orchestra.domain import machine
from orchestra.domain.execution import Interrupted, Lease, Outcome
from orchestra.domain.machine import Extension
from orchestra.errors import OrchestraError

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.25  # less than the shortest time limit and every third of a lease
STUBBORN_SECONDS = 5  # how long a function may ignore that it is to stop


class TimeLimitExceeded(Interrupted):
    """The attempt ran longer than the step allows."""


class LeaseTaken(Interrupted):
    """Another process runs the step by now."""


class Stopping(Interrupted):
    """This process was asked to stop."""


class Watch:
    """Extends the lease every third of its length, and interrupts the function in time."""

    def __init__(self, app: Flask, lease: Lease, when_long: Callable[[], None]) -> None:
        self.app, self.lease, self.when_long = app, lease, when_long
        self.began_at = monotonic()
        self.finished = threading.Event()
        self.reason: Interrupted | None = None
        self._interrupting = threading.Lock()

    def keep(self) -> None:
        """Watch until the function has finished; the work of the watching thread."""
        self.when_long()
        interval = self.lease.seconds / 3
        ends_at = self.began_at + self.lease.step.time_limit_seconds
        while not self.finished.wait(max(0, min(interval, ends_at - monotonic()))):
            if monotonic() >= ends_at:
                self._interrupt(TimeLimitExceeded(self.limit_message))
            elif not self._extend():
                self._interrupt(LeaseTaken())
            else:
                continue
            return

    def finish(self) -> None:
        self.finished.set()
        with self._interrupting:
            pass  # a signal on its way must find our handler: without one it ends the process

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
        with self._interrupting:
            if self.finished.is_set():
                return
            self.reason = reason
            os.kill(os.getpid(), signal.SIGUSR2)
        if self.finished.wait(STUBBORN_SECONDS):
            return
        if isinstance(reason, TimeLimitExceeded):
            with self.app.app_context(), transaction() as session:
                machine.record(session, self.lease, Outcome(error=self.limit_message))
        logger.error("step ignored its interruption", extra={"task": self.lease.task_id})
        os.kill(os.getpid(), signal.SIGKILL)


class Watcher(threading.Thread):
    """The watching thread of a process: most steps are over before it looks.

    A thread of its own for each step would cost a fifth of a short one.
    """

    def __init__(self) -> None:
        super().__init__(name="watcher", daemon=True)
        self._has_work = threading.Event()
        self._current: Watch | None = None

    def begin(self, watch: Watch) -> None:
        self._current = watch
        if not self._has_work.is_set():
            self._has_work.set()

    def run(self) -> None:
        while self._has_work.wait():
            sleep(LOOK_SECONDS)
            watch = self._current
            if self._is_idle():
                self._has_work.clear()
                if not self._is_idle():
                    self._has_work.set()
            elif watch is not None and monotonic() - watch.began_at >= LOOK_SECONDS:
                watch.keep()

    def _is_idle(self) -> bool:
        return self._current is None or self._current.finished.is_set()


@cache
def _watcher_of(_process: int) -> Watcher:
    """Made with the first step: a fork takes no thread along."""
    watcher = Watcher()
    watcher.start()
    return watcher


def _begin(watch: Watch) -> None:
    if threading.current_thread() is threading.main_thread():
        _watcher_of(os.getpid()).begin(watch)
    else:
        threading.Thread(target=watch.keep, daemon=True).start()


@contextmanager
def watched(lease: Lease, when_long: Callable[[], None]) -> Iterator[None]:
    """Run the block under watch.

    :param when_long: called beside the block if it takes longer than an instant.
    :raises Interrupted: the block was stopped; the class says why.
    """
    app: Any = current_app
    watch = Watch(app._get_current_object(), lease, when_long)
    process = os.getpid()
    _canary()
    with _interruptible(watch):
        _begin(watch)
        try:
            yield
        finally:
            _end_if_unfit(process)
            try:
                watch.finish()
            finally:
                watch.finish()  # the interruption may come just then


def _end_if_unfit(process: int) -> None:
    """End what must not record a result: a child that the function forked, or a process without
    its files. What it opens next would get the numbers of its connections, and be written over.
    """
    if os.getpid() != process:
        os._exit(0)
    if not _canary_lives():
        logger.error("step closed the files of its process, which ends")
        os.kill(process, signal.SIGKILL)


@cache
def _canary() -> tuple[int, int]:
    """An open file of this process, which nobody uses: its number and its identity."""
    unused, _ = os.pipe()
    return unused, os.fstat(unused).st_ino


def _canary_lives() -> bool:
    number, identity = _canary()
    try:
        return os.fstat(number).st_ino == identity
    except OSError:
        return False


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
