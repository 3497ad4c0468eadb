"""What the scheduler did last."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from orchestra.database import Base


class Tick(Base):
    """The last time a scheduled job ran to its end, whoever ran it."""

    __tablename__ = "tick"

    job: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    failures: Mapped[int] = mapped_column(default=0, server_default="0")  # of items, in that run
