"""Offers to workers: their links, and what is answered to them (specification S-31 to S-44)."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra.config import Settings
from orchestra.database import seconds_from_now, settings_of
from orchestra.domain import assignments, audit, offer_links, pickup, staffing_notices
from orchestra.domain.audit import Actor
from orchestra.domain.graph import Step
from orchestra.domain.locking import LockedTask, gate, lock_task
from orchestra.domain.offer_links import token_of
from orchestra.domain.versions import load_graphs, step_of
from orchestra.errors import Conflict, NotFound, OfferClosed, WrongStatus
from orchestra.models import (
    IS_LIVE_REQUEST,
    Assignment,
    Offer,
    OfferState,
    Project,
    ProjectStatus,
    RequestCause,
    RequestState,
    StaffingRequest,
    Task,
    Verb,
    Worker,
    WorkflowVersion,
)

_ANSWERABLE = frozenset({OfferState.SENT, OfferState.DECLINED})
SOURCE = "offer"
EXPIRED_AT_ONCE = 500


def find(session: Session, worker: Worker, token: str) -> Offer:
    """The worker's own offer, with its task and project loaded (S-33).

    :raises NotFound: the link is not one of ours, or the offer is somebody else's.
    """
    offer_id = offer_links.offer_of(settings_of(session), token)
    offer = session.scalars(_loaded().where(Offer.id == offer_id)).one_or_none()
    if offer is None or offer.worker_id != worker.id:
        raise NotFound("There is no such offer. Perhaps you are logged in as somebody else.")
    return offer


def _loaded() -> sa.Select[Offer]:
    task = joinedload(Offer.request, innerjoin=True).joinedload(StaffingRequest.task)
    project = task.joinedload(Task.project, innerjoin=True)
    version = project.joinedload(Project.version, innerjoin=True)
    return sa.select(Offer).options(version.joinedload(WorkflowVersion.workflow, innerjoin=True))


# --- Answers ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Asked:
    """An offer under the lock of its task, and whether its time is over."""

    locked: LockedTask
    request: StaffingRequest
    offer: Offer
    is_over: bool

    def require_answerable(self) -> None:
        """:raises OfferClosed: with the reason, and since when."""
        offer, request = self.offer, self.request
        paused = self.locked.project.status is ProjectStatus.PAUSED
        if offer.state is OfferState.EXPIRED or (self.is_over and not paused):
            raise OfferClosed(
                "This offer is too old to be answered.", details={"since": offer.expires_at}
            )
        if offer.state is OfferState.LOST or not request.state.is_live:
            raise _closed(request)


def _closed(request: StaffingRequest) -> OfferClosed:
    if request.state is RequestState.FILLED:
        message = "This task was already taken."
    else:
        message = "This offer was withdrawn."
    return OfferClosed(message, details={"since": request.closed_at})


def accept(session: Session, actor: Actor, offer_id: int) -> Offer:
    """Take the offered task, or take it over; of many who accept, one gets it (S-35 to S-39).

    :raises NotFound: the offer is somebody else's.
    :raises OfferClosed: somebody else was faster, it is too old, or it is not wanted any more.
    :raises NotCertified, ReturnedWorkFirst, LimitReached: why this worker cannot have it now.
    """
    worker = pickup.lock_worker(session, actor)
    asked = _locked(session, worker, offer_id)
    offer, locked = asked.offer, asked.locked
    if offer.state is OfferState.ACCEPTED:
        return offer
    if offer.state not in _ANSWERABLE or asked.is_over:
        asked.require_answerable()
    gate(locked.project)
    asked.require_answerable()
    replaced = _require_takable(session, asked, worker)
    reason = pickup.blocked(session, worker)
    if reason is not None:
        raise reason
    offer.state, offer.answered_at = OfferState.ACCEPTED, seconds_from_now(0)
    session.flush()
    staffing_notices.filled(session, locked, asked.request, worker)
    if replaced is None:
        assignments.give(session, actor, locked, worker, SOURCE)
    else:
        assignments.hand_to(session, actor, locked, replaced, worker=worker, source=SOURCE)
    _record(session, actor, asked)
    return offer


def _locked(session: Session, worker: Worker, offer_id: int) -> _Asked:
    found = session.execute(
        sa.select(StaffingRequest.id, StaffingRequest.task_id)
        .join(Offer, Offer.request_id == StaffingRequest.id)
        .where(Offer.id == offer_id, Offer.worker_id == worker.id)
    ).one_or_none()
    if found is None:
        raise NotFound(f"There is no offer {offer_id} to you.")
    locked = lock_task(session, found.task_id)
    request = session.get_one(
        StaffingRequest, found.id, with_for_update=True, populate_existing=True
    )
    is_over = sa.func.coalesce(Offer.expires_at <= seconds_from_now(0), sa.false())
    offer, over = session.execute(
        sa.select(Offer, is_over)
        .where(Offer.id == offer_id)
        .with_for_update(of=Offer)
        .execution_options(populate_existing=True)
    ).one()
    return _Asked(locked, request, offer, bool(over) and offer.state is OfferState.SENT)


def _require_takable(session: Session, asked: _Asked, worker: Worker) -> Assignment | None:
    """The assignment to be taken over, or None; the checks of L-47 or L-83, in their order."""
    locked, request = asked.locked, asked.request
    if request.cause is not RequestCause.RESTAFF:
        assignments.require_in_pool(locked, raced=True)
        assignments.require_assignable(session, locked, worker, assignments.next_level(locked))
        return None
    live = {assignment.id: assignment for assignment in locked.assignments}
    replaced = live.get(request.replaces_id or 0)
    if replaced is None:
        raise NotFound("The work to be taken over is not there any more.")
    if locked.task.status.is_terminal:
        raise WrongStatus(f"Task {locked.task.id} is {locked.task.status.label}.")
    assignments.require_assignable(session, locked, worker, replaced.level)
    return replaced


def _record(session: Session, actor: Actor, asked: _Asked) -> None:
    offer, request = asked.offer, asked.request
    after = {"task": request.task_id, "level": request.level, "state": offer.state.value}
    audit.record(
        session,
        actor,
        Verb.OFFER_ANSWERED,
        offer,
        project_id=asked.locked.project.id,
        after=after | {"worker_id": offer.worker_id},
    )


def decline(session: Session, actor: Actor, offer_id: int) -> Offer:
    """Say no; that can be taken back while somebody is looked for (S-40, S-41).

    :raises NotFound: the offer is somebody else's.
    :raises OfferClosed: there is nothing to be declined any more.
    :raises Conflict: it was accepted.
    """
    worker = session.get_one(Worker, actor.worker_id)
    asked = _locked(session, worker, offer_id)
    offer = asked.offer
    if offer.state is OfferState.ACCEPTED:
        raise Conflict("You accepted this offer. Ask a project admin to give the task back.")
    if offer.state is OfferState.DECLINED:
        return offer
    asked.require_answerable()
    offer.state, offer.answered_at = OfferState.DECLINED, seconds_from_now(0)
    session.flush()
    _record(session, actor, asked)
    if asked.request.state is RequestState.EXHAUSTED:
        staffing_notices.declined(session, asked.locked, asked.request)
    return offer


def expire_old(session: Session) -> None:
    """Close offers whose time is over, at most a batch; not in a pause, which does not count."""
    is_sent = Offer.state == sa.literal_column("'sent'")  # as in the index
    is_over = sa.and_(is_sent, Offer.expires_at <= seconds_from_now(0))
    chosen = (
        sa.select(Offer.id)
        .join(StaffingRequest, StaffingRequest.id == Offer.request_id)
        .join(Task, Task.id == StaffingRequest.task_id)
        .join(Project, Project.id == Task.project_id)
        .where(is_over, Project.status == ProjectStatus.ACTIVE)
        .order_by(Offer.id)
        .limit(EXPIRED_AT_ONCE)
        .with_for_update(of=Offer, skip_locked=True)
    )
    ids = list(session.scalars(chosen))
    if ids:
        expired = sa.update(Offer).where(Offer.id.in_(ids), Offer.state == OfferState.SENT)
        session.execute(expired.values(state=OfferState.EXPIRED))


# --- Available tasks --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class AvailableOffer:
    """An offer that a worker has not answered, in words for a list."""

    id: int
    token: str
    task_id: int
    level: int
    step: Step
    project: Project  # with its version and workflow
    sent_at: datetime
    expires_at: datetime | None
    detail: str | None

    @property
    def is_review(self) -> bool:
        return self.level > 0


def available(session: Session, worker_id: int) -> list[AvailableOffer]:
    """Offers that wait for the worker's answer, the most urgent first (S-44)."""
    found = session.scalars(
        _loaded()
        .join(StaffingRequest, StaffingRequest.id == Offer.request_id)
        .join(Task, Task.id == StaffingRequest.task_id)
        .join(Project, Project.id == Task.project_id)
        .where(Offer.worker_id == worker_id, is_available())
        .order_by(Project.priority.desc(), Offer.sent_at, Offer.id)
    ).all()
    load_graphs(session, {offer.request.task.project.version for offer in found})
    settings = settings_of(session)
    return [_described(settings, offer) for offer in found]


