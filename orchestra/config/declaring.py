"""How one setting is declared, and how its text is read (specification E-2)."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

PREFIX = "ORCHESTRA_"
UNSHOWN = "***"

ISO_DURATION = re.compile(
    r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
LONGEST = timedelta(days=3650)  # far less than what a date of the database can bear
BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What is known of a setting beside its type and default."""

    meaning: str
    variable: str = ""
    synonyms: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False
    address: bool = False

    @property
    def range_text(self) -> str:
        if self.low is None and self.high is None:
            return ""
        return (
            f" ({'' if self.low is None else self.low}..{'' if self.high is None else self.high})"
        )


def about(meaning: str, **details: Any) -> Mapping[str, Declaration]:
    """Metadata of a dataclass field; the variable is ``ORCHESTRA_<FIELD>`` unless named."""
    return {"setting": Declaration(meaning=meaning, **details)}


def declaration(field: Field[Any]) -> Declaration:
    found: Declaration = field.metadata["setting"]
    return found


def variable(field: Field[Any]) -> str:
    return declaration(field).variable or PREFIX + field.name.upper()


def without_password(address: str) -> str:
    """The address with its user and host, and ``***`` where the password stood."""
    parts = urlsplit(address)
    if parts.password is None:
        return address
    user_and_password, _, host = parts.netloc.rpartition("@")
    user = user_and_password.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{user}:{UNSHOWN}@{host}"))


def read(text: str, kind: Any, declared: Declaration) -> Any:
    """The value that ``text`` stands for.

    :raises ValueError: the text does not fit; the message says what was expected.
    """
    value = READERS.get(kind, _text)(text)
    if declared.choices and value not in declared.choices:
        raise ValueError(f"is none of {', '.join(declared.choices)}")
    if declared.address:
        _check_address(value)
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, int | float) and not _within(number, declared):
        raise ValueError(f"is out of range{declared.range_text}")
    return value


def _within(number: float, declared: Declaration) -> bool:
    low = number if declared.low is None else declared.low
    high = number if declared.high is None else declared.high
    return low <= number <= high


def _check_address(text: str) -> None:
    try:
        _ = urlsplit(text).port  # read, because only reading it checks it
    except ValueError as error:
        raise ValueError(f"is not an address: {error}") from error


def _text(text: str) -> str:
    return text


def _whole_number(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,18}", text):
        raise ValueError("is not a whole number")
    return int(text)


def _boolean(text: str) -> bool:
    if text.lower() not in BOOLEANS:
        raise ValueError("is not true or false")
    return BOOLEANS[text.lower()]


def _list(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _folders(text: str) -> tuple[Path, ...]:
    return tuple(Path(item) for item in _list(text))


def _duration(text: str) -> timedelta:
    amounts = {"seconds": text}
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        match = ISO_DURATION.fullmatch(text)
        if not match or not any(match.groups()):
            raise ValueError("is not a duration (seconds, or ISO 8601 such as PT2M)")
        amounts = match.groupdict("0")
    try:
        duration = timedelta(**{unit: float(amount) for unit, amount in amounts.items()})
    except OverflowError:
        duration = timedelta.max
    if duration > LONGEST:
        raise ValueError(f"is too long a duration, at most {LONGEST.days} days are allowed")
    return duration


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error}") from error
    if isinstance(value, dict):
        return value
    raise ValueError("is not a JSON object")


READERS: dict[Any, Callable[[str], Any]] = {
    int: _whole_number,
    bool: _boolean,
    tuple[str, ...]: _list,
    tuple[Path, ...]: _folders,
    timedelta: _duration,
    dict[str, Any]: _json_object,
    Path: Path,
}
