"""Ask the next workers: which requests are due, and one batch of one of them (S-19 to S-25)."""

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.orm import Session, joinedload

from orchestra.database import find_locked, seconds_from_now, settings_of, table_of
from orchestra.domain import audit, staffing_notices
from orchestra.domain.audit import SYSTEM
from orchestra.domain.graph import Step
from orchestra.domain.locking import LockedTask, lock_task
from orchestra.domain.offer_details import Detail
from orchestra.domain.staffing_candidates import Candidates, Judged, Wanted
from orchestra.domain.versions import graph_of, load_graphs
from orchestra.models import (
    IS_LIVE_REQUEST,
    POOL,
    TERMINAL,
    AuditEvent,
    Offer,
    Project,
    ProjectStatus,
    RequestCause,
    RequestState,
    StaffingBatch,
    StaffingRequest,
    Task,
    Verb,
    Verdict,
    WorkflowVersion,
)
from orchestra.together import Together, Written

logger = logging.getLogger(__name__)

_OFFERS, _REQUESTS, _BATCHES = table_of(Offer), table_of(StaffingRequest), table_of(StaffingBatch)
_EVENTS = table_of(AuditEvent)
_REQUEST: sa.BindParameter[int] = bindparam("of_request")
_NUMBER: sa.BindParameter[int] = bindparam("nth")
_OF_EVENT: dict[str, sa.BindParameter[Any]] = {
    column.name: bindparam(f"event_{column.name}")
    for column in _EVENTS.c
    if column.name not in ("id", "at")  # which the database gives
}
_VALID = bindparam("valid_seconds", type_=sa.Float())
_STORE_OFFERS = (
    sa.insert(_OFFERS)
    .values(
        {
            **{name: bindparam(name) for name in ("request_id", "worker_id", "batch", "detail")},
            "state": sa.literal_column("'sent'"),
            "expires_at": seconds_from_now(_VALID),
        }
    )
    .returning(_OFFERS.c.id, _OFFERS.c.worker_id)
)
_IS_WANTED = sa.and_(
    Project.status == ProjectStatus.ACTIVE,
    sa.or_(
        Task.status.in_(POOL),
        sa.and_(
            StaffingRequest.cause == RequestCause.RESTAFF,
            Task.status.not_in(TERMINAL),
        ),
    ),
)


@dataclass(frozen=True, repr=False)
class Plan:
    """What is to be done for a request, as it was when its workers were looked at."""

    wanted: Wanted
    judged: Judged
    number: int  # of the batch
    renews: bool  # what the last run found, which asked nobody either
    detail: Detail = field(default_factory=Detail)

    def __repr__(self) -> str:
        return f"batch {self.number} of staffing request {self.request.id}"

    @property
    def request(self) -> StaffingRequest:
        return self.wanted.request


def due(session: Session, request_ids: Collection[int] | None = None) -> list[int]:
    """Ids of requests whose batch is due, the most urgent first (S-20, S-23).

    :param request_ids: only these; None: any.
    """
    pause = settings_of(session).staffbot_batch_frequency.total_seconds()
    is_due = sa.or_(
        StaffingRequest.state == RequestState.EXHAUSTED,
        StaffingRequest.last_batch_at.is_(None),
        StaffingRequest.last_batch_at <= seconds_from_now(-pause),
    )
    chosen = (
        sa.select(StaffingRequest.id)
        .join(Task, Task.id == StaffingRequest.task_id)
        .join(Project, Project.id == Task.project_id)
        .where(IS_LIVE_REQUEST, is_due, _IS_WANTED)
        .order_by(Project.priority.desc(), StaffingRequest.opened_at, StaffingRequest.id)
    )
    if request_ids is not None:
        chosen = chosen.where(StaffingRequest.id.in_(request_ids))
    return list(session.scalars(chosen))


def plans(session: Session, request_ids: Sequence[int]) -> list[Plan]:
    """What is to be done for these requests, in their order; those with nothing new are left out.

    In a fixed number of statements, whatever the number of requests and workers.
    """
    project = joinedload(StaffingRequest.task, innerjoin=True).joinedload(Task.project)
    version = project.joinedload(Project.version, innerjoin=True)
    found = session.scalars(
        sa.select(StaffingRequest)
        .where(StaffingRequest.id.in_(request_ids))
        .options(version.joinedload(WorkflowVersion.workflow, innerjoin=True))
    )
    by_id = {request.id: request for request in found}
    load_graphs(session, {request.task.project.version for request in by_id.values()})
    wanted = [Wanted(by_id[i], step) for i in request_ids if i in by_id for step in _step(by_id[i])]
    last = _last_batches(session, request_ids)
    candidates = Candidates(session, wanted)
    planned = []
    for one in wanted:
        judged = candidates.judge(one)
        number, verdicts = last.get(one.request.id, (0, {}))
        if verdicts == judged.verdicts and one.request.state is not RequestState.OPEN:
            continue
        renews = bool(number) and Verdict.OFFERED not in verdicts and not judged.chosen
        planned.append(Plan(one, judged, number if renews else number + 1, renews))
    return planned


