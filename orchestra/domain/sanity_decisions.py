"""What project admins decide about a check of a project: mute, snooze, resolve (SB-16)."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import seconds_from_now
from orchestra.domain import audit
from orchestra.domain.audit import Actor, require_manager
from orchestra.domain.locking import gate, lock_project
from orchestra.domain.versions import graph_of
from orchestra.errors import Conflict, NotFound
from orchestra.models import ProjectCheck, Verb

LONGEST_SNOOZE = 365 * 86_400  # seconds


def mute(
    session: Session, actor: Actor, project_id: int, slug: str, *, is_muted: bool
) -> ProjectCheck:
    """Whether what the check finds in this project is told to nobody.

    :raises NotFound: there is no such project, or it has no such check.
    """
    row, now = _locked(session, actor, project_id, slug)
    if is_muted != (row.muted_at is not None):
        row.muted_at, row.muted_by = (now, actor.name) if is_muted else (None, None)
        _record(session, actor, Verb.SANITY_MUTED, row, {"is_muted": is_muted})
    return row


def snooze(
    session: Session, actor: Actor, project_id: int, slug: str, *, seconds: int | None
) -> ProjectCheck:
    """Say nothing for so long, and then again if it is still found; None: from now on again.

    :raises NotFound: there is no such project, or it has no such check.
    """
    row, now = _locked(session, actor, project_id, slug)
    if seconds is None and row.snoozed_until is None:
        return row
    until = None if seconds is None else now + timedelta(seconds=seconds)
    row.snoozed_until, row.snoozed_by = until, actor.name if until else None
    row.resolved_at, row.resolved_by = None, None
    _record(session, actor, Verb.SANITY_SNOOZED, row, {"until": _words(until)})
    return row


def resolve(
    session: Session, actor: Actor, project_id: int, slug: str, *, is_resolved: bool
) -> ProjectCheck:
    """Say nothing until the check finds nothing once, and finds something after that.

    :raises NotFound: there is no such project, or it has no such check.
    :raises Conflict: it finds nothing now.
    """
    row, now = _locked(session, actor, project_id, slug)
    if is_resolved == (row.resolved_at is not None):
        return row
    if row.found_at is None:
        raise Conflict(f"The check {slug} finds nothing any more, so nothing is to be resolved.")
    row.resolved_at, row.resolved_by = (now, actor.name) if is_resolved else (None, None)
    row.snoozed_until, row.snoozed_by = None, None
    _record(session, actor, Verb.SANITY_RESOLVED, row, {"is_resolved": is_resolved})
    return row


def _locked(
    session: Session, actor: Actor, project_id: int, slug: str
) -> tuple[ProjectCheck, datetime]:
    """The row of the check, if need be a new one, under the lock of the project; and the time."""
    require_manager(actor)
    project = lock_project(session, project_id)
    gate(project, while_paused=True)
    checks = graph_of(project.version).checks
    if checks is None or slug not in checks.by_slug:
        raise NotFound(f"Project {project_id} has no check {slug!r}.")
    query = sa.select(ProjectCheck).where(
        ProjectCheck.project_id == project_id, ProjectCheck.slug == slug
    )
    row = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if row is None:
        row = ProjectCheck(project_id=project_id, slug=slug, times_handled=0)
        session.add(row)
    return row, session.scalars(sa.select(seconds_from_now(0))).one()


def _record(
    session: Session, actor: Actor, verb: Verb, row: ProjectCheck, changed: dict[str, object]
) -> None:
    session.flush()
    after = {"check": row.slug} | changed
    audit.record(session, actor, verb, row, project_id=row.project_id, after=after)


def _words(until: datetime | None) -> str | None:
    return f"{until:%-d %B %Y, %H:%M} UTC" if until else None
