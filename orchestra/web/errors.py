"""The only place that knows status codes: errors as JSON for programs, as pages for people."""

import logging
import uuid
from http import HTTPStatus

from flask import Flask, Response, jsonify, make_response, render_template, request
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from orchestra.errors import OrchestraError, Unavailable

logger = logging.getLogger(__name__)

HTTP_STATUS = {
    "malformed": HTTPStatus.BAD_REQUEST,
    "unauthenticated": HTTPStatus.UNAUTHORIZED,
    "forbidden": HTTPStatus.FORBIDDEN,
    "not_found": HTTPStatus.NOT_FOUND,
    "method_not_allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "conflict": HTTPStatus.CONFLICT,
    "wrong_status": HTTPStatus.CONFLICT,
    "project_paused": HTTPStatus.CONFLICT,
    "project_closed": HTTPStatus.CONFLICT,
    "already_taken": HTTPStatus.CONFLICT,
    "already_on_task": HTTPStatus.CONFLICT,
    "returned_work_first": HTTPStatus.CONFLICT,
    "limit_reached": HTTPStatus.CONFLICT,
    "dependency_open": HTTPStatus.CONFLICT,
    "stale_revision": HTTPStatus.CONFLICT,
    "timer_running": HTTPStatus.CONFLICT,
    "timer_not_running": HTTPStatus.CONFLICT,
    "offer_closed": HTTPStatus.CONFLICT,
    "idempotency_mismatch": HTTPStatus.CONFLICT,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "not_certified": HTTPStatus.UNPROCESSABLE_ENTITY,
    "worker_inactive": HTTPStatus.UNPROCESSABLE_ENTITY,
    "wrong_step_kind": HTTPStatus.UNPROCESSABLE_ENTITY,
    "invalid_revert": HTTPStatus.UNPROCESSABLE_ENTITY,
    "rate_limited": HTTPStatus.TOO_MANY_REQUESTS,
    "internal": HTTPStatus.INTERNAL_SERVER_ERROR,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
}
KIND_OF_STATUS = {
    400: "malformed",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    422: "invalid",
    429: "rate_limited",
    503: "unavailable",
}
MESSAGES = {
    "unauthenticated": "Sign in first.",
    "not_found": "There is nothing at this address. Check the link.",
    "method_not_allowed": "This address does not answer this method; Allow names those it answers.",
    "too_large": "This is larger than what is accepted. Send less.",
}
MESSAGES_FOR_PEOPLE = {
    "method_not_allowed": "This address belongs to a button, and shows nothing by itself. "
    "Start from the dashboard.",
}
TITLES = {
    "malformed": "This request cannot be read",
    "unauthenticated": "You are not signed in",
    "forbidden": "You may not do this",
    "not_found": "There is nothing here",
    "method_not_allowed": "This is not a page",
    "too_large": "That is too large",
    "rate_limited": "Too many tries",
    "internal": "Something went wrong",
    "unavailable": "Not available at the moment",
}
API_PREFIX = "/orchestra/api/"


def register(app: Flask) -> None:
    app.register_error_handler(OrchestraError, refused)
    app.register_error_handler(HTTPException, refused_by_framework)
    app.register_error_handler(OperationalError, out_of_reach)
    app.register_error_handler(PoolTimeout, out_of_reach)
    app.register_error_handler(Exception, unexpected)


def refused(error: OrchestraError) -> Response:
    if error.kind == "internal":
        return unexpected(error)
    return answer(error.kind, error)


def refused_by_framework(error: HTTPException) -> Response:
    """Give Werkzeug's own refusals our kinds and shape; redirects and Allow stay as they are."""
    if error.code is None or error.code < 400:
        return make_response(error.get_response())
    if error.code >= 500 and error.code != HTTPStatus.SERVICE_UNAVAILABLE:
        return unexpected(error)
    kind = KIND_OF_STATUS.get(error.code, "malformed")
    reason = error.description or HTTP_STATUS_CODES.get(error.code, "")
    response = answer(kind, OrchestraError(MESSAGES.get(kind, reason)))
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def out_of_reach(error: Exception) -> Response:
    logger.error("database not reachable", exc_info=error)
    return answer("unavailable", Unavailable("The database is not reachable. Try again later."))


def unexpected(error: Exception) -> Response:
    """Answer with nothing but an id, under which the log has the rest."""
    error_id = uuid.uuid4().hex[:12]
    logger.error("unexpected error", exc_info=error, extra={"error_id": error_id})
    message = (
        f"Something went wrong that should not. Try again; if it stays, report error {error_id}."
    )
    return answer("internal", OrchestraError(message), error_id)


def answer(kind: str, error: OrchestraError, error_id: str | None = None) -> Response:
    status = HTTP_STATUS[kind]
    if request.path.startswith(API_PREFIX):
        response = jsonify(body(kind, error))
    else:
        response = make_response(page(kind, error, error_id))
    response.status_code = status
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    response.headers["Cache-Control"] = "no-store"
    return response


def body(kind: str, error: OrchestraError) -> dict[str, object]:
    """The JSON of every error (specification C-12)."""
    shown: dict[str, object] = {**error.details, "error": kind, "message": error.message}
    if error.fields:
        shown["fields"] = error.fields
    return shown


def page(kind: str, error: OrchestraError, error_id: str | None) -> str:
    return render_template(
        "error.html",
        status=int(HTTP_STATUS[kind]),
        title=TITLES.get(kind, "This was refused"),
        message=MESSAGES_FOR_PEOPLE.get(kind, error.message),
        error_id=error_id,
    )
