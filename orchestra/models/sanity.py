"""What the checks of projects found, and what people decided about them (SB-12 to SB-16)."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestra.database import Base, seconds_from_now
from orchestra.models.projects import Project


class ProjectCheck(Base):
    """One check of one project: when it was handled, and whether people want to hear of it."""

    __tablename__ = "project_check"
    __table_args__ = (
        sa.UniqueConstraint("project_id", "slug"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"))
    slug: Mapped[str]
    found_at: Mapped[datetime | None]  # since when it is found; None: it was not the last time
    last_handled_at: Mapped[datetime | None]
    times_handled: Mapped[int] = mapped_column(default=0)
    muted_at: Mapped[datetime | None]
    muted_by: Mapped[str | None]
    snoozed_until: Mapped[datetime | None]
    snoozed_by: Mapped[str | None]
    resolved_at: Mapped[datetime | None]  # until it was gone once and is found anew
    resolved_by: Mapped[str | None]

    project: Mapped[Project] = relationship()


class CheckProblem(Base):
    """The checks of a project did not work the last time (SB-9); gone as soon as they do."""

    __tablename__ = "check_problem"

    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"), primary_key=True)
    error: Mapped[str]
    traceback: Mapped[str | None]
    is_timeout: Mapped[bool] = mapped_column(default=False)
    since: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    at: Mapped[datetime] = mapped_column(default=seconds_from_now(0), onupdate=seconds_from_now(0))

    project: Mapped[Project] = relationship()
