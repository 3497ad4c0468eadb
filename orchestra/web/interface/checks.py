"""What project admins decide about the checks of a project, as JSON (N-15, SB-16)."""

from flask import Blueprint
from sqlalchemy.orm import Session

from orchestra.domain import sanity_decisions
from orchestra.domain.audit import Actor
from orchestra.web.auth import guard_management
from orchestra.web.interface import projects, schemas
from orchestra.web.interface.calls import Answer, changing

blueprint = Blueprint("project_checks", __name__, url_prefix=projects.blueprint.url_prefix)
guard_management(blueprint)


@blueprint.post("/mute_sanity_check/")
@changing(schemas.MuteCheck())
def mute_sanity_check(
    session: Session, actor: Actor, project_id: int, check_slug: str, *, muted: bool
) -> Answer:
    sanity_decisions.mute(session, actor, project_id, check_slug, is_muted=muted)
    return {}


@blueprint.post("/snooze_sanity_check/")
@changing(schemas.SnoozeCheck())
def snooze_sanity_check(
    session: Session, actor: Actor, project_id: int, check_slug: str, seconds: int | None
) -> Answer:
    """For so many seconds, or not any more."""
    sanity_decisions.snooze(session, actor, project_id, check_slug, seconds=seconds)
    return {}


@blueprint.post("/resolve_sanity_check/")
@changing(schemas.ResolveCheck())
def resolve_sanity_check(
    session: Session, actor: Actor, project_id: int, check_slug: str, *, resolved: bool
) -> Answer:
    sanity_decisions.resolve(session, actor, project_id, check_slug, is_resolved=resolved)
    return {}
