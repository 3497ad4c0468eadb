"""Look for somebody to do a task, by hand (specification S-5 to S-12)."""

import re

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.domain import assignments, staffing_requests
from orchestra.domain.audit import Actor, require_manager
from orchestra.domain.locking import LockedTask, gate, lock_task
from orchestra.errors import Invalid, NotFound, WrongStatus
from orchestra.models import (
    POOL,
    RequestCause,
    StaffingRequest,
    Worker,
)

_MENTION = re.compile(r"<@([A-Z0-9]+)(?:\|[^>]*)?>")
CANCELLED_BY_ADMIN = "cancelled"


def staff(session: Session, actor: Actor, task_id: int) -> StaffingRequest:
    """Ask workers to take a task of the pool, from the first one again (S-5 to S-7).

    :raises WrongStatus: nobody can be assigned to the task now.
    """
    require_manager(actor)
    locked = lock_task(session, task_id)
    gate(locked.project)
    locked.require_human()
    _require_in_pool(session, locked)
    level = assignments.next_level(locked)
    return staffing_requests.open_request(session, actor, locked, level, cause=RequestCause.USER)


def _require_in_pool(session: Session, locked: LockedTask) -> None:
    task, holder = locked.task, locked.processing
    if task.status in POOL:
        return
    message = f"Task {task.id} is {task.status.label}; nobody can be looked for."
    if holder is not None and not task.status.is_terminal:
        worker = session.get_one(Worker, holder.worker_id)
        message = (
            f"Task {task.id} is {task.status.label} by {worker.username}. "
            "To look for somebody else, use restaff."
        )
    raise WrongStatus(message)


def restaff(session: Session, actor: Actor, task_id: int, name: str) -> StaffingRequest:
    """Ask workers to take a task over from the one who has it until then (S-8, S-9).

    :param name: username, Slack name or Slack mention of who is to be replaced.
    :raises WrongStatus: the task has ended.
    :raises NotFound: there is no such worker, or they are not on the task.
    :raises Invalid: the Slack name fits several; the message lists them.
    """
    require_manager(actor)
    locked = lock_task(session, task_id)
    gate(locked.project)
    locked.require_human()
    if locked.task.status.is_terminal:
        raise WrongStatus(
            f"Task {task_id} is {locked.task.status.label}; nobody can be looked for."
        )
    worker = named(session, name)
    held = locked.assignment_of(worker.id)
    if held is None:
        raise NotFound(f"{worker.username} is not on task {task_id}. {_who_is(session, locked)}")
    return staffing_requests.open_request(
        session, actor, locked, held.level, cause=RequestCause.RESTAFF, replaces=held
    )


def _who_is(session: Session, locked: LockedTask) -> str:
    ids = [assignment.worker_id for assignment in locked.assignments]
    names = session.scalars(sa.select(Worker.username).where(Worker.id.in_(ids)))
    listed = ", ".join(sorted(names))
    return f"On it: {listed}." if listed else "Nobody is."


def named(session: Session, name: str) -> Worker:
    """The worker of a username, a Slack mention or a Slack name, with or without ``@`` (S-8, S-10).

    :raises NotFound: nobody is called so.
    :raises Invalid: the Slack name is that of several.
    """
    mention = _MENTION.fullmatch(name.strip())
    if mention:
        is_meant = Worker.slack_user_id == mention.group(1)
    else:
        plain = name.strip().removeprefix("@").lower()
        is_meant = sa.or_(
            sa.func.lower(Worker.username) == plain,
            sa.func.lower(sa.func.ltrim(Worker.slack_name, "@")) == plain,
        )
    found = session.scalars(sa.select(Worker).where(is_meant).order_by(Worker.username)).all()
    if not found:
        raise NotFound(f"There is no worker {name!r}.")
    by_username = [worker for worker in found if not mention and worker.username.lower() == plain]
    if len(found) > 1 and not by_username:
        listed = ", ".join(worker.username for worker in found)
        fields = {"name": ["Give a username."]}
        raise Invalid(f"Several workers are called {name!r} in Slack: {listed}.", fields=fields)
    return (by_username or found)[0]


def cancel(session: Session, actor: Actor, request_id: int) -> None:
    """Stop looking (S-12).

    :raises WrongStatus: nobody is looked for by this request any more.
    """
    require_manager(actor)
    task_id = session.scalar(
        sa.select(StaffingRequest.task_id).where(StaffingRequest.id == request_id)
    )
    if task_id is None:
        raise NotFound(f"There is no staffing request {request_id}.")
    locked = lock_task(session, task_id)
    request = session.get_one(StaffingRequest, request_id, populate_existing=True)
    if not request.state.is_live:
        raise WrongStatus(f"Staffing request {request_id} is {request.state.value} already.")
    staffing_requests.cancel(session, actor, locked, CANCELLED_BY_ADMIN, level=request.level)
