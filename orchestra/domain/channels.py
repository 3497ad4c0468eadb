"""The channel of a project: made once, open as long as the project is (I-12, I-13, I-17).

What is to be done at the service is found out step by step, each from what is stored; so a job
that was cut anywhere goes on where it was.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.database import settings_of, utcnow
from orchestra.domain import channel_members, channel_names, messages, notices
from orchestra.domain.channel_members import FindPerson, Invite, Remove, job_of
from orchestra.domain.locking import lock_project
from orchestra.domain.markup import ChatText, as_chat, with_link
from orchestra.domain.message_texts import About, Kind, post_words
from orchestra.models import (
    Channel,
    ChannelState,
    Message,
    MessageState,
    Project,
    ProjectChannel,
)
from orchestra.outbox import OutboxMessage

MOST_DRAWS = 10
PAUSES_SECONDS = (10, 30, 120, 600)  # and then always the last one
LONGEST_FAILING = timedelta(days=1)
PREPARED_WITHIN = timedelta(minutes=10)
MADE_WITHIN = timedelta(hours=1)  # or later, as long as it is tried
CHECK_SECONDS = 30
LOOK_AGAIN_SECONDS = 3600  # for people whom the service did not know
NO_CHANNEL = "The project has no channel."
IS_ARCHIVED = "The channel of the project is archived."


@dataclass(frozen=True)
class Make:
    name: str


@dataclass(frozen=True)
class Rename:
    channel: str
    name: str


@dataclass(frozen=True)
class Describe:
    channel: str
    topic: str
    purpose: str


@dataclass(frozen=True)
class Archive:
    channel: str


@dataclass(frozen=True)
class Unarchive:
    channel: str


Step = Make | Rename | Describe | Archive | Unarchive | Invite | Remove | FindPerson


def is_on(session: Session) -> bool:
    return settings_of(session).slack_experts_enabled


# --- What asks for it -------------------------------------------------------------------------


def begin(session: Session, project: Project) -> None:
    """A project begins: its channel is to be made, and this is the first that is said there."""
    if is_on(session):
        _begin(session, project)
        ask(session, project.id)


def _begin(session: Session, project: Project) -> ProjectChannel:
    row = _new(project)
    session.add(row)
    messages.post(
        session,
        Kind.CHANNEL_OPENED,
        channel=Channel.PROJECT_CHANNEL,
        text=_first_post(session, project),
        url=f"/orchestra/app/project/{project.id}",
        cause=_first_cause(project.id),
        project_id=project.id,
    )
    return row


def follow(session: Session, project_id: int) -> None:
    """Somebody joined or left the project, whose lock the caller holds."""
    if is_on(session):
        channel_members.note_changes(session, project_id)
        ask(session, project_id)


def describe_anew(session: Session, project_id: int) -> None:
    """The project is called something else now."""
    if is_on(session):
        row = session.get(ProjectChannel, project_id)
        if row is not None:
            row.is_described = False
        ask(session, project_id)


def ask(session: Session, project_id: int) -> None:
    """The project, or who is on it, is not as it was: the service is to hear of it."""
    if is_on(session):
        outbox.enqueue(session, job_of(project_id))


# --- What is to be done -----------------------------------------------------------------------


def next_step(session: Session, project_id: int, tried: Collection[int]) -> Step | None:
    """What the service is to do now; None, and the job is done or put off, if nothing is.

    :param tried: workers who cannot be helped in this run.
    """
    project = lock_project(session, project_id)
    row = session.get(ProjectChannel, project_id)
    if row is None:  # the project is older than the chat
        row = _begin(session, project)
        channel_members.note_changes(session, project_id)
    if project.status.is_closed:
        return _closing_step(session, project, row)
    if project.channel_id is None:
        return _making_step(session, project, row)
    if row.state is not ChannelState.OPEN:
        return Unarchive(project.channel_id)
    if not row.is_described:
        topic = as_chat(project.short_description)
        return Describe(project.channel_id, topic, f"Discussing work on {topic}")
    if row.wanted_name:
        return Rename(project.channel_id, row.wanted_name)
    step = channel_members.next_step(session, project, tried)
    if step is None:
        went_well(row)
        _finish(session, project_id, look_again=channel_members.any_unknown(session, project_id))
    return step


def _finish(session: Session, project_id: int, *, look_again: bool = False) -> None:
    if look_again:
        put_off(session, project_id, LOOK_AGAIN_SECONDS)
    else:
        outbox.done(session, job_of(project_id).dedupe_key)


def put_off(session: Session, project_id: int, seconds: float) -> None:
    outbox.enqueue(session, replace(job_of(project_id), delay_seconds=seconds))


def _making_step(session: Session, project: Project, row: ProjectChannel) -> Make | None:
    is_coming = project.prepared_at is None and project.preparation_problem is None
    if is_coming and project.started_at > utcnow() - PREPARED_WITHIN:
        put_off(session, project.id, CHECK_SECONDS)  # or sooner, when the folder is there
        return None
    return Make(row.name)


def _closing_step(session: Session, project: Project, row: ProjectChannel) -> Archive | None:
    """What was said before the end is read before the channel is closed."""
    if project.channel_id is None or row.state is ChannelState.ARCHIVED:
        _finish(session, project.id)
        return None
    if row.state is ChannelState.OPEN and _anything_waits(session, project.id):
        put_off(session, project.id, CHECK_SECONDS)
        return None
    row.state = ChannelState.ARCHIVING
    return Archive(project.channel_id)


def _anything_waits(session: Session, project_id: int) -> bool:
    waiting = sa.exists().where(
        Message.state == sa.literal_column("'waiting'"),  # as in the index
        Message.project_id == project_id,
        Message.channel == Channel.PROJECT_CHANNEL,
    )
    return bool(session.scalar(sa.select(waiting)))


# --- What came of it --------------------------------------------------------------------------


def made(session: Session, project_id: int, channel_id: str) -> None:
    """The id is stored once; what waited for the channel goes out."""
    project, row = _locked(session, project_id)
    if project.channel_id is None:
        project.channel_id = channel_id
        session.flush()
        _complete_first_post(session, project)
        _let_messages_go(session, project_id)
    went_well(row)


def _complete_first_post(session: Session, project: Project) -> None:
    """Folder and team messages may be younger than the project."""
    url = settings_of(session).url + f"/orchestra/app/project/{project.id}"
    text = with_link(_first_post(session, project), url)
    session.execute(
        sa.update(Message)
        .where(
            Message.project_id == project.id,
            Message.cause == _first_cause(project.id),
            Message.state == MessageState.WAITING,
        )
        .values(text=text),
        execution_options={"synchronize_session": False},
    )


def is_free_for(session: Session, channel_id: str, project_id: int) -> bool:
    """Whether it is that of no other project."""
    taken = sa.exists().where(Project.channel_id == channel_id, Project.id != project_id)
    return not session.scalar(sa.select(taken))


def name_was_taken(session: Session, project_id: int, name: str) -> bool:
    """Draw another one; false if that was done too often (I-12)."""
    project, row = _locked(session, project_id)
    if project.channel_id is not None or row.name != name:
        return True
    if row.draws >= MOST_DRAWS:
        return False
    row.name = channel_names.draw(project.short_description)
    row.draws += 1
    return True


def described(session: Session, project_id: int) -> None:
    _, row = _locked(session, project_id)
    row.is_described = True
    went_well(row)


def archived(session: Session, project_id: int) -> None:
    project, row = _locked(session, project_id)
    if project.status.is_closed:
        row.state = ChannelState.ARCHIVED
    went_well(row)


def unarchived(session: Session, project_id: int) -> None:
    _, row = _locked(session, project_id)
    row.state = ChannelState.OPEN
    went_well(row)
    session.flush()
    _let_messages_go(session, project_id)


def went_well(row: ProjectChannel) -> None:
    row.tries, row.failing_since, row.problem = 0, None, None


def note_unreachable(
    session: Session, project_id: int, error: str, retry_after_seconds: int | None
) -> None:
    """Try again later, for a day at most (M-6)."""
    _, row = _locked(session, project_id)
    now = utcnow()
    row.failing_since = row.failing_since or now
    row.tries += 1
    if now - row.failing_since > LONGEST_FAILING:
        give_up(session, project_id, error)
        return
    pause = PAUSES_SECONDS[min(row.tries, len(PAUSES_SECONDS)) - 1]
    put_off(session, project_id, max(pause, min(retry_after_seconds or 0, 3600)))


def give_up(session: Session, project_id: int, error: str) -> None:
    """Say what is wrong, and go on without (L-24). The dead job can be sent again by a person."""
    project, row = _locked(session, project_id)
    row.problem, row.tries, row.failing_since = error, 0, None
    session.flush()
    key = job_of(project_id).dedupe_key
    outbox.record_failure(session, key, error, is_final=True)
    notices.preparation_problem(session, project, error)
    _let_messages_go(session, project_id)  # to be recorded as not sent


def forget(session: Session, project_id: int) -> None:
    """The chat was switched off meanwhile."""
    outbox.done(session, job_of(project_id).dedupe_key)


# --- For messages -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Address:
    """Where posts to the channel of a project go.

    With neither an id nor a reason it is not known yet.
    """

    channel: str | None = None
    why_not: str | None = None


def address_of(session: Session, project: Project | None) -> Address:
    if project is None:
        return Address(why_not=NO_CHANNEL)
    row = session.get(ProjectChannel, project.id)
    if project.channel_id and (row is None or row.state is ChannelState.OPEN):
        return Address(project.channel_id)
    if row is not None and row.problem:
        return Address(why_not=row.problem)
    if project.status.is_closed:
        return Address(why_not=IS_ARCHIVED if project.channel_id else NO_CHANNEL)
    if row is None:
        ask(session, project.id)
    return Address(why_not=None if _is_coming(session, project) else NO_CHANNEL)


def _is_coming(session: Session, project: Project) -> bool:
    job = sa.exists().where(
        OutboxMessage.dedupe_key == job_of(project.id).dedupe_key,
        OutboxMessage.resend_at.is_not(None),
    )
    return bool(session.scalar(sa.select(job))) or project.started_at > utcnow() - MADE_WITHIN


def link_of(base_url: str, project: Project) -> str | None:
    """Where people find the channel."""
    if not base_url or not project.channel_id:
        return None
    return f"{base_url.rstrip('/')}/{project.channel_id}"


# --- Rows and words ---------------------------------------------------------------------------


def _new(project: Project) -> ProjectChannel:
    return ProjectChannel(
        project_id=project.id,
        name=channel_names.draw(project.short_description),
        draws=1,
        is_described=False,
        state=ChannelState.OPEN,
        tries=0,
    )


def _first_cause(project_id: int) -> str:
    return f"channel:{project_id}"


def _first_post(session: Session, project: Project) -> ChatText:
    links = [
        _link(settings_of(session).url, address, label)
        for address, label in (
            (project.project_folder_url, "Project folder"),
            (project.team_messages_url, "Team messages"),
        )
        if address
    ]
    said = post_words(Kind.CHANNEL_OPENED, About.of(project))
    return ChatText("\n".join([said, " · ".join(links)]).rstrip("\n"))


def _link(our_url: str, address: str, label: str) -> str:
    whole = our_url + address if address.startswith("/") else address
    return f"<{as_chat(whole)}|{label}>"


def _locked(session: Session, project_id: int) -> tuple[Project, ProjectChannel]:
    project = lock_project(session, project_id)
    return project, session.get_one(ProjectChannel, project_id)


def _let_messages_go(session: Session, project_id: int) -> None:
    messages.wake(
        session, Message.project_id == project_id, Message.channel == Channel.PROJECT_CHANNEL
    )
