"""Who is told of what StaffBot does (specification M-23).

Each is called in the transaction of its cause, by whoever holds the lock of the project.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.config import Settings
from orchestra.database import settings_of
from orchestra.domain import letters, messages, notices
from orchestra.domain.letters import Letter, Reader
from orchestra.domain.locking import LockedTask
from orchestra.domain.markup import ChatText, mention
from orchestra.domain.message_texts import About, Kind, Preference, post_words, words
from orchestra.domain.messages import Post
from orchestra.domain.offer_links import path_of
from orchestra.domain.staffing_texts import Offered, offer_words
from orchestra.models import Channel, Offer, OfferState, StaffingRequest, Worker


@dataclass(frozen=True)
class Asked:
    """Who is asked by a batch: ids of their offers, by worker."""

    locked: LockedTask
    request: StaffingRequest
    offer_ids: Mapping[int, int]
    detail: str | None


def offered(session: Session, batches: Iterable[Asked]) -> None:
    """To each worker who is asked, by any of the batches."""
    asking = [batch for batch in batches if batch.offer_ids]
    ids = {worker_id for batch in asking for worker_id in batch.offer_ids}
    readers = letters.readers(session, Preference.NEW_TASK_AVAILABLE, sorted(ids)) if ids else {}
    settings = settings_of(session)
    letters.send(
        session,
        Kind.OFFER,
        [letter for batch in asking for letter in _offers(settings, batch, readers)],
    )


def _offers(settings: Settings, batch: Asked, readers: Mapping[int, Reader]) -> Iterator[Letter]:
    locked = batch.locked
    about = Offered(
        task=locked.task,
        project=locked.project,
        step=locked.step,
        level=batch.request.level,
        detail=batch.detail,
    )
    for worker_id, offer_id in batch.offer_ids.items():
        if worker_id in readers:
            reader, link = readers[worker_id], path_of(settings, offer_id)
            said = offer_words(about, reader, link=link, our_address=settings.url)
            yield Letter(
                reader,
                said.subject,
                mail=said.mail,
                inbox=said.inbox,
                chat=said.chat,
                url=link,
                cause=f"offer:{offer_id}",
                project_id=locked.project.id,
                task_id=locked.task.id,
            )


def opened(session: Session, locked: LockedTask, request: StaffingRequest) -> None:
    """To the project's channel: StaffBot is looking."""
    _post(session, Kind.STAFFING_OPENED, locked, request)


def exhausted(session: Session, locked: LockedTask, request: StaffingRequest) -> None:
    """To the channel and the project admins, once: nobody is left to be asked (S-22, S-42)."""
    states = list(session.scalars(sa.select(Offer.state).where(Offer.request_id == request.id)))
    _tell_admins(session, Kind.STAFFING_EXHAUSTED, locked, request, states)
    if states and all(state is OfferState.DECLINED for state in states):
        _tell_admins(session, Kind.STAFFING_DECLINED, locked, request, states)


def declined(session: Session, locked: LockedTask, request: StaffingRequest) -> None:
    """To the same, once, if that was the last who could say yes (S-42)."""
    states = list(session.scalars(sa.select(Offer.state).where(Offer.request_id == request.id)))
    if all(state is OfferState.DECLINED for state in states):
        _tell_admins(session, Kind.STAFFING_DECLINED, locked, request, states)


def filled(session: Session, locked: LockedTask, request: StaffingRequest, worker: Worker) -> None:
    _post(session, Kind.STAFFING_FILLED, locked, request, mention(worker))


def _about(locked: LockedTask, request: StaffingRequest, detail: str = "") -> About:
    name = f"the review of {locked.step.name}" if request.level else locked.step.name
    return About.of(locked.project, step=name, task_id=locked.task.id, detail=detail)


def _post(
    session: Session,
    kind: Kind,
    locked: LockedTask,
    request: StaffingRequest,
    who: ChatText | None = None,
) -> None:
    messages.post(
        session,
        kind,
        channel=Channel.PROJECT_CHANNEL,
        text=post_words(kind, _about(locked, request), who),
        url=_page_of(locked),
        cause=_cause(request),
        project_id=locked.project.id,
        task_id=locked.task.id,
    )


def _tell_admins(
    session: Session,
    kind: Kind,
    locked: LockedTask,
    request: StaffingRequest,
    states: Collection[OfferState],
) -> None:
    about = _about(locked, request, detail=_counted(states))
    said = words(kind, about)
    messages.tell_those(
        session,
        kind,
        notices.project_admins(),
        subject=said.subject,
        text=said.text,
        url=_page_of(locked),
        cause=_cause(request),
        project_id=locked.project.id,
        task_id=locked.task.id,
        posts=[Post(Channel.PROJECT_CHANNEL, post_words(kind, about))],
    )


def _counted(states: Collection[OfferState]) -> str:
    if not states:
        return "nobody; no active worker may take the task"
    people = "1 worker" if len(states) == 1 else f"{len(states)} workers"
    number = sum(state is OfferState.DECLINED for state in states)
    return f"{people}, of whom {number or 'none'} declined"


def _cause(request: StaffingRequest) -> str:
    return f"staffing_request:{request.id}"


def _page_of(locked: LockedTask) -> str:
    """Requests are looked after on the page of the project."""
    return f"/orchestra/app/project/{locked.project.id}#task-{locked.task.id}"
