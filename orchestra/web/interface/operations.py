"""What administrators see and decide of the running system (N-20 to N-22)."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from flask import Blueprint
from marshmallow import Schema, fields, validate
from sqlalchemy.orm import Session

from orchestra.domain import dead_jobs, dead_letters, machine_steps, operations
from orchestra.domain.audit import Actor
from orchestra.domain.dead_jobs import AskedJob
from orchestra.domain.information import timestamp
from orchestra.domain.machine_steps import MachineStep, Page
from orchestra.models import Message, Worker
from orchestra.web.api.schemas import Text
from orchestra.web.auth import guard_administration
from orchestra.web.interface.calls import Answer, changing, looking

blueprint = Blueprint(
    "operations_interface", __name__, url_prefix="/orchestra/api/interface/operations"
)
guard_administration(blueprint)

Read = Callable[[Session, int], Page[Any]]
ROWS: Mapping[str, Read] = {
    "dead": dead_jobs.dead,
    "waiting": dead_jobs.waiting,
    "dead_messages": dead_jobs.dead_messages,
}
STEPS: Mapping[str, Read] = {
    "running": machine_steps.running,
    "waiting": machine_steps.waiting,
    "failed": machine_steps.failed,
}


class Decision(StrEnum):
    SEND_AGAIN = "send_again"
    DISCARD = "discard"


class PageQuery(Schema):
    """Of one state a page; without one, the first page of every state."""

    page = fields.Integer(load_default=1, validate=validate.Range(min=1, max=1_000_000))


class OutboxQuery(PageQuery):
    state = fields.String(load_default=None, validate=validate.OneOf([*ROWS]))


class MachineQuery(PageQuery):
    state = fields.String(load_default=None, validate=validate.OneOf([*STEPS]))


class HealthQuery(Schema):
    pass


class DecisionBody(Schema):
    decision = fields.Enum(Decision, by_value=True, required=True)


class MessageDecision(DecisionBody):
    address = Text(load_default=None, allow_none=True)


@blueprint.get("/outbox/")
@looking(OutboxQuery())
def outbox(session: Session, worker: Worker, state: str | None, page: int) -> Answer:
    return _lists(session, ROWS, _row, state, page)


@blueprint.post("/outbox/<int:message_id>/")
@changing(DecisionBody())
def decide(session: Session, actor: Actor, message_id: int, decision: Decision) -> Answer:
    if decision is Decision.SEND_AGAIN:
        dead_jobs.send_again(session, actor, message_id)
    else:
        dead_jobs.discard(session, actor, message_id)
    return {}


@blueprint.post("/outbox/messages/<int:message_id>/")
@changing(MessageDecision())
def decide_message(
    session: Session, actor: Actor, message_id: int, decision: Decision, address: str | None
) -> Answer:
    """About a message that could not be delivered (M-7)."""
    if decision is Decision.SEND_AGAIN:
        dead_letters.send_again(session, actor, message_id, address=address)
    else:
        dead_letters.discard(session, actor, message_id)
    return {}


@blueprint.get("/machine/")
@looking(MachineQuery())
def machine(session: Session, worker: Worker, state: str | None, page: int) -> Answer:
    return _lists(session, STEPS, _step, state, page)


@blueprint.get("/health/")
@looking(HealthQuery())
def health(session: Session, worker: Worker) -> Answer:
    return {
        "queues": [_queue(queue) for queue in operations.queues(session)],
        "scheduler": [
            {
                "job": job.job,
                "last_ended_at": timestamp(job.at),
                "interval_seconds": job.interval_seconds,
                "is_late": job.is_late,
                "failures": job.failures,
            }
            for job in operations.scheduled_jobs(session)
        ],
        "worker_processes": [
            {
                "host": one.host,
                "process": one.process,
                "seen_at": timestamp(one.seen_at),
                "running": one.running,
            }
            for one in operations.worker_processes(session)
        ],
        "integrations": [
            {
                "name": one.name,
                "backend": one.backend,
                "is_on": one.is_on,
                "last_error": one.error,
                "last_error_at": timestamp(one.error_at),
            }
            for one in operations.integrations(session)
        ],
    }


def _lists(
    session: Session,
    reads: Mapping[str, Read],
    row: Callable[[Any], Answer],
    state: str | None,
    page: int,
) -> Answer:
    asked = {state: reads[state]} if state else reads
    number = page if state else 1
    found = {name: read(session, number) for name, read in asked.items()}
    return {
        **{name: [row(one) for one in held.rows] for name, held in found.items()},
        "counts": {name: held.total for name, held in found.items()},
        "page": number,
    }


def _row(row: AskedJob | Message) -> Answer:
    return _message(row) if isinstance(row, Message) else _job(row)


def _message(message: Message) -> Answer:
    return {
        "id": message.id,
        "kind": message.kind,
        "channel": message.channel.value,
        "worker": message.worker.username if message.worker else None,
        "address": message.address,
        "subject": message.subject,
        "tries": message.tries,
        "error": message.last_error,
        "created_at": timestamp(message.created_at),
        "project_id": message.project_id,
        "task_id": message.task_id,
    }


def _job(job: AskedJob) -> Answer:
    message = job.message
    return {
        "id": message.id,
        "job": message.job,
        "kwargs": message.kwargs,
        "queue": message.queue,
        "sends": message.sends,
        "failures": message.failures,
        "error": message.last_error,
        "created_at": timestamp(message.created_at),
        "resend_at": timestamp(message.resend_at),
        "project_id": job.project_id,
        "task_id": job.task_id,
    }


def _step(step: MachineStep) -> Answer:
    return {
        "task_id": step.task_id,
        "project_id": step.project_id,
        "project": step.project,
        "workflow": step.workflow,
        "workflow_version": step.version,
        "step": step.slug,
        "queue": step.queue,
        "status": step.status.label,
        "attempts": step.attempts,
        "max_attempts": step.most_attempts,
        "next_attempt_at": timestamp(step.next_attempt_at),
        "lease_until": timestamp(step.lease_until),
        "host": step.host,
        "process": step.process,
        "started_at": timestamp(step.started_at),
        "ended_at": timestamp(step.ended_at),
        "error": step.error,
        "traceback": step.traceback,
    }


def _queue(queue: operations.Queue) -> Answer:
    return {
        "name": queue.name,
        "waiting_steps": queue.steps,
        "oldest_step_at": timestamp(queue.oldest_step_at),
        "open_jobs": queue.jobs,
        "oldest_job_at": timestamp(queue.oldest_job_at),
        "overdue_jobs": queue.overdue,
        "is_slow": queue.is_slow,
    }
