"""What people are told, and what they want to be told."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestra.database import Base, seconds_from_now, text_enum
from orchestra.models.people import Worker


class Channel(StrEnum):
    """How a message reaches people."""

    INBOX = "inbox"
    MAIL = "mail"
    SLACK = "slack"  # a direct message to a person
    PROJECT_CHANNEL = "project_channel"  # of the project, in the workspace of the experts
    INTERNAL = "internal"  # a channel of the staff, named by the address


class MessageState(StrEnum):
    WAITING = "waiting"  # a job is to deliver it, when it is due
    SENT = "sent"
    OFF = "off"  # not sent: the channel is switched off, or the person does not want it
    DROPPED = "dropped"  # what it was to say was not true any more
    DEAD = "dead"  # given up; a person decides
    DISCARDED = "discarded"  # by a person


def _index_where(condition: str, name: str, *columns: str) -> sa.Index:
    where = sa.text(condition)
    return sa.Index(name, *columns, sqlite_where=where, postgresql_where=where)


class Message(Base):
    """One message to one recipient by one channel, recorded with its cause (M-1)."""

    __tablename__ = "message"
    __table_args__ = (
        sa.Index("ix_message_of_worker", "worker_id", "channel", "id"),
        sa.Index("ix_message_of_project", "project_id", "id"),
        _index_where("channel = 'inbox' AND read_at IS NULL", "ix_message_unread", "worker_id"),
        _index_where("state = 'waiting'", "ix_message_waiting", "project_id", "channel", "id"),
        _index_where("state = 'waiting'", "ix_message_waiting_for_worker", "worker_id", "channel"),
        _index_where("state = 'dead'", "ix_message_dead", "id"),
        _index_where("reported_at IS NOT NULL", "ix_message_reported", "reported_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]  # text, so that the list can grow without a migration
    channel: Mapped[Channel] = mapped_column(text_enum(Channel))
    worker_id: Mapped[int | None] = mapped_column(sa.ForeignKey("worker.id"))
    address: Mapped[str | None]  # of a mail; the name or id of an internal channel
    cause: Mapped[str | None]  # what happened, for example "offer:17"
    dedupe_key: Mapped[str] = mapped_column(unique=True)
    subject: Mapped[str]
    text: Mapped[str]
    html: Mapped[str | None]  # of a mail; None: made of the text when it is delivered
    url: Mapped[str | None]  # what it is about: a path of ours
    project_id: Mapped[int | None] = mapped_column(sa.ForeignKey("project.id"))
    task_id: Mapped[int | None] = mapped_column(sa.ForeignKey("task.id"))
    state: Mapped[MessageState] = mapped_column(text_enum(MessageState))
    tries: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None]  # or why it was not sent
    due_at: Mapped[datetime | None]  # not to be delivered before; None: at once
    created_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    sent_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    reported_at: Mapped[datetime | None]  # when project admins were told that it is dead

    worker: Mapped[Worker | None] = relationship()


class MessagePreference(Base):
    """Whether a worker wants a type of messages by a channel; no row means the default (M-15)."""

    __tablename__ = "message_preference"
    __table_args__ = (sa.UniqueConstraint("worker_id", "type", "channel"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    worker_id: Mapped[int] = mapped_column(sa.ForeignKey("worker.id"))
    type: Mapped[str]
    channel: Mapped[str]
    is_on: Mapped[bool]
