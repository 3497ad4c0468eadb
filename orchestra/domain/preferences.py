"""What people want to be told, and how (specification M-14 to M-17)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import lock
from orchestra.domain import audit
from orchestra.domain.audit import Actor
from orchestra.domain.message_texts import Preference
from orchestra.models import MessagePreference, Verb, Worker


class Way(StrEnum):
    """How messages of a type reach a person, beside the inbox, which is always on (M-16)."""

    MAIL = "mail"
    SLACK = "slack"


Choice = tuple[Preference, Way]
Choices = Mapping[Choice, bool]


@dataclass(frozen=True)
class Described:
    """A type of messages, in words."""

    type: Preference
    label: str
    text: str
    is_for_admins: bool = False


TABLE = (
    Described(
        Preference.TASK_STATUS_CHANGE,
        "Task status changes",
        "A task of yours was assigned, returned, accepted, completed, paused or taken away.",
    ),
    Described(
        Preference.NEW_TASK_AVAILABLE,
        "New tasks",
        "A task waits that you may take, and reminders of offers that you did not answer.",
    ),
    Described(
        Preference.PROJECT_ALERTS,
        "Problems in projects",
        "A machine step failed, a check found something, or a project cannot go on.",
        is_for_admins=True,
    ),
)
DEFAULT = True  # of every type by every way


def types_for(worker: Worker) -> list[Described]:
    return [row for row in TABLE if worker.is_project_admin or not row.is_for_admins]


def choices(session: Session, worker_id: int) -> dict[Choice, bool]:
    """Every choice; one that was never made is the default (M-15)."""
    statement = sa.select(MessagePreference).where(MessagePreference.worker_id == worker_id)
    made = {(row.type, row.channel): row.is_on for row in session.scalars(statement)}
    return {(kind, way): made.get((kind, way), DEFAULT) for kind in Preference for way in Way}


def who_muted(session: Session, type: Preference) -> set[int]:
    """Ids of the workers who want messages of this type by no way but the inbox."""
    switched_off = sa.select(MessagePreference.worker_id).where(
        MessagePreference.type == type,
        MessagePreference.channel.in_(list(Way)),
        MessagePreference.is_on.is_(False),
    )
    every_way = sa.func.count() == len(Way)
    return set(
        session.scalars(switched_off.group_by(MessagePreference.worker_id).having(every_way))
    )


def choose(session: Session, actor: Actor, worker_id: int, wanted: Choices) -> None:
    """Store choices; those not named stay as they are."""
    worker = lock(session, Worker, worker_id)
    before = choices(session, worker_id)
    changed = {choice: is_on for choice, is_on in wanted.items() if before[choice] != is_on}
    if not changed:
        return
    _store(session, worker_id, changed)
    audit.record(
        session,
        actor,
        Verb.PREFERENCES_CHANGED,
        worker,
        before=_named({choice: before[choice] for choice in changed}),
        after=_named(changed),
    )


def _store(session: Session, worker_id: int, changed: Choices) -> None:
    statement = sa.select(MessagePreference).where(MessagePreference.worker_id == worker_id)
    rows = {(row.type, row.channel): row for row in session.scalars(statement)}
    for (kind, way), is_on in changed.items():
        row = rows.get((kind, way)) or MessagePreference(
            worker_id=worker_id, type=kind, channel=way
        )
        row.is_on = is_on
        session.add(row)


def _named(chosen: Choices) -> dict[str, bool]:
    return {f"{kind}.{way}": is_on for (kind, way), is_on in chosen.items()}
