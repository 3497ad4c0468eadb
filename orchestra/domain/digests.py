"""One mail a day for those who want it so: what waited, in order."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.database import settings_of, skip_locked, utcnow
from orchestra.domain import messages, relevance
from orchestra.domain.markup import RULE, as_letter
from orchestra.domain.message_texts import Kind
from orchestra.models import Channel, Message, MessageState, Worker
from orchestra.outbox import OutboxMessage

MOST_PARTS = 100


def gather(session: Session, worker: Worker, now: datetime) -> None:
    """Make one mail of all that waited for it, and settle what it is made of.

    What is not true any more stays out (M-9). With more than fit, another mail follows.
    """
    parts = _waiting_for(session, worker, now)
    wanted = [part for part in parts if _is_wanted(session, part)]
    if wanted:
        record(session, worker, wanted)
    for part in wanted:
        part.state, part.sent_at, part.text, part.due_at = MessageState.SENT, utcnow(), "", None
    settled = [part for part in parts if part.state is not MessageState.WAITING]
    session.flush()
    session.execute(
        sa.delete(OutboxMessage).where(
            OutboxMessage.dedupe_key.in_([messages.key_of(part.id) for part in settled])
        ),
        execution_options={"synchronize_session": False},
    )


def _waiting_for(session: Session, worker: Worker, now: datetime) -> Sequence[Message]:
    due = (
        sa.select(Message)
        .where(
            Message.worker_id == worker.id,
            Message.channel == Channel.MAIL,
            Message.state == sa.literal_column("'waiting'"),  # as in the index
            Message.tries == 0,
            Message.due_at <= now,
            Message.kind != Kind.DIGEST,
        )
        .order_by(Message.id)
        .limit(MOST_PARTS)
    )
    return session.scalars(skip_locked(due)).all()


def _is_wanted(session: Session, part: Message) -> bool:
    verdict = relevance.still_wanted(session, part)
    if verdict.dropped_because:
        part.state, part.last_error = MessageState.DROPPED, verdict.dropped_because
    return verdict == relevance.WANTED


def record(session: Session, worker: Worker, parts: Sequence[Message]) -> None:
    """One mail of these parts."""
    base = settings_of(session).url
    number = f"{len(parts)} messages" if len(parts) > 1 else "1 message"
    letters = [
        as_letter(part.subject, part.text, f"{base}{part.url or '/orchestra/app'}")
        for part in parts
    ]
    digest = Message(
        kind=Kind.DIGEST.value,
        channel=Channel.MAIL,
        worker_id=worker.id,
        address=parts[-1].address,
        dedupe_key=f"{Kind.DIGEST}:{parts[0].id}-{parts[-1].id}:{worker.id}:{Channel.MAIL}",
        subject=f"Your day in Orchestra: {number}",
        text=f"\n\n{RULE}\n\n".join(letters),
        url="/orchestra/app/inbox",
        state=MessageState.WAITING,
    )
    session.add(digest)
    session.flush()
    outbox.enqueue(session, messages.delivery_of(digest.id, 1))
