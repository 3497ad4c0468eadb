"""Scheduled jobs that do something for many items, of which some may fail."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.orm import Session

from orchestra.database import retry_deadlocks, transaction
from orchestra.domain import upkeep
from orchestra.outbox import Job

logger = logging.getLogger(__name__)
Item = TypeVar("Item")
Given = TypeVar("Given")


@dataclass
class Run:
    """One run of a job; an item that fails is logged and counted, and stops no other (S-24)."""

    job: Job
    failures: int = 0

    def do_each(self, items: Iterable[Item], work: Callable[[Session, Item], Given]) -> list[Given]:
        """Do the work for each item in a transaction of its own; what it gave, if it did."""
        given = []
        for item in items:
            try:
                given.append(do(item, work))
            except Exception:  # otherwise one that nobody thought of held up all, at every tick
                logger.exception(
                    "item left to the next run", extra={"job": self.job.value, "item": repr(item)}
                )
                self.failures += 1
        return given

    def note(self) -> None:
        """Let operators see that the job ran to its end, and how many items it left undone."""
        with transaction() as session:
            upkeep.note_tick(session, self.job, self.failures)


@retry_deadlocks
def do(item: Item, work: Callable[[Session, Item], Given]) -> Given:
    """The work for one item, in a transaction of its own."""
    with transaction() as session:
        return work(session, item)