def _step(request: StaffingRequest) -> list[Step]:
    """Empty, if a version that was loaded again lacks it; other requests go on all the same."""
    step = graph_of(request.task.project.version).by_slug.get(request.task.step)
    if step is None:
        logger.error("no such step any more", extra={"staffing_request": request.id})
    return [step] if step else []


def _last_batches(
    session: Session, request_ids: Sequence[int]
) -> dict[int, tuple[int, dict[str, Any]]]:
    newest = (
        sa.select(sa.func.max(StaffingBatch.id))
        .where(StaffingBatch.request_id.in_(request_ids))
        .group_by(StaffingBatch.request_id)
    )
    rows = session.execute(
        sa.select(StaffingBatch.request_id, StaffingBatch.number, StaffingBatch.verdicts).where(
            StaffingBatch.id.in_(newest)
        )
    )
    return {row.request_id: (row.number, row.verdicts) for row in rows}


def send(session: Session, plan: Plan) -> int:
    """Ask the chosen workers; how many. Nobody, if anything changed since they were looked at.

    Workers are looked at before the lock, for many requests at once. What could make two ask the
    same worker is looked at again under the lock, and what a worker may do is when they accept.
    """
    locked = lock_task(session, plan.request.task_id)
    request = find_locked(session, StaffingRequest, plan.request.id)
    if request is None or not _is_unchanged(plan, locked, request):
        return 0
    _store(session, locked, plan)
    if plan.judged.chosen:
        asked = _store_offers(session, plan)
        staffing_notices.offered(session, locked, request, asked, plan.detail.text)
    if plan.judged.leaves_nobody:
        staffing_notices.exhausted(session, locked, request)
    return len(plan.judged.chosen)


def _is_unchanged(plan: Plan, locked: LockedTask, request: StaffingRequest) -> bool:
    seen = plan.request
    return (
        locked.project.status is ProjectStatus.ACTIVE
        and request.state is seen.state
        and request.last_batch_at == seen.last_batch_at
        and {assignment.worker_id for assignment in locked.assignments} == plan.judged.holders
    )


def _store(session: Session, locked: LockedTask, plan: Plan) -> None:
    """The verdicts, when and how the request was looked at, and the event, if anybody is asked.

    One row for each batch, and one for what was found since: it would grow with every run.
    """
    asks, request_id = bool(plan.judged.chosen), plan.request.id
    values = {
        "of_request": request_id,
        "nth": plan.number,
        "found": dict(plan.judged.verdicts),
        "as_state": RequestState.EXHAUSTED if plan.judged.leaves_nobody else RequestState.OPEN,
        "problem": plan.detail.problem,
    }
    if asks:
        values |= {f"event_{name}": value for name, value in _event(locked, plan).items()}
    _stored(asks=asks, renews=plan.renews).run(session, values)


@cache
def _stored(*, asks: bool, renews: bool) -> Together:
    """To write it costs many times what it costs to run it."""
    return Together(lambda _id_of: _parts(asks=asks, renews=renews))


def _parts(*, asks: bool, renews: bool) -> Iterator[tuple[str, Written]]:
    looked_at = {"last_batch_at": seconds_from_now(0), "state": bindparam("as_state")}
    if asks:
        looked_at["detail_problem"] = bindparam("problem")
    yield "request", sa.update(_REQUESTS).where(_REQUESTS.c.id == _REQUEST).values(looked_at)
    found = {"verdicts": bindparam("found"), "at": seconds_from_now(0)}
    if renews:
        is_same = sa.and_(_BATCHES.c.request_id == _REQUEST, _BATCHES.c.number == _NUMBER)
        yield "batch", sa.update(_BATCHES).where(is_same).values(found)
    else:
        yield "batch", sa.insert(_BATCHES).values(request_id=_REQUEST, number=_NUMBER, **found)
    if asks:
        yield "event", sa.insert(_EVENTS).values(_OF_EVENT)


def _store_offers(session: Session, plan: Plan) -> list[tuple[int, int]]:
    """(offer, worker) ids, in the order of asking."""
    valid_seconds = settings_of(session).staffbot_offer_seconds.total_seconds()
    values = {
        "request_id": plan.request.id,
        "batch": plan.number,
        "detail": plan.detail.text,
        "valid_seconds": valid_seconds or None,
    }
    rows = [values | {"worker_id": worker_id} for worker_id in plan.judged.chosen]
    stored = session.connection().execute(_STORE_OFFERS, rows)
    ids = {row.worker_id: row.id for row in stored}
    return [(ids[worker_id], worker_id) for worker_id in plan.judged.chosen]


def _event(locked: LockedTask, plan: Plan) -> dict[str, Any]:
    problem = plan.detail.problem
    after = {
        "task": locked.task.id,
        "level": plan.request.level,
        "batch": plan.number,
        "worker_ids": list(plan.judged.chosen),
    }
    return audit.event(
        SYSTEM,
        Verb.OFFER_SENT,
        plan.request,
        project_id=locked.project.id,
        after=after | ({"problem": problem} if problem else {}),
    )
