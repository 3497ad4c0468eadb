"""Pictures of other hosts, fetched by us for the pages that show them.

Only addresses that a page of ours signed are fetched, only from the public internet (whoever can
write a text can have one signed, so that exceptions do not count), and only what is a picture by
its content is passed on. Else there is a note in the place of the picture.
"""

import hmac
import logging
from io import BytesIO
from pathlib import Path
from threading import BoundedSemaphore

from flask import Blueprint, Response, request

from orchestra.domain import file_types
from orchestra.errors import NotFound
from orchestra.web import addresses, auth
from orchestra.workflow_kit import FetchFailed, FetchRefused, fetch

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 4  # in this process: a slow host must not keep all threads of it waiting
LONGEST_WAIT_SECONDS = 10
KEPT_SECONDS = 24 * 3600
NOTE = (Path(__file__).parent.parent / "static" / "no_picture.svg").read_bytes()
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}

blueprint = Blueprint("strange_pictures", __name__, url_prefix=addresses.STRANGE_PICTURES)
auth.guard_pages(blueprint)

_places = BoundedSemaphore(MOST_AT_ONCE)


@blueprint.get("/<signature>")
def show(signature: str) -> Response:
    address = request.args.get("address", "")
    if not hmac.compare_digest(signature.encode(), addresses.signature_of(address).encode()):
        raise NotFound("No page shows this picture.")
    if not _places.acquire(timeout=LONGEST_WAIT_SECONDS):
        return _note(503)
    try:
        return _fetched(address)
    finally:
        _places.release()


def _fetched(address: str) -> Response:
    try:
        answer = fetch(address, only_public=True)
    except (FetchRefused, FetchFailed) as error:
        logger.info("picture of another host not shown", extra={"reason": str(error)})
        return _note(502)
    type_ = file_types.content_type(BytesIO(answer.content))
    if answer.status != 200 or not file_types.is_picture(type_):
        return _note(404)
    response = Response(answer.content, mimetype=type_, headers=HEADERS)
    response.headers["Cache-Control"] = f"private, max-age={KEPT_SECONDS}"
    return response


def _note(status: int) -> Response:
    """A picture that says that there is none: browsers show it although the status is bad."""
    response = Response(NOTE, status, mimetype="image/svg+xml", headers=HEADERS)
    response.headers["Cache-Control"] = "private, max-age=60"
    return response
