"""Documents that are edited in the app: reading, editing, history (I-31, I-34)."""

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import document_view, documents
from orchestra.domain.document_view import DocumentView
from orchestra.domain.folders import DOCUMENTS
from orchestra.errors import Conflict, Invalid, Malformed, NotFound, StaleRevision, TooLarge
from orchestra.project_files import ProjectFiles, store
from orchestra.web import auth, direct_uploads, requests, security
from orchestra.web.errors import HTTP_STATUS
from orchestra.web.pages.changes import compare_texts

blueprint = Blueprint("documents", __name__, url_prefix=DOCUMENTS)
auth.guard_pages(blueprint)

FRAMED = "https://docs.google.com"
CLOSED = "The project has ended. You can only read this document."


@blueprint.get("/<document_id>/")
def show(document_id: str) -> ResponseReturnValue:
    view = _view(document_id)
    if store().has_own_pages:
        address = ProjectFiles(view.project.id).document_link(document_id)
        security.allow("frame-src", [FRAMED])
        return render_template("documents/outside.html", view=view, address=address)
    return render_template("documents/document.html", view=view)


@blueprint.get("/<document_id>/edit")
def edit(document_id: str) -> ResponseReturnValue:
    view = _view(document_id)
    if store().has_own_pages:
        return redirect(_address(document_id))
    if not view.may_edit:
        flash(CLOSED, "warning")
        return redirect(_address(document_id))
    return _editor(view, view.text)


@blueprint.post("/<document_id>/edit")
def save(document_id: str) -> ResponseReturnValue:
    """Without JavaScript; with it the page uses the JSON API."""
    text = request.form.get("text", "")
    if not auth.token_fits(request.form.get("csrf_token")):
        return _typed_again(document_id, text), 400
    try:
        _save(document_id, text, _revision())
    except StaleRevision as error:
        return _overtaken(document_id, text, error), 409
    except (Conflict, Invalid, TooLarge) as error:
        return _editor(_view(document_id), text, error.message), HTTP_STATUS[error.kind]
    flash("Saved.")
    return redirect(_address(document_id))


@blueprint.get("/<document_id>/history")
def show_history(document_id: str) -> str:
    with reading() as session:
        view = document_view.document_view(session, auth.current_worker(), document_id)
        entries = document_view.history(session, document_id)
    return render_template("documents/history.html", view=view, entries=entries)


@blueprint.get("/<document_id>/history/<int:number>")
def show_revision(document_id: str, number: int) -> str:
    """What the document said, and how that differs from what it said at another time."""
    against = requests.page_argument("against") if "against" in request.args else None
    with reading() as session:
        view = document_view.document_view(session, auth.current_worker(), document_id)
        entry, other = document_view.get_pair(session, document_id, number, against)
        entries = document_view.history(session, document_id)
    return render_template(
        "documents/revision.html",
        view=view,
        entry=entry,
        other=other,
        entries=entries,
        pieces=compare_texts(other.text if other else "", entry.text),
    )


@blueprint.post("/<document_id>/history/<int:number>/restore")
def restore(document_id: str, number: int) -> ResponseReturnValue:
    auth.require_form_token()
    try:
        _restore(document_id, number)
    except Conflict as error:
        flash(error.message, "warning")
    else:
        flash("The document says again what it said then. What it said until now is kept too.")
    return redirect(_address(document_id))


def _view(document_id: str) -> DocumentView:
    with reading() as session:
        return document_view.document_view(session, auth.current_worker(), document_id)


def _editor(view: DocumentView, text: str, problem: str | None = None) -> str:
    return direct_uploads.render_page("documents/edit.html", view=view, text=text, problem=problem)


def _typed_again(document_id: str, text: str) -> str:
    """The page with a fresh token and with what was typed (W-13).

    :raises Forbidden: there is no such document, to say which needs a token.
    """
    try:
        return _editor(_view(document_id), text, auth.OUTDATED)
    except NotFound:
        auth.require_form_token()
        raise


def _overtaken(document_id: str, mine: str, error: StaleRevision) -> str:
    theirs = error.details["data"]["text"]
    return render_template(
        "documents/conflict.html",
        view=_view(document_id),
        mine=mine,
        revision=error.details["revision"],
        saved_by=error.details["saved_by"],
        pieces=compare_texts(theirs, mine),
    )


@retry_deadlocks
def _save(document_id: str, text: str, revision: int) -> None:
    with transaction() as session:
        documents.save(session, auth.current_actor(), document_id, revision=revision, text=text)


@retry_deadlocks
def _restore(document_id: str, number: int) -> None:
    with transaction() as session:
        documents.restore(session, auth.current_actor(), document_id, number)


def _address(document_id: str) -> str:
    return f"{DOCUMENTS}/{document_id}/"


def _revision() -> int:
    """:raises Malformed: the form was not made by this page."""
    text = request.form.get("revision", "")
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise Malformed("The form does not say which revision it was made from. Reload the page.")
    return int(text)
