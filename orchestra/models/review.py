"""What reviewers say about work, and why it was reviewed or not."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestra.database import Base, seconds_from_now
from orchestra.models.people import Worker
from orchestra.models.projects import Iteration


class Remark(Base):
    """What a reviewer says about one field of work, or about all of it, when returning it."""

    __tablename__ = "remark"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("task.id"), index=True)
    iteration_id: Mapped[int] = mapped_column(sa.ForeignKey("iteration.id"))  # of the reviewer
    pointer: Mapped[str | None]  # of the field; None: about the whole
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    resolved_at: Mapped[datetime | None]
    resolved_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("worker.id"))

    iteration: Mapped[Iteration] = relationship()
    resolved_by: Mapped[Worker | None] = relationship()


class ReviewDraw(Base):
    """The number drawn, or the reason why none was, when work was handed over (L-71)."""

    __tablename__ = "review_draw"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(sa.ForeignKey("assignment.id"), index=True)
    iteration_id: Mapped[int] = mapped_column(sa.ForeignKey("iteration.id"))
    drawn: Mapped[float | None]
    rate: Mapped[float | None]
    max_reviews: Mapped[int | None]
    reviews: Mapped[int]
    is_due: Mapped[bool]
    reason: Mapped[str]
    at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
