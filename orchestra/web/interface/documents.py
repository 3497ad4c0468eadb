"""Documents that are edited in the app, saved as they are written (I-31)."""

from flask import Blueprint
from marshmallow import Schema, fields, validate
from sqlalchemy.orm import Session

from orchestra.database import utcnow
from orchestra.domain import documents
from orchestra.domain.audit import Actor
from orchestra.domain.information import LARGEST_ID, timestamp
from orchestra.web.auth import guard_interface
from orchestra.web.interface.calls import Answer, changing
from orchestra.web.interface.schemas import text

blueprint = Blueprint("documents_interface", __name__, url_prefix="/orchestra/api/interface")
guard_interface(blueprint)


class DocumentText(Schema):
    text = text()
    revision = fields.Integer(
        required=True, strict=True, validate=validate.Range(min=0, max=LARGEST_ID)
    )


@blueprint.post("/documents/<document_id>/save/")
@changing(DocumentText())
def save(session: Session, actor: Actor, document_id: str, text: str, revision: int) -> Answer:
    document = documents.save(session, actor, document_id, revision=revision, text=text)
    return {"revision": document.revision, "saved_at": timestamp(utcnow())}
