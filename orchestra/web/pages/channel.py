"""The channel of a project: its name and who is in it, by plain forms on its page (W-54)."""

from collections.abc import Callable

from flask import Blueprint, current_app, flash, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from orchestra.config import Settings
from orchestra.database import retry_deadlocks, transaction
from orchestra.domain import channel_members, channel_names, channels
from orchestra.domain.audit import Actor
from orchestra.errors import Conflict, Invalid, NotFound
from orchestra.models import Project
from orchestra.web import auth

blueprint = Blueprint("channel", __name__, url_prefix="/orchestra/app/project")
auth.guard_admin_pages(blueprint)

Rule = Callable[[Session, Actor, int, str], None]


@blueprint.post("/<int:project_id>/channel/add")
def add(project_id: int) -> ResponseReturnValue:
    return _changed(project_id, channel_members.add, "username", "{} comes into the channel.")


@blueprint.post("/<int:project_id>/channel/remove")
def remove(project_id: int) -> ResponseReturnValue:
    return _changed(project_id, channel_members.remove, "username", "{} leaves the channel.")


@blueprint.post("/<int:project_id>/channel/rename")
def rename(project_id: int) -> ResponseReturnValue:
    return _changed(project_id, channel_names.rename, "name", "The channel is renamed in a moment.")


def _changed(project_id: int, rule: Rule, field: str, done: str) -> ResponseReturnValue:
    auth.require_form_token()
    given = request.form.get(field, "").replace("\0", "").strip()
    try:
        _change(project_id, rule, given)
        flash(done.format(given))
    except (Conflict, Invalid, NotFound) as error:
        if isinstance(error, NotFound) and not error.fields:
            raise  # of a project that is not there
        flash(error.message, "warning")
    return redirect(f"{blueprint.url_prefix}/{project_id}?tab=team#channel", 303)


@retry_deadlocks
def _change(project_id: int, rule: Rule, given: str) -> None:
    with transaction() as session:
        rule(session, auth.current_actor(), project_id, given)


def link_for_templates(project: Project) -> str | None:
    """Where people find the channel of a project; nowhere while the chat is off (I-7)."""
    settings: Settings = current_app.config["SETTINGS"]
    if not settings.slack_experts_enabled:
        return None
    return channels.link_of(settings.slack_experts_base_url, project)
