"""Accounts and their passwords."""

from secrets import token_urlsafe
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy.orm import Session

from orchestra.errors import NotFound
from orchestra.models import Worker

_hasher = PasswordHasher()  # argon2id with the library's parameters


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def password_fits(password: str, password_hash: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def new_session_key() -> str:
    """A new one ends every session of the account."""
    return token_urlsafe(32)


def find_worker(session: Session, username: str) -> Worker | None:
    """By the user name in whatever case it is typed."""
    return session.scalars(
        sa.select(Worker).where(sa.func.lower(Worker.username) == username.lower())
    ).one_or_none()


def find_by_id(session: Session, worker_id: int) -> Worker | None:
    """Of any number that somebody may send: also one that is larger than ids can be."""
    wanted = Worker.id == sa.literal(worker_id, sa.BigInteger())
    return session.scalars(sa.select(Worker).where(wanted)).one_or_none()


def get_worker(session: Session, username: str) -> Worker:
    """:raises NotFound: nobody has this username."""
    worker = find_worker(session, username)
    if worker is None:
        raise NotFound(f"There is no worker {username!r}.")
    return worker


def find_by_email(session: Session, email: str) -> Worker | None:
    return session.scalars(
        sa.select(Worker).where(sa.func.lower(Worker.email) == email.lower())
    ).one_or_none()


def add_account(
    session: Session, *, username: str, email: str, password_hash: str | None, **columns: Any
) -> Worker:
    """Store an account, flushed; whether its name and address are free is the caller's to say."""
    worker = Worker(
        username=username,
        email=email,
        password_hash=password_hash,
        session_key=new_session_key(),
        **columns,
    )
    session.add(worker)
    session.flush()
    return worker
