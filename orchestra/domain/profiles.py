"""What people say of themselves (specification P-13, P-14)."""

import re
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any
from zoneinfo import available_timezones

import phonenumbers
from sqlalchemy.orm import Session

from orchestra.database import lock
from orchestra.domain import accounts, audit, messages, people_in_chat
from orchestra.domain.audit import Actor
from orchestra.errors import Invalid
from orchestra.models import Message, Verb, Worker

LONGEST_NAME = 150
SLACK_NAME = re.compile(r"[^\s@]{1,80}")


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The settings of an account, as they were typed."""

    first_name: str = ""
    last_name: str = ""
    email: str
    slack_name: str = ""
    phone: str = ""
    time_zone: str = "UTC"
    uses_single_keys: bool = True


def change(
    session: Session, actor: Actor, worker_id: int, wish: Profile, *, came_from: str
) -> bool:
    """Store the settings. True: a link went to a new e-mail address, which is to be confirmed.

    :param came_from: the network address of the request.
    :raises Invalid: ``fields`` says what cannot be taken.
    :raises Forbidden: an administrator who acts as the worker changed the e-mail address (P-53).
    :raises RateLimited: too many new e-mail addresses.
    """
    worker = lock(session, Worker, worker_id)
    columns = _columns(wish, worker)
    if columns["slack_name"] != worker.slack_name:
        columns["slack_user_id"] = None  # of the name before
        people_in_chat.follow(session, worker_id)
    changed = {name for name, value in columns.items() if getattr(worker, name) != value}
    if changed:
        before = {name: getattr(worker, name) for name in changed}
        after = {name: columns[name] for name in changed}
        for name, value in after.items():
            setattr(worker, name, value)
        if "time_zone" in changed:
            messages.wake(session, Message.worker_id == worker_id)  # for quiet hours are other ones
        audit.record(session, actor, Verb.ACCOUNT_CHANGED, worker, before=before, after=after)
    if wish.email == worker.email:
        return False
    accounts.request_email(session, actor, worker, wish.email, came_from=came_from)
    return True


def _columns(wish: Profile, worker: Worker) -> dict[str, Any]:
    """The values to store, but for the e-mail address. :raises Invalid: some cannot be taken."""
    columns = asdict(wish)
    email = columns.pop("email")
    problems = {
        "first_name": _name_problem(wish.first_name),
        "last_name": _name_problem(wish.last_name),
        "email": None if email == worker.email else accounts.email_problem(email),
        "slack_name": _slack_name_problem(wish.slack_name),
        "phone": _phone_problem(wish.phone),
        "time_zone": None if wish.time_zone in time_zones() else "Choose one of the list.",
    }
    found = {name: [problem] for name, problem in problems.items() if problem}
    if found:
        raise Invalid(accounts.WRONG, fields=found)
    columns["slack_name"] = wish.slack_name.removeprefix("@") or None
    columns["phone"] = _stored_phone(wish.phone)
    return columns


def _name_problem(name: str) -> str | None:
    if len(name) > LONGEST_NAME or not name.isprintable():
        return f"Use at most {LONGEST_NAME} characters on one line."
    return None


def _slack_name_problem(name: str) -> str | None:
    if not name or SLACK_NAME.fullmatch(name.removeprefix("@")):
        return None
    return "A Slack name has no spaces and at most 80 characters, such as ana.lopez."


def _phone_problem(phone: str) -> str | None:
    if not phone or _parsed(phone):
        return None
    return "This is no phone number. Begin with + and the country, as in +44 20 7946 0018."


def _parsed(phone: str) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def shown_phone(phone: str | None) -> str:
    """A stored number as people read it."""
    number = _parsed(phone or "")
    if number is None:
        return phone or ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def _stored_phone(phone: str) -> str | None:
    number = _parsed(phone)
    if number is None:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@cache
def time_zones() -> tuple[str, ...]:
    """Every IANA name, in the order of the alphabet."""
    return tuple(sorted(available_timezones() - {"Factory", "localtime"}))
