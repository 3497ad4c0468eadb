"""The OpenAPI document of the signed API, and a page of it for people (A-7)."""

from functools import lru_cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Blueprint, Response, current_app, jsonify, render_template

from orchestra.web.api import answers
from orchestra.web.api.endpoints import ENDPOINTS, Endpoint
from orchestra.web.api.signature import TOLERANCE
from orchestra.web.errors import HTTP_STATUS

Json = dict[str, Any]

INTRODUCTION = (
    'Every request is signed: `Authorization: Signature keyId="…",algorithm="hmac-sha256",'
    'headers="(request-target) host date digest",signature="<base64>"` (HTTP Signatures draft). '
    "`Digest` (SHA-256 of the body) is needed when there is a body; `Date` must be within "
    f"{TOLERANCE.seconds // 60} minutes of the clock here. A call that changes something is "
    "accepted once per signature; send an `Idempotency-Key` to be able to repeat it safely for "
    "7 days, and sign that header too if you may make the same call twice in one second. "
    "`orchestra.client` for Python does all of this."
)
OF_EVERY_CALL = ("malformed", "unauthenticated", "rate_limited", "internal", "unavailable")
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
    "description": "Sent again with the same body, the stored answer is repeated.",
}


blueprint = Blueprint("api_description", __name__, url_prefix="/orchestra/api")


@blueprint.get("/openapi.json")
def openapi() -> Response:
    return jsonify(document(current_app.config["SETTINGS"].url))


@blueprint.get("/docs", strict_slashes=False)
def docs() -> str:
    return render_template("api_docs.html", document=document(current_app.config["SETTINGS"].url))


@lru_cache(maxsize=2)
def document(url: str) -> Json:
    spec = APISpec(
        title="Orchestra client API",
        version=version("orchestra"),
        openapi_version="3.1.0",
        info={"description": INTRODUCTION},
        servers=[{"url": url}],
        security=[{"signature": []}],
        plugins=[MarshmallowPlugin()],
    )
    spec.components.security_scheme(
        "signature", {"type": "apiKey", "in": "header", "name": "Authorization"}
    )
    for name, schema in answers.SCHEMAS.items():
        spec.components.schema(name, schema)
    for endpoint in ENDPOINTS:
        spec.path(endpoint.path, operations={endpoint.method: _operation(endpoint)})
    made: Json = spec.to_dict()
    return made


def _operation(endpoint: Endpoint) -> Json:
    operation: Json = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "responses": _responses(endpoint),
    }
    if endpoint.body:
        content = {"application/json": {"schema": endpoint.body}}
        operation["requestBody"] = {"required": True, "content": content}
    if endpoint.query:
        operation["parameters"] = [{"in": "query", "schema": endpoint.query}]
    if endpoint.changes:
        operation["parameters"] = [IDEMPOTENCY_KEY]
    return operation


def _responses(endpoint: Endpoint) -> Json:
    content = {"application/json": {"schema": answers.ref(endpoint.answer)}}
    responses: Json = {"200": {"description": "Done.", "content": content}}
    for status, kinds in sorted(_kinds_by_status(endpoint).items()):
        responses[str(int(status))] = {
            "description": f"{status.phrase}: {', '.join(f'`{kind}`' for kind in kinds)}",
            "content": {"application/json": {"schema": answers.ref("Error")}},
        }
    return responses


def _kinds_by_status(endpoint: Endpoint) -> dict[HTTPStatus, list[str]]:
    by_status: dict[HTTPStatus, list[str]] = {}
    for kind in (*OF_EVERY_CALL, *endpoint.kinds):
        by_status.setdefault(HTTP_STATUS[kind], []).append(kind)
    return by_status
