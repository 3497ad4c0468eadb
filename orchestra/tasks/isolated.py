"""Ask functions of authors in a process of its own, which can be ended whatever they do."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

from orchestra.database import db

_FORK = multiprocessing.get_context("fork")  # the functions' modules are there already
GRACE_SECONDS = 5  # after which a process ends by itself, should the one that asks be gone
_pools_of_parent: list[Any] = []  # never closed here: they share connections with the parent
Asked = TypeVar("Asked")
Given = TypeVar("Given")


class Unanswered(Exception):
    """There is no answer, and none to come."""


class TookTooLong(Unanswered):
    """The time was over; the process is gone."""


@dataclass
class _Child:
    process: Any
    connection: Connection


class Isolated(Generic[Asked, Given]):
    """Answers one question after another in one process, as long as it answers in time.

    To begin a process costs as much as a hundred questions. One that hangs, also in a loop or
    in a wait that no exception interrupts, is killed with the processes that it began; the next
    question gets a new one. Use it as a context, and with no transaction open.
    """

    def __init__(self, answer: Callable[[Asked], Given], limit_seconds: float) -> None:
        self._answer, self._limit = answer, limit_seconds
        self._child: _Child | None = None

    def __enter__(self) -> "Isolated[Asked, Given]":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def ask(self, question: Asked) -> Given:
        """:raises TookTooLong: the limit was reached.
        :raises Unanswered: the process ended instead of answering.
        """
        child = self._ready()
        try:
            child.connection.send(question)
            if not child.connection.poll(self._limit):
                self._end()
                raise TookTooLong
            given: Given = child.connection.recv()
        except (EOFError, OSError) as error:
            code = self._end()
            raise Unanswered(f"its process ended with exit code {code}") from error
        return given

    def _ready(self) -> _Child:
        if self._child is not None and not self._child.process.is_alive():
            self._end()  # it ended after its last answer
        if self._child is None:
            ours, theirs = _FORK.Pipe()
            process = _FORK.Process(
                target=_serve, args=(ours, theirs, self._answer, self._limit), daemon=True
            )
            process.start()
            theirs.close()
            self._child = _Child(process, ours)
        return self._child

    def _end(self) -> int | None:
        """End the process, whatever it does; its exit code."""
        child, self._child = self._child, None
        if child is None:
            return None
        child.connection.close()
        process = child.process
        process.join(0.1)  # one that waits for a question ends by itself
        if process.is_alive():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()  # should it not yet have a group of its own
            process.join()
        code: int | None = process.exitcode
        process.close()
        return code


def _serve(
    ours: Connection, theirs: Connection, answer: Callable[[Any], Any], limit_seconds: float
) -> None:
    """The child: answer until there are no more questions."""
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGUSR2):
        signal.signal(number, signal.SIG_DFL)
    ours.close()
    _forget_connections()
    while True:
        try:
            question = theirs.recv()
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_REAL, limit_seconds + GRACE_SECONDS)
        given = answer(question)
        signal.setitimer(signal.ITIMER_REAL, 0)
        theirs.send(given)


def _forget_connections() -> None:
    _pools_of_parent.append(db.engine.pool)
    db.engine.dispose(close=False)
