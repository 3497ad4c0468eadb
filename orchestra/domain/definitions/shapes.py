"""The kinds of value a definition is made of: each checks a value and shows its JSON Schema."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from orchestra.domain.definitions.problems import Place, nearest, shown

JSON = dict[str, Any]
# PostgreSQL stores neither the character 0 nor one half of a surrogate pair.
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
SLUG_PATTERN = "^[a-z0-9][a-z0-9_-]{0,63}$"
TYPE_NAMES = (
    (bool, "boolean"),
    (int, "whole number"),
    (float, "number"),
    (str, "text"),
    (list, "list"),
    (dict, "object"),
)


class Shape(Protocol):
    def check(self, value: Any, place: Place) -> None:
        """Note at ``place`` what is wrong with the value."""

    def schema(self) -> JSON:
        """The same as JSON Schema, draft 2020-12."""


def is_ignored(key: str) -> bool:
    return key == "$schema" or key.startswith("x-")


def type_name(value: Any) -> str:
    return next((name for kind, name in TYPE_NAMES if isinstance(value, kind)), "null")


def is_of_type(value: Any, expected: str, place: Place) -> bool:
    found = type_name(value)
    if found == expected or (expected == "number" and found == "whole number"):
        return True
    place.error("wrong_type", f"must be {expected}, is {found}")
    return False


@dataclass(frozen=True)
class Anything:
    def check(self, value: Any, place: Place) -> None:
        pass

    def schema(self) -> JSON:
        return {}


@dataclass(frozen=True)
class Boolean:
    def check(self, value: Any, place: Place) -> None:
        is_of_type(value, "boolean", place)

    def schema(self) -> JSON:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Text:
    low: int = 0
    high: int | None = None
    pattern: str | None = None
    choices: tuple[str, ...] = ()
    code: str = "out_of_range"

    def check(self, value: Any, place: Place) -> None:
        if not is_of_type(value, "text", place):
            return
        if UNSTORABLE.search(value):
            place.error(
                "out_of_range", f"holds a character that cannot be stored, is {shown(value)}"
            )
        elif not self._fits(value):
            place.error(self.code, f"must {self._allowed()}, is {shown(value)}")

    def _fits(self, value: str) -> bool:
        if self.choices and value not in self.choices:
            return False
        if self.pattern and not re.search(self.pattern.replace("$", r"\Z"), value):
            return False
        return self.low <= len(value) <= (len(value) if self.high is None else self.high)

    def _allowed(self) -> str:
        if self.choices:
            return f"be one of {', '.join(self.choices)}"
        if self.pattern:
            return f"match {self.pattern}"
        if self.high is not None:
            return f"be {self.low} to {self.high} characters long"
        return f"be at least {self.low} characters long"

    def schema(self) -> JSON:
        limits = {
            "minLength": self.low or None,
            "maxLength": self.high,
            "pattern": self.pattern,
            "enum": list(self.choices) or None,
        }
        return {"type": "string"} | {key: value for key, value in limits.items() if value}


@dataclass(frozen=True)
class Number:
    low: float
    high: float | None = None
    whole: bool = False

    def check(self, value: Any, place: Place) -> None:
        kind = "whole number" if self.whole else "number"
        if not is_of_type(value, kind, place):
            return
        if not self.low <= value <= (value if self.high is None else self.high):
            limits = f"of at least {self.low}"
            if self.high is not None:
                limits = f"from {self.low} to {self.high}"
            place.error("out_of_range", f"must be a {kind} {limits}, is {shown(value)}")

    def schema(self) -> JSON:
        found: JSON = {"type": "integer" if self.whole else "number", "minimum": self.low}
        return found if self.high is None else found | {"maximum": self.high}


@dataclass(frozen=True)
class ListOf:
    item: Shape
    low: int = 0

    def check(self, value: Any, place: Place) -> None:
        if not is_of_type(value, "list", place):
            return
        if len(value) < self.low:
            place.error("out_of_range", f"must have at least {self.low} entries, has {len(value)}")
        for index, item in enumerate(value):
            self.item.check(item, place / index)

    def schema(self) -> JSON:
        limit = {"minItems": self.low} if self.low else {}
        return {"type": "array", "items": self.item.schema()} | limit


@dataclass(frozen=True)
class MapOf:
    """An object whose keys are free, or follow a shape of their own."""

    value: Shape
    key: Text | None = None
    low: int = 0

    def check(self, value: Any, place: Place) -> None:
        if not is_of_type(value, "object", place):
            return
        if len(value) < self.low:
            place.error("out_of_range", f"must have at least {self.low} entries, has {len(value)}")
        for key, item in value.items():
            if self.key:
                self.key.check(key, place / key)
            self.value.check(item, place / key)

    def schema(self) -> JSON:
        found: JSON = {"type": "object"}
        if self.low:
            found["minProperties"] = self.low
        if self.key:
            found["propertyNames"] = self.key.schema()
        item = self.value.schema()
        return found | ({"additionalProperties": item} if item else {})


@dataclass(frozen=True)
class Key:
    shape: Shape
    required: bool = False
    missing_code: str | None = None  # noted at the key itself instead of at the object
    no_effect: bool = False


@dataclass(frozen=True)
class Object:
    keys: Mapping[str, Key]
    code: str | None = None  # for missing and unknown keys, noted at the object
    allowed: str = ""  # the allowed shapes in words
    only_code: str | None = None  # for everything that is wrong here and below
    low: int = 0  # least number of keys

    def check(self, value: Any, place: Place, elsewhere: Mapping[str, str] | None = None) -> None:
        """:param elsewhere: keys that other objects of the same list take, and which do."""
        if self.only_code:
            place = place.under(self.only_code)
        if not is_of_type(value, "object", place):
            return
        for key, item in value.items():
            if key in self.keys:
                self._check_known(key, item, place / key)
            elif not is_ignored(key):
                self._refuse(key, place, elsewhere or {})
        self._check_missing(value, place)

    def _check_missing(self, value: JSON, place: Place) -> None:
        if len(value) < self.low:
            place.error(self.code or "missing_key", f"must not be empty{self._allowed()}")
        for key, about in self.keys.items():
            if about.required and key not in value:
                self._miss(key, about, place)

    def _check_known(self, key: str, item: Any, place: Place) -> None:
        if self.keys[key].no_effect:
            place.warn(f"{key!r} has no effect yet")
        self.keys[key].shape.check(item, place)

    def _refuse(self, key: str, place: Place, elsewhere: Mapping[str, str]) -> None:
        if key in elsewhere:
            (place / key).error("wrong_step_kind", f"only {elsewhere[key]} take this key")
            return
        message = f"unknown key {key!r}{nearest(key, [*self.keys, *elsewhere])}"
        if self.code:
            place.error(self.code, message + self._allowed())
        else:
            (place / key).error("unknown_key", message)

    def _miss(self, key: str, about: Key, place: Place) -> None:
        if about.missing_code:
            (place / key).error(about.missing_code, f"the key {key!r} is missing")
        else:
            message = f"the key {key!r} is missing{self._allowed()}"
            place.error(self.code or "missing_key", message)

    def _allowed(self) -> str:
        return f"; allowed: {self.allowed}" if self.allowed else ""

    def schema(self) -> JSON:
        required = [key for key, about in self.keys.items() if about.required]
        found: JSON = {
            "type": "object",
            "properties": {key: about.shape.schema() for key, about in self.keys.items()},
            "patternProperties": {r"^(x-|\$schema$)": {}},
            "additionalProperties": False,
        }
        if required:
            found["required"] = required
        return found | ({"minProperties": self.low} if self.low else {})


@dataclass(frozen=True)
class Choice:
    """One of several objects, told apart by the value of one key."""

    tag: str
    options: Mapping[Any, Object]
    code: str
    allowed: str
    default: Any = None
    names: Mapping[Any, str] = field(default_factory=dict)  # who takes the keys of an option

    def check(self, value: Any, place: Place) -> None:
        if not is_of_type(value, "object", place):
            return
        chosen = value.get(self.tag, self.default)
        if isinstance(chosen, str | bool) and chosen in self.options:
            self.options[chosen].check(value, place, self._elsewhere(chosen))
        elif self.default is not None:  # the tag is of a wrong type: take the keys of all options
            every = [option.keys.items() for option in self.options.values()]
            Object({key: Key(about.shape) for keys in every for key, about in keys}).check(
                value, place
            )
        else:
            place.error(self.code, f"unknown {self.tag} {chosen!r}; allowed: {self.allowed}")

    def _elsewhere(self, chosen: Any) -> dict[str, str]:
        own = self.options[chosen].keys
        return {
            key: name
            for option, name in self.names.items()
            for key in self.options[option].keys
            if key not in own
        }

    def schema(self) -> JSON:
        return {
            "type": "object",
            "allOf": [
                {"if": self._condition(value), "then": option.schema()}
                for value, option in self.options.items()
            ],
            **self._tag_schema(),
        }

    def _condition(self, value: Any) -> JSON:
        condition: JSON = {"properties": {self.tag: {"const": value}}}
        return condition if value == self.default else condition | {"required": [self.tag]}

    def _tag_schema(self) -> JSON:
        tag = {"properties": {self.tag: {"enum": list(self.options)}}}
        return tag if self.default is not None else tag | {"required": [self.tag]}


@dataclass(frozen=True)
class OneOf:
    """One of several objects, told apart by which key is there."""

    options: Mapping[str, Object]
    code: str
    allowed: str
    refused: Mapping[str, str] = field(default_factory=dict)  # old keys, and what to use now
    refused_code: str = ""

    def check(self, value: Any, place: Place) -> None:
        if not is_of_type(value, "object", place):
            return
        old = [key for key in self.refused if key in value]
        for key in old:
            (place / key).error(self.refused_code, self.refused[key])
        chosen = [key for key in self.options if key in value]
        if len(chosen) == 1:
            kept = {key: item for key, item in value.items() if key not in self.refused}
            self.options[chosen[0]].check(kept, place)
        elif not old:
            found = " and ".join(map(repr, chosen)) or "neither"
            place.error(self.code, f"must have {self.allowed}, has {found}")

    def schema(self) -> JSON:
        return {"oneOf": [option.schema() for option in self.options.values()]}
