"""Answering a request once, however often it is sent (A-19, A-21 to A-23)."""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from flask import Request, Response, current_app
from sqlalchemy.orm import Session

from orchestra.domain import repeats
from orchestra.domain.repeats import Repeatable
from orchestra.errors import Malformed

IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,128}")


def repeatable(
    request: Request, owner: str, body: bytes, *, signature_hash: str | None = None
) -> Repeatable:
    """:raises Malformed: the Idempotency-Key is not 1 to 128 visible characters."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        raise Malformed("Idempotency-Key must be 1 to 128 visible ASCII characters.")
    return Repeatable(
        owner=owner,
        path=request.path.rstrip("/"),
        body_hash=hashlib.sha256(body).hexdigest(),
        idempotency_key=key,
        signature_hash=signature_hash,
    )


def answer_once(
    session: Session, request: Repeatable, work: Callable[[], Any], *, status: int = 200
) -> Response:
    """Do the work and store its answer with it, or repeat the stored answer.

    A refusal raises, rolls back and stores nothing: it may be sent again (A-53).
    """
    earlier = repeats.earlier_answer(session, request)
    if earlier is not None:
        response = json_response(earlier.answer, earlier.status)
        response.headers["Idempotency-Replayed"] = "true"
        return response
    answer = as_json(work())
    repeats.store(session, request, status=status, answer=answer)
    return json_response(answer, status)


def as_json(answer: Any) -> str:
    return json.dumps(answer, separators=(",", ":"))


def json_response(text: str, status: int = 200) -> Response:
    return current_app.response_class(text, status=status, mimetype="application/json")
