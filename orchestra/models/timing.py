"""The time that people record: running timers, entries, and weeks handed in (T-1, T-10)."""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestra.database import Base, seconds_from_now, text_enum
from orchestra.models.people import Worker
from orchestra.models.projects import Assignment

_IS_VISIBLE = sa.text("deleted_at IS NULL")
_IS_INCOMPLETE = sa.text("deleted_at IS NULL AND (assignment_id IS NULL OR description = '')")


class Timer(Base):
    """The running timer of a worker. There is none while nothing is timed."""

    __tablename__ = "timer"
    __table_args__ = (
        sa.UniqueConstraint("worker_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    worker_id: Mapped[int] = mapped_column(sa.ForeignKey("worker.id"))
    assignment_id: Mapped[int | None] = mapped_column(sa.ForeignKey("assignment.id"), index=True)
    description: Mapped[str] = mapped_column(default="")
    started_at: Mapped[datetime] = mapped_column(index=True)
    started_on: Mapped[date]  # the day of the worker's zone when it was started (T-6)

    worker: Mapped[Worker] = relationship()
    assignment: Mapped[Assignment | None] = relationship()


class TimeEntry(Base):
    """Some time that a worker spent on a day. Deleting hides it (T-15)."""

    __tablename__ = "time_entry"
    __table_args__ = (
        sa.CheckConstraint("work_seconds BETWEEN 0 AND 86400", name="work_seconds"),
        sa.Index(
            "ix_time_entry_of_worker",
            "worker_id",
            "worked_on",
            "id",
            sqlite_where=_IS_VISIBLE,
            postgresql_where=_IS_VISIBLE,
        ),
        sa.Index(
            "ix_time_entry_of_assignment",
            "assignment_id",
            "worked_on",
            sqlite_where=_IS_VISIBLE,
            postgresql_where=_IS_VISIBLE,
        ),
        sa.Index(
            "ix_time_entry_incomplete",
            "worker_id",
            "worked_on",
            sqlite_where=_IS_INCOMPLETE,
            postgresql_where=_IS_INCOMPLETE,
        ),
        sa.Index("ix_time_entry_worked_on", "worked_on"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    worker_id: Mapped[int] = mapped_column(sa.ForeignKey("worker.id"))
    assignment_id: Mapped[int | None] = mapped_column(sa.ForeignKey("assignment.id"))
    worked_on: Mapped[date]
    work_seconds: Mapped[int]  # never rounded (T-20)
    description: Mapped[str] = mapped_column(default="")
    timer_started_at: Mapped[datetime | None]  # if the timer made it
    timer_stopped_at: Mapped[datetime | None]
    was_cut_off: Mapped[bool] = mapped_column(default=False)  # the timer ran on past a day (T-7)
    created_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    changed_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    deleted_at: Mapped[datetime | None]

    worker: Mapped[Worker] = relationship()
    assignment: Mapped[Assignment | None] = relationship()

    @property
    def is_incomplete(self) -> bool:
        """Without description or task (T-21)."""
        return self.assignment_id is None or not self.description

    @property
    def rounded_minutes(self) -> int:
        """As it is shown: every minute that was begun counts (T-18)."""
        return -(-self.work_seconds // 60)


class WeekState(StrEnum):
    SUBMITTED = "submitted"
    APPROVED = "approved"


class TimeWeek(Base):
    """The week of a worker that was handed in: its entries cannot be changed any more.

    A week that is open has no row.
    """

    __tablename__ = "time_week"
    __table_args__ = (
        sa.UniqueConstraint("worker_id", "monday"),
        sa.Index("ix_time_week_state", "state", "monday"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    worker_id: Mapped[int] = mapped_column(sa.ForeignKey("worker.id"))
    monday: Mapped[date]
    state: Mapped[WeekState] = mapped_column(text_enum(WeekState), default=WeekState.SUBMITTED)
    submitted_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    approved_at: Mapped[datetime | None]
    approved_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("worker.id"))

    worker: Mapped[Worker] = relationship(foreign_keys=[worker_id])
    approved_by: Mapped[Worker | None] = relationship(foreign_keys=[approved_by_id])
