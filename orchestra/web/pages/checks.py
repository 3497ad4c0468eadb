"""What project admins decide about the checks of a project, by plain forms (SB-16)."""

from collections.abc import Callable

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from orchestra.database import retry_deadlocks, transaction
from orchestra.domain import sanity_decisions
from orchestra.domain.allowed_actions import CheckAction
from orchestra.domain.audit import Actor
from orchestra.errors import Conflict, Malformed
from orchestra.web import auth

blueprint = Blueprint("checks", __name__, url_prefix="/orchestra/app/project")
auth.guard_admin_pages(blueprint)

SNOOZES = {3600: "an hour", 86_400: "a day", 604_800: "a week"}  # seconds
SAID = {
    CheckAction.MUTE: "The check {slug} is muted: what it finds here is told to nobody.",
    CheckAction.UNMUTE: "What the check {slug} finds is told again.",
    CheckAction.SNOOZE: "Nothing is said about {slug} for {time}.",
    CheckAction.WAKE: "What the check {slug} finds is told again.",
    CheckAction.RESOLVE: "The check {slug} is resolved. You hear of it when it is found anew.",
    CheckAction.TAKE_UP: "The check {slug} is open again.",
}


@blueprint.post("/<int:project_id>/checks/<slug>")
def decide(project_id: int, slug: str) -> ResponseReturnValue:
    auth.require_form_token()
    action, seconds = _asked()
    try:
        _decide(project_id, slug, action, seconds)
        flash(SAID[action].format(slug=slug, time=SNOOZES.get(seconds or 0)))
    except Conflict as error:
        flash(error.message, "warning")
    return redirect(f"{blueprint.url_prefix}/{project_id}#checks", 303)


def _asked() -> tuple[CheckAction, int | None]:
    """:raises Malformed: nothing of the kind is offered."""
    action, _, seconds = request.form.get("decision", "").partition(":")
    if action not in list(CheckAction):
        raise Malformed(f"The field decision must be one of {', '.join(CheckAction)}.")
    if action != CheckAction.SNOOZE:
        return CheckAction(action), None
    if seconds not in map(str, SNOOZES):
        raise Malformed(f"The field decision must be one of {', '.join(SNOOZE_CHOICES)}.")
    return CheckAction.SNOOZE, int(seconds)


SNOOZE_CHOICES = {f"{CheckAction.SNOOZE}:{seconds}": words for seconds, words in SNOOZES.items()}


@retry_deadlocks
def _decide(project_id: int, slug: str, action: CheckAction, seconds: int | None) -> None:
    with transaction() as session:
        _rule(action, seconds)(session, auth.current_actor(), project_id, slug)


Rule = Callable[[Session, Actor, int, str], object]


def _rule(action: CheckAction, seconds: int | None) -> Rule:
    match action:
        case CheckAction.MUTE | CheckAction.UNMUTE:
            is_muted = action is CheckAction.MUTE
            return lambda *about: sanity_decisions.mute(*about, is_muted=is_muted)
        case CheckAction.SNOOZE | CheckAction.WAKE:
            return lambda *about: sanity_decisions.snooze(*about, seconds=seconds)
        case _:
            is_resolved = action is CheckAction.RESOLVE
            return lambda *about: sanity_decisions.resolve(*about, is_resolved=is_resolved)
