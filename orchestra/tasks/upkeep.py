"""The sweep: find work that should have happened, and start it."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.database import reading, settings_of, transaction
from orchestra.domain import (
    advancing,
    dead_letters,
    deliveries,
    dispatching,
    files,
    machine,
    offers,
    preparing,
    repeats,
    timers,
    upkeep,
)
from orchestra.errors import OrchestraError
from orchestra.outbox import Job
from orchestra.project_files import store
from orchestra.tasks import celery
from orchestra.tasks.runs import Run

logger = logging.getLogger(__name__)

BATCH = 500
Item = TypeVar("Item")


@celery.task(name=Job.SWEEP.value)
def sweep() -> int:
    """One tick of a scheduler; the number of items found.

    Ticks that piled up while no worker process ran, or come from several schedulers, are not all
    paid back in sweeps.
    """
    with reading() as session:
        pause = settings_of(session).sweep_interval_seconds / 2
        if upkeep.ran_lately(session, Job.SWEEP, pause):
            return 0
    return sweep_all()


def sweep_all() -> int:
    """Run every sweep once, each item in a transaction of its own; the number of items found.

    Two at once, or none for some time, have the same effects as one: what another one took is no
    longer there to be taken.
    """
    run = Run(Job.SWEEP)
    found = reclaim_leases(run) + dispatch_forgotten(run) + advance_stuck(run) + relay_outbox()
    found += remove_hidden_files(run) + prepare_forgotten(run) + stop_forgotten_timers(run)
    with transaction() as session:
        repeats.forget_old(session)
        deliveries.forget_old(session)
        dead_letters.report(session)
        offers.expire_old(session)
    run.note()
    return found


def reclaim_leases(run: Run) -> int:
    """Return steps whose process is lost."""
    return _for_each_found(run, machine.expired_leases, machine.reclaim)


def dispatch_forgotten(run: Run) -> int:
    """Ask again for steps that could run and that nobody has asked for."""
    return _for_each_found(run, dispatching.claimable_without_job, dispatching.dispatch_forgotten)


def advance_stuck(run: Run) -> int:
    """Advance projects that have nothing open, or a creation policy to be asked again."""
    return _for_each_found(run, advancing.stuck, advancing.advance_stuck)


def prepare_forgotten(run: Run) -> int:
    """Ask again for the folders of projects that nobody has asked for."""
    return _for_each_found(run, preparing.unprepared, preparing.ask_again)


def stop_forgotten_timers(run: Run) -> int:
    """Stop timers that have run for more than a day (T-7)."""
    return _for_each_found(run, timers.overdue, timers.stop_overdue)


def remove_hidden_files(run: Run) -> int:
    """Remove files that were taken away long ago: first the content, then the row (I-29)."""
    with reading() as session:
        hidden = files.hidden_long_ago(session, BATCH)
    removed = [id_ for id_, place in hidden if place is None or _removed(id_, place)]
    return len(run.do_each(removed, files.forget))


def _removed(file_id: str, place: str) -> bool:
    try:
        store().delete(place)
    except OrchestraError:
        logger.exception("file not removed from the store", extra={"file": file_id})
        return False
    return True


def _for_each_found(
    run: Run, find: Callable[[Session, int], Sequence[Item]], work: Callable[[Session, Item], Any]
) -> int:
    with reading() as session:
        items = find(session, BATCH)
    run.do_each(items, work)
    return len(items)


def relay_outbox() -> int:
    """Send again what was not finished in its grace time."""
    with transaction() as session:
        dispatches = outbox.due(session)
    outbox.publish_now(dispatches)
    return len(dispatches)
