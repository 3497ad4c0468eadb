"""Who is in the channel of a project (W-54, I-16)."""

from flask import Blueprint
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from orchestra.domain import channel_members
from orchestra.domain.audit import Actor
from orchestra.web.auth import guard_management
from orchestra.web.interface import projects, schemas
from orchestra.web.interface.calls import Answer, changing

blueprint = Blueprint("project_channels", __name__, url_prefix=projects.blueprint.url_prefix)
guard_management(blueprint)

RULES = {"add": channel_members.add, "remove": channel_members.remove}


class EditSlackMembership(schemas.ProjectBody):
    worker_username = schemas.text()
    action = fields.String(required=True, validate=validate.OneOf(sorted(RULES)))


@blueprint.post("/edit_slack_membership/")
@changing(EditSlackMembership())
def edit_slack_membership(
    session: Session, actor: Actor, project_id: int, worker_username: str, action: str
) -> Answer:
    RULES[action](session, actor, project_id, worker_username)
    return {}
