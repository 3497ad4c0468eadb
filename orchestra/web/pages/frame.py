"""The header of every page: what it counts for the reader (specification W-2)."""

from typing import Any

from flask import g
from sqlalchemy.exc import TimeoutError as PoolTimeout

from orchestra.database import reading
from orchestra.domain import frame
from orchestra.domain.frame import Counts
from orchestra.errors import Unavailable
from orchestra.web import auth


def for_templates() -> dict[str, Any]:
    return {
        "unread_messages": lambda: _counts().unread,
        "available_tasks": lambda: _counts().available,
        "invalid_entries": lambda: _counts().invalid_entries,
        "running_timer": lambda: _counts().timer,
    }


def _counts() -> Counts:
    """Asked for once a page: the links stand in it twice, folded and not."""
    if "frame_counts" not in g:
        g.frame_counts = _asked()
    counts: Counts = g.frame_counts
    return counts


def _asked() -> Counts:
    """None while the database cannot be asked, so that errors can be shown."""
    worker = auth.find_worker()
    if worker is None:
        return Counts()
    try:
        with reading() as session:
            return frame.counts(session, worker.id)
    except (Unavailable, PoolTimeout):
        return Counts()
