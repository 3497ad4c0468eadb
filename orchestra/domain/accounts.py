"""Accounts: register, activate, passwords, and what people set themselves (P-1 to P-14)."""

import re
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from orchestra.database import lock, settings_of
from orchestra.domain import account_links, account_mails, audit, passwords, people, sharing, tries
from orchestra.domain.account_links import LinkIsSpent
from orchestra.domain.audit import Actor
from orchestra.errors import Conflict, Forbidden, Invalid
from orchestra.models import Source, TokenPurpose, Verb, Worker

RESET_VALID_FOR = timedelta(hours=24)
SETS_PASSWORD = (TokenPurpose.RESET, TokenPurpose.INVITATION)
USERNAME = re.compile(r"[A-Za-z0-9@.+_-]{1,150}")
LONGEST_EMAIL = 254
EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+"
)
WRONG = "Some fields need another look."


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What somebody who wants an account typed."""

    username: str
    email: str
    password: str
    repeated: str


def stranger(request_id: str) -> Actor:
    """Somebody at a page who need not be signed in."""
    return Actor(name="system", source=Source.WEB, request_id=request_id)


def check_registration(wish: Registration) -> None:
    """:raises Invalid: some of it cannot be taken, whoever else is registered."""
    found: dict[str, list[str]] = {}
    if problem := username_problem(wish.username, wish.email):
        found["username"] = [problem]
    if problem := email_problem(wish.email):
        found["email"] = [problem]
    found |= passwords.problems(wish.password, wish.repeated, wish.username, wish.email)
    if found:
        raise Invalid(WRONG, fields=found)


def username_problem(username: str, email: str) -> str | None:
    """Why an account cannot have this user name, in words for its owner."""
    if not USERNAME.fullmatch(username):
        return "Use 1 to 150 of these characters: letters without accents, digits, @ . + - _"
    if "@" in username and username.lower() != email.lower():
        # At the sign-in it would stand for the account of whoever has that address.
        return "A user name with @ must be your own e-mail address. Choose another."
    return None


def email_problem(email: str) -> str | None:
    if EMAIL.fullmatch(email) and len(email) <= LONGEST_EMAIL:
        return None
    return "This is not an e-mail address. It looks like name@example.org."


def register(session: Session, actor: Actor, wish: Registration, password_hash: str) -> None:
    """Make an account that waits for its activation; a taken address is told by mail only (P-4).

    :param password_hash: of the password of the wish; making it takes too long for a transaction.
    :raises Invalid: the user name is taken.
    """
    if people.find_worker(session, wish.username):
        taken = "This user name is taken. Choose another."
        raise Invalid(WRONG, fields={"username": [taken]})
    holder = people.find_by_email(session, wish.email)
    if holder:
        _tell_holder(session, holder)
        return
    worker = people.add_account(
        session,
        username=wish.username,
        email=wish.email,
        password_hash=password_hash,
        is_active=False,
    )
    registered = {"username": worker.username, "email": worker.email, "is_active": False}
    audit.record(session, _by(worker, actor), Verb.ACCOUNT_CHANGED, worker, after=registered)
    if settings_of(session).send_activation_email:
        _send_activation(session, worker)


def create_administrator(
    session: Session, actor: Actor, wish: Registration, password_hash: str
) -> Worker:
    """Make an active administrator (P-17).

    :raises Conflict: the user name or the address is taken.
    """
    if people.find_worker(session, wish.username):
        raise Conflict(f"There is an account {wish.username!r} already. Choose another name.")
    holder = people.find_by_email(session, wish.email)
    if holder:
        raise Conflict(f"The address {wish.email} belongs to {holder.username} already.")
    worker = people.add_account(
        session,
        username=wish.username,
        email=wish.email,
        password_hash=password_hash,
        is_administrator=True,
    )
    created = {"username": worker.username, "email": worker.email, "is_administrator": True}
    audit.record(session, actor, Verb.ACCOUNT_CHANGED, worker, after=created)
    return worker


def _tell_holder(session: Session, holder: Worker) -> None:
    if account_links.waits_for_activation(session, holder):
        _send_activation(session, holder)
    elif holder.is_active:
        account_mails.send_already_registered(session, holder)


def _send_activation(session: Session, worker: Worker) -> None:
    valid_for = timedelta(days=settings_of(session).account_activation_days)
    link = account_links.make(session, worker, TokenPurpose.ACTIVATION, valid_for)
    account_mails.send_activation(session, worker, link)


def resend_activation(session: Session, actor: Actor, email: str, *, came_from: str) -> None:
    """Mail another link, if an account with this address waits for one; nobody is told which.

    :param came_from: the network address of the request.
    :raises RateLimited: too many such requests, whether or not there is an account.
    """
    worker = _begin_request(session, "activation", email, came_from)
    if worker and account_links.waits_for_activation(session, worker):
        _send_activation(session, worker)
        note = "Another activation link was asked for."
        audit.record(session, actor, Verb.ACCOUNT_CHANGED, worker, note=note)


def _begin_request(session: Session, what: str, email: str, came_from: str) -> Worker | None:
    """Count a request for a mail, and find who gets it; locked, so that all are counted."""
    found = people.find_by_email(session, email)
    worker = lock(session, Worker, found.id) if found else None
    tries.begin_request(session, what, email, came_from)
    return worker


def activate(session: Session, actor: Actor, secret: str) -> Worker:
    """:raises LinkIsSpent: the link is not good for this."""
    link = account_links.use(session, secret, TokenPurpose.ACTIVATION)
    worker = lock(session, Worker, link.worker_id)
    worker.is_active = True
    account_links.void(session, worker.id)
    audit.record(
        session,
        _by(worker, actor),
        Verb.ACCOUNT_CHANGED,
        worker,
        before={"is_active": False},
        after={"is_active": True},
    )
    return worker


def request_reset(session: Session, actor: Actor, email: str, *, came_from: str) -> None:
    """Mail a link to choose a new password, if an active account has this address (P-12).

    :param came_from: the network address of the request.
    :raises RateLimited: too many such requests, whether or not there is an account.
    """
    worker = _begin_request(session, "reset", email, came_from)
    if worker is None or not worker.is_active:
        return
    link = account_links.make(session, worker, TokenPurpose.RESET, RESET_VALID_FOR)
    account_mails.send_reset(session, worker, link)
    note = "A link to choose a new password was asked for."
    audit.record(session, actor, Verb.ACCOUNT_CHANGED, worker, note=note)


def invite(session: Session, actor: Actor, worker: Worker) -> None:
    """Mail a link to choose the first password (P-16)."""
    valid_for = timedelta(days=settings_of(session).account_activation_days)
    link = account_links.make(session, worker, TokenPurpose.INVITATION, valid_for)
    account_mails.send_invitation(session, worker, link)
    audit.record(session, actor, Verb.ACCOUNT_CHANGED, worker, note="An invitation was sent.")


def find_by_password_link(session: Session, secret: str) -> Worker | None:
    """Whose password the link sets, as long as it is good for that."""
    link = account_links.find_use(session, secret, *SETS_PASSWORD)
    worker = session.get(Worker, link.worker_id) if link else None
    return worker if worker and worker.is_active else None


def reset_password(session: Session, actor: Actor, secret: str, password_hash: str) -> None:
    """:raises LinkIsSpent: the link is not good for this, or the account was closed since."""
    link = account_links.use(session, secret, *SETS_PASSWORD)
    worker = lock(session, Worker, link.worker_id)
    if not worker.is_active:
        raise LinkIsSpent
    _set_password(session, _by(worker, actor), worker, password_hash)


def change_password(session: Session, actor: Actor, worker_id: int, password_hash: str) -> Worker:
    """:raises Forbidden: an administrator acts as the worker (P-53)."""
    _refuse_acting(actor)
    worker = lock(session, Worker, worker_id)
    _set_password(session, actor, worker, password_hash)
    return worker


def _set_password(session: Session, actor: Actor, worker: Worker, password_hash: str) -> None:
    """Ends every session of the account (P-10), and every link that was mailed for it."""
    worker.password_hash = password_hash
    worker.session_key = people.new_session_key()
    account_links.void(session, worker.id)
    audit.record(session, actor, Verb.ACCOUNT_CHANGED, worker, after={"password_changed": True})
    account_mails.send_password_changed(session, worker)


def request_email(
    session: Session, actor: Actor, worker: Worker, email: str, *, came_from: str
) -> None:
    """Mail a link to the new address; the account keeps the old one until it is used (P-13).

    :param came_from: the network address of the request.
    :raises Forbidden: an administrator acts as the worker (P-53).
    :raises RateLimited: too many such requests.
    """
    _refuse_acting(actor)
    tries.begin_request(session, "email", worker.username, came_from)
    holder = people.find_by_email(session, email)
    if holder is not None and holder.id != worker.id:
        _tell_holder(session, holder)
        account_mails.send_email_change_asked(session, worker)
    else:
        valid_for = timedelta(days=settings_of(session).account_activation_days)
        link = account_links.make(
            session, worker, TokenPurpose.EMAIL_CHANGE, valid_for, email=email
        )
        account_mails.send_email_change(session, worker, email, link)
    note = f"The new address {email} was entered and is to be confirmed."
    audit.record(session, actor, Verb.ACCOUNT_CHANGED, worker, note=note)


def confirm_email(session: Session, actor: Actor, secret: str) -> Worker:
    """Use the new address from now on.

    :raises LinkIsSpent: the link is not good for this.
    :raises Conflict: somebody else has the address by now.
    """
    link = account_links.use(session, secret, TokenPurpose.EMAIL_CHANGE)
    worker = lock(session, Worker, link.worker_id)
    if link.email is None or not worker.is_active:
        raise LinkIsSpent
    holder = people.find_by_email(session, link.email)
    if holder is not None and holder.id != worker.id:
        raise Conflict("Another account has this address by now. Enter another one.")
    former, worker.email = worker.email, link.email
    account_links.void(session, worker.id)
    audit.record(
        session,
        _by(worker, actor),
        Verb.ACCOUNT_CHANGED,
        worker,
        before={"email": former},
        after={"email": worker.email},
    )
    account_mails.send_email_changed(session, worker, former)
    sharing.follow_worker(session, worker.id)
    return worker


def _by(worker: Worker, actor: Actor) -> Actor:
    """Who uses a link of an account is its owner, signed in or not."""
    return Actor.of(worker, actor.source, request_id=actor.request_id)


def _refuse_acting(actor: Actor) -> None:
    if actor.acting_as:
        raise Forbidden(
            "While acting as somebody else nobody may change a password or an e-mail address."
        )
