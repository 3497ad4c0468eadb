"""The runs of machine steps."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from orchestra.database import Base, Json, seconds_from_now, text_enum


class AttemptOutcome(StrEnum):
    """What came of a run."""

    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    LOST = "lost"  # the worker process died
    RELEASED = "released"  # the worker process was asked to stop; not counted
    REFUSED = "refused"  # the result came with an old fencing number, or to a closed project


class Attempt(Base):
    """One run of the function of a machine step."""

    __tablename__ = "attempt"
    __table_args__ = (
        sa.UniqueConstraint("task_id", "fencing_number"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("task.id"))
    number: Mapped[int]
    fencing_number: Mapped[int]
    host: Mapped[str]
    process: Mapped[int]
    celery_id: Mapped[str | None]
    outcome: Mapped[AttemptOutcome] = mapped_column(
        text_enum(AttemptOutcome), default=AttemptOutcome.RUNNING
    )
    error: Mapped[str | None]
    traceback: Mapped[str | None]
    result: Mapped[Json | None] = mapped_column(sa.JSON(none_as_null=True))  # kept for inspection
    started_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    ended_at: Mapped[datetime | None]
