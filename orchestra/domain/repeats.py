"""Requests that may be repeated: the answer is stored with the effect (A-19, A-21 to A-23)."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import utcnow
from orchestra.errors import Conflict, IdempotencyMismatch
from orchestra.models import AnsweredRequest

KEPT = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Repeatable:
    """A request that changes something, as it is recognised when it comes again."""

    owner: str  # "key:<key id>" or "worker:<id>"
    path: str
    body_hash: str
    idempotency_key: str | None = None  # as the client sent it
    signature_hash: str | None = None  # None: the signature cannot be told from a replay

    @property
    def stored_key(self) -> str | None:
        """A signature stands for a missing key; the blank keeps it apart from clients' keys."""
        if self.idempotency_key is not None:
            return self.idempotency_key
        return f" {self.signature_hash}" if self.signature_hash else None


def earlier_answer(session: Session, request: Repeatable) -> AnsweredRequest | None:
    """The stored answer to this request; None: it has not been answered before.

    :raises IdempotencyMismatch: the idempotency key was used for another body.
    :raises Conflict: the same request runs at this moment, or its signature was used before.
    """
    if request.stored_key is None:
        return None
    _refuse_while_running(session, request)
    for stored in _stored(session, request):
        if stored.at < utcnow() - KEPT:
            session.delete(stored)
            session.flush()
        else:
            _refuse_another_request(stored, request)
            return stored
    return None


def _stored(session: Session, request: Repeatable) -> list[AnsweredRequest]:
    same_key = sa.and_(
        AnsweredRequest.owner == request.owner,
        AnsweredRequest.path == request.path,
        AnsweredRequest.idempotency_key == request.stored_key,
    )
    same_signature = AnsweredRequest.signature_hash == request.signature_hash
    chosen = sa.or_(same_key, same_signature) if request.signature_hash else same_key
    return list(session.scalars(sa.select(AnsweredRequest).where(chosen)))


def _refuse_another_request(stored: AnsweredRequest, request: Repeatable) -> None:
    if request.idempotency_key is None or stored.idempotency_key != request.idempotency_key:
        raise Conflict(
            "This signed request was accepted before. If you mean it again, send an "
            "Idempotency-Key of its own with each call, and sign that header, too."
        )
    same_call = (stored.owner, stored.path, stored.body_hash)
    if same_call != (request.owner, request.path, request.body_hash):
        raise IdempotencyMismatch(
            "This Idempotency-Key was used for another request. Use a new one for each request."
        )


def _refuse_while_running(session: Session, request: Repeatable) -> None:
    """On SQLite writers follow one another anyway, and the second finds the stored answer."""
    if session.get_bind().dialect.name != "postgresql":
        return
    name = "\n".join((request.owner, request.path, request.stored_key or ""))
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    if not session.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(number))):
        raise Conflict(
            "The same request is being answered right now. Ask again in a moment.",
            retry_after_seconds=1,
        )


def store(session: Session, request: Repeatable, *, status: int, answer: str) -> None:
    """Keep the answer for repeats, in the transaction of the effect."""
    if request.stored_key is None:
        return
    session.add(
        AnsweredRequest(
            owner=request.owner,
            path=request.path,
            idempotency_key=request.stored_key,
            body_hash=request.body_hash,
            signature_hash=request.signature_hash,
            status=status,
            answer=answer,
        )
    )


def forget_old(session: Session) -> None:
    """Delete answers that are kept no longer; for the sweep."""
    session.execute(
        sa.delete(AnsweredRequest).where(AnsweredRequest.at < utcnow() - KEPT),
        execution_options={"synchronize_session": False},
    )
