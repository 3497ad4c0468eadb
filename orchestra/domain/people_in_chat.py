"""Who a worker is at the chat service (P-14)."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.database import lock, settings_of
from orchestra.domain import audit, channel_members
from orchestra.domain.audit import SYSTEM
from orchestra.models import ChannelMember, Project, ProjectStatus, Verb, Worker
from orchestra.outbox import Dispatch, Job

_OPEN = (ProjectStatus.ACTIVE, ProjectStatus.PAUSED)
SOMEBODY_ELSE = "This is somebody else in the chat."


def follow(session: Session, worker_id: int) -> None:
    """A worker is known by another name: the service is to be asked who that is."""
    if settings_of(session).slack_experts_enabled:
        outbox.enqueue(session, job_of(worker_id))


def job_of(worker_id: int) -> Dispatch:
    kwargs = {"worker_id": worker_id}
    return Dispatch(Job.FIND_PERSON, kwargs, f"person:{worker_id}", "messages")


def account_changed(session: Session, worker_id: int) -> None:
    """Somebody may work no more, or again: they leave the channels, or come back into them."""
    if settings_of(session).slack_experts_enabled:
        _follow_channels(session, worker_id, sa.true())


def to_be_found(session: Session, worker_id: int) -> list[str]:
    """By what names to look; none if the worker is known or has no names."""
    worker = session.get(Worker, worker_id)
    if worker is None or not worker.is_active or worker.slack_user_id:
        return []
    return channel_members.names_of(worker)


def done(session: Session, worker_id: int) -> None:
    outbox.done(session, job_of(worker_id).dedupe_key)


def found(session: Session, worker_id: int, person_id: str, email: str) -> bool:
    """Keep who the worker is, and bring them into the channels that they belong into.

    :param email: the address that the service has of this person, if it tells.
    :return: false if that is another one of us: names can be chosen, ids belong to one account.
    """
    worker = lock(session, Worker, worker_id)
    if worker.slack_user_id:
        return True
    if _is_somebody_else(session, worker, person_id, email):
        return False
    worker.slack_user_id = person_id
    after = {"slack_user_id": person_id}
    audit.record(session, SYSTEM, Verb.ACCOUNT_CHANGED, worker, after=after)
    session.flush()
    _follow_channels(session, worker_id, ChannelMember.person_id.is_(None))
    return True


def _is_somebody_else(session: Session, worker: Worker, person_id: str, email: str) -> bool:
    has_id = Worker.slack_user_id == person_id
    has_address = sa.and_(Worker.is_active, sa.func.lower(Worker.email) == email.lower())
    meant = sa.or_(has_id, has_address) if email else has_id
    other = sa.exists().where(Worker.id != worker.id, meant)
    return bool(session.scalar(sa.select(other)))


def _follow_channels(session: Session, worker_id: int, also: sa.ColumnElement[bool]) -> None:
    project_ids = session.scalars(
        sa.select(ChannelMember.project_id)
        .join(Project, Project.id == ChannelMember.project_id)
        .where(
            ChannelMember.worker_id == worker_id,
            ChannelMember.is_wanted,
            also,
            Project.status.in_(_OPEN),
        )
        .order_by(ChannelMember.project_id)
    ).all()
    outbox.enqueue(session, *(channel_members.job_of(project_id) for project_id in project_ids))


def lost(session: Session, worker_id: int, person_id: str) -> None:
    """The service does not know this person any more: they are to be looked for again."""
    worker = lock(session, Worker, worker_id)
    if worker.slack_user_id == person_id:
        worker.slack_user_id = None
        before = {"slack_user_id": person_id}
        audit.record(session, SYSTEM, Verb.ACCOUNT_CHANGED, worker, before=before)
