"""Who belongs into the channel of a project (I-14 to I-16)."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra import outbox
from orchestra.database import settings_of
from orchestra.domain import audit, messages
from orchestra.domain.audit import Actor, require_manager
from orchestra.domain.locking import gate, lock_project
from orchestra.domain.markup import mention
from orchestra.domain.message_texts import About, Kind, post_words
from orchestra.errors import Conflict, NotFound
from orchestra.models import (
    TERMINAL,
    Assignment,
    Channel,
    ChannelMember,
    Project,
    Task,
    Verb,
    Worker,
)
from orchestra.outbox import Dispatch, Job

UNKNOWN = "The chat does not know this person yet."
NOTHING_TO_GO_BY = "The account has neither a Slack name nor an e-mail address."


@dataclass(frozen=True)
class FindPerson:
    """The service is to be asked who a worker is, by these names, the first one first."""

    worker_id: int
    names: Sequence[str]


@dataclass(frozen=True)
class Invite:
    channel: str
    worker_id: int
    person: str


@dataclass(frozen=True)
class Remove:
    channel: str
    worker_id: int
    person: str


# --- Who comes and goes with the tasks --------------------------------------------------------


def note_changes(session: Session, project_id: int) -> None:
    """Whoever got a task joins; whoever was taken the last open one leaves.

    Who has only finished tasks stays: they were not taken from them.
    """
    session.flush()
    held, with_open = _held(session, project_id)
    rows = {row.worker_id: row for row in _rows(session, project_id)}
    for worker_id in held.keys() | rows.keys():
        row, now = rows.get(worker_id), held.get(worker_id, set())
        is_open = worker_id in with_open
        if row is None:
            if is_open:
                session.add(_new(project_id, worker_id, sorted(now)))
            continue
        _note(row, now, is_open=is_open)


def _note(row: ChannelMember, now: set[int], *, is_open: bool) -> None:
    before = set(row.held)
    if now - before and is_open and not row.is_wanted:
        row.is_wanted, row.problem = True, None
        row.stays += 1
    elif before - now and not is_open:
        row.is_wanted = False
    row.held = sorted(now)


def _held(session: Session, project_id: int) -> tuple[dict[int, set[int]], set[int]]:
    """The assignments in force of each worker, and who has an open task among them."""
    found = session.execute(
        sa.select(Assignment.worker_id, Assignment.id, Task.status)
        .join(Task, Task.id == Assignment.task_id)
        .where(
            Task.project_id == project_id,
            Assignment.discarded_at.is_(None),
        )
    )
    held: dict[int, set[int]] = defaultdict(set)
    with_open: set[int] = set()
    for worker_id, assignment_id, status in found.all():
        if worker_id is None:
            continue
        held[worker_id].add(assignment_id)
        if status not in TERMINAL:
            with_open.add(worker_id)
    return held, with_open


def _rows(session: Session, project_id: int) -> Sequence[ChannelMember]:
    rows = sa.select(ChannelMember).where(ChannelMember.project_id == project_id)
    ordered = rows.order_by(ChannelMember.worker_id).options(joinedload(ChannelMember.worker))
    return session.scalars(ordered.execution_options(populate_existing=True)).all()


def _new(project_id: int, worker_id: int, held: list[int]) -> ChannelMember:
    return ChannelMember(
        project_id=project_id, worker_id=worker_id, is_wanted=True, stays=1, held=held
    )


# --- Whom project admins choose ---------------------------------------------------------------


def add(session: Session, actor: Actor, project_id: int, username: str) -> None:
    """Bring somebody into the channel, whether they have a task or not (W-54).

    :raises NotFound: there is no such project or worker.
    :raises Conflict: there are no channels.
    """
    project, worker, row = _chosen(session, actor, project_id, username)
    if row is None:
        session.add(_new(project_id, worker.id, []))
    elif not row.is_wanted:
        row.is_wanted, row.problem = True, None
        row.stays += 1
    _record(session, actor, project, worker, is_in=True)


def remove(session: Session, actor: Actor, project_id: int, username: str) -> None:
    """Take somebody out of the channel, until they get another task.

    :raises NotFound: there is no such project or worker.
    :raises Conflict: they are not in the channel, or there are no channels.
    """
    project, worker, row = _chosen(session, actor, project_id, username)
    if row is None or not row.is_wanted:
        raise Conflict(f"{worker.name} is not in the channel of this project.")
    row.is_wanted = False
    _record(session, actor, project, worker, is_in=False)


def lock_changeable(session: Session, actor: Actor, project_id: int) -> Project:
    """The project whose channel somebody wants to change by hand.

    :raises Forbidden: they may not.
    :raises Conflict: there are no channels, or that of a closed project is closed, too.
    """
    require_manager(actor)
    if not settings_of(session).slack_experts_enabled:
        raise Conflict("The chat is switched off, so projects have no channels.")
    project = lock_project(session, project_id)
    gate(project, while_paused=True)
    return project


def _chosen(
    session: Session, actor: Actor, project_id: int, username: str
) -> tuple[Project, Worker, ChannelMember | None]:
    project = lock_changeable(session, actor, project_id)
    name = username.strip().removeprefix("@").lower()
    worker = session.scalars(
        sa.select(Worker).where(sa.func.lower(Worker.username) == name, Worker.is_active)
    ).one_or_none()
    if worker is None:
        raise NotFound(
            f"There is no active account {username.strip()!r}.",
            fields={"worker_username": ["Give the username of an active account."]},
        )
    return project, worker, session.get(ChannelMember, (project_id, worker.id))


def _record(
    session: Session, actor: Actor, project: Project, worker: Worker, *, is_in: bool
) -> None:
    audit.record(
        session,
        actor,
        Verb.CHANNEL_CHANGED,
        project,
        project_id=project.id,
        after={"worker": worker.username, "is_in": is_in},
    )
    outbox.enqueue(session, job_of(project.id))


def job_of(project_id: int) -> Dispatch:
    """The one that makes the channel, too."""
    kwargs = {"project_id": project_id}
    return Dispatch(Job.FOLLOW_CHANNEL, kwargs, f"channel:{project_id}", "messages")


# --- What the service is to do ----------------------------------------------------------------


def next_step(
    session: Session, project: Project, tried: Collection[int]
) -> Invite | Remove | FindPerson | None:
    """:param tried: workers who cannot be helped in this run."""
    channel = project.channel_id or ""
    for row in _rows(session, project.id):
        if row.worker_id not in tried:
            step = _step(channel, row)
            if step is not None:
                return step
    return None


def _step(channel: str, row: ChannelMember) -> Invite | Remove | FindPerson | None:
    known_as, is_wanted = row.worker.slack_user_id, row.is_wanted and row.worker.is_active
    if row.person_id is not None and (not is_wanted or known_as not in (None, row.person_id)):
        return Remove(channel, row.worker_id, row.person_id)
    if not is_wanted or row.person_id is not None:
        return None
    if known_as is not None:
        return Invite(channel, row.worker_id, known_as)
    return FindPerson(row.worker_id, names_of(row.worker))


def names_of(worker: Worker) -> list[str]:
    """By what the service may know a worker, the address first: names can be chosen there, so that
    somebody else may have that of a worker."""
    names = [worker.email or "", (worker.slack_name or "").lstrip("@")]
    return [name for name in names if name]


def any_unknown(session: Session, project_id: int) -> bool:
    unknown = sa.exists().where(
        ChannelMember.project_id == project_id,
        ChannelMember.is_wanted,
        ChannelMember.person_id.is_(None),
        Worker.id == ChannelMember.worker_id,
        Worker.is_active,
    )
    return bool(session.scalar(sa.select(unknown)))


def invited(session: Session, project_id: int, worker_id: int, person: str) -> None:
    """They are in the channel, and welcomed there, once for each stay."""
    project = lock_project(session, project_id)
    row = _row(session, project_id, worker_id)
    row.person_id, row.problem = person, None
    if not row.is_wanted:
        return  # meanwhile; they are removed again
    who = mention(row.worker)
    messages.post(
        session,
        Kind.CHANNEL_WELCOME,
        channel=Channel.PROJECT_CHANNEL,
        text=post_words(Kind.CHANNEL_WELCOME, About.of(project), who),
        url=f"/orchestra/app/project/{project_id}",
        cause=f"stay:{project_id}:{worker_id}:{row.stays}",
        project_id=project_id,
    )


def removed(session: Session, project_id: int, worker_id: int) -> None:
    lock_project(session, project_id)
    row = _row(session, project_id, worker_id)
    row.person_id = row.problem = None


def note_problem(session: Session, project_id: int, worker_id: int, problem: str) -> None:
    """It stands on the page of the project until it is solved (I-14, W-58)."""
    lock_project(session, project_id)
    _row(session, project_id, worker_id).problem = problem


def _row(session: Session, project_id: int, worker_id: int) -> ChannelMember:
    return session.get_one(ChannelMember, (project_id, worker_id), populate_existing=True)


# --- For pages --------------------------------------------------------------------------------


def members(session: Session, project_id: int) -> Sequence[ChannelMember]:
    """Who is in the channel or is to be, by name."""
    found = [row for row in _rows(session, project_id) if row.is_wanted]
    return sorted(found, key=lambda row: (row.worker.name.lower(), row.worker_id))
