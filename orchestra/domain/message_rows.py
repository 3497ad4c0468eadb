"""The statement that records messages by every way at once, written once for each shape of it.

To write it costs many times what it costs to run it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from orchestra.database import UtcDateTime, seconds_from_now, table_of
from orchestra.models import AuditEvent, Channel, Message, MessagePreference, MessageState, Worker

NO_ADDRESS = "There is no e-mail address."
NO_SLACK_ID = "The Slack id is not known."
UNWANTED = "Switched off in the preferences."
CHAT_IS_OFF = "The chat is switched off."
_MESSAGES, _WORKERS, _CHOICES = table_of(Message), table_of(Worker), table_of(MessagePreference)

NAMES = (
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

Columns = dict[str, sa.ColumnElement[Any]]


@dataclass(frozen=True)
class Shape:
    """What makes one statement another one; everything else are its parameters."""

    has_readers: bool
    has_preference: bool  # so that it leaves by mail and chat, too
    slack_is_on: bool
    posts: int
    is_of_newest_event: bool


@cache
def statement(dialect_name: str, shape: Shape) -> Any:
    """Inserts what is not there yet; gives id and state of what is new.

    Parameters: kind, subject, text, chat_text, url, project_id, task_id, cause, preference,
    worker_ids; and of each post number n post_n_channel, subject, text, address, to, state, why.
    """
    rows = [*_to_readers(shape), *(_to_channel(shape, number) for number in range(shape.posts))]
    return insertion(dialect_name, rows[0] if len(rows) == 1 else sa.union_all(*rows))


def insertion(dialect_name: str, chosen: Any) -> Any:
    """The statement that stores chosen rows, each with all columns in the order of ``NAMES``."""
    dialect = sqlite if dialect_name == "sqlite" else postgresql
    insert: Any = dialect.insert(_MESSAGES)
    insert = insert.from_select([*NAMES], chosen, include_defaults=False)
    return insert.on_conflict_do_nothing().returning(_MESSAGES.c.id, _MESSAGES.c.state)


def _given(name: str) -> sa.ColumnElement[Any]:
    return sa.bindparam(name, type_=sa.Text())


def _text(value: str | None) -> sa.ColumnElement[Any]:
    return sa.literal(value, sa.Text())


def _row(shape: Shape, own: Columns, who: sa.ColumnElement[Any]) -> list[sa.Label[Any]]:
    """:param who: what tells recipients apart in the key."""
    cause = _cause(shape)
    key = _given("kind") + ":" + cause + ":" + who + ":" + own["channel"]
    columns: Columns = {
        "kind": _given("kind"),
        "cause": cause,
        "dedupe_key": key,
        "subject": _given("subject"),
        "url": _given("url"),
        "project_id": sa.bindparam("project_id", type_=sa.Integer()),
        "task_id": sa.bindparam("task_id", type_=sa.Integer()),
        "tries": sa.literal(0, sa.Integer()),
        "created_at": seconds_from_now(0),
        "sent_at": sa.literal(None, UtcDateTime()),
    }
    columns |= own
    return [columns[name].label(name) for name in NAMES]


def _cause(shape: Shape) -> sa.ColumnElement[Any]:
    if not shape.is_of_newest_event:
        return _given("cause")
    project_id = sa.bindparam("project_id", type_=sa.Integer())
    newest = sa.select(sa.func.max(AuditEvent.id)).where(AuditEvent.project_id == project_id)
    return _text("event:") + sa.cast(newest.scalar_subquery(), sa.Text())


# --- To people --------------------------------------------------------------------------------


def _to_readers(shape: Shape) -> Iterator[sa.Select[Any]]:
    if not shape.has_readers:
        return
    ways = [_inbox()]
    if shape.has_preference:
        ways += [_mail(), _slack() if shape.slack_is_on else _no_slack()]
    ids = sa.bindparam("worker_ids", type_=sa.Integer(), expanding=True)
    for own in ways:
        of_worker = own | {"worker_id": _WORKERS.c.id}
        row = _row(shape, of_worker, sa.cast(_WORKERS.c.id, sa.Text()))
        yield sa.select(*row).where(_WORKERS.c.id.in_(ids), _WORKERS.c.is_active)


def _inbox() -> Columns:
    return {
        "channel": _text(Channel.INBOX.value),
        "address": _text(None),
        "text": _given("text"),
        "state": _text(MessageState.SENT.value),
        "last_error": _text(None),
        "sent_at": seconds_from_now(0),
    }


def _mail() -> Columns:
    address = _WORKERS.c.email
    missing = (address == "", NO_ADDRESS)
    return _deliverable(Channel.MAIL, missing, address) | {"text": _given("text")}


def _slack() -> Columns:
    address = _WORKERS.c.slack_user_id
    missing = (address.is_(None), NO_SLACK_ID)
    return _deliverable(Channel.SLACK, missing, address) | {"text": _given("chat_text")}


def _no_slack() -> Columns:
    return {
        "channel": _text(Channel.SLACK.value),
        "address": _text(None),
        "text": _given("chat_text"),
        "state": _text(MessageState.OFF.value),
        "last_error": _text(CHAT_IS_OFF),
    }


def _deliverable(
    channel: Channel,
    missing: tuple[sa.ColumnElement[bool], str],
    address: sa.ColumnElement[Any],
) -> Columns:
    why_not = sa.case(missing, (_is_unwanted(channel), UNWANTED))
    waits = sa.case((why_not.is_(None), MessageState.WAITING.value), else_=MessageState.OFF.value)
    return {
        "channel": _text(channel.value),
        "address": address,
        "state": waits,
        "last_error": why_not,
    }


def _is_unwanted(channel: Channel) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        _CHOICES.c.worker_id == _WORKERS.c.id,
        _CHOICES.c.type == _given("preference"),
        _CHOICES.c.channel == channel.value,
        ~_CHOICES.c.is_on,
    )


# --- To channels ------------------------------------------------------------------------------


def _to_channel(shape: Shape, number: int) -> sa.Select[Any]:
    post = f"post_{number}_"
    own: Columns = {
        "channel": _given(f"{post}channel"),
        "worker_id": sa.literal(None, sa.Integer()),
        "address": _given(f"{post}address"),
        "subject": _given(f"{post}subject"),
        "text": _given(f"{post}text"),
        "state": _given(f"{post}state"),
        "last_error": _given(f"{post}why"),
    }
    row = _row(shape, own, _given(f"{post}to"))
    return sa.select(*row).where(sa.true())  # without it SQLite misreads ON
