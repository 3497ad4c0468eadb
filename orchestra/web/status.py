"""Whether the process runs, and whether it can do its work (specification A-44)."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Flask, Response, current_app
from flask.typing import ResponseReturnValue
from kombu.connection import Connection
from kombu.exceptions import KombuError
from sqlalchemy.orm import Session

from orchestra.config import Settings
from orchestra.database import reading, utcnow
from orchestra.domain import upkeep
from orchestra.errors import Unavailable
from orchestra.models import Project, ProjectStatus, Task, TaskStatus
from orchestra.outbox import Job, OutboxMessage

BROKER_PATIENCE_SECONDS = 1

blueprint = Blueprint("status", __name__)


def register(app: Flask) -> None:
    app.register_blueprint(blueprint)


@blueprint.get("/orchestra/status/", strict_slashes=False)
@blueprint.get("/orchestra/api/status/", strict_slashes=False)
def running() -> Response:
    return Response("OK", mimetype="text/plain", headers={"Cache-Control": "no-store"})


@blueprint.get("/orchestra/status/ready", strict_slashes=False)
def ready() -> ResponseReturnValue:
    database = database_state()
    broker = broker_is_reachable(current_app.config["SETTINGS"])
    is_ready = bool(database) and broker
    state = {
        "ready": is_ready,
        "database": bool(database),
        "broker": broker,
        "oldest_outbox_row_seconds": None,
        "oldest_waiting_machine_step_seconds": None,
        "last_sweep_seconds": None,
        **database,
    }
    return state, 200 if is_ready else 503, {"Cache-Control": "no-store"}


def database_state() -> dict[str, Any]:
    """Ages of what waits longest, in seconds; empty: the database cannot be reached."""
    try:
        with reading() as session:
            return {
                "oldest_outbox_row_seconds": _age(oldest_undelivered(session)),
                "oldest_waiting_machine_step_seconds": _age(oldest_waiting_step(session)),
                "last_sweep_seconds": _age(upkeep.last_tick(session, Job.SWEEP)),
            }
    except Unavailable:
        return {}


def oldest_undelivered(session: Session) -> datetime | None:
    """Dead rows wait for a person, not for delivery, and do not count."""
    waiting = OutboxMessage.resend_at.is_not(None)
    return session.scalar(sa.select(sa.func.min(OutboxMessage.created_at)).where(waiting))


def oldest_waiting_step(session: Session) -> datetime | None:
    due_at = sa.func.coalesce(Task.next_attempt_at, Task.created_at)
    return session.scalar(
        sa.select(sa.func.min(due_at, type_=Task.created_at.type))
        .join(Project)
        .where(
            Task.status == TaskStatus.AWAITING_PROCESSING,
            Task.is_human.is_(False),
            Project.status == ProjectStatus.ACTIVE,
        )
    )


def _age(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    return max(0.0, round((utcnow() - moment).total_seconds(), 3))


def broker_is_reachable(settings: Settings) -> bool:
    try:
        address = settings.broker_address()
    except Unavailable:
        return False
    options = {
        "max_retries": 1,
        "socket_timeout": BROKER_PATIENCE_SECONDS,
        "socket_connect_timeout": BROKER_PATIENCE_SECONDS,
    }
    connection = Connection(
        address, connect_timeout=BROKER_PATIENCE_SECONDS, transport_options=options
    )
    try:
        with connection:
            connection.ensure_connection(
                max_retries=1, interval_start=0, interval_step=0, timeout=BROKER_PATIENCE_SECONDS
            )
    except (KombuError, *connection.connection_errors, OSError):
        return False
    return True
