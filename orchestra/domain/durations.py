"""How long something took: read as people and programs write it, and written for both (T-12)."""

import re
from datetime import timedelta
from typing import Any

DAY_SECONDS = 24 * 60 * 60
_CLOCK = re.compile(r"(?P<hours>\d{1,2}):(?P<minutes>[0-5]\d)(?::(?P<seconds>[0-5]\d))?")
_ISO = re.compile(
    r"P(?:(?P<days>\d{1,3})D)?"
    r"(?:T(?:(?P<hours>\d{1,5})H)?(?:(?P<minutes>\d{1,7})M)?(?:(?P<seconds>\d{1,9})S)?)?"
)
_HOW = "Give whole seconds, HH:MM, HH:MM:SS, or an ISO 8601 duration such as PT1H30M."


def read_seconds(value: Any) -> int:
    """Whole seconds, from 0 to those of a day.

    :raises ValueError: it is no such time; the text says what is wrong.
    """
    seconds = _seconds(value)
    if seconds < 0:
        raise ValueError("The time cannot be negative.")
    if seconds > DAY_SECONDS:
        raise ValueError("The time cannot be longer than 24 hours.")
    return seconds


def _seconds(value: Any) -> int:
    if isinstance(value, str):
        text = value.strip()
        return -_of_text(text[1:]) if text.startswith("-") else _of_text(text)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(_HOW)
    return int(value)


def _of_text(text: str) -> int:
    match = _CLOCK.fullmatch(text) or _ISO.fullmatch(text)
    if not text.isascii() or not match or not any(match.groups()):
        raise ValueError(_HOW)
    return int(timedelta(**{unit: int(n) for unit, n in match.groupdict("0").items()}) / _SECOND)


_SECOND = timedelta(seconds=1)


def clock(seconds: int) -> str:
    """As programs read it: ``01:02:03``."""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def rounded_minutes(seconds: int) -> int:
    """Every minute that was begun counts (T-18)."""
    return -(-seconds // 60)


def hours_and_minutes(minutes: int) -> str:
    """As people read it: ``1:02``."""
    return f"{minutes // 60}:{minutes % 60:02}"
