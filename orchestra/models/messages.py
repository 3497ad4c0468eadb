"""What people are told, and what they want to be told."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestra.database import Base, seconds_from_now, text_enum
from orchestra.models.people import Worker


class Channel(StrEnum):
    """How a message reaches a person."""

    INBOX = "inbox"
    MAIL = "mail"


class MessageState(StrEnum):
    WAITING = "waiting"  # a job is to deliver it
    SENT = "sent"
    OFF = "off"  # not sent: the channel is switched off, or the person does not want it
    DEAD = "dead"  # given up; a person decides
    DISCARDED = "discarded"  # by a person


class Message(Base):
    """One message to one person by one channel, recorded in the transaction of its cause (M-1)."""

    __tablename__ = "message"
    __table_args__ = (
        sa.Index("ix_message_of_worker", "worker_id", "channel", "id"),
        sa.Index(
            "ix_message_unread",
            "worker_id",
            sqlite_where=sa.text("channel = 'inbox' AND read_at IS NULL"),
            postgresql_where=sa.text("channel = 'inbox' AND read_at IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]  # text, so that the list can grow without a migration
    channel: Mapped[Channel] = mapped_column(text_enum(Channel))
    worker_id: Mapped[int | None] = mapped_column(sa.ForeignKey("worker.id"))
    address: Mapped[str | None]  # of a mail
    dedupe_key: Mapped[str] = mapped_column(unique=True)
    subject: Mapped[str]
    text: Mapped[str]
    html: Mapped[str | None]  # of a mail
    url: Mapped[str | None]  # what it is about: a path of ours
    project_id: Mapped[int | None] = mapped_column(sa.ForeignKey("project.id"))
    task_id: Mapped[int | None] = mapped_column(sa.ForeignKey("task.id"))
    state: Mapped[MessageState] = mapped_column(text_enum(MessageState))
    tries: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    sent_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]

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
