"""Files of projects, for those who are on them (I-28, I-30)."""

from urllib.parse import quote

from flask import Blueprint, Response, flash, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import wrap_file

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import file_types, files
from orchestra.domain.files import get_file
from orchestra.domain.information import LARGEST_ID
from orchestra.errors import Conflict, Invalid, Malformed, TooLarge
from orchestra.models import StoredFile
from orchestra.project_files import store
from orchestra.web import auth, uploads

# Whatever a file holds, a browser that opens it runs nothing of it.
CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"

blueprint = Blueprint("files", __name__, url_prefix=uploads.FILES)
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
    task_id = _task_id()
    try:
        flash(
            f"{uploads.take(task_id, uploads.chosen_file()).name} was added to the files of the "
            "project."
        )
    except (Invalid, TooLarge, Conflict) as error:
        flash(error.message, "warning")
    return redirect(_task_page(task_id))


@blueprint.post("/<file_id>/delete")
def delete(file_id: str) -> ResponseReturnValue:
    auth.require_form_token()
    task_id = _task_id()
    try:
        flash(f"{_hide(file_id)} was deleted.")
    except Conflict as error:
        flash(error.message, "warning")
    return redirect(_task_page(task_id))


@retry_deadlocks
def _hide(file_id: str) -> str:
    with transaction() as session:
        name = get_file(session, auth.current_worker(), file_id).name
        files.hide(session, auth.current_actor(), file_id)
        return name


def _task_id() -> int:
    """:raises Malformed: the form does not come from the page of a task."""
    text = request.form.get("task_id", "")
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or int(text) > LARGEST_ID:
        raise Malformed("The form does not say which task it belongs to. Reload the task.")
    return int(text)


def _task_page(task_id: int) -> str:
    return f"{auth.START_PAGE}/task/{task_id}"
