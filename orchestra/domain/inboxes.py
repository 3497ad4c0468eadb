"""The inbox of each worker (specification M-16, M-28)."""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import seconds_from_now
from orchestra.errors import NotFound
from orchestra.models import Message

PER_PAGE = 25


@dataclass(frozen=True)
class InboxPage:
    """One page of an inbox, newest first."""

    messages: list[Message]
    unread: int
    total: int

    @property
    def pages(self) -> int:
        return -(-self.total // PER_PAGE)


def _of(worker_id: int) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """The channel is written out as in the index of unread messages, which is used only then."""
    return Message.worker_id == worker_id, Message.channel == sa.literal_column("'inbox'")


def page_of(session: Session, worker_id: int, page: int = 1) -> InboxPage:
    chosen = sa.select(Message).where(*_of(worker_id)).order_by(Message.id.desc())
    messages = session.scalars(chosen.limit(PER_PAGE).offset((page - 1) * PER_PAGE)).all()
    is_unread = sa.case((Message.read_at.is_(None), 1))
    counts = sa.select(sa.func.count(), sa.func.count(is_unread)).where(*_of(worker_id))
    total, unread = session.execute(counts).one()
    return InboxPage(list(messages), unread, total)


def unread(session: Session, worker_id: int) -> int:
    return session.scalar(unread_of(worker_id)) or 0


def unread_of(worker_id: int) -> sa.Select[int]:
    """The statement that counts what a worker has not read."""
    counted = sa.select(sa.func.count()).where(*_of(worker_id), Message.read_at.is_(None))
    return counted.select_from(Message)


def read_message(session: Session, worker_id: int, message_id: int) -> Message:
    """Mark a message as read, and give it to be opened.

    :raises NotFound: there is none, or it is in the inbox of somebody else (P-20).
    """
    chosen = sa.select(Message).where(Message.id == message_id, *_of(worker_id))
    message = session.scalars(chosen).one_or_none()
    if message is None:
        raise NotFound(f"There is no message {message_id} in your inbox.")
    mark_read(session, worker_id, [message_id])
    return message


def mark_read(session: Session, worker_id: int, ids: Iterable[int] | None) -> None:
    """Mark messages of the worker's own inbox as read; None: all of them."""
    unread_ones = sa.update(Message).where(*_of(worker_id), Message.read_at.is_(None))
    if ids is not None:
        unread_ones = unread_ones.where(Message.id.in_(list(ids)))
    session.execute(
        unread_ones.values(read_at=seconds_from_now(0)),
        execution_options={"synchronize_session": False},
    )
