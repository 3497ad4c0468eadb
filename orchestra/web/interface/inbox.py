"""The inbox as JSON (N-7)."""

from typing import Any

from flask import Blueprint
from marshmallow import Schema, ValidationError, fields, validate, validates_schema
from sqlalchemy.orm import Session

from orchestra.domain import inboxes
from orchestra.domain.audit import Actor
from orchestra.domain.information import timestamp
from orchestra.models import Message, Worker
from orchestra.web.auth import guard_interface
from orchestra.web.interface.calls import Answer, changing, looking
from orchestra.web.interface.schemas import Id

MOST_IDS = 500

blueprint = Blueprint("interface_inbox", __name__, url_prefix="/orchestra/api/interface/inbox")
guard_interface(blueprint)


class InboxQuery(Schema):
    page = fields.Integer(load_default=1, validate=validate.Range(min=1, max=1_000_000))


class MarkRead(Schema):
    """Some messages by their ids, or all of them."""

    ids = fields.List(Id(), load_default=None, validate=validate.Length(max=MOST_IDS))
    all = fields.Boolean(load_default=False, truthy={True}, falsy={False})

    @validates_schema
    def _require_one_of_both(self, given: dict[str, Any], **_: Any) -> None:
        if given["all"] == (given["ids"] is not None):
            raise ValidationError("Give ids, or all as true.", "ids")


@blueprint.get("/")
@looking(InboxQuery())
def inbox(session: Session, worker: Worker, page: int) -> Answer:
    found = inboxes.page_of(session, worker.id, page)
    return {
        "messages": [_described(message) for message in found.messages],
        "unread": found.unread,
    }


def _described(message: Message) -> Answer:
    return {
        "id": message.id,
        "kind": message.kind,
        "subject": message.subject,
        "text": message.text,
        "url": message.url,
        "project_id": message.project_id,
        "task_id": message.task_id,
        "created_at": timestamp(message.created_at),
        "is_read": message.read_at is not None,
    }


@blueprint.post("/read/")
@changing(MarkRead())
def read(session: Session, actor: Actor, **asked: Any) -> Answer:
    worker_id = actor.worker_id or 0
    inboxes.mark_read(session, worker_id, None if asked["all"] else asked["ids"])
    return {"unread": inboxes.unread(session, worker_id)}
