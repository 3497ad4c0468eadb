"""Whether a message still says what is true, asked before it is delivered (specification M-9)."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.domain import offers
from orchestra.domain.message_texts import Kind
from orchestra.models import (
    Message,
    Offer,
    OfferState,
    Project,
    ProjectStatus,
    StaffingRequest,
    Task,
)


@dataclass(frozen=True)
class Verdict:
    """What is to be done with a message that is due."""

    dropped_because: str | None = None
    waits_for_resume: bool = False


WANTED = Verdict()


def still_wanted(session: Session, message: Message) -> Verdict:
    """No kind but these is ever dropped."""
    match message.kind:
        case Kind.OFFER:
            return _of_offer(session, message)
        case Kind.OFFER_REMINDER:
            return _of_reminder(session, message)
        case Kind.SANITY_CHECK:
            return _of_sanity_check(session, message)
        case _:
            return WANTED


def _of_offer(session: Session, message: Message) -> Verdict:
    kind, _, offer_id = (message.cause or "").partition(":")
    if kind != "offer" or not offer_id.isdecimal():
        return WANTED
    found = session.execute(
        sa.select(Offer.state, Project.status)
        .join(StaffingRequest, StaffingRequest.id == Offer.request_id)
        .join(Task, Task.id == StaffingRequest.task_id)
        .join(Project, Project.id == Task.project_id)
        .where(Offer.id == int(offer_id))
    ).one_or_none()
    if found is None or found.state is not OfferState.SENT:
        return Verdict(dropped_because="The offer cannot be answered any more.")
    return Verdict(waits_for_resume=found.status is ProjectStatus.PAUSED)


def _of_reminder(session: Session, message: Message) -> Verdict:
    if message.worker_id and not offers.count_available(session, message.worker_id):
        return Verdict(dropped_because="No task is available any more.")
    return WANTED


def _of_sanity_check(session: Session, message: Message) -> Verdict:
    project = session.get(Project, message.project_id) if message.project_id else None
    if project is not None and project.status is not ProjectStatus.ACTIVE:
        return Verdict(dropped_because="The project is not active any more.")
    return WANTED
