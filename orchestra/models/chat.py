"""The channel of a project at the chat service, who is in it, and what the service asked of us."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestra.database import Base, Json, JsonColumn, seconds_from_now, text_enum
from orchestra.models.people import Worker


class ChannelState(StrEnum):
    OPEN = "open"
    ARCHIVING = "archiving"  # nothing is posted any more
    ARCHIVED = "archived"


class ProjectChannel(Base):
    """The channel of a project, as far as it is made (I-12); its id is kept by the project."""

    __tablename__ = "project_channel"

    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"), primary_key=True)
    name: Mapped[str]  # drawn before the channel is made, so that a repeat finds it
    draws: Mapped[int] = mapped_column(default=1)
    is_described: Mapped[bool] = mapped_column(default=False)  # topic and purpose are set
    state: Mapped[ChannelState] = mapped_column(text_enum(ChannelState), default=ChannelState.OPEN)
    tries: Mapped[int] = mapped_column(default=0)  # in a row, since failing_since
    failing_since: Mapped[datetime | None]
    problem: Mapped[str | None]  # what the service refused for good
    wanted_name: Mapped[str | None]  # as it is to be called; None: it is called so
    name_problem: Mapped[str | None]  # why it is not called as somebody wanted


class ChannelMember(Base):
    """A worker who is, was or should be in the channel of a project (I-14 to I-16)."""

    __tablename__ = "channel_member"

    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"), primary_key=True)
    worker_id: Mapped[int] = mapped_column(sa.ForeignKey("worker.id"), primary_key=True, index=True)
    is_wanted: Mapped[bool] = mapped_column(default=True)
    stays: Mapped[int] = mapped_column(default=1)  # how often they came; welcomed once for each
    held: Mapped[list[int]] = mapped_column(JsonColumn(), default=list)  # ids of assignments
    person_id: Mapped[str | None]  # as whom they are in the channel; None: they are not
    problem: Mapped[str | None]  # why they are not

    worker: Mapped[Worker] = relationship()


class SlackRequest(Base):
    """A command or a pressed button, kept so that a repeat has no second effect (S-56)."""

    __tablename__ = "slack_request"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    asked: Mapped[Json]  # by whom, and what
    response_url: Mapped[str | None]  # where the answer goes; None: it was the answer itself
    answer: Mapped[Json | None] = mapped_column(sa.JSON(none_as_null=True))
    at: Mapped[datetime] = mapped_column(default=seconds_from_now(0), index=True)
