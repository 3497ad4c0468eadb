"""What is said when a check found something, and to whom (SB-14, SB-15)."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import settings_of
from orchestra.domain import messages, notices
from orchestra.domain.graph import CheckHandler
from orchestra.domain.markup import ChatText, as_chat, mention
from orchestra.domain.message_texts import Kind, name
from orchestra.domain.messages import Post
from orchestra.models import Assignment, Channel, Project, Task, Worker


@dataclass(frozen=True)
class Said:
    """One message, as people read it."""

    project_id: int
    check_slug: str
    text: str
    is_post: bool  # in the channel of the project; otherwise in inboxes


def say(
    session: Session, project: Project, check_slug: str, handler: CheckHandler, cause: str
) -> Said:
    """In the channel of the project, or without one to these workers and the project admins."""
    workers = _on_steps(session, project.id, handler.steps)
    text = _addressed(", ".join(worker.name for worker in workers), handler.message)
    has_channel = bool(project.channel_id) and settings_of(session).slack_experts_enabled
    if has_channel:
        readers = None
        called = " ".join(mention(worker) for worker in workers)
        in_chat = _addressed(called, as_chat(handler.message))
        posts = [Post(Channel.PROJECT_CHANNEL, ChatText(in_chat), subject=text)]
    else:
        on_them = Worker.id.in_([worker.id for worker in workers])
        readers = sa.or_(on_them, notices.project_admins())
        posts = []
    messages.tell_those(
        session,
        Kind.SANITY_CHECK,
        readers,
        subject=name(handler.message),
        text=f"{text}\n{_facts(project, check_slug)}",
        url=f"/orchestra/app/project/{project.id}#checks",
        cause=cause,
        project_id=project.id,
        posts=posts,
    )
    return Said(project.id, check_slug, text, is_post=has_channel)


def _addressed(people: str, message: str) -> str:
    return f"{people}: {message}" if people else message


def _facts(project: Project, check_slug: str) -> str:
    version = project.version
    facts = [project.short_description, f"{version.workflow.name}, version {version.name}"]
    return " · ".join(name(fact) for fact in (*facts, f"check {check_slug}"))


def _on_steps(session: Session, project_id: int, steps: Sequence[str]) -> Sequence[Worker]:
    """Workers with live assignments on the tasks of the steps, by level, then name."""
    level = sa.func.min(Assignment.level)
    on_them = (
        sa.select(Assignment.worker_id, level.label("level"))
        .join(Task, Task.id == Assignment.task_id)
        .where(
            Task.project_id == project_id,
            Task.step.in_(steps),
            Assignment.discarded_at.is_(None),
            Assignment.worker_id.is_not(None),
        )
        .group_by(Assignment.worker_id)
        .subquery()
    )
    rows = session.execute(
        sa.select(Worker, on_them.c.level).join(on_them, on_them.c.worker_id == Worker.id)
    )
    found = sorted(rows, key=lambda row: (row.level, row.Worker.name.casefold(), row.Worker.id))
    return [row.Worker for row in found]
