"""Why somebody was asked to do a task, or was not (specification S-18)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload, selectinload

from orchestra.database import settings_of
from orchestra.models import (
    Assignment,
    Offer,
    RequestState,
    StaffingBatch,
    StaffingRequest,
    Verdict,
    Worker,
)


@dataclass(frozen=True)
class BatchStory:
    """What was found about every worker at one time."""

    number: int
    at: datetime
    verdicts: Mapping[Verdict, Sequence[Worker]]  # in the order of checking, workers by name


@dataclass(frozen=True)
class RequestStory:
    """A request with all that came of it; its offers carry their workers and answers."""

    request: StaffingRequest
    batches: Sequence[BatchStory]
    offers: Sequence[Offer]
    next_batch_at: datetime | None  # if more workers can be asked, and nothing gets in the way

    @property
    def declined(self) -> int:
        return sum(offer.state == "declined" for offer in self.offers)


def why(session: Session, task_id: int, level: int | None = None) -> list[RequestStory]:
    """Every request of a task, the newest first, in a fixed number of queries.

    :param level: only requests of this level.
    """
    chosen = sa.select(StaffingRequest).where(StaffingRequest.task_id == task_id)
    if level is not None:
        chosen = chosen.where(StaffingRequest.level == level)
    replaced = joinedload(StaffingRequest.replaces).joinedload(Assignment.worker)
    asked = selectinload(StaffingRequest.offers).joinedload(Offer.worker)
    requests = session.scalars(
        chosen.order_by(StaffingRequest.id.desc()).options(replaced, asked)
    ).all()
    batches = _batches(session, [request.id for request in requests])
    return [
        RequestStory(r, batches.get(r.id, []), r.offers, _next_batch_at(session, r))
        for r in requests
    ]


def _next_batch_at(session: Session, request: StaffingRequest) -> datetime | None:
    if request.state is not RequestState.OPEN or request.last_batch_at is None:
        return None
    return request.last_batch_at + settings_of(session).staffbot_batch_frequency


def _batches(session: Session, request_ids: Sequence[int]) -> dict[int, list[BatchStory]]:
    rows = session.scalars(
        sa.select(StaffingBatch)
        .where(StaffingBatch.request_id.in_(request_ids))
        .order_by(StaffingBatch.number)
    ).all()
    ids = {worker_id for row in rows for found in row.verdicts.values() for worker_id in found}
    workers = {w.id: w for w in session.scalars(sa.select(Worker).where(Worker.id.in_(ids)))}
    told: dict[int, list[BatchStory]] = {}
    for row in rows:
        verdicts = {
            verdict: sorted(
                (workers[worker_id] for worker_id in row.verdicts[verdict]),
                key=lambda worker: worker.name.casefold(),
            )
            for verdict in Verdict
            if row.verdicts.get(verdict)
        }
        told.setdefault(row.request_id, []).append(BatchStory(row.number, row.at, verdicts))
    return told
