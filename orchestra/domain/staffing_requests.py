"""Requests for somebody to do a task: opened, and closed by whatever makes them needless (S-11).

Whoever calls holds the lock of the task's project.
"""

from collections.abc import Collection
from secrets import randbits

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.database import lock_all, seconds_from_now, utcnow
from orchestra.domain import audit, staffing_notices
from orchestra.domain.audit import Actor
from orchestra.domain.locking import LockedTask
from orchestra.models import (
    IS_LIVE_REQUEST,
    Assignment,
    Offer,
    OfferState,
    Project,
    RequestCause,
    RequestState,
    StaffingRequest,
    Task,
    Verb,
)
from orchestra.outbox import Dispatch, Job

ASKED_AGAIN = "asked again"
SEED_BITS = 31


def open_request(
    session: Session,
    actor: Actor,
    locked: LockedTask,
    level: int,
    *,
    cause: RequestCause,
    replaces: Assignment | None = None,
) -> StaffingRequest:
    """Look for somebody for a level; one that was looked for before is asked anew (S-6, S-7)."""
    cancel(session, actor, locked, ASKED_AGAIN, level=level)
    request = StaffingRequest(
        task_id=locked.task.id,
        level=level,
        cause=cause,
        requested_by=actor.name,
        replaces_id=replaces.id if replaces else None,
        seed=randbits(SEED_BITS),
    )
    session.add(request)
    session.flush()
    audit.record(
        session,
        actor,
        Verb.STAFFING_OPENED,
        request,
        project_id=locked.project.id,
        after={"task": locked.task.id, "level": level, "cause": cause.value},
    )
    outbox.enqueue(session, first_batch_of(request.id))
    staffing_notices.opened(session, locked, request)
    return request


def first_batch_of(request_id: int) -> Dispatch:
    """The job that asks the first workers at once."""
    kwargs = {"request_id": request_id}
    return Dispatch(Job.SEND_FIRST_BATCH, kwargs, f"staffing_request:{request_id}", "bots")


def fill(session: Session, actor: Actor, locked: LockedTask, level: int, source: str) -> None:
    """The level has got a holder, by whatever way."""
    requests = _live(
        session, StaffingRequest.task_id == locked.task.id, StaffingRequest.level == level
    )
    _close(session, actor, locked.project.id, requests, filled_by=source)


def cancel(
    session: Session, actor: Actor, locked: LockedTask, reason: str, *, level: int | None = None
) -> None:
    """Nobody is looked for any more; without a level, for none of the task."""
    of_task = StaffingRequest.task_id == locked.task.id
    of_level = sa.true() if level is None else StaffingRequest.level == level
    requests = _live(session, of_task, of_level)
    _close(session, actor, locked.project.id, requests, cancelled_as=reason)


def cancel_for_tasks(
    session: Session, actor: Actor, project_id: int, task_ids: Collection[int], reason: str
) -> None:
    """As :func:`cancel`, for many tasks of one project."""
    if task_ids:
        requests = _live(session, StaffingRequest.task_id.in_(task_ids))
        _close(session, actor, project_id, requests, cancelled_as=reason)


def go_on_after_pause(session: Session, project: Project) -> None:
    """The time of a pause counts neither for the next batch nor for an offer (S-25)."""
    if project.paused_at is None:
        return
    paused_at, lasted = project.paused_at, utcnow() - project.paused_at
    of_project = sa.select(Task.id).where(Task.project_id == project.id)
    requests = _live(session, StaffingRequest.task_id.in_(of_project))
    for request in requests:
        if request.last_batch_at is not None:
            request.last_batch_at += lasted
    waiting = sa.select(Offer).where(
        Offer.request_id.in_([request.id for request in requests]),
        Offer.state == OfferState.SENT,
        Offer.expires_at > paused_at,
    )
    for offer in lock_all(session, waiting.order_by(Offer.id)) if requests else ():
        offer.expires_at = offer.expires_at and offer.expires_at + lasted


def _live(session: Session, *conditions: sa.ColumnElement[bool]) -> list[StaffingRequest]:
    live = sa.select(StaffingRequest).where(*conditions, IS_LIVE_REQUEST)
    return lock_all(session, live.order_by(StaffingRequest.id))


def _close(
    session: Session,
    actor: Actor,
    project_id: int,
    requests: list[StaffingRequest],
    *,
    filled_by: str | None = None,
    cancelled_as: str | None = None,
) -> None:
    state = RequestState.FILLED if filled_by else RequestState.CANCELLED
    for request in requests:
        request.state, request.closed_reason = state, filled_by or cancelled_as
        request.closed_at = seconds_from_now(0)
        audit.record(
            session,
            actor,
            Verb.STAFFING_CLOSED,
            request,
            project_id=project_id,
            after={"task": request.task_id, "level": request.level, "state": state.value},
            note=request.closed_reason,
        )
    if requests:
        session.flush()
        _lose(session, [request.id for request in requests])


def _lose(session: Session, request_ids: list[int]) -> None:
    """Offers that nobody has answered can be answered no more (S-37)."""
    session.execute(
        sa.update(Offer)
        .where(Offer.request_id.in_(request_ids), Offer.state == OfferState.SENT)
        .values(state=OfferState.LOST)
    )
