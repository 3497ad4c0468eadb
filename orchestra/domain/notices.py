"""Who is told of what happens to tasks and projects (specification M-20 to M-22, M-24, M-25).

Each is called in the transaction of its cause, by whoever holds the lock of the project.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import settings_of, table_of, utcnow
from orchestra.domain import messages
from orchestra.domain.audit import Actor
from orchestra.domain.graph import Graph, Step
from orchestra.domain.locking import LockedTask
from orchestra.domain.markup import gist_of, mention
from orchestra.domain.message_texts import About, Kind, post_subject, post_words, words
from orchestra.models import (
    TERMINAL,
    Assignment,
    AssignmentStatus,
    Message,
    Project,
    Task,
    Worker,
)

_OPEN = Task.status.not_in(TERMINAL)

# --- Tasks ------------------------------------------------------------------------------------


def assigned(session: Session, actor: Actor, locked: LockedTask, assignment: Assignment) -> None:
    """To who holds the task now; who takes a review does not have to be told (M-21)."""
    if assignment.level == 0:
        _tell_of_task(session, None, Kind.TASK_PICKED_UP, locked, [assignment.worker_id])
    else:
        _tell_of_task(session, actor, Kind.REVIEW_PICKED_UP, locked, [assignment.worker_id])


def awaiting_review(session: Session, locked: LockedTask, handed_over: Assignment) -> None:
    _tell_of_task(session, None, Kind.AWAITING_REVIEW, locked, [handed_over.worker_id])


def passed_on(
    session: Session, actor: Actor, locked: LockedTask, level: int, *, returns: bool
) -> None:
    """To who has the task before them again: the worker it was returned to, or its reviewer."""
    kind = Kind.RETURNED if returns else Kind.READY_FOR_REREVIEW
    person = _name_of(session, actor) if returns else ""
    to = [locked.assignments[level].worker_id]
    _tell_of_task(session, actor, kind, locked, to, person=person)


def completed(session: Session, locked: LockedTask) -> None:
    _tell_of_task(session, None, Kind.COMPLETED, locked, _all_on(locked))


def completed_by_admin(session: Session, actor: Actor, locked: LockedTask) -> None:
    _tell_of_task(session, actor, Kind.COMPLETED_BY_ADMIN, locked, _all_on(locked))


def reverted(session: Session, actor: Actor, locked: LockedTask) -> None:
    """To who loses the task or has it again; before those who lost it are forgotten."""
    to = [
        assignment.worker_id
        for assignment in locked.assignments
        if assignment.discarded_at or assignment.status is AssignmentStatus.PROCESSING
    ]
    _tell_of_task(session, actor, Kind.REVERTED, locked, to)


def reassigned(
    session: Session,
    actor: Actor,
    locked: LockedTask,
    assignment: Assignment,
    former_worker_id: int | None,
) -> None:
    _tell_of_task(session, actor, Kind.REASSIGNED_AWAY, locked, [former_worker_id], posts=False)
    _tell_of_task(session, actor, Kind.REASSIGNED_TO, locked, [assignment.worker_id])


def unassigned(session: Session, actor: Actor, locked: LockedTask, taken: Assignment) -> None:
    _tell_of_task(session, actor, Kind.UNASSIGNED, locked, [taken.worker_id])


def _all_on(locked: LockedTask) -> list[int | None]:
    return [assignment.worker_id for assignment in locked.assignments]


def _name_of(session: Session, actor: Actor) -> str:
    worker = session.get(Worker, actor.worker_id) if actor.worker_id else None
    return worker.name if worker else ""


def _tell_of_task(
    session: Session,
    actor: Actor | None,
    kind: Kind,
    locked: LockedTask,
    workers: Sequence[int | None],
    *,
    person: str = "",
    posts: bool = True,
) -> None:
    """:param actor: who is not told, because they did it themselves (M-21)."""
    ids = {worker for worker in workers if worker is not None}
    ids -= {actor.worker_id if actor else None}
    if not ids and not posts:
        return
    about = About.of(locked.project, step=locked.step.name, task_id=locked.task.id, person=person)
    _tell(
        session,
        kind,
        about,
        ids,
        locked.project.id,
        posts=_posts(session, kind, about, next(iter(workers), None)) if posts else (),
    )


def _posts(
    session: Session, kind: Kind, about: About, worker_id: int | None
) -> list[messages.Post]:
    """The worker is looked up only if somebody may read of them."""
    worker = None
    if worker_id is not None and _chat_is_on(session):
        worker = session.get(Worker, worker_id)
    who = mention(worker) if worker else None
    subject = post_subject(kind, about, worker.name if worker else "")
    return messages.chat_posts(post_words(kind, about, who), subject)


def _chat_is_on(session: Session) -> bool:
    settings = settings_of(session)
    return settings.slack_experts_enabled or settings.slack_internal_enabled


# --- Projects ---------------------------------------------------------------------------------


def paused(session: Session, actor: Actor, project: Project) -> None:
    about = About.of(project, detail=project.pause_reason or "")
    _tell_team(session, actor, Kind.PROJECT_PAUSED, about, project, tasks=_OPEN)


def resumed(session: Session, actor: Actor, project: Project) -> None:
    """Offers that waited for this go out (M-9)."""
    about = About.of(project)
    _tell_team(session, actor, Kind.PROJECT_RESUMED, about, project, tasks=_OPEN)
    messages.wake(session, Message.project_id == project.id, Message.kind == Kind.OFFER)


def project_completed(session: Session, project: Project, graph: Graph) -> None:
    """To everybody on the project; one of machine steps alone has nobody."""
    if any(step.is_human for step in graph.by_slug.values()):
        about = About.of(project)
        _tell_team(session, None, Kind.PROJECT_COMPLETED, about, project, tasks=sa.true())
    elif _chat_is_on(session):
        _tell_channels(session, Kind.PROJECT_COMPLETED, project)


def project_aborted(session: Session, project: Project) -> None:
    """Those who worked on it are told of their tasks."""
    _tell_channels(session, Kind.PROJECT_ABORTED, project)


def project_reopened(session: Session, project: Project) -> None:
    """Those who have work again are told of it."""
    _tell_channels(session, Kind.PROJECT_REOPENED, project)


def _tell_channels(session: Session, kind: Kind, project: Project) -> None:
    about = About.of(project)
    messages.tell(
        session,
        kind,
        (),
        subject="",
        text="",
        url=_address(kind, project.id, None),
        cause=messages.newest_event(project.id),
        project_id=project.id,
        posts=messages.chat_posts(post_words(kind, about)),
    )


def tasks_aborted(session: Session, actor: Actor, tasks: Iterable[Task]) -> None:
    """One message to each worker on the tasks, which are of one project and were open."""
    human = [task for task in tasks if task.is_human]
    if human:
        project = human[0].project
        of_these = Task.id.in_([task.id for task in human])
        about = About.of(project)
        _tell_team(session, actor, Kind.TASK_ABORTED, about, project, tasks=of_these, posts=False)


def _tell_team(
    session: Session,
    actor: Actor | None,
    kind: Kind,
    about: About,
    project: Project,
    *,
    tasks: sa.ColumnElement[bool],
    posts: bool = True,
) -> None:
    on_them = (
        sa.select(Assignment.worker_id)
        .join(Task, Task.id == Assignment.task_id)
        .where(Task.project_id == project.id, tasks, Assignment.discarded_at.is_(None))
    )
    condition: sa.ColumnElement[bool] = Worker.id.in_(
        on_them.where(Assignment.worker_id.is_not(None))
    )
    if actor is not None and actor.worker_id is not None:
        condition = sa.and_(condition, Worker.id != actor.worker_id)
    in_chat = messages.chat_posts(post_words(kind, about)) if posts else ()
    _tell(session, kind, about, condition, project.id, posts=in_chat)


# --- Problems ---------------------------------------------------------------------------------


def machine_failed(session: Session, locked: LockedTask) -> None:
    """Once per failure, with what was wrong."""
    error = gist_of(locked.task.last_error or "")
    about = About.of(locked.project, step=locked.step.name, task_id=locked.task.id, detail=error)
    _tell(session, Kind.MACHINE_FAILED, about, project_admins(), locked.project.id)


def creation_problem(session: Session, project_id: int, step: Step, error: str) -> None:
    """Once per project and step, however often it is tried."""
    project = session.get_one(Project, project_id)
    about = About.of(project, step=step.name, detail=error)
    cause = f"project:{project_id}:step:{step.slug}"
    _tell(session, Kind.CREATION_PROBLEM, about, project_admins(), project_id, cause=cause)


def policy_problem(session: Session, locked: LockedTask, level: int, error: str) -> None:
    """Once per task and level."""
    about = About.of(locked.project, step=locked.step.name, task_id=locked.task.id, detail=error)
    cause = f"task:{locked.task.id}:level:{level}"
    _tell(session, Kind.POLICY_PROBLEM, about, project_admins(), locked.project.id, cause=cause)


def preparation_problem(session: Session, project: Project, error: str) -> None:
    """Once per project, however often it is tried."""
    about = About.of(project, detail=error)
    cause = f"project:{project.id}"
    _tell(session, Kind.PREPARATION_PROBLEM, about, project_admins(), project.id, cause=cause)


def sanity_problem(session: Session, project: Project, error: str) -> None:
    """Once per project and day, whatever the problem."""
    about = About.of(project, detail=gist_of(error))
    cause = f"project:{project.id}:day:{utcnow().date().isoformat()}"
    _tell(session, Kind.SANITY_PROBLEM, about, project_admins(), project.id, cause=cause)


def project_admins() -> sa.ColumnElement[bool]:
    """The active ones, and until there are any, the administrators (M-25)."""
    others = table_of(Worker).alias()
    anybody = sa.exists().where(others.c.is_active, others.c.is_in_project_admins)
    return sa.or_(Worker.is_in_project_admins, sa.and_(Worker.is_administrator, ~anybody))


# --- Recording --------------------------------------------------------------------------------


def _tell(
    session: Session,
    kind: Kind,
    about: About,
    recipients: sa.ColumnElement[bool] | Collection[int],
    project_id: int,
    *,
    cause: messages.Cause | None = None,
    posts: Sequence[messages.Post] = (),
) -> None:
    said = words(kind, about)
    message: dict[str, Any] = {
        "subject": said.subject,
        "text": said.text,
        "url": _address(kind, project_id, about.task_id),
        "cause": messages.newest_event(project_id) if cause is None else cause,
        "project_id": project_id,
        "task_id": about.task_id,
        "posts": posts,
    }
    if isinstance(recipients, sa.ColumnElement):
        messages.tell_those(session, kind, recipients, **message)
    else:
        messages.tell(session, kind, recipients, **message)


def _address(kind: Kind, project_id: int, task_id: int | None) -> str:
    """Problems are repaired on the page of the project."""
    if task_id is None:
        return f"/orchestra/app/project/{project_id}"
    if kind in {Kind.MACHINE_FAILED, Kind.POLICY_PROBLEM}:
        return f"/orchestra/app/project/{project_id}#task-{task_id}"
    return f"/orchestra/app/task/{task_id}"
