"""JSON that people and functions give: what in it is no JSON, how large it is, what changed."""

import json
from collections.abc import Iterator
from math import isfinite
from reprlib import repr as shortened  # also of what cannot say what it is
from typing import Any

from sqlalchemy.orm import Session

from orchestra.database import settings_of
from orchestra.domain.json_pointers import below
from orchestra.errors import Invalid, TooLarge

Data = dict[str, Any]
DEEPEST = 200  # levels; Python's own limit comes later, and as a crash
MOST_BITS = 13_000  # of a whole number: Python refuses to write, and to read, much longer ones


def require_size(session: Session, data: Data, what: str) -> None:
    """:raises Invalid: something in the data is no JSON.
    :raises TooLarge: the JSON is larger than the setting allows.
    """
    offence = first_offence(data)
    if offence:
        field = what.replace(" ", "_")  # as the calls name it
        raise Invalid(f"The {what} are not JSON: {offence}.", fields={field: [offence]})
    limit = settings_of(session).max_task_data_bytes
    size = size_bytes(data)
    if size > limit:
        raise TooLarge(f"The {what} have {size} bytes; at most {limit} are allowed.")


def copy_of(data: Data) -> Data:
    """A copy that shares nothing with data that came from the database."""
    copied: Data = json.loads(json.dumps(data))  # ten times as quick as deepcopy
    return copied


def size_bytes(data: Data) -> int:
    """Size as UTF-8, of data without offence."""
    return len(_text(data).encode())


def is_same(one: Any, other: Any) -> bool:
    """Whether both are the same JSON: to Python true equals 1, to JSON it does not."""
    return one == other and _text(one) == _text(other)


def _text(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, sort_keys=True)


def first_offence(data: Any) -> str | None:
    """Where and what in the data is no JSON that can be stored."""
    return next(_offences(data, "", 0), None)


def _offences(value: Any, pointer: str, depth: int) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (
            f"{pointer or 'it'} has a key that is not text: {shortened(key):.40}"
            for key in value
            if not isinstance(key, str) or not _is_text(key)
        )
        items = list(value.items())
    elif isinstance(value, list | tuple):
        items = list(enumerate(value))
    else:
        items = []
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            yield f"{pointer} is a number of {value.bit_length()} bits; at most {MOST_BITS} fit"
        elif not _is_scalar(value):
            yield f"{pointer} is {shortened(value):.40} of type {type(value).__name__}"
    if items and depth == DEEPEST:
        yield f"{pointer:.80}… is nested more than {DEEPEST} levels deep"
        return
    for key, item in items:
        yield from _offences(item, below(pointer, key), depth + 1)


def _is_scalar(value: Any) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, str):
        return _is_text(value)
    return isinstance(value, int | None)


def _is_text(value: str) -> bool:
    """Whether UTF-8 can say it; half a surrogate pair it cannot."""
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
