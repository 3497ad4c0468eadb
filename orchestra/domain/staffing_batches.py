"""Ask the next workers: which requests are due, and the next batch of each (S-19 to S-25)."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.orm import Session, joinedload

from orchestra.database import lock_all, seconds_from_now, settings_of, table_of
from orchestra.domain import audit, staffing_notices
from orchestra.domain.audit import SYSTEM
from orchestra.domain.graph import Step
from orchestra.domain.locking import LockedTask, lock_tasks
from orchestra.domain.offer_details import Detail
from orchestra.domain.staffing_candidates import Candidates, Judged, Wanted
from orchestra.domain.staffing_notices import Asked
from orchestra.domain.versions import graph_of, load_graphs
from orchestra.models import (
    IS_LIVE_REQUEST,
    POOL,
    TERMINAL,
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

logger = logging.getLogger(__name__)

_OFFERS, _REQUESTS, _BATCHES = table_of(Offer), table_of(StaffingRequest), table_of(StaffingBatch)
_REQUEST: sa.BindParameter[int] = bindparam("of_request")
_NUMBER: sa.BindParameter[int] = bindparam("nth")
_LOOKED_AT = (
    sa.update(_REQUESTS)
    .where(_REQUESTS.c.id == _REQUEST)
    .values(
        last_batch_at=seconds_from_now(0),
        state=bindparam("as_state"),
        detail_problem=sa.case(
            (bindparam("asks", type_=sa.Boolean()), bindparam("problem", type_=sa.Text())),
            else_=_REQUESTS.c.detail_problem,
        ),
    )
)
_FOUND = {"verdicts": bindparam("found"), "at": seconds_from_now(0)}
_STORE_BATCH = sa.insert(_BATCHES).values(request_id=_REQUEST, number=_NUMBER, **_FOUND)
_RENEW_BATCH = (
    sa.update(_BATCHES)
    .where(_BATCHES.c.request_id == _REQUEST, _BATCHES.c.number == _NUMBER)
    .values(_FOUND)
)
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
    .returning(_OFFERS.c.id, _OFFERS.c.request_id, _OFFERS.c.worker_id)
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
    chosen = (
        sa.select(StaffingRequest.id)
        .join(Task, Task.id == StaffingRequest.task_id)
        .join(Project, Project.id == Task.project_id)
        .where(_is_due(session), _IS_WANTED)
        .order_by(Project.priority.desc(), StaffingRequest.opened_at, StaffingRequest.id)
    )
    if request_ids is not None:
        chosen = chosen.where(StaffingRequest.id.in_(request_ids))
    return list(session.scalars(chosen))


def _is_due(session: Session) -> sa.ColumnElement[bool]:
    pause = settings_of(session).staffbot_batch_frequency.total_seconds()
    is_time = sa.or_(
        StaffingRequest.state == RequestState.EXHAUSTED,
        StaffingRequest.last_batch_at.is_(None),
        StaffingRequest.last_batch_at <= seconds_from_now(-pause),
    )
    return sa.and_(IS_LIVE_REQUEST, is_time)


def plans(session: Session, request_ids: Sequence[int]) -> list[Plan]:
    """What is to be done for these requests, in their order; those with nothing new are left out.

    So are those that are due no more, because they were closed or another process sent their batch
    since: what is over stays over (S-3), and the next batch has its time (S-19).
    In a fixed number of statements, whatever the number of requests and workers.
    """
    project = joinedload(StaffingRequest.task, innerjoin=True).joinedload(Task.project)
    version = project.joinedload(Project.version, innerjoin=True)
    found = session.scalars(
        sa.select(StaffingRequest)
        .where(StaffingRequest.id.in_(request_ids), _is_due(session))
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


@dataclass(frozen=True)
class Sent:
    """How many workers were asked, and what was left because somebody else was at it."""

    asked: int
    left: Sequence[Plan] = ()


@dataclass(frozen=True)
class _Going:
    """A plan that is carried out now."""

    plan: Plan
    locked: LockedTask
    request: StaffingRequest


def send(session: Session, plans: Sequence[Plan], *, skip_locked: bool = False) -> Sent:
    """Ask the chosen workers of these plans, of each unless anything changed since it was made.

    Workers are looked at before the lock, for many requests at once. What could make two ask the
    same worker is looked at again under the lock, and what a worker may do is when they accept.
    All is done in a fixed number of statements, whatever the number of plans; to say that nobody is
    left to be asked takes some more, once for a request.

    :param skip_locked: leave plans whose project somebody else holds.
    """
    locked = lock_tasks(session, [plan.request.task_id for plan in plans], skip_locked=skip_locked)
    left = [plan for plan in plans if plan.request.task_id not in locked]
    going = list(_unchanged(session, plans, locked))
    if going:
        _store(session, going)
        offers = _store_offers(session, going)
        staffing_notices.offered(
            session,
            [Asked(g.locked, g.request, offers[g.request.id], g.plan.detail.text) for g in going],
        )
    for one in going:
        if one.plan.judged.leaves_nobody:
            staffing_notices.exhausted(session, one.locked, one.request)
    return Sent(sum(len(one.plan.judged.chosen) for one in going), left if skip_locked else ())


def _unchanged(
    session: Session, plans: Sequence[Plan], locked: Mapping[int, LockedTask]
) -> Iterator[_Going]:
    at_hand = [plan for plan in plans if plan.request.task_id in locked]
    ids = [plan.request.id for plan in at_hand]
    chosen = sa.select(StaffingRequest).where(StaffingRequest.id.in_(ids))
    requests = {
        request.id: request for request in lock_all(session, chosen.order_by(StaffingRequest.id))
    }
    for plan in at_hand:
        request, task = requests.get(plan.request.id), locked[plan.request.task_id]
        if request is not None and _is_unchanged(plan, task, request):
            yield _Going(plan, task, request)


def _is_unchanged(plan: Plan, locked: LockedTask, request: StaffingRequest) -> bool:
    seen = plan.request
    return (
        locked.project.status is ProjectStatus.ACTIVE
        and request.state is seen.state
        and request.last_batch_at == seen.last_batch_at
        and {assignment.worker_id for assignment in locked.assignments} == plan.judged.holders
    )


def _store(session: Session, going: Sequence[_Going]) -> None:
    """The verdicts, when and how requests were looked at, and an event of each that asks somebody.

    One row for each batch, and one for what was found since: it would grow with every run.
    """
    connection = session.connection()
    connection.execute(_LOOKED_AT, [_as_looked_at(one.plan) for one in going])
    for renews, statement in ((True, _RENEW_BATCH), (False, _STORE_BATCH)):
        batches = [_batch(one.plan) for one in going if one.plan.renews is renews]
        if batches:
            connection.execute(statement, batches)
    audit.record_all(session, [_event(one) for one in going if one.plan.judged.chosen])


def _as_looked_at(plan: Plan) -> dict[str, Any]:
    return {
        "of_request": plan.request.id,
        "as_state": RequestState.EXHAUSTED if plan.judged.leaves_nobody else RequestState.OPEN,
        "asks": bool(plan.judged.chosen),
        "problem": plan.detail.problem,
    }


def _batch(plan: Plan) -> dict[str, Any]:
    found = dict(plan.judged.verdicts)
    return {"of_request": plan.request.id, "nth": plan.number, "found": found}


def _store_offers(session: Session, going: Sequence[_Going]) -> dict[int, dict[int, int]]:
    """Ids of the offers of each request, by worker, in the order of asking."""
    valid_seconds = settings_of(session).staffbot_offer_seconds.total_seconds()
    rows = [
        {
            "request_id": one.request.id,
            "worker_id": worker_id,
            "batch": one.plan.number,
            "detail": one.plan.detail.text,
            "valid_seconds": valid_seconds or None,
        }
        for one in going
        for worker_id in one.plan.judged.chosen
    ]
    stored = session.connection().execute(_STORE_OFFERS, rows).all() if rows else ()
    ids = {(row.request_id, row.worker_id): row.id for row in stored}
    return {
        one.request.id: {
            worker_id: ids[one.request.id, worker_id] for worker_id in one.plan.judged.chosen
        }
        for one in going
    }


def _event(one: _Going) -> dict[str, Any]:
    plan, problem = one.plan, one.plan.detail.problem
    after = {
        "task": one.locked.task.id,
        "level": plan.request.level,
        "batch": plan.number,
        "worker_ids": list(plan.judged.chosen),
    }
    return audit.event(
        SYSTEM,
        Verb.OFFER_SENT,
        plan.request,
        project_id=one.locked.project.id,
        after=after | ({"problem": problem} if problem else {}),
    )
