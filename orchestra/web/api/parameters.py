"""Query parameters of the signed API: each of its type, and none that a call does not know."""

from typing import Any

from flask import request
from marshmallow import Schema, ValidationError, fields

from orchestra.errors import Malformed
from orchestra.web.requests import messages_by_field


def read(schema: Schema) -> dict[str, Any]:
    """:raises Malformed: a parameter is unknown, not of its type, or given twice (A-54)."""
    given: dict[str, Any] = {}
    for name, values in request.args.lists():
        repeatable = isinstance(schema.fields.get(name), fields.List)
        given[name] = values if repeatable or len(values) > 1 else values[0]
    try:
        loaded: dict[str, Any] = schema.load(given)
    except ValidationError as error:
        raise Malformed(f"Some parameters of the query are wrong. {_in_words(error)}") from error
    return loaded


def _in_words(error: ValidationError) -> str:
    found = messages_by_field(error)
    return " ".join(f"{name}: {' '.join(texts)}" for name, texts in found.items())
