"""What StaffBot does in one project (specification N-16, S-18, W-55)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.models import (
    LIVE_REQUEST,
    Assignment,
    Offer,
    OfferState,
    RequestState,
    StaffingRequest,
    Task,
    Worker,
)


@dataclass(frozen=True, kw_only=True)
class OpenRequest:
    """A request that can still be answered, with what became of its offers."""

    request: StaffingRequest
    replaced: Worker | None  # who holds the level until somebody accepts
    asked: int
    declined: int

    @property
    def id(self) -> int:
        return self.request.id

    @property
    def level(self) -> int:
        return self.request.level

    @property
    def replaces(self) -> str | None:
        return self.replaced.name if self.replaced else None

    @property
    def words(self) -> str:
        """How far the search is, for example "asked 5 people, 2 declined"."""
        if self.request.state is RequestState.EXHAUSTED:
            everybody = f"everybody was asked ({self.asked})"
            asked = everybody if self.asked else "nobody can be asked"
        elif self.asked:
            asked = f"asked {self.asked} {'person' if self.asked == 1 else 'people'}"
        else:
            asked = "nobody asked yet"
        return f"{asked}, {self.declined} declined" if self.declined else asked


def open_requests(session: Session, project_id: int) -> Mapping[int, Sequence[OpenRequest]]:
    """The open and exhausted requests of each task of the project, by level, in one query."""
    declined = sa.func.sum(sa.case((Offer.state == OfferState.DECLINED, 1), else_=0))
    counted = (
        sa.select(
            Offer.request_id,
            sa.func.count().label("asked"),
            declined.label("declined"),
        )
        .join(StaffingRequest, StaffingRequest.id == Offer.request_id)
        .join(Task, Task.id == StaffingRequest.task_id)
        .where(Task.project_id == project_id, StaffingRequest.state.in_(LIVE_REQUEST))
        .group_by(Offer.request_id)
        .subquery()
    )
    rows = session.execute(
        sa.select(StaffingRequest, Worker, counted.c.asked, counted.c.declined)
        .join(Task, Task.id == StaffingRequest.task_id)
        .outerjoin(Assignment, Assignment.id == StaffingRequest.replaces_id)
        .outerjoin(Worker, Worker.id == Assignment.worker_id)
        .outerjoin(counted, counted.c.request_id == StaffingRequest.id)
        .where(Task.project_id == project_id, StaffingRequest.state.in_(LIVE_REQUEST))
        .order_by(StaffingRequest.task_id, StaffingRequest.level)
    )
    found: dict[int, list[OpenRequest]] = defaultdict(list)
    for request, replaced, asked, n_declined in rows:
        found[request.task_id].append(
            OpenRequest(
                request=request,
                replaced=replaced,
                asked=asked or 0,
                declined=int(n_declined or 0),
            )
        )
    return found


def requests_by_task(session: Session, project_id: int) -> Mapping[int, int]:
    """How many requests each task of the project had, the task of the newest one first."""
    counted = session.execute(
        sa.select(StaffingRequest.task_id, sa.func.count().label("number"))
        .join(Task, Task.id == StaffingRequest.task_id)
        .where(Task.project_id == project_id)
        .group_by(StaffingRequest.task_id)
        .order_by(sa.func.max(StaffingRequest.id).desc())
    )
    return {row.task_id: row.number for row in counted}