def is_available() -> sa.ColumnElement[bool]:
    """Of a query over ``Offer``, ``StaffingRequest`` and ``Project``.

    The state is written out as in the index of sent offers, which is used only then.
    """
    return sa.and_(
        Offer.state == sa.literal_column("'sent'"),
        sa.or_(Offer.expires_at.is_(None), Offer.expires_at > seconds_from_now(0)),
        IS_LIVE_REQUEST,
        Project.status == ProjectStatus.ACTIVE,
    )


def _described(settings: Settings, offer: Offer) -> AvailableOffer:
    task = offer.request.task
    return AvailableOffer(
        id=offer.id,
        token=token_of(settings, offer.id),
        task_id=task.id,
        level=offer.request.level,
        step=step_of(task.project, task),
        project=task.project,
        sent_at=offer.sent_at,
        expires_at=offer.expires_at,
        detail=offer.detail,
    )


def count_available(session: Session, worker_id: int) -> int:
    return session.scalar(available_to(worker_id)) or 0


def available_to(worker_id: int) -> sa.Select[int]:
    """The statement that counts the offers that a worker can accept."""
    return (
        sa.select(sa.func.count())
        .select_from(Offer)
        .join(StaffingRequest, StaffingRequest.id == Offer.request_id)
        .join(Task, Task.id == StaffingRequest.task_id)
        .join(Project, Project.id == Task.project_id)
        .where(Offer.worker_id == worker_id, is_available())
    )
