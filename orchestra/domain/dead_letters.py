"""Messages that were given up, and what a person decides about them (specification M-7)."""

from collections.abc import Iterable, Iterator, Mapping

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra import outbox
from orchestra.database import lock
from orchestra.domain import audit, messages
from orchestra.domain.audit import Actor, require_manager
from orchestra.domain.markup import one_line
from orchestra.errors import Invalid, WrongStatus
from orchestra.models import Message, MessageState, Verb

PER_PAGE = 50
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
        message.address = after["address"] = _checked(address)
    message.state, message.tries, message.last_error = MessageState.WAITING, 0, None
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


def _checked(address: str) -> str:
    """Whether mail arrives there is for the mail server to say."""
    address = one_line(address)
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
