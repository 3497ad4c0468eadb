"""Messages that were given up: who hears of it, and what a person decides (M-7, M-24)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra import outbox
from orchestra.database import lock, seconds_from_now
from orchestra.domain import audit, messages, notices
from orchestra.domain.audit import Actor, require_manager
from orchestra.domain.markup import one_line
from orchestra.domain.message_texts import Kind, dead_letter_words
from orchestra.errors import Invalid, WrongStatus
from orchestra.models import Channel, Message, MessageState, Verb

PER_PAGE = 50
REPORT_SECONDS = 3600  # one report an hour at most
LONGEST_ADDRESS = 254


def dead_messages(
    session: Session, *, project_ids: Iterable[int] | None = None, page: int = 1
) -> list[Message]:
    """The dead letters of some projects, or all of them; the newest first, their workers loaded."""
    newest = (
        sa.select(Message)
        .where(*_dead(project_ids))
        .options(joinedload(Message.worker))
        .order_by(Message.id.desc())
        .limit(PER_PAGE)
        .offset((page - 1) * PER_PAGE)
    )
    return list(session.scalars(newest))


def count_dead(session: Session, *, project_ids: Iterable[int] | None = None) -> int:
    counted = sa.select(sa.func.count()).select_from(Message).where(*_dead(project_ids))
    return session.scalar(counted) or 0


def _dead(project_ids: Iterable[int] | None) -> Iterator[sa.ColumnElement[bool]]:
    yield Message.state == MessageState.DEAD
    if project_ids is not None:
        yield Message.project_id.in_(list(project_ids))


def report(session: Session) -> None:
    """Tell project admins of new dead letters, at most once an hour; for the sweep.

    Dead letters that are such reports themselves are not reported, or there were no end of it.
    """
    is_new = sa.and_(
        Message.state == sa.literal_column("'dead'"),  # as in the index
        Message.reported_at.is_(None),
        Message.kind != Kind.DEAD_LETTER,
    )
    lately = sa.exists().where(Message.reported_at > seconds_from_now(-REPORT_SECONDS))
    if not session.scalar(sa.select(sa.and_(sa.exists().where(is_new), ~lately))):
        return
    reported = session.scalars(
        sa.update(Message).where(is_new).values(reported_at=seconds_from_now(0)).returning(Message),
        execution_options={"synchronize_session": False},
    ).all()
    if reported:
        _tell_of(session, sorted(reported, key=lambda message: message.id))


def _tell_of(session: Session, reported: Sequence[Message]) -> None:
    said = dead_letter_words([(row.subject, row.last_error or "") for row in reported])
    projects = {row.project_id for row in reported}
    project_id = projects.pop() if len(projects) == 1 else None
    messages.tell_those(
        session,
        Kind.DEAD_LETTER,
        notices.project_admins(),
        subject=said.subject,
        text=said.text,
        url=f"/orchestra/app/project/{project_id}" if project_id else "/orchestra/app/projects",
        cause=f"message:{reported[-1].id}:dead",
        project_id=project_id,
    )


def send_again(
    session: Session, actor: Actor, message_id: int, *, address: str | None = None
) -> Message:
    """Try again, from the first try, if wanted to another address.

    :raises NotFound: there is no such message.
    :raises WrongStatus: it is not dead, or not any more.
    :raises Invalid: the address is none.
    """
    message = _locked(session, actor, message_id)
    before = {"tries": message.tries, "error": message.last_error}
    after = {"decision": "send_again"}
    if address is not None and address.strip() != message.address:
        before["address"] = message.address
        message.address = after["address"] = _checked(address, message.channel)
    message.state, message.tries, message.last_error = MessageState.WAITING, 0, None
    message.reported_at = None
    _audit(session, actor, message, before, after)
    session.flush()
    outbox.enqueue(session, messages.delivery_of(message.id, 1))
    return message


def discard(session: Session, actor: Actor, message_id: int) -> Message:
    """Give the message up for good; what it said is forgotten.

    :raises NotFound: there is no such message.
    :raises WrongStatus: it is not dead, or not any more.
    """
    message = _locked(session, actor, message_id)
    before = {"tries": message.tries, "error": message.last_error}
    message.state, message.text, message.html = MessageState.DISCARDED, "", None
    _audit(session, actor, message, before, {"decision": "discard"})
    session.flush()
    return message


def _locked(session: Session, actor: Actor, message_id: int) -> Message:
    require_manager(actor)
    message = lock(session, Message, message_id)
    if message.state is not MessageState.DEAD:
        raise WrongStatus(f"Message {message_id} is not dead; somebody decided about it already.")
    return message


def _checked(address: str, channel: Channel) -> str:
    """Whether something arrives there is for the service to say."""
    address = one_line(address)
    if channel is not Channel.MAIL:
        if address and " " not in address and len(address) <= LONGEST_ADDRESS:
            return address
        fields = {"address": ["Give the id of a person or channel."]}
        raise Invalid("This is no id of the chat.", fields=fields)
    name, at, host = address.rpartition("@")
    if not (name and at and host) or " " in address or len(address) > LONGEST_ADDRESS:
        fields = {"address": ["Give an e-mail address."]}
        raise Invalid("This is not an e-mail address.", fields=fields)
    return address


def _audit(
    session: Session,
    actor: Actor,
    message: Message,
    before: Mapping[str, object],
    after: Mapping[str, str],
) -> None:
    audit.record(
        session,
        actor,
        Verb.DEAD_LETTER_DECIDED,
        message,
        project_id=message.project_id,
        before=before,
        after=after,
    )
