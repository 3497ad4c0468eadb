"""A service that does not answer is left alone for a while (specification I-5)."""

import threading
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from orchestra.errors import ServiceUnreachable

FAILURES = 5  # in a row
PAUSE_SECONDS = 30
T = TypeVar("T")


class Pausing:
    """Calls a service, unless it has just failed several times in a row; per process.

    :param name: how people call the service: "The mail server".
    """

    def __init__(self, name: str, clock: Callable[[], float] = monotonic) -> None:
        self._name, self._clock = name, clock
        self._failures, self._until = 0, 0.0
        self._lock = threading.Lock()

    def call(self, work: Callable[[], T]) -> T:
        """:raises ServiceUnreachable: the service is paused, or ``work`` raised it."""
        self._refuse_while_paused()
        try:
            answer = work()
        except ServiceUnreachable:
            self._count()
            raise
        with self._lock:
            self._failures = 0
        return answer

    def _refuse_while_paused(self) -> None:
        left = self._until - self._clock()
        if left > 0:
            raise ServiceUnreachable(
                f"{self._name} is not reachable at the moment.", retry_after_seconds=int(left) + 1
            )

    def _count(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= FAILURES:
                self._failures, self._until = 0, self._clock() + PAUSE_SECONDS
