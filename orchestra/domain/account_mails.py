"""The mails about accounts: plain, with one link at most (specification M-26)."""

from secrets import token_hex

from sqlalchemy.orm import Session

from orchestra.database import settings_of
from orchestra.domain import messages
from orchestra.domain.account_links import Link, address
from orchestra.models import Worker


def send_activation(session: Session, worker: Worker, link: Link) -> None:
    days = settings_of(session).account_activation_days
    text = f"""The user name {worker.username} was registered with this e-mail address.

Activate the account here:

{link.url}

The link works once, for {_days(days)}. If you did not register, or under another name, do \
nothing: the account stays closed."""
    _send(session, worker, "activation", "Activate your account", text)


def send_already_registered(session: Session, worker: Worker) -> None:
    """To the holder of an address with which somebody wants to register (P-4)."""
    text = f"""Somebody, perhaps you, entered this e-mail address for an account. You already have \
one: your user name is {worker.username}.

If you forgot the password, choose a new one here:

{address(session, "password/reset")}

If it was not you, do nothing: your account is as it was."""
    _send(session, worker, "already_registered", "You already have an account", text)


def send_reset(session: Session, worker: Worker, link: Link) -> None:
    text = f"""A new password was asked for, for your account {worker.username}.

Choose it here:

{link.url}

The link works once, for 24 hours. If it was not you, do nothing: your password stays as it is."""
    _send(session, worker, "password_reset", "Choose a new password", text)


def send_invitation(session: Session, worker: Worker, link: Link) -> None:
    days = settings_of(session).account_activation_days
    text = f"""An administrator made an account for you. Your user name is {worker.username}.

Choose your password here:

{link.url}

The link works once, for {_days(days)}. After that, ask the administrator for another one."""
    _send(session, worker, "invitation", "You were invited", text)


def send_password_changed(session: Session, worker: Worker) -> None:
    text = f"""The password of your account {worker.username} was changed, and you were signed out \
everywhere else.

If it was not you, choose a new password at once:

{address(session, "password/reset")}"""
    _send(session, worker, "password_changed", "Your password was changed", text)


def send_email_change(session: Session, worker: Worker, email: str, link: Link) -> None:
    """To both addresses: the new one gets the link, the old one is told (P-13, M-26)."""
    days = settings_of(session).account_activation_days
    text = f"""The account {worker.username} is to use this e-mail address.

Confirm it here:

{link.url}

The link works once, for {_days(days)}. If you have no such account, do nothing."""
    _send(session, worker, "email_change", "Confirm your e-mail address", text, to=email)
    send_email_change_asked(session, worker)


def send_email_change_asked(session: Session, worker: Worker) -> None:
    """The same whether or not the new address belongs to somebody else."""
    text = f"""A new e-mail address was entered for your account {worker.username}. It will be \
used once it is confirmed by a mail to it; until then nothing changes.

If it was not you, choose a new password at once, which stops the change, too:

{address(session, "password/reset")}"""
    _send(session, worker, "email_change", "Your e-mail address is to change", text)


def send_email_changed(session: Session, worker: Worker, former: str) -> None:
    text = f"""Your account {worker.username} uses another e-mail address now. Mails no longer \
come to this one.

If it was not you, tell an administrator at once."""
    _send(session, worker, "email_change", "Your e-mail address was changed", text, to=former)


def _send(
    session: Session, worker: Worker, kind: str, subject: str, text: str, *, to: str | None = None
) -> None:
    """Each call is a cause of its own: whoever asks twice gets two mails."""
    messages.send_mail(
        session,
        kind=kind,
        address=to or worker.email,
        subject=f"{subject} · Orchestra",
        text=f"{_greeting(worker, to)}\n\n{text}\n",
        dedupe_key=f"{worker.id}:{token_hex(8)}",
        worker_id=worker.id,
    )


def _days(number: int) -> str:
    return f"{number} day" if number == 1 else f"{number} days"


def _greeting(worker: Worker, to: str | None) -> str:
    """Who wrote a name into an account must not send it to an address of somebody else."""
    return f"Hello {worker.name}," if to is None else "Hello,"
