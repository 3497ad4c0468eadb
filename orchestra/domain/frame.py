"""What the header of every page counts, in one statement (specification W-2, W-49, P-50)."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import utcnow
from orchestra.domain import inboxes, offers, timecards
from orchestra.models import Timer


@dataclass(frozen=True)
class RunningTimer:
    started_at: datetime
    assignment_id: int | None
    description: str

    @property
    def elapsed_seconds(self) -> int:
        return max(0, int((utcnow() - self.started_at).total_seconds()))


@dataclass(frozen=True)
class Counts:
    unread: int = 0  # messages in the inbox
    available: int = 0  # tasks that are offered
    invalid_entries: int = 0  # of recorded time: without description or task
    timer: RunningTimer | None = None


def counts(session: Session, worker_id: int) -> Counts:
    timer = [
        sa.select(column).where(Timer.worker_id == worker_id).scalar_subquery()
        for column in (Timer.started_at, Timer.assignment_id, Timer.description)
    ]
    unread, available, invalid, started_at, assignment_id, description = session.execute(
        sa.select(
            inboxes.unread_of(worker_id).scalar_subquery(),
            offers.available_to(worker_id).scalar_subquery(),
            timecards.incomplete_of(worker_id).scalar_subquery(),
            *timer,
        )
    ).one()
    running = RunningTimer(started_at, assignment_id, description) if started_at else None
    return Counts(unread, available, invalid, running)
