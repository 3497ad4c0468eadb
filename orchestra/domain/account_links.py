"""The secret links of account mails: stored hashed, used once, valid for some time (P-5, P-12)."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_urlsafe

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import seconds_from_now, settings_of
from orchestra.errors import NotFound
from orchestra.models import AccountToken, TokenPurpose, Worker

PATHS = {
    TokenPurpose.ACTIVATION: "activate",
    TokenPurpose.RESET: "password/reset",
    TokenPurpose.INVITATION: "password/reset",
    TokenPurpose.EMAIL_CHANGE: "email",
}
SECRET_BYTES = 32


class LinkIsSpent(NotFound):
    """The link was used, has run out, was replaced, or never existed."""

    def __init__(self) -> None:
        super().__init__("This link was used already, or it is too old. Ask for a new one.")


@dataclass(frozen=True)
class Link:
    """A new link; its address is known only now, to be mailed."""

    id: int
    url: str


@dataclass(frozen=True)
class Use:
    """What a link stands for."""

    worker_id: int
    purpose: TokenPurpose
    email: str | None  # the new address


def address(session: Session, path: str) -> str:
    """Of a page of accounts; never from what a request says of itself (P-6)."""
    return f"{settings_of(session).url}/orchestra/accounts/{path}/"


def make(
    session: Session,
    worker: Worker,
    purpose: TokenPurpose,
    valid_for: timedelta,
    *,
    email: str | None = None,
) -> Link:
    """:param email: the address that the link confirms."""
    secret = token_urlsafe(SECRET_BYTES)
    token = AccountToken(
        worker_id=worker.id,
        purpose=purpose,
        secret_hash=_hash(secret),
        email=email,
        expires_at=seconds_from_now(valid_for.total_seconds()),
    )
    session.add(token)
    session.flush()
    return Link(token.id, address(session, f"{PATHS[purpose]}/{secret}"))


def find_use(session: Session, secret: str, *purposes: TokenPurpose) -> Use | None:
    """What the link is good for; looking does not use it."""
    statement = sa.select(AccountToken).where(*_usable(secret, purposes))
    token = session.scalars(statement).one_or_none()
    return Use(token.worker_id, token.purpose, token.email) if token else None


def use(session: Session, secret: str, *purposes: TokenPurpose) -> Use:
    """Use the link up; of several that try at once one succeeds.

    :raises LinkIsSpent: it is good for none of the purposes.
    """
    statement = (
        sa.update(AccountToken)
        .where(*_usable(secret, purposes))
        .values(used_at=seconds_from_now(0))
        .returning(AccountToken.worker_id, AccountToken.purpose, AccountToken.email)
    )
    row = session.execute(statement, execution_options={"synchronize_session": False}).one_or_none()
    if row is None:
        raise LinkIsSpent
    return Use(*row)


def void(session: Session, worker_id: int) -> None:
    """Make every link of the worker useless, because what it was for has changed."""
    session.execute(
        sa.update(AccountToken)
        .where(AccountToken.worker_id == worker_id, AccountToken.used_at.is_(None))
        .values(used_at=seconds_from_now(0)),
        execution_options={"synchronize_session": False},
    )


def waits_for_activation(session: Session, worker: Worker) -> bool:
    """Whether the account was registered and neither activated nor closed since (see void)."""
    if worker.is_active or worker.last_login_at is not None:
        return False
    used = session.scalars(
        sa.select(AccountToken.used_at).where(
            AccountToken.worker_id == worker.id, AccountToken.purpose == TokenPurpose.ACTIVATION
        )
    ).all()
    return bool(used) and not any(used)


def _usable(secret: str, purposes: tuple[TokenPurpose, ...]) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        AccountToken.secret_hash == _hash(secret),
        AccountToken.purpose.in_(purposes),
        AccountToken.used_at.is_(None),
        AccountToken.expires_at > seconds_from_now(0),
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
