"""Who acts, and the record of what they changed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import table_of
from orchestra.errors import Forbidden, Invalid
from orchestra.models import AuditEvent, Source, Verb, Worker


@dataclass(frozen=True, kw_only=True)
class Actor:
    """The one who asks for a change: a worker, a client system or the system itself."""

    name: str  # a username, "system" or "key:<key id>"
    source: Source
    worker_id: int | None = None
    may_manage: bool = False  # project admin, API key or the system
    acting_as: str | None = None
    request_id: str | None = None
    note: str | None = None

    @classmethod
    def of(cls, worker: Worker, source: Source = Source.WEB, **more: Any) -> Self:
        return cls(
            name=worker.username,
            source=source,
            worker_id=worker.id,
            may_manage=worker.is_project_admin,
            **more,
        )

    @classmethod
    def of_key(cls, key_id: str, **more: Any) -> Self:
        return cls(name=f"key:{key_id}", source=Source.API, may_manage=True, **more)

    def noting(self, note: str | None) -> Self:
        return replace(self, note=note) if note else self


LONGEST_REASON = 1000  # characters; a team reads them in its page and its mails
_STORE = sa.insert(table_of(AuditEvent))
SYSTEM = Actor(name="system", source=Source.JOB, may_manage=True)


def require_manager(actor: Actor) -> None:
    """:raises Forbidden: the actor may not manage projects."""
    if not actor.may_manage:
        raise Forbidden("Only project admins may do this. Ask one of them.")


def explained(reason: str | None) -> str | None:
    """Why somebody did something, in their words.

    :raises Invalid: it is too long to be read in passing.
    """
    if reason and len(reason) > LONGEST_REASON:
        raise Invalid(f"Say why in at most {LONGEST_REASON} characters, not {len(reason)}.")
    return reason


def record(
    session: Session,
    actor: Actor,
    verb: Verb,
    row: Any,
    *,
    project_id: int | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    note: str | None = None,
) -> None:
    """Write an audit event with the change itself; ``row`` is the flushed object it is about.

    ``before`` and ``after`` hold only what changed, and never a secret (specification P-59).
    """
    described = event(
        actor, verb, row, project_id=project_id, before=before, after=after, note=note
    )
    session.add(AuditEvent(**described))


def event(
    actor: Actor,
    verb: Verb,
    row: Any,
    *,
    project_id: int | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    note: str | None = None,
) -> dict[str, Any]:
    """The columns of an event, for :func:`record_all`."""
    return {
        "actor": actor.name,
        "acting_as": actor.acting_as,
        "source": actor.source,
        "request_id": actor.request_id,
        "verb": verb,
        "object_kind": row.__tablename__,
        "object_id": row.id,
        "project_id": project_id,
        "before": dict(before) if before else None,
        "after": dict(after) if after else None,
        "note": note or actor.note,
    }


def record_all(session: Session, events: list[dict[str, Any]]) -> None:
    """Write many events in one statement, after those that were recorded before."""
    session.flush()
    if events:
        session.connection().execute(_STORE, events)
