"""Ask functions of authors in a process of its own, which can be ended whatever they do."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from time import monotonic, sleep
from typing import Any, Generic, TypeVar

from orchestra.database import db

GRACE_SECONDS = 5  # after which a process ends by itself, should the one that asks be gone
ENDING_SECONDS = 1  # for one that ends by itself
LOOK_SECONDS = 0.01
_pools_of_parent: list[Any] = []  # never closed here: they share connections with the parent
Asked = TypeVar("Asked")
Given = TypeVar("Given")


class Unanswered(Exception):
    """There is no answer, and none to come."""


class TookTooLong(Unanswered):
    """The time was over; the process is gone."""


class Isolated(Generic[Asked, Given]):
    """Answers one question after another in one process, as long as it answers in time.

    To begin a process costs as much as a hundred questions. One that hangs, also in a loop or
    in a wait that no exception interrupts, is killed with the processes that it began; the next
    question gets a new one. Use it as a context, and with no transaction open.
    """

    def __init__(self, answer: Callable[[Asked], Given], limit_seconds: float) -> None:
        self._answer, self._limit = answer, limit_seconds
        self._child: Child | None = None

    def __enter__(self) -> "Isolated[Asked, Given]":
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None

    def ask(self, question: Asked) -> Given:
        """:raises TookTooLong: the limit was reached.
        :raises Unanswered: the process ended instead of answering.
        """
        if self._child is None or self._child.has_ended():
            self.__exit__()
            self._child = Child(self._answer, self._limit)
        child = self._child
        try:
            child.connection.send(question)
            if not child.connection.poll(self._limit):
                child.kill()
                raise TookTooLong
            given: Given = child.connection.recv()
        except (EOFError, OSError) as error:
            child.end()
            raise Unanswered(f"its process ended with exit code {child.code}") from error
        return given


class Child:
    """A fork of this process: the functions' modules are there already.

    Not one of :mod:`multiprocessing`, which gives the processes of Celery's pool no children.
    """

    def __init__(self, answer: Callable[[Any], Any], limit_seconds: float) -> None:
        self.connection, theirs = Pipe()
        self.code: int | None = None  # once it has ended
        sys.stdout.flush()  # otherwise both would write what is waiting
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _be_child(self.connection, theirs, answer, limit_seconds)
        theirs.close()

    def has_ended(self) -> bool:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is not None

    def end(self) -> None:
        """Without questions to come it ends by itself; or else it is killed."""
        self.connection.close()
        ends_at = monotonic() + ENDING_SECONDS
        while not self.has_ended() and monotonic() < ends_at:
            sleep(LOOK_SECONDS)
        self.kill()

    def kill(self) -> None:
        self.connection.close()
        if self.has_ended():
            return
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        os.kill(self.pid, signal.SIGKILL)  # should it not yet have a group of its own
        while not self.has_ended():
            sleep(LOOK_SECONDS)


def _be_child(
    ours: Connection, theirs: Connection, answer: Callable[[Any], Any], limit_seconds: float
) -> None:
    """Answer until there are no more questions, and never return."""
    code = 1
    try:
        ours.close()
        _serve(theirs, answer, limit_seconds)
        code = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:  # above it begins the work of the parent
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _serve(connection: Connection, answer: Callable[[Any], Any], limit_seconds: float) -> None:
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGUSR2):
        signal.signal(number, signal.SIG_DFL)
    _pools_of_parent.append(db.engine.pool)
    db.engine.dispose(close=False)
    while True:
        try:
            question = connection.recv()
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_REAL, limit_seconds + GRACE_SECONDS)
        given = answer(question)
        signal.setitimer(signal.ITIMER_REAL, 0)
        connection.send(given)
