"""An administrator acts as another worker for a while (specification P-51 to P-55)."""

from dataclasses import replace
from datetime import datetime, timedelta
from secrets import token_hex

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import lock, settings_of, utcnow
from orchestra.domain import audit, messages, people
from orchestra.domain.audit import Actor
from orchestra.errors import Conflict, Forbidden, WorkerInactive
from orchestra.models import AuditEvent, Verb, Worker

LONGEST = timedelta(minutes=60)


def start(session: Session, actor: Actor, username: str) -> Worker:
    """Record that an administrator begins to act as a worker, and return the worker.

    :raises Forbidden: the actor is no administrator, or the worker is one.
    :raises NotFound: nobody has this username.
    :raises WorkerInactive: the account is deactivated.
    """
    administrator = session.get(Worker, actor.worker_id)
    if administrator is None or not administrator.is_administrator or actor.acting_as:
        raise Forbidden("Only administrators may act as others. Ask one of them.")
    worker = people.get_worker(session, username)
    if worker.is_administrator:
        raise Forbidden("Administrators cannot act as other administrators.")
    if not worker.is_active:
        raise WorkerInactive(f"The account {worker.username!r} is deactivated. Activate it first.")
    audit.record(
        session,
        replace(actor, acting_as=worker.username),
        Verb.ACTING_STARTED,
        worker,
        after={"at_the_latest_until": (utcnow() + LONGEST).isoformat()},
    )
    if settings_of(session).tell_acting:
        _tell(session, administrator, worker)
    return worker


def _tell(session: Session, administrator: Worker, worker: Worker) -> None:
    messages.tell(
        session,
        "acting_started",
        [worker.id],
        subject=f"{administrator.name} acts as you",
        text=f"{administrator.name}, an administrator, acts as you for an hour at most. "
        "The history of your tasks names them with everything that they change.",
        url="/orchestra/app",
        cause=f"acting:{worker.id}:{token_hex(8)}",
    )


def stop(session: Session, actor: Actor, worker: Worker) -> None:
    """:raises Conflict: the actor does not act as anybody."""
    if actor.acting_as is None:
        raise Conflict("You do not act as anybody.")
    audit.record(session, actor, Verb.ACTING_STOPPED, worker)


def find_acted_as(
    session: Session, administrator: Worker, worker_id: int, since: datetime
) -> Worker | None:
    """Whom the administrator still acts as; None when the hour is over or either may no more."""
    if utcnow() - since >= LONGEST or not administrator.is_administrator:
        return None
    worker = session.get(Worker, worker_id)
    may_be_acted_as = worker is not None and worker.is_active and not worker.is_administrator
    return worker if may_be_acted_as else None


def note_end(session: Session, actor: Actor, worker_id: int, since: datetime) -> None:
    """Record that acting which began ``since`` has ended by itself, whoever notices it first.

    :param actor: the administrator, as themselves.
    """
    lock(session, Worker, actor.worker_id or 0)  # several requests may notice it at once
    worker = session.get(Worker, worker_id)
    is_noted = sa.exists().where(
        AuditEvent.object_kind == Worker.__tablename__,
        AuditEvent.object_id == worker_id,
        AuditEvent.verb == Verb.ACTING_STOPPED,
        AuditEvent.actor == actor.name,
        AuditEvent.at >= since,
    )
    if worker is not None and not session.scalar(sa.select(is_noted)):
        ended = replace(actor, acting_as=worker.username)
        audit.record(session, ended, Verb.ACTING_STOPPED, worker, note="by itself")


def as_worker(administrator: Worker, worker: Worker, request_id: str) -> Actor:
    """The rights of the worker and the name of the administrator; events carry both (P-54)."""
    actor = Actor.of(worker, request_id=request_id)
    return replace(actor, name=administrator.username, acting_as=worker.username)
