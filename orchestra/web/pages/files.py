"""Files of projects, for those who are on them (I-28, I-30)."""

from urllib.parse import quote

from flask import Blueprint, Response, flash, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import wrap_file

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import file_types, files
from orchestra.domain.files import get_file
from orchestra.errors import Conflict, Invalid, TooLarge
from orchestra.models import StoredFile
from orchestra.project_files import FILES, store
from orchestra.web import auth, uploads
from orchestra.web.thumbnails import thumbnail

# Whatever a file holds, a browser that opens it runs nothing of it.
CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"

blueprint = Blueprint("files", __name__, url_prefix=FILES)
blueprint.url_value_preprocessor(uploads.make_room)
auth.guard_pages(blueprint)


@blueprint.get("/<file_id>", defaults={"name": ""})
@blueprint.get("/<file_id>/<name>")
def serve(file_id: str, name: str) -> Response:
    """The name in the address says nothing to us: the file is called as its row says."""
    with reading() as session:
        file = get_file(session, auth.current_worker(), file_id)
    elsewhere = _signed_address(file)
    if elsewhere:
        return _sent_to(elsewhere)
    content = store().open(file.place or file.id)
    response = Response(
        wrap_file(request.environ, content), mimetype=file.content_type, direct_passthrough=True
    )
    response.content_length = file.size_bytes
    response.set_etag(file.id)
    shown = "inline" if file_types.is_picture(file.content_type) else "attachment"
    response.headers.set("Content-Disposition", shown, **_names(file.name))
    response.headers["Content-Security-Policy"] = CONTENT_POLICY
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    try:
        response.make_conditional(request, accept_ranges=True, complete_length=file.size_bytes)
    except RequestedRangeNotSatisfiable as error:
        content.close()
        return Response(status=416, headers=error.get_headers())
    return response


def _signed_address(file: StoredFile) -> str | None:
    """Where the store itself gives the download (I-36). Pictures come from us, because pages load
    nothing from other hosts."""
    if store().has_own_pages or file_types.is_picture(file.content_type):
        return None
    return store().address(file.place or file.id, download_as=file.name)


def _sent_to(address: str) -> Response:
    """Good for a few minutes, and for nobody else: neither kept nor told to the other host."""
    response = Response(status=302, headers={"Location": address})
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@blueprint.get("/<file_id>/small/<name>")
def serve_small(file_id: str, name: str) -> Response:
    """A small copy of a picture; what lies under an id never changes, so browsers keep it."""
    with reading() as session:
        file = get_file(session, auth.current_worker(), file_id)
    response = Response(mimetype="image/jpeg")
    response.set_etag(f"{file.id}-small")
    response.headers["Cache-Control"] = "private, max-age=86400"
    if not request.if_none_match.contains(f"{file.id}-small"):
        with store().open(file.place or file.id) as content:
            response.data = thumbnail(content)
    response.make_conditional(request)
    return response


def _names(name: str) -> dict[str, str]:
    """The name of a download, and for old programs one of plain letters."""
    plain = name.encode("ascii", "ignore").decode("ascii").strip() or "file"
    if plain == name:
        return {"filename": name}
    return {"filename": plain, "filename*": f"UTF-8''{quote(name, safe='')}"}


@blueprint.post("/")
def add() -> ResponseReturnValue:
    """The form beside a task: a file for its project."""
    auth.require_form_token()
    task_id = uploads.asked_task_id()
    try:
        (file,) = uploads.chosen_files()[:1]
        flash(f"{uploads.take(task_id, file).name} was added to the files of the project.")
    except (Invalid, TooLarge, Conflict) as error:
        flash(error.message, "warning")
    return redirect(uploads.task_page())


@blueprint.post("/<file_id>/delete")
def delete(file_id: str) -> ResponseReturnValue:
    auth.require_form_token()
    uploads.asked_task_id()
    try:
        flash(f"{_hide(file_id)} was deleted.")
    except Conflict as error:
        flash(error.message, "warning")
    return redirect(uploads.task_page())


@retry_deadlocks
def _hide(file_id: str) -> str:
    with transaction() as session:
        name = get_file(session, auth.current_worker(), file_id).name
        files.hide(session, auth.current_actor(), file_id)
        return name
