"""Messages to people and channels, recorded with their cause (specification M-1, M-2, M-18)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.config import Settings
from orchestra.database import UtcDateTime, seconds_from_now, settings_of, table_of
from orchestra.domain.markup import (
    ChatText,
    as_chat,
    as_html,
    bold,
    lines_of,
    one_line,
    plain,
    with_link,
)
from orchestra.domain.message_texts import Preference, preference_of
from orchestra.models import (
    AuditEvent,
    Channel,
    Message,
    MessagePreference,
    MessageState,
    Worker,
)
from orchestra.outbox import Dispatch, Job

NO_ADDRESS = "There is no e-mail address."
NO_SLACK_ID = "The Slack id is not known."
UNWANTED = "Switched off in the preferences."
CHAT_IS_OFF = "The chat is switched off."
_MESSAGES, _WORKERS, _CHOICES = table_of(Message), table_of(Worker), table_of(MessagePreference)

Cause = str | sa.ColumnElement[str]
Columns = dict[str, sa.ColumnElement[Any]]


@dataclass(frozen=True)
class Post:
    """What a channel reads: that of the project, or an internal one."""

    channel: Channel
    text: ChatText
    address: str | None = None  # of an internal channel
    subject: str = ""  # for lists of ours; unset: the first line of the text


@dataclass(frozen=True, kw_only=True)
class _Said:
    kind: str
    subject: str
    text: str
    url: str
    cause: Cause
    project_id: int | None
    task_id: int | None


# --- To people --------------------------------------------------------------------------------


def send_mail(
    session: Session,
    *,
    kind: str,
    address: str,
    subject: str,
    text: str,
    dedupe_key: str,
    worker_id: int | None = None,
) -> None:
    """Record a mail, to be delivered if the caller's transaction commits.

    Asked twice, it is one mail. Without an address nothing is sent, and that is recorded (M-18).

    :param text: paragraphs; a line that is a link of ours and nothing else becomes the button.
    :param dedupe_key: what happened, for example ``activation:17``; kind, address and channel
        are added to it.
    """
    state = MessageState.WAITING if address else MessageState.OFF
    values = {
        "kind": kind,
        "channel": Channel.MAIL,
        "worker_id": worker_id,
        "address": address,
        "dedupe_key": f"{kind}:{dedupe_key}:{address.lower()}:{Channel.MAIL}",
        "subject": one_line(subject),
        "text": lines_of(text),
        "html": as_html(lines_of(text), settings_of(session).url),
        "state": state,
        "last_error": None if address else NO_ADDRESS,
    }
    statement = _insert(session).values(values).on_conflict_do_nothing()
    new_id = session.connection().execute(statement.returning(_MESSAGES.c.id)).scalar_one_or_none()
    if new_id is not None and state is MessageState.WAITING:
        outbox.enqueue(session, delivery_of(new_id, 1))


def tell(
    session: Session,
    kind: str,
    workers: Iterable[int | None],
    *,
    subject: str,
    text: str,
    url: str,
    cause: Cause,
    project_id: int | None = None,
    task_id: int | None = None,
    posts: Sequence[Post] = (),
) -> None:
    """Tell workers whose accounts are active: in their inboxes, and as they want (P-15, M-14).

    Told twice, it is one message in each inbox, one mail and one direct message.

    :param workers: their ids; None stands for the machine, which reads nothing.
    :param url: what the message is about: a path of ours.
    :param cause: what happened, for example ``offer:17``, or :func:`newest_event`.
    :param posts: what channels read about it.
    """
    ids = {worker for worker in workers if worker is not None}
    if ids or posts:
        tell_those(
            session,
            kind,
            _WORKERS.c.id.in_(sorted(ids)) if ids else None,
            subject=subject,
            text=text,
            url=url,
            cause=cause,
            project_id=project_id,
            task_id=task_id,
            posts=posts,
        )


def tell_those(
    session: Session,
    kind: str,
    condition: sa.ColumnElement[bool] | None,
    *,
    subject: str,
    text: str,
    url: str,
    cause: Cause,
    project_id: int | None = None,
    task_id: int | None = None,
    posts: Sequence[Post] = (),
) -> None:
    """As :func:`tell`, in one statement to all active workers who meet a condition.

    :param condition: None: to nobody but the channels of the posts.
    """
    said = _Said(
        kind=kind,
        subject=one_line(subject),
        text=lines_of(text),
        url=url,
        cause=cause,
        project_id=project_id,
        task_id=task_id,
    )
    settings = settings_of(session)
    to_people = [] if condition is None else _to_people(settings, said, condition)
    _record(session, [*to_people, *(_to_channel(settings, said, post) for post in posts)])


def _to_people(
    settings: Settings, said: _Said, condition: sa.ColumnElement[bool]
) -> list[sa.Select[Any]]:
    kinds = [_inbox_columns(said)]
    preference = preference_of(said.kind)
    if preference is not None:
        kinds += [_mail_columns(said, preference), _slack_columns(settings, said, preference)]
    return [
        sa.select(*_labelled(_of_workers(said, own))).where(_WORKERS.c.is_active, condition)
        for own in kinds
    ]


def _inbox_columns(said: _Said) -> Columns:
    return _settled(Channel.INBOX, MessageState.SENT) | {"text": _text(said.text)}


def _mail_columns(said: _Said, preference: Preference) -> Columns:
    why_not = sa.case(
        (_WORKERS.c.email == "", NO_ADDRESS), (_is_unwanted(preference, Channel.MAIL), UNWANTED)
    )
    return _deliverable(Channel.MAIL, why_not, _WORKERS.c.email) | {"text": _text(said.text)}


def _slack_columns(settings: Settings, said: _Said, preference: Preference) -> Columns:
    own = {"text": _text(direct_message(settings, said.subject, said.text, said.url))}
    if not settings.slack_experts_enabled:
        return _settled(Channel.SLACK, MessageState.OFF, CHAT_IS_OFF) | own
    why_not = sa.case(
        (_WORKERS.c.slack_user_id.is_(None), NO_SLACK_ID),
        (_is_unwanted(preference, Channel.SLACK), UNWANTED),
    )
    return _deliverable(Channel.SLACK, why_not, _WORKERS.c.slack_user_id) | own


def direct_message(settings: Settings, subject: str, text: str, url: str) -> ChatText:
    """The chat form of what a person is told, with the link."""
    return with_link(ChatText(f"{bold(as_chat(subject))}\n{as_chat(text)}"), settings.url + url)


def _is_unwanted(preference: Preference, channel: Channel) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        _CHOICES.c.worker_id == _WORKERS.c.id,
        _CHOICES.c.type == preference.value,
        _CHOICES.c.channel == channel.value,
        ~_CHOICES.c.is_on,
    )


def _of_workers(said: _Said, own: Columns) -> Columns:
    who = sa.cast(_WORKERS.c.id, sa.Text())
    return _common(said) | own | {"worker_id": _WORKERS.c.id, "dedupe_key": _key(said, who, own)}


# --- To channels ------------------------------------------------------------------------------


def post(
    session: Session,
    kind: str,
    *,
    channel: Channel,
    text: ChatText,
    url: str,
    cause: Cause,
    project_id: int | None,
    task_id: int | None = None,
    address: str | None = None,
) -> None:
    """Record a post to a channel; with the chat switched off that is recorded (M-10).

    :param text: in the chat's markup: data through :func:`orchestra.domain.markup.as_chat`. The
        link is added to it.
    :param address: name or id of an internal channel; unset: that of the settings.
    """
    said = _Said(
        kind=kind,
        subject="",
        text="",
        url=url,
        cause=cause,
        project_id=project_id,
        task_id=task_id,
    )
    _record(session, [_to_channel(settings_of(session), said, Post(channel, text, address))])


def chat_posts(text: ChatText, subject: str = "") -> list[Post]:
    """To both channels: that of the project and the one of the staff."""
    both = (Channel.PROJECT_CHANNEL, Channel.INTERNAL)
    return [Post(channel, text, subject=subject) for channel in both]


def _to_channel(settings: Settings, said: _Said, post: Post) -> sa.Select[Any]:
    address, is_on = None, settings.slack_experts_enabled
    to: str = f"project-{said.project_id}"
    if post.channel is Channel.INTERNAL:
        address = to = post.address or settings.slack_internal_notification_channel
        is_on = settings.slack_internal_enabled
    state = MessageState.WAITING if is_on else MessageState.OFF
    own = _settled(post.channel, state, None if is_on else CHAT_IS_OFF) | {
        "subject": _text(post.subject or plain(ChatText(post.text.partition("\n")[0]))),
        "text": _text(with_link(post.text, settings.url + said.url)),
        "address": _text(address),
        "worker_id": sa.literal(None, sa.Integer()),
    }
    key = _key(said, sa.literal(to, sa.Text()), own)
    columns = _common(said) | own | {"dedupe_key": key}
    return sa.select(*_labelled(columns)).where(sa.true())  # without it SQLite misreads ON


# --- Rows -------------------------------------------------------------------------------------


def _common(said: _Said) -> Columns:
    return {
        "kind": _text(said.kind),
        "cause": _cause(said),
        "subject": _text(said.subject),
        "url": _text(said.url),
        "project_id": sa.literal(said.project_id, sa.Integer()),
        "task_id": sa.literal(said.task_id, sa.Integer()),
        "tries": sa.literal(0, sa.Integer()),
        "created_at": seconds_from_now(0),
    }


def _settled(channel: Channel, state: MessageState, why: str | None = None) -> Columns:
    is_sent = state is MessageState.SENT
    return {
        "channel": _text(channel.value),
        "address": _text(None),
        "state": _text(state.value),
        "last_error": _text(why),
        "sent_at": seconds_from_now(0) if is_sent else sa.literal(None, UtcDateTime()),
    }


def _deliverable(
    channel: Channel, why_not: sa.Case[Any], address: sa.ColumnElement[Any]
) -> Columns:
    """:param why_not: the reason why a worker is not told by this channel, or null."""
    waits = sa.case((why_not.is_(None), MessageState.WAITING.value), else_=MessageState.OFF.value)
    return _settled(channel, MessageState.WAITING) | {
        "address": address,
        "state": waits,
        "last_error": why_not,
    }


def _text(value: str | None) -> sa.ColumnElement[Any]:
    return sa.literal(value, sa.Text())


def _cause(said: _Said) -> sa.ColumnElement[Any]:
    return _text(said.cause) if isinstance(said.cause, str) else said.cause


def _key(said: _Said, who: sa.ColumnElement[Any], own: Columns) -> sa.ColumnElement[Any]:
    return _text(f"{said.kind}:") + _cause(said) + ":" + who + ":" + own["channel"]


_NAMES = (
    "kind",
    "channel",
    "worker_id",
    "address",
    "cause",
    "dedupe_key",
    "subject",
    "text",
    "url",
    "project_id",
    "task_id",
    "state",
    "tries",
    "last_error",
    "created_at",
    "sent_at",
)


def _labelled(columns: Columns) -> list[sa.Label[Any]]:
    return [columns[name].label(name) for name in _NAMES]


def _record(session: Session, rows: Sequence[sa.Select[Any]]) -> None:
    """All rows in one statement, and the jobs that deliver those that wait in another one."""
    session.flush()
    chosen = rows[0] if len(rows) == 1 else sa.union_all(*rows)
    statement = _insert(session).from_select(list(_NAMES), chosen, include_defaults=False)
    statement = statement.on_conflict_do_nothing().returning(_MESSAGES.c.id, _MESSAGES.c.state)
    recorded = session.connection().execute(statement).all()
    waiting = sorted(row.id for row in recorded if row.state is MessageState.WAITING)
    outbox.enqueue(session, *(delivery_of(message_id, 1) for message_id in waiting))


def _insert(session: Session) -> Any:
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    return dialect.insert(_MESSAGES)


def newest_event(project_id: int) -> sa.ColumnElement[str]:
    """The newest audit event of a project as a cause.

    Whoever changes a project holds its lock, so that is the event of the change itself.
    """
    newest = sa.select(sa.func.max(AuditEvent.id)).where(AuditEvent.project_id == project_id)
    return sa.literal("event:", sa.Text()) + sa.cast(newest.scalar_subquery(), sa.Text())


def wake(session: Session, *conditions: sa.ColumnElement[bool]) -> None:
    """Look again at messages that were held, for what held them may be over."""
    held = (
        sa.update(Message)
        .where(
            Message.state == sa.literal_column("'waiting'"),  # as in the index
            Message.due_at.is_not(None),
            Message.tries == 0,
            *conditions,
        )
        .values(due_at=None)
        .returning(Message.id)
    )
    ids = session.scalars(held, execution_options={"synchronize_session": False}).all()
    outbox.enqueue(session, *(delivery_of(message_id, 1) for message_id in sorted(ids)))


def delivery_of(message_id: int, attempt: int) -> Dispatch:
    """The job of one try; the number keeps tries apart that are published twice."""
    kwargs = {"message_id": message_id, "attempt": attempt}
    return Dispatch(Job.DELIVER_MESSAGE, kwargs, key_of(message_id), "messages")


def key_of(message_id: int) -> str:
    return f"message:{message_id}"
