"""Work that is answered in time, or has no effect."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from flask import current_app

from orchestra.errors import Unavailable

T = TypeVar("T")
COMMIT_SECONDS = 0.3  # for who was about to commit when the time was over
NOTHING_DONE = "This took too long, and nothing was changed."
UNCERTAIN = "It is not certain whether this was done. Look before you repeat it."


class TooLate(Unavailable):
    """The time was over before the work was done, and nothing was changed."""


class Deadline:
    """Either the work commits, or whoever waits for it gives up; never both."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_decided = False

    def require_time(self) -> None:
        """Called by the work, last thing in its transaction.

        :raises TooLate: nobody waits any more.
        """
        if not self._decide():
            raise TooLate(NOTHING_DONE)

    def give_up(self) -> bool:
        """False: it is too late for that, the work commits."""
        return self._decide()

    def _decide(self) -> bool:
        with self._lock:
            was_decided, self._is_decided = self._is_decided, True
        return not was_decided


def within(seconds: float, work: Callable[[Deadline], T]) -> T:
    """What the work gives, if it does so in time; it runs in a thread of its own.

    :raises TooLate: it did not, and has no effect.
    """
    deadline, context = Deadline(), current_app.app_context()

    def run() -> T:
        with context:
            return work(deadline)

    thread = ThreadPoolExecutor(1)
    future = thread.submit(run)
    thread.shutdown(wait=False)
    return _given(future, deadline, seconds)


def _given(future: Future[T], deadline: Deadline, seconds: float) -> T:
    try:
        return future.result(seconds)
    except TimeoutError:
        if deadline.give_up():
            raise TooLate(NOTHING_DONE) from None
    try:
        return future.result(COMMIT_SECONDS)
    except TimeoutError:
        raise Unavailable(UNCERTAIN) from None
