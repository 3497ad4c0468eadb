"""Signing in with a password (specification P-8, P-65)."""

from functools import cache
from secrets import token_urlsafe

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import seconds_from_now
from orchestra.domain import people, tries
from orchestra.models import Worker


def find_by_session_key(session: Session, session_key: str) -> Worker | None:
    """The active account whose sessions carry this key."""
    return session.scalars(
        sa.select(Worker).where(Worker.session_key == session_key, Worker.is_active)
    ).one_or_none()


def begin_try(session: Session, name: str, address: str) -> tuple[Worker | None, int]:
    """Count a try as failed until :func:`succeed` says otherwise.

    Returns the account and the id of the try.

    :raises RateLimited: too many failures of this account or from this address.
    """
    worker = _find_locked(session, name)
    username = (worker.username if worker else name).lower()
    return worker, tries.begin(session, username, address)


def verified(worker: Worker | None, password: str) -> Worker | None:
    """The worker, if active and if this is the password; it takes as long for an unknown one."""
    stored = worker.password_hash if worker else None
    is_right = people.password_fits(password, stored or _decoy())
    return worker if is_right and stored and worker and worker.is_active else None


def succeed(session: Session, worker_id: int, try_id: int) -> None:
    """Note the login, and count its try as no failure."""
    tries.forgive(session, try_id)
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
