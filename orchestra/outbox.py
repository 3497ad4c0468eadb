"""The outbox: a row that says "this job must run", written with the change that asks for it."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from orchestra.database import (
    Base,
    Json,
    after_commit,
    seconds_from_now,
    settings_of,
    skip_locked,
    table_of,
)

logger = logging.getLogger(__name__)

GRACE_IN_SWEEPS = 3  # a job that was not finished within three sweeps is sent again
LONGEST_GRACE_SECONDS = 300
LONGEST_COUNTDOWN_SECONDS = 60
LAST_FAILURE = 8
BATCH = 500


class Job(StrEnum):
    """Every job of the system: the name of its Celery task."""

    RUN_STEP = "machine.run_step"
    AFTER_ABORT = "machine.after_abort"
    DELIVER_MESSAGE = "messages.deliver"
    SWEEP = "upkeep.sweep"
    SEND_FIRST_BATCH = "bots.send_first_batch"
    SEND_STAFFING_REQUESTS = "bots.send_staffing_requests"
    REMIND_WORKERS = "bots.remind_workers_about_available_tasks"
    WARN_STAFFING_TEAM = "bots.warn_staffing_team_about_unstaffed_tasks"
    CHECK_PROJECTS = "bots.create_and_handle_sanity_checks"
    PREPARE_PROJECT = "files.prepare_project"
    SHARE_FOLDER = "files.share_folder"
    COPY_DOCUMENT = "files.copy_document"
    FOLLOW_CHANNEL = "chat.follow_channel"
    FIND_PERSON = "chat.find_person"
    ANSWER_SLACK = "slack.answer"


class OutboxMessage(Base):
    """One job that must run. The row is deleted when the thing has happened."""

    __tablename__ = "outbox_message"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    job: Mapped[str]  # a Job; text, so that the list can grow without a migration
    dedupe_key: Mapped[str] = mapped_column(unique=True)
    kwargs: Mapped[Json]
    queue: Mapped[str]
    sends: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    resend_at: Mapped[datetime | None] = mapped_column(index=True)  # None: dead, waits for a person
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))


@dataclass(frozen=True)
class Dispatch:
    """One job on its way to the broker, and the jobs that follow it in the same chain."""

    job: Job
    kwargs: Json
    dedupe_key: str
    queue: str
    delay_seconds: float = 0
    then: tuple["Dispatch", ...] = ()


Publisher = Callable[[Sequence[Dispatch]], None]


def enqueue(session: Session, *dispatches: Dispatch, publish: bool = True) -> None:
    """Ask for jobs if, and only if, the caller's transaction commits.

    A row stays until its job has *finished*; publishing only makes it start sooner. Asking again
    under the same key is the same wish. With ``publish=False`` the caller knows that the job is
    on its way already, and the row is the safety net.
    """
    if not dispatches:
        return
    rows = [message_values(session, dispatch) for dispatch in dispatches]
    session.connection().execute(_upsert(session.get_bind().dialect.name), rows)
    if publish:
        publish_after_commit(session, dispatches)


def message_values(session: Session, dispatch: Dispatch) -> Json:
    """Values of the bound parameters of :data:`NEW_MESSAGE`."""
    grace = GRACE_IN_SWEEPS * settings_of(session).sweep_interval_seconds
    return {
        "for_job": dispatch.job.value,
        "wished_as": dispatch.dedupe_key,
        "with_kwargs": dispatch.kwargs,
        "on_queue": dispatch.queue,
        "in_seconds": dispatch.delay_seconds + _first_grace(dispatch, grace),
    }


def _first_grace(dispatch: Dispatch, grace: float) -> float:
    """A job of the far future is not published now; the relay sends it in time."""
    return 0 if dispatch.delay_seconds > LONGEST_COUNTDOWN_SECONDS else grace


_VALUES = {
    "job": sa.bindparam("for_job"),
    "dedupe_key": sa.bindparam("wished_as"),
    "kwargs": sa.bindparam("with_kwargs"),
    "queue": sa.bindparam("on_queue"),
    "sends": sa.literal_column("0"),
    "failures": sa.literal_column("0"),
    "resend_at": seconds_from_now(sa.bindparam("in_seconds")),
}
# Of a wish that nobody can have had before, to be sent with other statements.
NEW_MESSAGE = sa.insert(table_of(OutboxMessage)).values(_VALUES)


@cache
def _upsert(dialect_name: str) -> sa.Insert:
    dialect = sqlite if dialect_name == "sqlite" else postgresql
    statement = dialect.insert(table_of(OutboxMessage)).values(_VALUES)
    renewed = {name: statement.excluded[name] for name in ("resend_at", "sends", "failures")}
    upsert: sa.Insert = statement.on_conflict_do_update(index_elements=["dedupe_key"], set_=renewed)
    return upsert


def publish_after_commit(session: Session, dispatches: Sequence[Dispatch]) -> None:
    """Hand jobs to the broker once the caller's transaction has committed."""
    near = [d for d in dispatches if d.delay_seconds <= LONGEST_COUNTDOWN_SECONDS]
    waiting: list[Dispatch] = session.info.setdefault("dispatches", [])
    if not waiting:
        after_commit(session, lambda: publish_now(_taken(session)))
    waiting.extend(near)


