"""Messages that say something else to each person, recorded together (specification M-1, M-14).

:func:`orchestra.domain.messages.tell` says the same to many in one statement; this says as much as
wanted in three.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.database import UtcDateTime, seconds_from_now, settings_of, table_of
from orchestra.domain.markup import ChatText, lines_of, one_line
from orchestra.domain.message_rows import (
    CHAT_IS_OFF,
    NAMES,
    NO_ADDRESS,
    NO_SLACK_ID,
    UNWANTED,
    Columns,
    insertion,
)
from orchestra.domain.message_texts import Preference
from orchestra.domain.messages import delivery_of
from orchestra.models import Channel, Message, MessagePreference, MessageState, Worker

_MESSAGES = table_of(Message)
_CHOICES = table_of(MessagePreference)
_NOT_GIVEN = ("tries", "created_at", "sent_at")


@dataclass(frozen=True)
class Reader:
    """A worker, with the ways by which messages of some type may not reach them."""

    id: int
    username: str
    first_name: str
    email: str
    slack_user_id: str | None
    unwanted: frozenset[Channel]

    def why_not_by_mail(self) -> str | None:
        if not self.email:
            return NO_ADDRESS
        return UNWANTED if Channel.MAIL in self.unwanted else None

    def why_not_by_chat(self, *, is_on: bool) -> str | None:
        if not is_on:
            return CHAT_IS_OFF
        if not self.slack_user_id:
            return NO_SLACK_ID
        return UNWANTED if Channel.SLACK in self.unwanted else None


@dataclass(frozen=True)
class Letter:
    """What one person is told, by each way.

    :param mail: above how to get no such mails; the link is added if it is no line of the text.
    :param url: what it is about: a path of ours.
    :param cause: what happened, for example ``offer:17``.
    """

    reader: Reader
    subject: str
    mail: str
    inbox: str
    chat: ChatText
    url: str
    cause: str
    project_id: int | None = None
    task_id: int | None = None


def readers(
    session: Session, preference: Preference, worker_ids: Sequence[int]
) -> dict[int, Reader]:
    """The active ones of these workers, in one statement."""
    rows = session.connection().execute(
        _READERS, {"type": preference.value, "worker_ids": list(worker_ids)}
    )
    return {
        row.id: Reader(
            id=row.id,
            username=row.username,
            first_name=row.first_name,
            email=row.email,
            slack_user_id=row.slack_user_id,
            unwanted=frozenset(
                channel
                for channel, is_off in ((Channel.MAIL, row.no_mail), (Channel.SLACK, row.no_chat))
                if is_off
            ),
        )
        for row in rows
    }


def _switched_off(channel: Channel) -> sa.Exists:
    return sa.exists().where(
        _CHOICES.c.worker_id == Worker.id,
        _CHOICES.c.type == sa.bindparam("type"),
        _CHOICES.c.channel == channel.value,
        ~_CHOICES.c.is_on,
    )


_READERS = sa.select(
    Worker.id,
    Worker.username,
    Worker.first_name,
    Worker.email,
    Worker.slack_user_id,
    _switched_off(Channel.MAIL).label("no_mail"),
    _switched_off(Channel.SLACK).label("no_chat"),
).where(Worker.is_active, Worker.id.in_(sa.bindparam("worker_ids", expanding=True)))


def send(session: Session, kind: str, letters: Sequence[Letter]) -> None:
    """Put each into its reader's inbox, and send it by the ways that they want (M-14, M-18).

    Sent twice, it is one message in each inbox, one mail and one direct message.
    """
    if not letters:
        return
    rows = [row for letter in letters for row in _rows(session, letter)]
    for row in rows:
        row["kind"] = kind
        row["dedupe_key"] = f"{kind}:{row['cause']}:{row['worker_id']}:{row['channel']}"
    session.flush()
    statement = _statement(session.get_bind().dialect.name)
    recorded = session.connection().execute(statement, {"rows": rows}).all()
    waiting = sorted(row.id for row in recorded if row.state is MessageState.WAITING)
    outbox.enqueue(session, *(delivery_of(message_id, 1) for message_id in waiting))


def _rows(session: Session, letter: Letter) -> list[dict[str, Any]]:
    settings, reader = settings_of(session), letter.reader
    same = {
        "worker_id": reader.id,
        "cause": letter.cause,
        "subject": one_line(letter.subject),
        "url": letter.url,
        "project_id": letter.project_id,
        "task_id": letter.task_id,
    }
    no_chat = reader.why_not_by_chat(is_on=settings.slack_experts_enabled)
    ways = (
        (Channel.MAIL, lines_of(letter.mail), reader.email, reader.why_not_by_mail()),
        (Channel.SLACK, letter.chat, reader.slack_user_id, no_chat),
    )
    rows = [
        same
        | {
            "channel": channel,
            "text": said,
            "address": address,
            "state": MessageState.OFF if why_not else MessageState.WAITING,
            "last_error": why_not,
        }
        for channel, said, address, why_not in ways
    ]
    inbox = {"channel": Channel.INBOX, "text": lines_of(letter.inbox), "state": MessageState.SENT}
    return [*rows, same | inbox | {"address": None, "last_error": None}]


@cache
def _statement(dialect_name: str) -> Any:
    """One text whatever the number of letters: the driver keeps a statement for each text."""
    given = _given(dialect_name)
    is_sent = given["channel"] == Channel.INBOX.value
    sent_at = sa.case((is_sent, seconds_from_now(0)), else_=sa.null())
    columns = given | {
        "tries": sa.literal_column("0"),
        "created_at": seconds_from_now(0),
        "sent_at": sa.type_coerce(sent_at, UtcDateTime()),
    }
    chosen = sa.select(*(columns[name].label(name) for name in NAMES))
    return insertion(dialect_name, chosen.where(sa.true()))  # without it SQLite misreads ON


def _given(dialect_name: str) -> Columns:
    """The columns of the rows in the parameter ``rows``, which are one list in JSON."""
    rows = sa.bindparam("rows", type_=sa.JSON())
    types = {name: _MESSAGES.c[name].type for name in NAMES if name not in _NOT_GIVEN}
    if dialect_name == "postgresql":
        named = [sa.column(name, type_) for name, type_ in types.items()]
        table = sa.func.json_to_recordset(rows).table_valued(*named)
        return dict(table.render_derived(with_types=True).c)
    value = sa.func.json_each(rows).table_valued("value").c.value
    return {
        name: sa.func.json_extract(value, f"$.{name}", type_=type_) for name, type_ in types.items()
    }
