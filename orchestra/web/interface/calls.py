"""What every call of the pages' JSON API shares: body, transaction, repeat, answer."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, request
from marshmallow import Schema

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain.audit import Actor
from orchestra.domain.repeats import Repeatable
from orchestra.errors import Malformed
from orchestra.web import requests
from orchestra.web.api.idempotency import answer_once, as_json, json_response, repeatable
from orchestra.web.auth import current_actor, current_worker

Answer = dict[str, Any]
View = Callable[..., Answer]  # (session, actor or worker, **what the schema and the path name)
Decorator = Callable[[View], Callable[..., Response]]


def changing(schema: Schema, *, status: int = 200) -> Decorator:
    """Read the body by ``schema``, and run the view in a transaction.

    The same Idempotency-Key gets the answer of the first time (N-4).

    :param status: of the answer where the view does not refuse.
    """

    def decorate(view: View) -> Callable[..., Response]:
        @retry_deadlocks
        def once(actor: Actor, call: Repeatable, arguments: dict[str, Any]) -> Response:
            with transaction() as session:
                return answer_once(
                    session, call, lambda: view(session, actor, **arguments), status=status
                )

        @wraps(view)
        def called(**in_path: Any) -> Response:
            body = read_body(schema)
            actor = current_actor()
            call = repeatable(request, f"worker:{actor.worker_id}", request.get_data())
            return once(actor, call, body | in_path)

        return called

    return decorate


def looking(schema: Schema) -> Decorator:
    """Read the query parameters, or the body of a POST, and run the view without changing."""

    def decorate(view: View) -> Callable[..., Response]:
        @wraps(view)
        def called(**in_path: Any) -> Response:
            asked = read_body(schema) if request.method == "POST" else _query(schema)
            worker = current_worker()
            with reading() as session:
                return json_response(as_json(view(session, worker, **asked, **in_path)))

        return called

    return decorate


def read_body(schema: Schema) -> dict[str, Any]:
    """:raises Malformed: it is no JSON object. :raises Invalid: it does not fit the schema."""
    if not request.is_json:
        raise Malformed("Send JSON with the header Content-Type: application/json.")
    return requests.load(schema, request.get_data())


def _query(schema: Schema) -> dict[str, Any]:
    return read_parameters(schema, request.args.to_dict())


def read_parameters(schema: Schema, given: dict[str, str]) -> dict[str, Any]:
    """:raises Malformed: a parameter is missing, unknown or not of its type (C-13)."""
    return requests.load_parameters(schema, given)
