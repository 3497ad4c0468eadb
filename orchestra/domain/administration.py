"""What administrators do with accounts (specification P-15, P-16, P-18)."""

from dataclasses import asdict, dataclass
from secrets import token_hex

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import lock, lock_all
from orchestra.domain import account_links, accounts, audit, messages, people, people_in_chat
from orchestra.domain.audit import Actor
from orchestra.errors import Conflict, Forbidden, Invalid
from orchestra.models import Verb, Worker

LONGEST_NAME = 150


@dataclass(frozen=True, kw_only=True)
class Roles:
    """What an account may do beside working (P-18)."""

    is_in_project_admins: bool = False
    is_administrator: bool = False

    @classmethod
    def of(cls, worker: Worker) -> "Roles":
        return cls(
            is_in_project_admins=worker.is_in_project_admins,
            is_administrator=worker.is_administrator,
        )


@dataclass(frozen=True, kw_only=True)
class NewAccount:
    """An account as an administrator typed it."""

    username: str
    email: str
    first_name: str = ""
    last_name: str = ""
    roles: Roles = Roles()

    def problems(self) -> dict[str, list[str]]:
        """What cannot be taken, as sentences by field, whoever else has an account."""
        found = {
            "username": accounts.username_problem(self.username, self.email),
            "email": accounts.email_problem(self.email),
            "first_name": _name_problem(self.first_name),
            "last_name": _name_problem(self.last_name),
        }
        return {name: [problem] for name, problem in found.items() if problem}


def _name_problem(name: str) -> str | None:
    if len(name) > LONGEST_NAME or not name.isprintable():
        return f"Use at most {LONGEST_NAME} characters on one line."
    return None


def create_account(
    session: Session, actor: Actor, wish: NewAccount, password_hash: str | None
) -> Worker:
    """Make an account that is active at once; without a password it is invited by mail (P-16).

    :raises Invalid: ``fields`` says what cannot be taken.
    """
    _require_administrator(session, actor)
    problems = wish.problems() or _taken(session, wish)
    if problems:
        raise Invalid(accounts.WRONG, fields=problems)
    worker = people.add_account(
        session,
        username=wish.username,
        email=wish.email,
        password_hash=password_hash,
        first_name=wish.first_name,
        last_name=wish.last_name,
        **asdict(wish.roles),
    )
    created = {
        "username": worker.username,
        "email": worker.email,
        "first_name": worker.first_name,
        "last_name": worker.last_name,
        "is_active": True,
        **asdict(wish.roles),
    }
    audit.record(session, actor, Verb.ACCOUNT_CHANGED, worker, after=created, note="Created.")
    if password_hash is None:
        accounts.invite(session, actor, worker)
    return worker


def _taken(session: Session, wish: NewAccount) -> dict[str, list[str]]:
    found = {}
    if people.find_worker(session, wish.username):
        found["username"] = ["This user name is taken. Choose another."]
    if people.find_by_email(session, wish.email):
        found["email"] = ["Somebody has this address already. Look for them among the people."]
    return found


def invite_again(session: Session, actor: Actor, worker_id: int) -> Worker:
    """:raises Conflict: there is a password already, or the account is deactivated."""
    _require_administrator(session, actor)
    worker = lock(session, Worker, worker_id)
    if worker.password_hash or not worker.is_active:
        raise Conflict(f"{worker.username} needs no invitation. Only who has no password does.")
    account_links.void(session, worker.id)
    accounts.invite(session, actor, worker)
    return worker


def deactivate(session: Session, actor: Actor, worker_id: int) -> Worker:
    """Close an account; its assignments stay, its sessions and links end (P-10, P-15).

    :raises Conflict: it is the last active administrator.
    """
    _require_administrator(session, actor)
    others = _lock_administrators(session, but=worker_id)
    worker = lock(session, Worker, worker_id)
    if not worker.is_active:
        return worker
    if worker.is_administrator and not others:
        raise Conflict(_last_administrator(worker))
    worker.is_active = False
    people_in_chat.account_changed(session, worker.id)
    worker.session_key = people.new_session_key()
    account_links.void(session, worker.id)
    _record_active(session, actor, worker)
    messages.send_mail(
        session,
        kind="account_deactivated",
        address=worker.email,
        subject="Your account was deactivated · Orchestra",
        text=f"Hello {worker.name},\n\nAn administrator deactivated your account "
        f"{worker.username}. You can no longer sign in.\n\nIf this is a mistake, ask them.\n",
        dedupe_key=f"deactivated:{worker.id}:{token_hex(8)}",
        worker_id=worker.id,
    )
    return worker


def activate(session: Session, actor: Actor, worker_id: int) -> Worker:
    """Open a closed account again; links that were mailed before stay void."""
    _require_administrator(session, actor)
    worker = lock(session, Worker, worker_id)
    if not worker.is_active:
        worker.is_active = True
        people_in_chat.account_changed(session, worker.id)
        account_links.void(session, worker.id)
        _record_active(session, actor, worker)
    return worker


def set_roles(session: Session, actor: Actor, worker_id: int, roles: Roles) -> Worker:
    """:raises Conflict: it is the last active administrator, and would be none."""
    _require_administrator(session, actor)
    others = _lock_administrators(session, but=worker_id)
    worker = lock(session, Worker, worker_id)
    before = Roles.of(worker)
    if before == roles:
        return worker
    loses = before.is_administrator and not roles.is_administrator
    if loses and worker.is_active and not others:
        raise Conflict(_last_administrator(worker))
    worker.is_in_project_admins = roles.is_in_project_admins
    worker.is_administrator = roles.is_administrator
    audit.record(
        session,
        actor,
        Verb.ACCOUNT_CHANGED,
        worker,
        before=asdict(before),
        after=asdict(roles),
    )
    return worker


def _require_administrator(session: Session, actor: Actor) -> None:
    """:raises Forbidden: the actor is no administrator, or acts as somebody (P-19, P-53)."""
    worker = session.get(Worker, actor.worker_id) if actor.worker_id else None
    if worker is None or not worker.is_administrator or actor.acting_as:
        raise Forbidden("Only administrators may do this. Ask one of them.")


def _lock_administrators(session: Session, *, but: int) -> list[Worker]:
    """The other active administrators, locked: of two who demote each other one succeeds."""
    statement = sa.select(Worker).where(Worker.is_administrator, Worker.is_active)
    return [
        worker for worker in lock_all(session, statement.order_by(Worker.id)) if worker.id != but
    ]


def _last_administrator(worker: Worker) -> str:
    return f"{worker.username} is the last active administrator. Make somebody else one first."


def _record_active(session: Session, actor: Actor, worker: Worker) -> None:
    before, after = {"is_active": not worker.is_active}, {"is_active": worker.is_active}
    audit.record(session, actor, Verb.ACCOUNT_CHANGED, worker, before=before, after=after)
