"""The end of a project, completed or aborted, and of the tasks that are open then."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import utcnow
from orchestra.domain import audit, channels, dispatching, notices, staffing_requests
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.locking import LockedProject
from orchestra.models import (
    TERMINAL,
    Project,
    ProjectStatus,
    Task,
    TaskStatus,
    Verb,
)


def complete(session: Session, project: LockedProject) -> None:
    """End the project; whatever is still open is not wanted any more (specification L-106)."""
    abort_open_tasks(session, SYSTEM, project.id)
    close(session, project)


def close(session: Session, project: LockedProject) -> None:
    """End a project in which nothing is open."""
    row = session.get_one(Project, project.id)
    row.status, row.ended_at = ProjectStatus.COMPLETED, utcnow()
    audit.record(session, SYSTEM, Verb.PROJECT_COMPLETED, row, project_id=row.id)
    notices.project_completed(session, row, project.graph)
    channels.ask(session, row.id)


def abort_open_tasks(session: Session, actor: Actor, project_id: int) -> None:
    """Abort what is open, give up looking for people, and forget the jobs; holders are told."""
    session.flush()
    open_tasks = session.scalars(
        sa.select(Task)
        .where(Task.project_id == project_id, Task.status.not_in(TERMINAL))
        .order_by(Task.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    events = []
    for task in open_tasks:
        before = {"status": task.status.value}
        task.move_to(TaskStatus.ABORTED)
        task.ended_at, task.lease_until, task.lease_holder = utcnow(), None, None
        events.append(
            audit.event(actor, Verb.TASK_ABORTED, task, project_id=project_id, before=before)
        )
    audit.record_all(session, events)
    staffing_requests.cancel_for_tasks(
        session, actor, project_id, [task.id for task in open_tasks if task.is_human], "aborted"
    )
    notices.tasks_aborted(session, actor, open_tasks)
    dispatching.forget(session, project_id)
