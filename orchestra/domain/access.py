"""Who may know of which task and project."""

from typing import NoReturn

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.errors import Forbidden, NotFound
from orchestra.models import Assignment, AuditEvent, Iteration, Task, Verb, Worker


def was_on_task(session: Session, task_id: int, worker_id: int | None) -> bool:
    """Whether the worker holds or has ever held the task."""
    held = sa.exists().where(Assignment.task_id == task_id, Assignment.worker_id == worker_id)
    worked = sa.exists().where(Iteration.task_id == task_id, Iteration.worker_id == worker_id)
    replaced = sa.exists().where(  # before their first hand-over
        AuditEvent.object_kind == Task.__tablename__,
        AuditEvent.object_id == task_id,
        AuditEvent.verb == Verb.TASK_REASSIGNED,
        AuditEvent.before["worker_id"].as_integer() == worker_id,
    )
    was_there = sa.select(sa.or_(held, worked, replaced))
    return worker_id is not None and bool(session.scalar(was_there))


def task_for(session: Session, worker: Worker, task_id: int) -> Task:
    """The task, if the worker may see it.

    :raises NotFound: there is none, or the worker may not know of it (specification P-20).
    """
    task = session.get(Task, task_id)
    may_see = worker.is_project_admin or was_on_task(session, task_id, worker.id)
    if task is None or not may_see:
        raise NotFound(f"There is no task {task_id}.")
    return task


def refuse_stranger(
    session: Session, task_id: int, worker_id: int | None, *, is_manager: bool
) -> NoReturn:
    """Refuse somebody who is not on the task (specification L-55).

    :raises Forbidden: they may see the task, or were on it.
    :raises NotFound: they may not know of it.
    """
    if is_manager or was_on_task(session, task_id, worker_id):
        raise Forbidden(f"You do not hold task {task_id} now, so you cannot change it.")
    raise NotFound(f"There is no task {task_id}.")
