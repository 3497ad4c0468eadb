"""Messages on their way out: taken by one process, settled by what came of it (M-3 to M-10)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.database import find_locked, seconds_from_now, utcnow
from orchestra.domain import channels, digests, quiet_hours, relevance
from orchestra.domain.message_rows import NO_SLACK_ID
from orchestra.domain.message_texts import preference_of
from orchestra.domain.messages import delivery_of, key_of
from orchestra.models import Channel, Message, MessageState, Project, Worker
from orchestra.outbox import OutboxMessage

PAUSES_SECONDS = (10, 30, 120, 600, 3600)
LONGEST_PAUSE_SECONDS = 3600
MOST_TRIES = 28  # the first, five after the pauses above, then one an hour: a day in all (M-6)
LONGEST = timedelta(days=1)
LEASE_SECONDS = 60  # of one delivery; later ones to the same person wait for it (M-8)
LONG_WAIT = timedelta(minutes=2)  # whoever waits longer is passed by later messages (M-8)
SHORTEST_REST = timedelta(seconds=30)
RESUME_CHECK = timedelta(minutes=5)
CHANNEL_CHECK = timedelta(minutes=1)
KEPT_SECONDS = 180 * 86_400
FORGOTTEN_AT_ONCE = 500
LOOKED_AT = 100  # messages that may have to go first
LOST = "The process that delivered this was lost."
_TO_PERSONS = frozenset({Channel.MAIL, Channel.SLACK})


@dataclass(frozen=True)
class Delivery:
    """A message that this process alone is to deliver now."""

    message_id: int
    attempt: int
    kind: str
    channel: Channel
    address: str
    worker_id: int | None
    subject: str
    text: str
    html: str
    url: str
    dedupe_key: str


# --- Claiming ---------------------------------------------------------------------------------


def claim(session: Session, message_id: int, attempt: int) -> Delivery | None:
    """Take a message for a try, unless it is settled, not due, or with another process (M-5).

    Until the lease is over nobody else tries; then the relay sends the job of the next try.
    """
    message = find_locked(session, Message, message_id)
    if message is None or message.state is not MessageState.WAITING:
        outbox.done(session, key_of(message_id))
        return None
    if message.tries != attempt - 1:
        return None
    if attempt > MOST_TRIES and (message.last_error is None or _is_old(message)):
        _settle(session, message, MessageState.DEAD, message.last_error or LOST)
        return None
    if not _is_wanted_now(session, message) or _is_behind(session, message):
        return None
    address = _address(session, message)
    if address is None:
        return None
    message.tries, message.due_at = attempt, None
    _lease(session, message_id, attempt)
    return _delivery(message, address)


def _lease(session: Session, message_id: int, attempt: int) -> None:
    following = delivery_of(message_id, attempt + 1)
    session.execute(
        sa.update(OutboxMessage)
        .where(OutboxMessage.dedupe_key == following.dedupe_key)
        .values(kwargs=following.kwargs, resend_at=seconds_from_now(LEASE_SECONDS)),
        execution_options={"synchronize_session": False},
    )


def _delivery(message: Message, address: str) -> Delivery:
    return Delivery(
        message_id=message.id,
        attempt=message.tries,
        kind=message.kind,
        channel=message.channel,
        address=address,
        worker_id=message.worker_id,
        subject=message.subject,
        text=message.text,
        html=message.html or "",
        url=message.url or "",
        dedupe_key=message.dedupe_key,
    )


def _address(session: Session, message: Message) -> str | None:
    """Where it goes; None, and the message is settled or held, if that is not known."""
    if message.channel is not Channel.PROJECT_CHANNEL:
        if message.address or message.channel is Channel.MAIL:
            return message.address or ""
        _settle(session, message, MessageState.OFF, NO_SLACK_ID)
        return None
    project = session.get(Project, message.project_id) if message.project_id else None
    to = channels.address_of(session, project)
    if to.why_not is not None:
        _settle(session, message, MessageState.OFF, to.why_not)
    elif to.channel is None:
        _hold(session, message, utcnow() + CHANNEL_CHECK)
    return to.channel


# --- What is to wait --------------------------------------------------------------------------


def _is_wanted_now(session: Session, message: Message) -> bool:
    """Otherwise it is dropped, held, or part of a digest (M-9)."""
    verdict = relevance.still_wanted(session, message)
    if verdict.dropped_because:
        _settle(session, message, MessageState.DROPPED, verdict.dropped_because)
        return False
    if verdict.waits_for_resume:
        _hold(session, message, utcnow() + RESUME_CHECK)
        return False
    if message.channel not in _TO_PERSONS or preference_of(message.kind) is None:
        return True
    worker = message.worker
    return worker is None or _may_reach(session, message, worker)


def _may_reach(session: Session, message: Message, worker: Worker) -> bool:
    now = utcnow()
    if message.channel is Channel.MAIL and worker.digest_at and message.tries == 0:
        if message.due_at is not None and message.due_at <= now:
            digests.gather(session, worker, now)
            return False
        until = quiet_hours.next_digest(worker, now)
    else:
        until = quiet_hours.quiet_until(worker, now)
    if until is not None:
        _hold(session, message, until)
    return until is None


def _hold(session: Session, message: Message, until: datetime) -> None:
    """Nothing is counted: it was not tried. The relay sends the job when it is due."""
    message.due_at = until
    delay = max((until - utcnow()).total_seconds(), 1)
    again = delivery_of(message.id, message.tries + 1)
    outbox.enqueue(session, replace(again, delay_seconds=delay))


def _is_behind(session: Session, message: Message) -> bool:
    """Whether one recorded before it is to go first (M-8).

    One that waits for a long retry is passed. But after some rest it is tried again before
    others are: so, when a service was away for long, everything comes in order.
    """
    now = utcnow()
    is_alive = sa.exists().where(
        OutboxMessage.dedupe_key == "message:" + sa.cast(Message.id, sa.Text()),
        OutboxMessage.resend_at.is_not(None),
    )
    earlier = sa.select(Message.id, Message.tries, Message.due_at).where(
        *_same_way(message), Message.id < message.id, is_alive
    )
    for row in session.execute(earlier.order_by(Message.id).limit(LOOKED_AT)):
        if row.due_at is None or row.due_at <= now + LONG_WAIT:
            return True
        if row.tries and _failed_at(row) <= now - SHORTEST_REST:
            outbox.publish_after_commit(session, [delivery_of(row.id, row.tries + 1)])
            return True
    return False


def _failed_at(row: Any) -> datetime:
    """At the latest: a service that asked for more patience than we have is left alone."""
    failed_at: datetime = row.due_at - timedelta(seconds=_pause_after(row.tries))
    return failed_at


def _same_way(message: Message) -> list[sa.ColumnElement[bool]]:
    """What waits to go to the same recipient about the same project."""
    if message.project_id is None:
        return [sa.false()]
    return [
        Message.state == sa.literal_column("'waiting'"),  # as in the index
        Message.project_id == message.project_id,
        Message.channel == message.channel,
        Message.worker_id.is_not_distinct_from(message.worker_id),
        Message.address.is_not_distinct_from(message.address),
    ]


def _wake_next(session: Session, message: Message, *, retries: bool) -> None:
    """Let the one go that was behind this message.

    :param retries: also one that waits for a retry, because the service answers again.
    """
    if message.project_id is None:
        return
    is_ready = Message.due_at.is_(None)
    following = session.execute(
        sa.select(Message.id, Message.tries)
        .where(
            *_same_way(message),
            Message.id > message.id,
            sa.or_(is_ready, Message.tries > 0) if retries else is_ready,
        )
        .order_by(Message.id)
        .limit(1)
    ).one_or_none()
    if following is not None:
        outbox.publish_after_commit(session, [delivery_of(following.id, following.tries + 1)])


# --- Settling ---------------------------------------------------------------------------------


def record_sent(session: Session, delivery: Delivery) -> None:
    """The words to a person are forgotten: they may hold a link that lets people in."""
    message = find_locked(session, Message, delivery.message_id)
    if message is None:
        return
    if message.channel in _TO_PERSONS:
        message.text, message.html = "", None
    message.sent_at = utcnow()
    _settle(session, message, MessageState.SENT, None)


def record_off(session: Session, delivery: Delivery, reason: str) -> None:
    """The channel was switched off meanwhile (M-10)."""
    message = _held(session, delivery)
    if message is not None:
        _settle(session, message, MessageState.OFF, reason)


def record_refused(session: Session, delivery: Delivery, error: str) -> None:
    """The service refused for good: the message is dead until a person decides (M-6, M-7)."""
    message = _held(session, delivery)
    if message is not None:
        _settle(session, message, MessageState.DEAD, error)


def record_unreachable(
    session: Session, delivery: Delivery, error: str, retry_after_seconds: float | None
) -> None:
    """Try again later, for a day at most (M-6)."""
    message = _held(session, delivery)
    if message is None:
        return
    wished = min(retry_after_seconds or 0, LONGEST_PAUSE_SECONDS)
    pause = max(_pause_after(message.tries), wished)
    if message.tries >= MOST_TRIES and _is_old(message, timedelta(seconds=pause)):
        _settle(session, message, MessageState.DEAD, error)
        return
    message.last_error, message.due_at = error, utcnow() + timedelta(seconds=pause)
    following = delivery_of(message.id, message.tries + 1)
    outbox.enqueue(session, replace(following, delay_seconds=pause))
    if pause > LONG_WAIT.total_seconds():
        _wake_next(session, message, retries=False)


def _pause_after(tries: int) -> int:
    return PAUSES_SECONDS[min(tries, len(PAUSES_SECONDS)) - 1]


def _is_old(message: Message, in_a_while: timedelta = timedelta()) -> bool:
    return utcnow() + in_a_while - message.created_at > LONGEST


def _held(session: Session, delivery: Delivery) -> Message | None:
    message = find_locked(session, Message, delivery.message_id)
    is_ours = (
        message is not None
        and message.state is MessageState.WAITING
        and message.tries == delivery.attempt
    )
    return message if is_ours else None


def _settle(session: Session, message: Message, state: MessageState, why: str | None) -> None:
    message.state, message.last_error, message.due_at = state, why, None
    outbox.done(session, key_of(message.id))
    _wake_next(session, message, retries=state is MessageState.SENT)


def forget_old(session: Session) -> None:
    """Delete what is kept no longer (M-29); for the sweep.

    Ids grow with time, so the oldest ones are looked at and no more.
    """
    oldest = sa.select(Message.id).order_by(Message.id).limit(FORGOTTEN_AT_ONCE)
    session.execute(
        sa.delete(Message).where(
            Message.id.in_(oldest),
            Message.state.not_in((MessageState.WAITING, MessageState.DEAD)),
            Message.created_at < seconds_from_now(-KEPT_SECONDS),
        ),
        execution_options={"synchronize_session": False},
    )
