"""Jobs that were given up: an operator sends one again, or discards it (W-74)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.database import find_locked
from orchestra.domain import audit, dead_letters
from orchestra.domain.audit import Actor, require_manager
from orchestra.domain.machine_steps import NO_ERROR, PER_PAGE, Page
from orchestra.domain.markup import gist_of
from orchestra.errors import Conflict, NotFound
from orchestra.models import Message, Project, ProjectStatus, Task, TaskStatus, Verb
from orchestra.outbox import Dispatch, Job, OutboxMessage

Place = tuple[int, str]  # project and step


@dataclass(frozen=True, kw_only=True)
class AskedJob:
    """A row of the outbox, with the step that it is about, if it is about one."""

    message: OutboxMessage
    project_id: int | None = None
    project: str | None = None  # its description
    task_id: int | None = None
    still_waits: bool = False  # whether the step would be asked for again at once

    @property
    def gist(self) -> str:
        return gist_of(self.message.last_error or "") or NO_ERROR


def dead(session: Session, number: int = 1) -> Page[AskedJob]:
    """Those that failed for good, the newest first."""
    return _page(session, OutboxMessage.resend_at.is_(None), OutboxMessage.id.desc(), number)


def waiting(session: Session, number: int = 1) -> Page[AskedJob]:
    """Those that have not finished, the oldest first."""
    return _page(session, OutboxMessage.resend_at.is_not(None), OutboxMessage.id, number)


def dead_messages(session: Session, number: int = 1) -> Page[Message]:
    """Messages that could not be delivered, the newest first (M-7)."""
    rows = dead_letters.dead_messages(session, page=number)
    return Page(rows, dead_letters.count_dead(session), number)


def send_again(session: Session, actor: Actor, message_id: int) -> None:
    """Ask for a dead job as if it had never failed.

    :raises NotFound: the row is gone.
    :raises Conflict: the row is not dead, or its job is none of this version of the system.
    """
    message = _locked(session, actor, message_id)
    if message.job not in list(Job):
        raise Conflict(f"This system knows no job {message.job}. Discard it.")
    _note(session, actor, message, "send_again")
    wish = Dispatch(Job(message.job), message.kwargs, message.dedupe_key, message.queue)
    outbox.enqueue(session, wish)


def discard(session: Session, actor: Actor, message_id: int) -> None:
    """Forget a dead job for good.

    :raises NotFound: the row is gone.
    :raises Conflict: the row is not dead, or its step still waits and would be asked for again.
    """
    message = _locked(session, actor, message_id)
    (job,) = _described(session, [message])
    if job.still_waits:
        raise Conflict(
            f"Step {message.kwargs['step']} of project {job.project_id} still waits to run, and "
            "the next sweep would ask for it again. Send it again, or skip the step with data."
        )
    _note(session, actor, message, "discard")
    session.delete(message)


def _locked(session: Session, actor: Actor, message_id: int) -> OutboxMessage:
    require_manager(actor)
    message = find_locked(session, OutboxMessage, message_id)
    if message is None:
        raise NotFound(f"Job {message_id} is gone: it has run, or somebody discarded it.")
    if message.resend_at is not None:
        raise Conflict(f"Job {message_id} is not given up any more; it waits to run.")
    return message


def _note(session: Session, actor: Actor, message: OutboxMessage, decision: str) -> None:
    audit.record(
        session,
        actor,
        Verb.DEAD_LETTER_DECIDED,
        message,
        project_id=_project_id(message),
        before={
            "job": message.job,
            "key": message.dedupe_key,
            "failures": message.failures,
            "error": gist_of(message.last_error or ""),
        },
        after={"decision": decision},
    )


# --- Rows -------------------------------------------------------------------------------------


def _page(
    session: Session, wanted: sa.ColumnElement[bool], order: Any, number: int
) -> Page[AskedJob]:
    total = session.scalar(sa.select(sa.func.count()).select_from(OutboxMessage).where(wanted))
    rows = session.scalars(
        sa.select(OutboxMessage)
        .where(wanted)
        .order_by(order)
        .limit(PER_PAGE)
        .offset((number - 1) * PER_PAGE)
    ).all()
    return Page(_described(session, rows), total or 0, number)


def _described(session: Session, messages: Sequence[OutboxMessage]) -> list[AskedJob]:
    places = {message.id: place for message in messages if (place := _place(message))}
    known = _tasks(session, set(places.values())) if places else {}
    return [_job(message, known.get(places.get(message.id))) for message in messages]


def _project_id(message: OutboxMessage) -> int | None:
    project_id = message.kwargs.get("project_id")
    return project_id if isinstance(project_id, int) else None


def _place(message: OutboxMessage) -> Place | None:
    project_id, step = _project_id(message), message.kwargs.get("step")
    if message.job != Job.RUN_STEP or project_id is None or not isinstance(step, str):
        return None
    return project_id, step


def _tasks(session: Session, places: Iterable[Place]) -> dict[Place | None, Any]:
    rows = session.execute(
        sa.select(
            Task.id,
            Task.project_id,
            Task.step,
            Task.status,
            Project.status.label("project_status"),
            Project.short_description,
        )
        .join(Project, Project.id == Task.project_id)
        .where(sa.tuple_(Task.project_id, Task.step).in_(list(places)))
    )
    return {(row.project_id, row.step): row for row in rows}


def _job(message: OutboxMessage, task: Any) -> AskedJob:
    if task is None:
        return AskedJob(message=message, project_id=_project_id(message))
    return AskedJob(
        message=message,
        project_id=task.project_id,
        project=task.short_description,
        task_id=task.id,
        still_waits=task.status is TaskStatus.AWAITING_PROCESSING
        and task.project_status is ProjectStatus.ACTIVE,
    )
