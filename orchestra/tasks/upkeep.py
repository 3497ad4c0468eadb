"""The sweep: find work that should have happened, and start it."""

import logging

from orchestra import outbox
from orchestra.database import reading, transaction
from orchestra.domain import dispatching, machine, projects, repeats, upkeep
from orchestra.domain.locking import lock_project
from orchestra.errors import OrchestraError
from orchestra.outbox import Job
from orchestra.tasks import celery

logger = logging.getLogger(__name__)

BATCH = 500


@celery.task(name=Job.SWEEP.value)
def sweep() -> int:
    """Run every sweep once, each item in a transaction of its own; the number of items found.

    Several schedulers, or none for some time, have the same effects as one: what another one took
    is no longer there to be taken.
    """
    found = reclaim_leases() + dispatch_forgotten() + advance_stuck() + relay_outbox()
    with transaction() as session:
        repeats.forget_old(session)
        upkeep.note_tick(session, Job.SWEEP)
    return found


def reclaim_leases() -> int:
    """Return steps whose process is lost."""
    with reading() as session:
        task_ids = machine.expired_leases(session, BATCH)
    for task_id in task_ids:
        with transaction() as session:
            machine.reclaim(session, task_id)
    return len(task_ids)


def dispatch_forgotten() -> int:
    """Ask again for steps that could run and that nobody has asked for."""
    with reading() as session:
        forgotten = dispatching.claimable_without_job(session, BATCH)
    for project_id, step in forgotten:
        with transaction() as session:
            project = lock_project(session, project_id)
            dispatching.dispatch_waiting(session, project, [step])
    return len(forgotten)


def advance_stuck() -> int:
    """Advance projects that have nothing open, or a creation policy to be asked again."""
    with reading() as session:
        project_ids = projects.stuck(session, BATCH)
    for project_id in project_ids:
        try:
            with transaction() as session:
                projects.advance(session, lock_project(session, project_id))
        except OrchestraError as error:
            logger.warning("project not advanced", extra={"project": project_id}, exc_info=error)
    return len(project_ids)


def relay_outbox() -> int:
    """Send again what was not finished in its grace time."""
    with transaction() as session:
        dispatches = outbox.due(session)
    outbox.publish_now(dispatches)
    return len(dispatches)
