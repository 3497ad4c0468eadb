"""What project admins and client systems write to the team of a project, and what else the team
was told (specification M-27, A-37, W-54)."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra.domain import audit, messages
from orchestra.domain.audit import Actor, require_manager
from orchestra.domain.locking import gate, lock_project
from orchestra.domain.markup import ChatText, as_chat, bold
from orchestra.domain.message_texts import About, Kind, words
from orchestra.domain.messages import Post
from orchestra.errors import Invalid
from orchestra.models import Assignment, Channel, Message, Project, Task, Verb, Worker

LONGEST = 3000  # characters
PER_PAGE = 50


def send(session: Session, actor: Actor, project_id: int, text: str) -> None:
    """Tell everybody on a project, in their inboxes and in its channel; not the one who writes.

    :raises NotFound: there is no such project.
    :raises ProjectClosed: the project was aborted.
    :raises Invalid: there is no text, or too much of it.
    """
    require_manager(actor)
    project = lock_project(session, project_id)
    gate(project, while_paused=True, while_completed=True)
    text = _checked(text)
    audit.record(
        session, actor, Verb.MESSAGE_SENT_BY_CLIENT, project, project_id=project_id, note=text
    )
    said = words(Kind.TEAM_MESSAGE, About.of(project, person=_name_of(session, actor)))
    headline = bold(as_chat(said.subject))
    messages.tell(
        session,
        Kind.TEAM_MESSAGE,
        _team(session, project, but=actor.worker_id),
        subject=said.subject,
        text=f"{text}\n\n{said.text}",
        url=f"/orchestra/app/project/{project_id}",
        cause=messages.newest_event(project_id),
        project_id=project_id,
        posts=[Post(Channel.PROJECT_CHANNEL, ChatText(f"{headline}\n{as_chat(text)}"))],
    )


def _checked(text: str) -> str:
    text = text.strip()
    if not text:
        raise Invalid("The message is empty.", fields={"message": ["Write something."]})
    if len(text) > LONGEST:
        too_long = {"message": [f"At most {LONGEST} characters."]}
        raise Invalid("The message is too long.", fields=too_long)
    return text


def _name_of(session: Session, actor: Actor) -> str:
    worker = session.get(Worker, actor.worker_id) if actor.worker_id else None
    return worker.name if worker else "A client system"


def _team(session: Session, project: Project, *, but: int | None) -> list[int | None]:
    on_it = session.scalars(
        sa.select(Assignment.worker_id)
        .join(Task, Task.id == Assignment.task_id)
        .where(Task.project_id == project.id, Assignment.discarded_at.is_(None))
        .distinct()
    )
    return [worker_id for worker_id in on_it if worker_id != but]


@dataclass(frozen=True)
class Sent:
    """One page of what was recorded for people and channels about a project, newest first."""

    messages: Sequence[Message]
    next_before: int | None  # where the next page begins, if there is one


def sent(session: Session, project_id: int, *, before: int | None = None) -> Sent:
    """:param before: only messages older than the one with this id."""
    query = sa.select(Message).where(Message.project_id == project_id)
    if before is not None:
        query = query.where(Message.id < before)
    found = session.scalars(
        query.order_by(Message.id.desc()).limit(PER_PAGE + 1).options(joinedload(Message.worker))
    ).all()
    shown = found[:PER_PAGE]
    return Sent(shown, shown[-1].id if len(found) > PER_PAGE else None)
