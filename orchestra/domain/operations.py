"""What an operator sees of the running system: read from the database alone (W-73).

A broker that was wiped takes nothing away from it, and no worker process is asked.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import seconds_from_now, settings_of, utcnow
from orchestra.domain import dispatching
from orchestra.domain.versions import graph_of, load_graphs
from orchestra.models import (
    Attempt,
    AttemptOutcome,
    Channel,
    Message,
    MessageState,
    Project,
    ProjectStatus,
    Task,
    TaskStatus,
    Tick,
    Worker,
    WorkflowVersion,
)
from orchestra.outbox import Job, OutboxMessage

OLD_SECONDS = 300  # after which what waits is reported (L-128)
MISSED_TICKS = 3
SEEN_SECONDS = 600
LATEST = 1000  # rows of a growing table that are looked at
MOST_PROCESSES = 100

# --- Queues -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Queue:
    """What waits in a queue: machine steps that could run, and jobs that have not finished."""

    name: str
    steps: int = 0
    oldest_step_at: datetime | None = None
    jobs: int = 0
    oldest_job_at: datetime | None = None
    overdue: int = 0  # jobs that should have been sent again long ago

    @property
    def is_slow(self) -> bool:
        """Whether a step has waited so long that perhaps nobody takes it (L-128)."""
        return _is_older(self.oldest_step_at, OLD_SECONDS)


def queues(session: Session) -> list[Queue]:
    """Every queue that a version names or that holds something, by name."""
    found = {name: Queue(name=name) for name in _named_queues(session)}
    for name, jobs, oldest, overdue in session.execute(_jobs_by_queue()):
        found[name] = Queue(name=name, jobs=jobs, oldest_job_at=oldest, overdue=overdue)
    for name, steps, oldest in session.execute(_steps_by_queue()):
        held = found.get(name, Queue(name=name))
        found[name] = replace(held, steps=steps, oldest_step_at=oldest)
    return [found[name] for name in sorted(found)]


def _named_queues(session: Session) -> set[str]:
    versions = session.scalars(sa.select(WorkflowVersion)).all()
    load_graphs(session, versions)
    return {
        step.queue for version in versions for step in graph_of(version).steps if not step.is_human
    }


def _jobs_by_queue() -> sa.Select[str, int, datetime, int]:
    is_overdue = OutboxMessage.resend_at < seconds_from_now(-OLD_SECONDS)
    return (
        sa.select(
            OutboxMessage.queue,
            sa.func.count(),
            sa.func.min(OutboxMessage.created_at, type_=OutboxMessage.created_at.type),
            sa.func.count().filter(is_overdue),
        )
        .where(OutboxMessage.resend_at.is_not(None))
        .group_by(OutboxMessage.queue)
    )


def _steps_by_queue() -> sa.Select[str, int, datetime]:
    """Steps that were asked for, could be claimed now, and are not.

    The age counts from the asking: a task that was opened again is older than its waiting.
    """
    since = sa.func.coalesce(Task.next_attempt_at, OutboxMessage.created_at)
    return (
        sa.select(
            OutboxMessage.queue,
            sa.func.count(),
            sa.func.min(since, type_=OutboxMessage.created_at.type),
        )
        .join(Task, OutboxMessage.dedupe_key == dispatching.key_expression(Task))
        .join(Project, Project.id == Task.project_id)
        .where(
            OutboxMessage.resend_at.is_not(None),
            Task.status == TaskStatus.AWAITING_PROCESSING,
            Task.is_human.is_(False),
            Project.status == ProjectStatus.ACTIVE,
            sa.or_(Task.next_attempt_at.is_(None), Task.next_attempt_at <= seconds_from_now(0)),
        )
        .group_by(OutboxMessage.queue)
    )


def _is_older(moment: datetime | None, seconds: float) -> bool:
    return moment is not None and utcnow() - moment > timedelta(seconds=seconds)


# --- Scheduler --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ScheduledJob:
    """A job that the scheduler asks for again and again."""

    job: str
    at: datetime | None  # when it last ran to its end
    interval_seconds: float | None  # None: not known here
    is_late: bool
    failures: int  # items that it left undone then


def scheduled_jobs(session: Session) -> list[ScheduledJob]:
    """When each last ran; the sweep is there even when it never did."""
    intervals: dict[str, float] = {Job.SWEEP.value: settings_of(session).sweep_interval_seconds}
    ticks = {tick.job: tick for tick in session.scalars(sa.select(Tick))}
    return [
        _scheduled(session, job, ticks.get(job), intervals.get(job))
        for job in sorted(ticks | intervals)
    ]


def _scheduled(
    session: Session, job: str, tick: Tick | None, interval_seconds: float | None
) -> ScheduledJob:
    at = tick.at if tick else None
    return ScheduledJob(
        job=job,
        at=at,
        interval_seconds=interval_seconds,
        is_late=_is_late(session, at, interval_seconds),
        failures=tick.failures if tick else 0,
    )


def _is_late(session: Session, at: datetime | None, interval_seconds: float | None) -> bool:
    if at is None:
        return not is_new(session)
    return interval_seconds is not None and _is_older(at, MISSED_TICKS * interval_seconds)


def is_new(session: Session) -> bool:
    """Whether the system is too young to have been swept for certain.

    It is as old as its first account or its first workflow.
    """
    firsts = sa.union_all(
        sa.select(sa.func.min(Worker.created_at).label("at")),
        sa.select(sa.func.min(WorkflowVersion.loaded_at)),
    ).subquery()
    began_at = session.scalar(sa.select(sa.func.min(firsts.c.at, type_=Worker.created_at.type)))
    return not _is_older(began_at, MISSED_TICKS * settings_of(session).sweep_interval_seconds)


# --- Worker processes -------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class WorkerProcess:
    """A process that ran a machine step lately, or runs one."""

    host: str
    process: int
    seen_at: datetime
    running: int = 0


def worker_processes(session: Session) -> list[WorkerProcess]:
    """Processes seen in the last minutes, the most recent first.

    A process that runs a step is seen whenever it extends its lease.
    """
    found: dict[tuple[str, int], WorkerProcess] = {}
    lease = timedelta(seconds=settings_of(session).lease_seconds)
    for host, process, running, lease_until in session.execute(_holders()):
        found[host, process] = WorkerProcess(
            host=host, process=process, seen_at=lease_until - lease, running=running
        )
    for host, process, at in session.execute(_lately_seen()):
        known = found.get((host, process))
        if known is None:
            found[host, process] = WorkerProcess(host=host, process=process, seen_at=at)
        elif at > known.seen_at:
            found[host, process] = replace(known, seen_at=at)
    seen = [
        one for one in found.values() if one.running or not _is_older(one.seen_at, SEEN_SECONDS)
    ]
    return sorted(seen, key=lambda one: one.seen_at, reverse=True)[:MOST_PROCESSES]


def _holders() -> sa.Select[str, int, int, datetime]:
    last = sa.type_coerce(sa.func.max(Task.lease_until), Task.created_at.type)
    return (
        sa.select(Attempt.host, Attempt.process, sa.func.count(), last)
        .join(Task, is_last_attempt())
        .where(Task.lease_until.is_not(None))
        .group_by(Attempt.host, Attempt.process)
    )


def _lately_seen() -> sa.Select[str, int, datetime]:
    latest = (
        sa.select(Attempt.host, Attempt.process, Attempt.started_at, Attempt.ended_at)
        .where(Attempt.outcome != AttemptOutcome.LOST)  # its end was told by somebody else
        .order_by(Attempt.id.desc())
        .limit(LATEST)
        .subquery()
    )
    seen_at = sa.func.coalesce(latest.c.ended_at, latest.c.started_at)
    return sa.select(
        latest.c.host, latest.c.process, sa.func.max(seen_at, type_=Task.created_at.type)
    ).group_by(latest.c.host, latest.c.process)


def is_last_attempt() -> sa.ColumnElement[bool]:
    """Joins a task to the record of its newest attempt."""
    return sa.and_(Attempt.task_id == Task.id, Attempt.fencing_number == Task.fencing_number)


# --- Integrations -----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Integration:
    """An outside service as it is configured, and what went wrong with it last."""

    name: str
    backend: str
    is_on: bool
    error: str | None = None
    error_at: datetime | None = None


def integrations(session: Session) -> list[Integration]:
    """Mail, chat and files; the services of a message with the last error that still stands."""
    settings = settings_of(session)
    workspaces = {
        "experts": settings.slack_experts_enabled,
        "internal": settings.slack_internal_enabled,
    }
    chat = [name for name, is_on in workspaces.items() if is_on]
    mail = Integration(
        name="mail", backend=settings.mail_backend, is_on=settings.mail_backend == "smtp"
    )
    return [
        _with_last_error(session, mail, {Channel.MAIL}),
        _with_last_error(
            session,
            Integration(
                name="chat",
                backend=f"slack: {', '.join(chat)}" if chat else "none",
                is_on=bool(chat),
            ),
            {Channel.SLACK, Channel.PROJECT_CHANNEL, Channel.INTERNAL},
        ),
        Integration(name="files", backend=settings.file_backend, is_on=True),
    ]


def _with_last_error(
    session: Session, service: Integration, channels: Collection[Channel]
) -> Integration:
    """With the error of its newest message that could not be sent and has not been since."""
    latest = (
        sa.select(Message.id)
        .where(Message.channel.in_(channels))
        .order_by(Message.id.desc())
        .limit(LATEST)
    )
    unsent: Iterable[MessageState] = (MessageState.WAITING, MessageState.DEAD)
    found = session.execute(
        sa.select(Message.last_error, Message.created_at)
        .where(Message.id.in_(latest), Message.last_error.is_not(None), Message.state.in_(unsent))
        .order_by(Message.id.desc())
        .limit(1)
    ).one_or_none()
    return replace(service, error=found[0], error_at=found[1]) if found else service
