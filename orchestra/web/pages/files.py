"""Files of projects, for those who are on them (I-28, I-30)."""

from urllib.parse import quote

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import wrap_file

from orchestra.database import reading
from orchestra.domain import file_types
from orchestra.domain.files import get_file
from orchestra.web import auth, uploads

# Whatever a file holds, a browser that opens it runs nothing of it.
CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"

blueprint = Blueprint("files", __name__, url_prefix=uploads.FILES)
auth.guard_pages(blueprint)


@blueprint.get("/<file_id>", defaults={"name": ""})
@blueprint.get("/<file_id>/<name>")
def serve(file_id: str, name: str) -> Response:
    """The name in the address says nothing to us: the file is called as its row says."""
    with reading() as session:
        file = get_file(session, auth.current_worker(), file_id)
    content = uploads.store().open(file.id)
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


def _names(name: str) -> dict[str, str]:
    """The name of a download, and for old programs one of plain letters."""
    plain = name.encode("ascii", "ignore").decode("ascii").strip() or "file"
    if plain == name:
        return {"filename": name}
    return {"filename": plain, "filename*": f"UTF-8''{quote(name, safe='')}"}
