"""What a reader of a list asks for: words to find, a choice, a page."""

from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from flask import request

from orchestra.domain.information import LARGEST_ID
from orchestra.errors import Malformed

LONGEST_SEARCH = 200
LAST_PAGE = 1_000_000

Choice = TypeVar("Choice", bound=StrEnum)


def text(name: str = "q") -> str:
    """Without the one character that no database keeps in a text."""
    return request.args.get(name, "").replace("\0", "").strip()[:LONGEST_SEARCH]


def number(name: str) -> int | None:
    """:raises Malformed: it is no number that a row can have."""
    given = request.args.get(name, "")
    if not given:
        return None
    if not (given.isascii() and given.isdecimal()) or not 1 <= int(given[:20]) <= LARGEST_ID:
        raise Malformed(f"The parameter {name} must be a whole number from 1.")
    return int(given)


def page() -> int:
    """:raises Malformed: there can be no such page."""
    asked = number("page") or 1
    if asked > LAST_PAGE:
        raise Malformed("There is no such page.")
    return asked


def choice(name: str, kind: type[Choice]) -> Choice | None:
    """:raises Malformed: it is none of those offered."""
    given = request.args.get(name, "")
    if not given:
        return None
    if given not in list(kind):
        raise Malformed(f"The parameter {name} must be one of {', '.join(kind)}.")
    return kind(given)


def again(**changes: object) -> str:
    """The address of the same list with some of what was asked changed."""
    asked = request.args.to_dict() | {name: str(value) for name, value in changes.items()}
    return f"{request.path}?{urlencode(asked)}"
