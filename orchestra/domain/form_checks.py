"""Checking task data against a JSON Schema, and saying in plain sentences what is wrong."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from referencing import Registry

from orchestra.domain.form_fields import JSON, Field, Kind
from orchestra.domain.json_pointers import pointer_to

# Written so that Python and the browser read them alike: the page checks the same texts.
FORMATS = {
    "date": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "date-time": (
        r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
        r"([Zz]|[+\-][0-9]{2}:[0-9]{2})$"
    ),
    "uri": r'^[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>"{}|\\^`]+$',
    "email": r'^[^\s@<>",;:\\]+@[A-Za-z0-9\u0080-\uffff\-]+(\.[A-Za-z0-9\u0080-\uffff\-]+)*$',
}
FORMAT_SENTENCES = {
    "date": "must be a date such as 2026-01-31",
    "date-time": "must be a time such as 2026-01-31T09:00:00Z",
    "uri": "must be a complete address such as https://example.org/page",
    "email": "must be an e-mail address such as name@example.org",
}
TYPE_SENTENCES = {
    "string": "must be text",
    "number": "must be a number such as 12.5",
    "integer": "must be a whole number",
    "boolean": "must be yes or no",
    "array": "must be a list",
    "object": "must be a group of fields",
}

UPLOADS = {"file": "file", "image": "picture"}  # widget → what people choose
TICKS = {"minItems": "least", "maxItems": "most"}


def faults(data: JSON, schema: Mapping[str, Any], root: Field) -> Iterator[tuple[str, str]]:
    """The pointer and the sentence of everything the schema refuses in the data."""
    unbounded = [
        (pointer_to(path), _said(root, path, "type", "number")) for path in _infinite(data)
    ]
    if unbounded:  # no JSON, though parsers let it pass; the validator would stumble over it
        yield from unbounded
        return
    # An empty registry: a schema that refers to another address must not make us fetch it.
    validator = Draft202012Validator(schema, format_checker=_formats(), registry=Registry())
    for error in validator.iter_errors(data):
        yield from _explained(error, root)


def sentence(described: Field, keyword: str, value: Any, *, label: str | None = None) -> str:
    """What to tell a person whose value breaks a keyword of the schema."""
    name = _quoted(label or described.label)
    if keyword == "required" or (keyword in ("minLength", "minItems") and value == 1):
        return f"{_request(described)} {name}."
    return f"{name} {_demand(described, keyword, value)}."


def _quoted(label: str) -> str:
    """A label that is a question or a sentence must not run into ours."""
    return label if label[-1:].isalnum() or label.endswith(")") else f'"{label}"'


def _request(described: Field) -> str:
    if described.kind is Kind.BOOLEAN or described.choices:
        return "Choose an option for"
    if described.widget in UPLOADS:
        return f"Choose a {UPLOADS[described.widget]} for"
    return "Add at least one item to" if described.item else "Enter a value for"


def _demand(described: Field, keyword: str, value: Any) -> str:
    if keyword == "type":
        types = [value] if isinstance(value, str) else value
        return " or ".join(TYPE_SENTENCES.get(name, f"must be {name}") for name in types)
    if keyword == "format":
        return FORMAT_SENTENCES.get(value, f"must have the format {value}")
    if keyword == "const" and described.kind is Kind.BOOLEAN:
        return "must be ticked" if value else "must not be ticked"
    if keyword == "enum":
        return f"must be one of: {', '.join(map(described.label_of, value))}"
    if keyword in TICKS and described.choices:
        return (
            f"must have at {TICKS[keyword]} {value} {'option' if value == 1 else 'options'} ticked"
        )
    return _limit(keyword, value) or "does not have the expected form"


def _limit(keyword: str, value: Any) -> str | None:
    plural = "" if value == 1 else "s"
    return {
        "const": f"must be {value}",
        "minLength": f"must be at least {value} character{plural} long",
        "maxLength": f"must be at most {value} character{plural} long",
        "minimum": f"must be {value} or more",
        "maximum": f"must be {value} or less",
        "multipleOf": f"must be a multiple of {value}",
        "minItems": f"must have at least {value} item{plural}",
        "maxItems": f"must have at most {value} item{plural}",
    }.get(keyword)


def _infinite(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, float) and not math.isfinite(value):
        yield path
    inner: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, Mapping):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for key, entry in inner:
        yield from _infinite(entry, (*path, key))


def _explained(error: ValidationError, root: Field) -> Iterator[tuple[str, str]]:
    path, keyword = list(error.absolute_path), str(error.validator)
    value: Any = error.validator_value
    instance: Any = error.instance
    if keyword == "required":
        for name in value:
            if name not in instance:
                yield pointer_to([*path, name]), _said(root, [*path, name], keyword, None)
    elif keyword == "additionalProperties" and value is False:
        for name in _extra(instance, error.schema):
            yield pointer_to([*path, name]), f"{name} is not a field of this form. Remove it."
    elif keyword != "multipleOf" or not _is_multiple(instance, value):
        yield pointer_to(path) or "task_data", _said(root, path, keyword, value)


def _extra(instance: Any, schema: Any) -> list[str]:
    return [name for name in instance if name not in schema.get("properties", {})]


def _is_multiple(instance: Any, divisor: Any) -> bool:
    """Decide in decimals: in binary fractions 0.3 is not a multiple of 0.1."""
    return Fraction(str(instance)) % Fraction(str(divisor)) == 0


def _said(root: Field, path: Sequence[str | int], keyword: str, value: Any) -> str:
    *_, here = [root, *root.along(path)]
    label = here.label or "The task data"
    numbers = [str(key + 1) for key in path if isinstance(key, int)]
    if numbers:
        label = label_in_list(label, ".".join(numbers))
    return sentence(here, keyword, value, label=label)


def label_in_list(label: str, number: str) -> str:
    """:param number: of the item, and of that within it: ``2.1``."""
    return f"{label} (item {number})"


def has_format(name: str, value: str) -> bool:
    if not re.fullmatch(FORMATS[name], value):
        return False
    try:
        if name == "date":
            date.fromisoformat(value)
        if name == "date-time":
            datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):  # the first and the last day lie outside in other zones
        return False
    return True


def _formats() -> FormatChecker:
    checker = FormatChecker(formats=())
    for name in FORMATS:
        checker.checks(name)(_check_of(name))
    return checker


def _check_of(name: str) -> Any:
    return lambda value: not isinstance(value, str) or has_format(name, value)
