"""What the header of every page counts, in one statement (specification W-2, P-50)."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.domain import inboxes, offers


@dataclass(frozen=True)
class Counts:
    unread: int = 0  # messages in the inbox
    available: int = 0  # tasks that are offered


def counts(session: Session, worker_id: int) -> Counts:
    unread = inboxes.unread_of(worker_id).scalar_subquery()
    available = offers.available_to(worker_id).scalar_subquery()
    return Counts(*session.execute(sa.select(unread, available)).one())
