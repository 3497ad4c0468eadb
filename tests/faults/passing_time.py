"""Time that passes for a system: ticks of its scheduler, and days that nobody waits for."""

import sqlalchemy as sa

from orchestra.domain import upkeep
from orchestra.models import Task
from orchestra.outbox import Job, OutboxMessage


def wait_for_tick(system):
    """Wait until a sweep has run after this call: scheduler and worker process are alive."""
    for _ in range(2):  # the first one may have begun before
        _wait_for_another_tick(system, _last_tick(system))


def _wait_for_another_tick(system, known):
    system.wait_until(lambda: _last_tick(system) != known, "a sweep has ended")


def _last_tick(system):
    with system.reading() as session:
        return upkeep.last_tick(session, Job.SWEEP)


DUE = (Task.lease_until, Task.next_attempt_at, OutboxMessage.resend_at)


def let_time_pass(system, since):
    """Move all that will be due to ``since``, as if it had been due since then."""
    with system.transaction() as session:
        for column in DUE:
            session.execute(
                sa.update(column.class_).where(column.is_not(None)).values({column: since}),
                execution_options={"synchronize_session": False},
            )
