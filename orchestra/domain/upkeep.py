"""When scheduled jobs last ran: what tells an operator that the scheduler is alive."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from orchestra.database import seconds_from_now, table_of
from orchestra.models import Tick
from orchestra.outbox import Job


def note_tick(session: Session, job: Job, failures: int = 0) -> None:
    """Remember that a scheduled job has just run to its end; several may end at once.

    :param failures: items that it left undone, each logged with its error.
    """
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    values = {"job": job.value, "at": seconds_from_now(0), "failures": failures}
    noted = dialect.insert(table_of(Tick)).values(values)
    renewed = {"at": noted.excluded.at, "failures": noted.excluded.failures}
    session.execute(noted.on_conflict_do_update(index_elements=["job"], set_=renewed))


def ran_lately(session: Session, job: Job, seconds: float) -> bool:
    """Whether a scheduled job ended within the last ``seconds``, by the database's clock."""
    lately = Tick.at.between(seconds_from_now(-seconds), seconds_from_now(0))
    return session.scalar(sa.select(Tick.job).where(Tick.job == job.value, lately)) is not None


def last_tick(session: Session, job: Job) -> datetime | None:
    """When a scheduled job last ended; None: never."""
    return session.scalar(sa.select(Tick.at).where(Tick.job == job.value))
