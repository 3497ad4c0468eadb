"""How often one may try what can be guessed, or what sends mail (specification P-8, P-65)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import seconds_from_now
from orchestra.errors import RateLimited
from orchestra.models import LoginFailure

WINDOW = timedelta(minutes=10)
MOST_OF_NAME = 5
MOST_FROM_ADDRESS = 20


def begin(session: Session, name: str, address: str) -> int:
    """Count a try before its outcome is known, so that tries in parallel are counted, too.

    Returns the id of the try, for :func:`forgive`.

    :param name: what is tried: an account, or something else that no account is called.
    :param address: where the try comes from.
    :raises RateLimited: too many tries of this name or from this address.
    """
    now = session.execute(sa.select(seconds_from_now(0))).scalar_one()
    _refuse_after(_earlier(session, LoginFailure.username == name), MOST_OF_NAME, now)
    _refuse_after(_earlier(session, LoginFailure.address == address), MOST_FROM_ADDRESS, now)
    session.execute(
        sa.delete(LoginFailure).where(LoginFailure.at < now - 2 * WINDOW),
        execution_options={"synchronize_session": False},
    )
    counted = LoginFailure(username=name, address=address)
    session.add(counted)
    session.flush()
    return counted.id


def begin_request(session: Session, what: str, name: str, address: str) -> None:
    """Count a request for something that goes to a mailbox; it never stops a sign-in.

    :param what: one word; requests of each sort are counted apart.
    :raises RateLimited: too many for this name or from this address.
    """
    begin(session, f"{what}:{name.lower()}", f"{what}:{address}")


def forgive(session: Session, try_id: int) -> None:
    """The try was none to be counted."""
    session.execute(sa.delete(LoginFailure).where(LoginFailure.id == try_id))


def _earlier(session: Session, condition: sa.ColumnElement[bool]) -> Sequence[datetime]:
    """Times of the tries that can still matter, oldest first."""
    since = seconds_from_now(-2 * WINDOW.total_seconds())
    return session.scalars(
        sa.select(LoginFailure.at)
        .where(condition, LoginFailure.at > since)
        .order_by(LoginFailure.at)
    ).all()


def _refuse_after(tries: Sequence[datetime], most: int, now: datetime) -> None:
    """Refuse for a whole window after the last of ``most`` tries within one window."""
    for first, last in zip(tries, tries[most - 1 :], strict=False):
        until = last + WINDOW
        if last - first <= WINDOW and until > now:
            seconds = int((until - now).total_seconds()) + 1
            raise RateLimited(
                f"Too many tries. Try again in {-(-seconds // 60)} minutes.",
                retry_after_seconds=seconds,
            )
