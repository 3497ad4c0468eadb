"""Reading requests: JSON bodies, and nothing in them that the database could not keep."""

import json
import math
import uuid
from datetime import date
from typing import Any, NoReturn

from flask import g, request
from marshmallow import Schema, ValidationError
from werkzeug.routing import IntegerConverter, Map

from orchestra.domain.information import LARGEST_ID
from orchestra.errors import Invalid, Malformed

LARGEST_PAGE = 1_000_000

BODY_ROOM_BYTES = 64 * 1024  # for what surrounds the data of the largest allowed size


class RowId(IntegerConverter):
    """The ``int`` of addresses: a number that no row can have is 404 and never asked for."""

    def __init__(self, url_map: Map, **options: Any) -> None:
        super().__init__(url_map, **({"max": LARGEST_ID} | options))


def request_id() -> str:
    """Id of this request, for audit and log."""
    if "request_id" not in g:
        g.request_id = uuid.uuid4().hex
    identifier: str = g.request_id
    return identifier


def json_object(raw: bytes) -> dict[str, Any]:
    """:raises Malformed: the body is no JSON object in UTF-8."""
    try:
        value = json.loads(
            raw.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise Malformed(f"The body is not JSON in UTF-8: {error}.") from error
    if not isinstance(value, dict):
        raise Malformed("The body must be a JSON object.")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def load(schema: Schema, raw: bytes) -> dict[str, Any]:
    """Read a body by its schema; unknown keys are refused (specification C-10).

    :raises Malformed: the body is no JSON object.
    :raises Invalid: ``fields`` names each missing, wrong or unknown key.
    """
    try:
        loaded: dict[str, Any] = schema.load(json_object(raw))
    except ValidationError as error:
        raise Invalid(
            "Some fields are missing or wrong; see `fields`.", fields=messages_by_field(error)
        ) from error
    return loaded


def messages_by_field(error: ValidationError) -> dict[str, list[str]]:
    """``{field: [text]}``; entries inside a field get a path (``project_ids.3``)."""
    found: dict[str, list[str]] = {}

    def collect(path: str, messages: Any) -> None:
        if isinstance(messages, dict):
            for name, inner in messages.items():
                collect(f"{path}.{name}" if path else str(name), inner)
        else:
            found.setdefault(path or "body", []).extend(str(text) for text in messages)

    collect("", error.messages)
    return found


def load_parameters(schema: Schema, given: dict[str, Any]) -> dict[str, Any]:
    """:raises Malformed: a parameter is missing, unknown or not of its type (A-54, N-8)."""
    try:
        loaded: dict[str, Any] = schema.load(given)
    except ValidationError as error:
        found = messages_by_field(error)
        words = " ".join(f"{name}: {' '.join(texts)}" for name, texts in found.items())
        raise Malformed(f"Some parameters are wrong. {words}") from error
    return loaded


def refuse_query() -> None:
    """:raises Malformed: the call takes no query parameters (specification A-2, A-54)."""
    if request.args:
        names = ", ".join(sorted(request.args))
        raise Malformed(f"This call takes no query parameters; remove {names}.")


def whole_argument(name: str) -> int | None:
    """A query parameter that is a positive whole number, if it is given.

    :raises Malformed: it is something else.
    """
    text = request.args.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:10]) <= LARGEST_ID:
        raise Malformed(f"{name} in this address must be a whole number from 1.")
    return int(text[:10])


def whole_field(name: str) -> int | None:
    """A field of a form that is a positive whole number, if it is filled in.

    :raises Malformed: it is something else.
    """
    text = request.form.get(name, "").strip()
    if not text:
        return None
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_ID))
    if not is_number or not 1 <= int(text) <= LARGEST_ID:
        raise Malformed(f"The field {name} must be a whole number from 1.")
    return int(text)


def text_field(name: str) -> str:
    """A field of a form, without the one character that no database keeps in a text."""
    return request.form.get(name, "").replace("\0", "")


def read_day(text: str) -> date | None:
    """A date as forms and addresses write it; None for anything else."""
    try:
        return date.fromisoformat(text) if len(text) == len("2026-03-04") else None
    except ValueError:
        return None


def day_argument(name: str) -> date | None:
    """A query parameter that is a date, if it is given.

    :raises Malformed: it is something else.
    """
    text = request.args.get(name, "").strip()
    found = read_day(text)
    if text and found is None:
        raise Malformed(f"{name} in this address must be a date such as 2026-03-04.")
    return found


def page_argument(name: str = "page") -> int:
    """Which page of a list is asked for; the first one unless told.

    :raises Malformed: the number of a page is none.
    """
    number = whole_argument(name) or 1
    if number > LARGEST_PAGE:
        raise Malformed(f"{name} in this address must be at most {LARGEST_PAGE}.")
    return number
