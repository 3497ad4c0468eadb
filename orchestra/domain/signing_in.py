"""Signing in with a password, and how often one may try (specification P-8, P-65)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from secrets import token_urlsafe

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import seconds_from_now
from orchestra.domain import people
from orchestra.errors import RateLimited
from orchestra.models import LoginFailure, Worker

WINDOW = timedelta(minutes=10)
FAILURES_OF_ACCOUNT = 5
FAILURES_FROM_ADDRESS = 20


def find_by_session_key(session: Session, session_key: str) -> Worker | None:
    """The active account whose sessions carry this key."""
    return session.scalars(
        sa.select(Worker).where(Worker.session_key == session_key, Worker.is_active)
    ).one_or_none()


def begin_try(session: Session, name: str, address: str) -> tuple[Worker | None, int]:
    """Count a try as failed until :func:`succeed` says otherwise.

    So that guesses in parallel are counted before any of them is answered. Returns the account
    and the id of the try.

    :raises RateLimited: too many failures of this account or from this address.
    """
    worker = _find_locked(session, name)
    username = (worker.username if worker else name).lower()
    now = _now(session)
    _refuse_after(_failures(session, LoginFailure.username == username), FAILURES_OF_ACCOUNT, now)
    _refuse_after(_failures(session, LoginFailure.address == address), FAILURES_FROM_ADDRESS, now)
    session.execute(
        sa.delete(LoginFailure).where(LoginFailure.at < now - 2 * WINDOW),
        execution_options={"synchronize_session": False},
    )
    failure = LoginFailure(username=username, address=address)
    session.add(failure)
    session.flush()
    return worker, failure.id


def verified(worker: Worker | None, password: str) -> Worker | None:
    """The worker, if active and if this is the password; it takes as long for an unknown one."""
    stored = worker.password_hash if worker else None
    is_right = people.password_fits(password, stored or _decoy())
    return worker if is_right and stored and worker and worker.is_active else None


def succeed(session: Session, worker_id: int, try_id: int) -> None:
    session.execute(sa.delete(LoginFailure).where(LoginFailure.id == try_id))
    session.execute(
        sa.update(Worker).where(Worker.id == worker_id).values(last_login_at=seconds_from_now(0))
    )


@cache
def _decoy() -> str:
    return people.hash_password(token_urlsafe(16))


def _find_locked(session: Session, name: str) -> Worker | None:
    """The account by username or e-mail; a username wins over the e-mail of somebody else."""
    matches = sa.or_(
        sa.func.lower(Worker.username) == name.lower(), sa.func.lower(Worker.email) == name.lower()
    )
    found = session.scalars(
        sa.select(Worker)
        .where(matches)
        .order_by(sa.func.lower(Worker.username) == name.lower())
        .with_for_update()
    ).all()
    return found[-1] if found else None


def _now(session: Session) -> datetime:
    return session.execute(sa.select(seconds_from_now(0))).scalar_one()


def _failures(session: Session, condition: sa.ColumnElement[bool]) -> Sequence[datetime]:
    """Times of the failures that can still matter, oldest first."""
    since = seconds_from_now(-2 * WINDOW.total_seconds())
    return session.scalars(
        sa.select(LoginFailure.at)
        .where(condition, LoginFailure.at > since)
        .order_by(LoginFailure.at)
    ).all()


def _refuse_after(failures: Sequence[datetime], most: int, now: datetime) -> None:
    """Refuse for a whole window after the last of ``most`` failures within one window."""
    for first, last in zip(failures, failures[most - 1 :], strict=False):
        until = last + WINDOW
        if last - first <= WINDOW and until > now:
            seconds = int((until - now).total_seconds()) + 1
            raise RateLimited(
                f"Too many failed tries. Try again in {-(-seconds // 60)} minutes.",
                retry_after_seconds=seconds,
            )