def _taken(session: Session) -> list[Dispatch]:
    dispatches: list[Dispatch] = session.info.pop("dispatches", [])
    return dispatches


def publish_now(dispatches: Sequence[Dispatch]) -> None:
    """Hand jobs to the broker; if it cannot be reached, the relay sends them later."""
    publisher: Publisher | None = current_app.extensions.get("orchestra_publisher")
    if publisher is not None and dispatches:
        publisher(dispatches)


def done(session: Session, dedupe_key: str) -> None:
    """Forget a job, because the thing it was to do has happened or can never happen."""
    session.execute(sa.delete(OutboxMessage).where(OutboxMessage.dedupe_key == dedupe_key))


def due(session: Session) -> list[Dispatch]:
    """Take the messages whose job has not finished in its grace time, at most a batch.

    Each gets a longer grace than before, so that a long backlog is not multiplied. A job of a
    newer version of the system is left to its processes: while it is updated both run.
    """
    chosen = (
        sa.select(OutboxMessage.id)
        .where(OutboxMessage.resend_at <= seconds_from_now(0), OutboxMessage.job.in_(list(Job)))
        .order_by(OutboxMessage.id)
        .limit(BATCH)
    )
    ids = list(session.scalars(skip_locked(chosen)))
    grace = GRACE_IN_SWEEPS * settings_of(session).sweep_interval_seconds
    messages = session.execute(
        sa.update(OutboxMessage)
        .where(OutboxMessage.id.in_(ids))
        .values(sends=OutboxMessage.sends + 1, resend_at=seconds_from_now(_grace(grace)))
        .returning(
            OutboxMessage.job, OutboxMessage.kwargs, OutboxMessage.dedupe_key, OutboxMessage.queue
        ),
        execution_options={"synchronize_session": False},
    )
    return [Dispatch(Job(job), kwargs, key, queue) for job, kwargs, key, queue in messages]


def _grace(first_seconds: float) -> sa.ColumnElement[Any]:
    doubled = first_seconds * sa.cast(sa.literal(2).op("<<")(OutboxMessage.sends), sa.Float())
    return sa.case(
        (OutboxMessage.sends >= 5, LONGEST_GRACE_SECONDS),
        (doubled > LONGEST_GRACE_SECONDS, LONGEST_GRACE_SECONDS),
        else_=doubled,
    )


def record_failure(
    session: Session, dedupe_key: str, error: str, *, is_final: bool = False
) -> bool:
    """Count a failed run of a job; after the last one the row is dead and shown to the operator.

    :param error: the traceback, for the operator.
    :param is_final: trying again is no use.
    :return: whether the row is dead now.
    """
    last = sa.or_(OutboxMessage.failures + 1 >= LAST_FAILURE, sa.literal(is_final))
    failed = session.execute(
        sa.update(OutboxMessage)
        .where(OutboxMessage.dedupe_key == dedupe_key)
        .values(
            failures=OutboxMessage.failures + 1,
            last_error=error[-65536:],
            resend_at=sa.case((last, None), else_=OutboxMessage.resend_at),
        )
        .returning(OutboxMessage.resend_at),
        execution_options={"synchronize_session": False},
    ).one_or_none()
    return failed is not None and failed.resend_at is None
