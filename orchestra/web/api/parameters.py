"""Query parameters of the signed API: each of its type, and none that a call does not know."""

from typing import Any

from flask import request
from marshmallow import Schema, fields

from orchestra.web.requests import load_parameters


def read(schema: Schema) -> dict[str, Any]:
    """:raises Malformed: a parameter is unknown, not of its type, or given twice (A-54)."""
    given: dict[str, Any] = {}
    for name, values in request.args.lists():
        repeatable = isinstance(schema.fields.get(name), fields.List)
        given[name] = values if repeatable or len(values) > 1 else values[0]
    return load_parameters(schema, given)
