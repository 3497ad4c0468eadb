"""Messages to people: recorded with their cause, delivered after its commit (M-1 to M-6, M-28)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.database import find_locked, seconds_from_now, settings_of, table_of, utcnow
from orchestra.domain.message_texts import as_html, lines_of, one_line
from orchestra.errors import NotFound
from orchestra.models import AuditEvent, Channel, Message, MessageState, Worker
from orchestra.outbox import Dispatch, Job, OutboxMessage

PAUSES_SECONDS = (10, 30, 120, 600, 3600)
LONGEST_PAUSE_SECONDS = 3600
MOST_TRIES = 28  # the first, five after the pauses above, then one an hour: a day in all (M-6)
LEASE_SECONDS = 300  # longer than a delivery may take
KEPT_SECONDS = 180 * 86_400
FORGOTTEN_AT_ONCE = 500
PER_PAGE = 25
LOST = "The process that delivered this was lost."
_MESSAGES, _WORKERS = table_of(Message), table_of(Worker)

Cause = str | sa.ColumnElement[str]


# --- Recording --------------------------------------------------------------------------------


def send_mail(
    session: Session,
    *,
    kind: str,
    address: str,
    subject: str,
    text: str,
    dedupe_key: str,
    worker_id: int | None = None,
) -> None:
    """Record a mail, to be delivered if the caller's transaction commits.

    Asked twice, it is one mail. Without an address nothing is sent, and that is recorded (M-18).

    :param text: paragraphs; a line that is a link of ours and nothing else becomes the button.
    :param dedupe_key: what happened, for example ``activation:17``; kind, address and channel
        are added to it.
    """
    state = MessageState.WAITING if address else MessageState.OFF
    values = {
        "kind": kind,
        "channel": Channel.MAIL,
        "worker_id": worker_id,
        "address": address,
        "dedupe_key": f"{kind}:{dedupe_key}:{address.lower()}:{Channel.MAIL}",
        "subject": one_line(subject),
        "text": lines_of(text),
        "html": as_html(lines_of(text), settings_of(session).url),
        "state": state,
    }
    statement = _insert(session).values(values).on_conflict_do_nothing()
    new_id = session.connection().execute(statement.returning(_MESSAGES.c.id)).scalar_one_or_none()
    if new_id is not None and state is MessageState.WAITING:
        outbox.enqueue(session, delivery_of(new_id, 1))


def tell(
    session: Session,
    kind: str,
    workers: Iterable[int | None],
    *,
    subject: str,
    text: str,
    url: str,
    cause: Cause,
    project_id: int | None = None,
    task_id: int | None = None,
    except_worker_id: int | None = None,
) -> None:
    """Put a message into the inboxes of workers whose accounts are active (P-15).

    Told twice, it is one message in each inbox.

    :param workers: their ids; None stands for the machine, which reads nothing.
    :param url: what the message is about: a path of ours.
    :param cause: what happened, for example ``offer:17``, or :func:`newest_event`.
    """
    ids = {worker for worker in workers if worker is not None} - {except_worker_id}
    if ids:
        tell_those(
            session,
            kind,
            _WORKERS.c.id.in_(sorted(ids)),
            subject=subject,
            text=text,
            url=url,
            cause=cause,
            project_id=project_id,
            task_id=task_id,
        )


def tell_those(
    session: Session,
    kind: str,
    condition: sa.ColumnElement[bool],
    *,
    subject: str,
    text: str,
    url: str,
    cause: Cause,
    project_id: int | None = None,
    task_id: int | None = None,
) -> None:
    """As :func:`tell`, in one statement to all active workers who meet a condition."""
    session.flush()
    key = sa.literal(f"{kind}:", sa.Text()) + cause + ":"
    values: dict[str, sa.ColumnElement[Any]] = {
        "kind": sa.literal(kind, sa.Text()),
        "channel": sa.literal(Channel.INBOX.value, sa.Text()),
        "worker_id": _WORKERS.c.id,
        "dedupe_key": key + sa.cast(_WORKERS.c.id, sa.Text()) + f":{Channel.INBOX}",
        "subject": sa.literal(one_line(subject), sa.Text()),
        "text": sa.literal(lines_of(text), sa.Text()),
        "url": sa.literal(url, sa.Text()),
        "project_id": sa.literal(project_id, sa.Integer()),
        "task_id": sa.literal(task_id, sa.Integer()),
        "state": sa.literal(MessageState.SENT.value, sa.Text()),
        "tries": sa.literal(0, sa.Integer()),
        "created_at": seconds_from_now(0),
        "sent_at": seconds_from_now(0),
    }
    recipients = sa.select(*values.values()).where(_WORKERS.c.is_active, condition)
    statement = _insert(session).from_select(list(values), recipients, include_defaults=False)
    session.connection().execute(statement.on_conflict_do_nothing())


def _insert(session: Session) -> Any:
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    return dialect.insert(_MESSAGES)


def newest_event(project_id: int) -> sa.ColumnElement[str]:
    """The newest audit event of a project as a cause.

    Whoever changes a project holds its lock, so that is the event of the change itself.
    """
    newest = sa.select(sa.func.max(AuditEvent.id)).where(AuditEvent.project_id == project_id)
    return sa.literal("event:", sa.Text()) + sa.cast(newest.scalar_subquery(), sa.Text())


# --- Delivery ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Delivery:
    """A mail that this process alone is to deliver now."""

    message_id: int
    attempt: int
    kind: str
    address: str
    subject: str
    text: str
    html: str
    dedupe_key: str


def delivery_of(message_id: int, attempt: int) -> Dispatch:
    """The job of one try; the number keeps tries apart that are published twice."""
    kwargs = {"message_id": message_id, "attempt": attempt}
    return Dispatch(Job.DELIVER_MESSAGE, kwargs, key_of(message_id), "messages")


def key_of(message_id: int) -> str:
    return f"message:{message_id}"


def claim(session: Session, message_id: int, attempt: int) -> Delivery | None:
    """Take a message for a try, unless another process has it or it is settled (M-5).

    Until the lease is over nobody else tries; then the relay sends the job of the next try.
    """
    message = find_locked(session, Message, message_id)
    if message is None or message.state is not MessageState.WAITING:
        outbox.done(session, key_of(message_id))
        return None
    if message.tries != attempt - 1:
        return None
    if attempt > MOST_TRIES:
        _bury(session, message, message.last_error or LOST)
        return None
    message.tries = attempt
    following = delivery_of(message_id, attempt + 1)
    session.execute(
        sa.update(OutboxMessage)
        .where(OutboxMessage.dedupe_key == following.dedupe_key)
        .values(kwargs=following.kwargs, resend_at=seconds_from_now(LEASE_SECONDS)),
        execution_options={"synchronize_session": False},
    )
    return Delivery(
        message_id=message.id,
        attempt=attempt,
        kind=message.kind,
        address=message.address or "",
        subject=message.subject,
        text=message.text,
        html=message.html or "",
        dedupe_key=message.dedupe_key,
    )


def record_sent(session: Session, delivery: Delivery) -> None:
    """Its text is forgotten: it may hold a link that lets people in."""
    message = find_locked(session, Message, delivery.message_id)
    if message is not None:
        message.state, message.sent_at = MessageState.SENT, utcnow()
        message.text, message.html, message.last_error = "", None, None
    outbox.done(session, key_of(delivery.message_id))


def record_refused(session: Session, delivery: Delivery, error: str) -> None:
    """The service refused for good: the message is dead until a person decides (M-6, M-7)."""
    message = _held(session, delivery)
    if message is not None:
        _bury(session, message, error)


def record_unreachable(
    session: Session, delivery: Delivery, error: str, retry_after_seconds: float | None
) -> None:
    """Try again later, for a day at most (M-6)."""
    message = _held(session, delivery)
    if message is None:
        return
    if message.tries >= MOST_TRIES:
        _bury(session, message, error)
        return
    message.last_error = error
    pause = PAUSES_SECONDS[min(message.tries, len(PAUSES_SECONDS)) - 1]
    wished = min(retry_after_seconds or 0, LONGEST_PAUSE_SECONDS)
    following = delivery_of(message.id, message.tries + 1)
    outbox.enqueue(session, replace(following, delay_seconds=max(pause, wished)))


def _held(session: Session, delivery: Delivery) -> Message | None:
    message = find_locked(session, Message, delivery.message_id)
    is_ours = (
        message is not None
        and message.state is MessageState.WAITING
        and message.tries == delivery.attempt
    )
    return message if is_ours else None


def _bury(session: Session, message: Message, error: str) -> None:
    message.state, message.last_error = MessageState.DEAD, error
    outbox.done(session, key_of(message.id))


def forget_old(session: Session) -> None:
    """Delete what is kept no longer (M-29); for the sweep.

    Ids grow with time, so the oldest ones are looked at and no more.
    """
    oldest = sa.select(Message.id).order_by(Message.id).limit(FORGOTTEN_AT_ONCE)
    session.execute(
        sa.delete(Message).where(
            Message.id.in_(oldest),
            Message.state.in_((MessageState.SENT, MessageState.OFF, MessageState.DISCARDED)),
            Message.created_at < seconds_from_now(-KEPT_SECONDS),
        ),
        execution_options={"synchronize_session": False},
    )


# --- Inbox ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class InboxPage:
    """One page of an inbox, newest first."""

    messages: list[Message]
    unread: int
    total: int

    @property
    def pages(self) -> int:
        return -(-self.total // PER_PAGE)


def _of(worker_id: int) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """The channel is written out as in the index of unread messages, which is used only then."""
    return Message.worker_id == worker_id, Message.channel == sa.literal_column("'inbox'")


def inbox(session: Session, worker_id: int, page: int = 1) -> InboxPage:
    chosen = sa.select(Message).where(*_of(worker_id)).order_by(Message.id.desc())
    messages = session.scalars(chosen.limit(PER_PAGE).offset((page - 1) * PER_PAGE)).all()
    is_unread = sa.case((Message.read_at.is_(None), 1))
    counts = sa.select(sa.func.count(), sa.func.count(is_unread)).where(*_of(worker_id))
    total, unread = session.execute(counts).one()
    return InboxPage(list(messages), unread, total)


def unread(session: Session, worker_id: int) -> int:
    counted = sa.select(sa.func.count()).where(*_of(worker_id), Message.read_at.is_(None))
    return session.scalar(counted.select_from(Message)) or 0


def read_message(session: Session, worker_id: int, message_id: int) -> Message:
    """Mark a message as read, and give it to be opened.

    :raises NotFound: there is none, or it is in the inbox of somebody else (P-20).
    """
    chosen = sa.select(Message).where(Message.id == message_id, *_of(worker_id))
    message = session.scalars(chosen).one_or_none()
    if message is None:
        raise NotFound(f"There is no message {message_id} in your inbox.")
    mark_read(session, worker_id, [message_id])
    return message


def mark_read(session: Session, worker_id: int, ids: Iterable[int] | None) -> None:
    """Mark messages of the worker's own inbox as read; None: all of them."""
    unread_ones = sa.update(Message).where(*_of(worker_id), Message.read_at.is_(None))
    if ids is not None:
        unread_ones = unread_ones.where(Message.id.in_(list(ids)))
    session.execute(
        unread_ones.values(read_at=seconds_from_now(0)),
        execution_options={"synchronize_session": False},
    )
