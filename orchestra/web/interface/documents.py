"""Documents that are edited in the app, saved as they are written (N-7, I-31)."""

from flask import Blueprint
from marshmallow import Schema, fields, validate
from sqlalchemy.orm import Session

from orchestra.domain import documents
from orchestra.domain.audit import Actor
from orchestra.domain.information import LARGEST_ID, timestamp
from orchestra.errors import Conflict
from orchestra.models import Worker
from orchestra.project_files import store
from orchestra.web.auth import guard_interface
from orchestra.web.interface.calls import Answer, changing, looking
from orchestra.web.interface.schemas import Nothing, text
from orchestra.web.markdown import render_markdown

blueprint = Blueprint("documents_interface", __name__, url_prefix="/orchestra/api/interface")
guard_interface(blueprint)


class DocumentText(Schema):
    text = text()
    revision = fields.Integer(
        required=True, strict=True, validate=validate.Range(min=0, max=LARGEST_ID)
    )


@blueprint.get("/documents/<document_id>/")
@looking(Nothing())
def show(session: Session, worker: Worker, document_id: str) -> Answer:
    documents.get_document(session, worker, document_id)
    return _as_it_is(session, document_id)


@blueprint.put("/documents/<document_id>/")
@changing(DocumentText())
def save(session: Session, actor: Actor, document_id: str, text: str, revision: int) -> Answer:
    documents.save(session, actor, document_id, revision=revision, text=text)
    return _as_it_is(session, document_id)


def _as_it_is(session: Session, document_id: str) -> Answer:
    """:raises Conflict: it is written elsewhere, and we have no text of it (I-34)."""
    if store().has_own_pages:
        raise Conflict("This document is not edited here. Open it where it is kept.")
    newest = documents.newest_revision(session, document_id)
    text = newest.text if newest else ""
    return {
        "text": text,
        "revision": newest.revision if newest else 0,
        "html": render_markdown(text),
        "saved_at": timestamp(newest.written_at) if newest else None,
    }
