"""Messages to people and channels, recorded with their cause (specification M-1, M-2, M-18)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.config import Settings
from orchestra.database import settings_of, table_of
from orchestra.domain import message_rows
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
from orchestra.domain.message_rows import CHAT_IS_OFF, NO_ADDRESS, Shape
from orchestra.domain.message_texts import Preference, preference_of
from orchestra.models import Channel, Message, MessageState, Worker
from orchestra.outbox import Dispatch, Job

_MESSAGES = table_of(Message)


@dataclass(frozen=True)
class NewestEvent:
    """The newest audit event of a project as a cause.

    Whoever changes a project holds its lock, so that is the event of the change itself.
    """

    project_id: int


Cause = str | NewestEvent


def newest_event(project_id: int) -> NewestEvent:
    return NewestEvent(project_id)


@dataclass(frozen=True)
class Post:
    """What a channel reads: that of the project, or an internal one."""

    channel: Channel
    text: ChatText
    address: str | None = None  # of an internal channel
    subject: str = ""  # for lists of ours; unset: the first line of the text


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
    dialect: Any = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    statement = dialect.insert(_MESSAGES).values(values).on_conflict_do_nothing()
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

    Told twice, it is one message in each inbox, one mail and one direct message. All are recorded
    in one statement, and the jobs that deliver them in another one.

    :param workers: their ids; None stands for the machine, which reads nothing.
    :param url: what the message is about: a path of ours.
    :param cause: what happened, for example ``offer:17``, or :func:`newest_event`.
    :param posts: what channels read about it.
    """
    ids = sorted({worker for worker in workers if worker is not None})
    if not ids and not posts:
        return
    settings, preference = settings_of(session), preference_of(kind)
    shape = Shape(
        has_readers=bool(ids),
        has_preference=bool(ids) and preference is not None,
        slack_is_on=settings.slack_experts_enabled,
        posts=len(posts),
        is_of_newest_event=isinstance(cause, NewestEvent),
    )
    values: dict[str, Any] = {
        "kind": str(kind),
        "preference": preference.value if preference else None,
        "url": url,
        "project_id": project_id,
        "task_id": task_id,
        "cause": None if isinstance(cause, NewestEvent) else cause,
        "worker_ids": ids,
    }
    values |= _words(settings, preference, subject, text, url)
    for number, post in enumerate(posts):
        values |= _of_post(settings, post, number, url, project_id)
    _record(session, shape, values)


def _words(
    settings: Settings, preference: Preference | None, subject: str, text: str, url: str
) -> dict[str, Any]:
    """What is read in the inbox and the mail, and in the chat if it may be told there."""
    return {
        "subject": one_line(subject),
        "text": lines_of(text),
        "chat_text": direct_message(settings, subject, text, url) if preference else "",
    }


def tell_those(
    session: Session, kind: str, condition: sa.ColumnElement[bool] | None, **message: Any
) -> None:
    """As :func:`tell`, to all active workers who meet a condition, found in one statement.

    :param condition: None: to nobody but the channels of the posts.
    """
    session.flush()
    found: Sequence[int] = ()
    if condition is not None:
        query = sa.select(Worker.id).where(Worker.is_active, condition)
        found = session.scalars(query).all()
    tell(session, kind, found, **message)


def direct_message(settings: Settings, subject: str, text: str, url: str) -> ChatText:
    """The chat form of what a person is told, with the link."""
    return with_link(ChatText(f"{bold(as_chat(subject))}\n{as_chat(text)}"), settings.url + url)


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
    tell(
        session,
        kind,
        (),
        subject="",
        text="",
        url=url,
        cause=cause,
        project_id=project_id,
        task_id=task_id,
        posts=[Post(channel, text, address)],
    )


def chat_posts(text: ChatText, subject: str = "") -> list[Post]:
    """To both channels: that of the project and the one of the staff."""
    both = (Channel.PROJECT_CHANNEL, Channel.INTERNAL)
    return [Post(channel, text, subject=subject) for channel in both]


def _of_post(
    settings: Settings, post: Post, number: int, url: str, project_id: int | None
) -> dict[str, Any]:
    address, to, is_on = None, f"project-{project_id}", settings.slack_experts_enabled
    if post.channel is Channel.INTERNAL:
        address = to = post.address or settings.slack_internal_notification_channel
        is_on = settings.slack_internal_enabled
    state = MessageState.WAITING if is_on else MessageState.OFF
    of_post = {
        "channel": post.channel.value,
        "subject": post.subject or plain(ChatText(post.text.partition("\n")[0])),
        "text": with_link(post.text, settings.url + url),
        "address": address,
        "to": to,
        "state": state.value,
        "why": None if is_on else CHAT_IS_OFF,
    }
    return {f"post_{number}_{name}": value for name, value in of_post.items()}


# --- Rows and jobs ----------------------------------------------------------------------------


def _record(session: Session, shape: Shape, values: dict[str, Any]) -> None:
    session.flush()
    statement = message_rows.statement(session.get_bind().dialect.name, shape)
    recorded = session.connection().execute(statement, values).all()
    waiting = sorted(row.id for row in recorded if row.state is MessageState.WAITING)
    outbox.enqueue(session, *(delivery_of(message_id, 1) for message_id in waiting))


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
