"""A signed call: who asks, may they ask now, what do they ask, and was it answered before."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

import sqlalchemy as sa
from flask import Response, request
from marshmallow import Schema
from sqlalchemy.orm import Session

from orchestra.database import reading, retry_deadlocks, seconds_from_now, transaction, utcnow
from orchestra.domain.audit import Actor
from orchestra.models import ApiKey
from orchestra.web.api import idempotency, limits, parameters, signature
from orchestra.web.requests import load, refuse_query, request_id

Json = dict[str, Any]
Changing = Callable[[Session, Actor, Json], Json]
Reading = Callable[[Session, Json], Json]

USE_IS_NOTED_AGAIN_AFTER = timedelta(minutes=1)


def changing(schema: type[Schema]) -> Callable[[Changing], Callable[[], Response]]:
    """Answer a signed call that changes something: all of it in one transaction."""

    def decorate(view: Changing) -> Callable[[], Response]:
        @wraps(view)
        @retry_deadlocks
        def answered() -> Response:
            body = request.get_data()
            proof = signature.read(request, body)
            with transaction() as session:
                key = authenticated(session, proof)
                refuse_query()
                owner = f"key:{key.key_id}"
                call = idempotency.repeatable(
                    request, owner, body, signature_hash=proof.replay_hash
                )
                actor = Actor.of_key(key.key_id, request_id=request_id())
                response = idempotency.answer_once(
                    session, call, lambda: view(session, actor, load(schema(), body))
                )
                if use_is_to_be_noted(key):
                    note_use(session, key)
                return response

        return answered

    return decorate


def only_reading(schema: type[Schema]) -> Callable[[Reading], Callable[[], Response]]:
    """Answer a signed call that changes nothing.

    :param schema: of the query of a GET, else of the body.
    """

    def decorate(view: Reading) -> Callable[[], Response]:
        @wraps(view)
        @retry_deadlocks
        def answered() -> Response:
            body = request.get_data()
            proof = signature.read(request, body)
            with reading() as session:
                key = authenticated(session, proof)
                answer = view(session, asked_for(schema, body))
            if use_is_to_be_noted(key):
                with transaction() as session:
                    note_use(session, key)
            return idempotency.json_response(idempotency.as_json(answer))

        return answered

    return decorate


def authenticated(session: Session, proof: signature.Proof) -> ApiKey:
    key = signature.verify(session, proof)
    limits.spend(key.key_id)
    return key


def asked_for(schema: type[Schema], body: bytes) -> Json:
    if request.method == "POST":
        refuse_query()
        return load(schema(), body)
    return parameters.read(schema())


def use_is_to_be_noted(key: ApiKey) -> bool:
    """Not at every request: the row would hold up all others of the same key."""
    return key.last_used_at is None or utcnow() - key.last_used_at > USE_IS_NOTED_AGAIN_AFTER


def note_use(session: Session, key: ApiKey) -> None:
    session.execute(
        sa.update(ApiKey).where(ApiKey.id == key.id).values(last_used_at=seconds_from_now(0)),
        execution_options={"synchronize_session": False},
    )
