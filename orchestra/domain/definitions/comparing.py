"""What differs between a stored definition and its files, and what a reload may change (D-49)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestra.domain.definitions.problems import Findings, Place
from orchestra.domain.definitions.shapes import JSON

SHOWN_CHARACTERS = 60
ABSENT = object()


@dataclass(frozen=True)
class Difference:
    file: str
    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}#{self.pointer}: {self.message}"


def differences(old: Any, new: Any, file: str) -> list[Difference]:
    """Every value that differs, by its pointer in the new file (removed ones: in the old)."""
    return [Difference(file, place.pointer, text) for place, text in _differing(old, new, file)]


def _differing(old: Any, new: Any, file: str) -> Iterator[tuple[Place, str]]:
    waiting = [(old, new, Place(file, Findings()))]
    while waiting:
        before, after, place = waiting.pop()
        pairs = _pairs(before, after, place)
        if pairs is not None:
            waiting += reversed(pairs)
        elif before != after or type(before) is not type(after):  # 1 is not true
            yield place, _change(before, after)


def _pairs(before: Any, after: Any, place: Place) -> list[tuple[Any, Any, Place]] | None:
    """The values inside of two values, side by side; None: they are to be compared as a whole."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [*after, *(key for key in before if key not in after)]
        return [(before.get(key, ABSENT), after.get(key, ABSENT), place / key) for key in keys]
    if not isinstance(before, list) or not isinstance(after, list):
        return None
    if _all_have_slugs(before) and _all_have_slugs(after):
        return _pairs_by_slug(before, after, place)
    length = max(len(before), len(after))
    padded = [items + [ABSENT] * (length - len(items)) for items in (before, after)]
    return [(a, b, place / index) for index, (a, b) in enumerate(zip(*padded, strict=True))]


def _pairs_by_slug(
    before: list[JSON], after: list[JSON], place: Place
) -> list[tuple[Any, Any, Place]]:
    old = {item["slug"]: item for item in before}
    new = {item["slug"]: item for item in after}
    pairs = [
        (old.get(slug, ABSENT), item, place / index)
        for index, (slug, item) in enumerate(new.items())
    ]
    removed = [
        (item, ABSENT, place / index)
        for index, (slug, item) in enumerate(old.items())
        if slug not in new
    ]
    moved = [slug for slug in old if slug in new] != [slug for slug in new if slug in old]
    orders = [([*old], [*new], place)] if moved and not removed else []
    return [*orders, *pairs, *removed]


def _all_have_slugs(items: list[Any]) -> bool:
    return bool(items) and all(isinstance(item, dict) and "slug" in item for item in items)


def _change(before: Any, after: Any) -> str:
    if before is ABSENT:
        return f"is new: {_shown(after)}"
    if after is ABSENT:
        return f"was removed: {_shown(before)}"
    return f"was {_shown(before)}, is {_shown(after)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def reload_offences(old: JSON, new: JSON, place: Place) -> None:
    """Note which rules of D-49 a forced reload of a version would break."""
    steps = {step["slug"]: (index, step) for index, step in enumerate(new["steps"])}
    for before in old["steps"]:
        slug = before["slug"]
        if slug not in steps:
            (place / "steps").error("reload_refused", f"the existing step {slug!r} is missing")
            continue
        index, after = steps[slug]
        where = place / "steps" / index
        if before.get("is_human", True) != after.get("is_human", True):
            message = f"the existing step {slug!r} changes between human and machine"
            (where / "is_human").error("reload_refused", message)
        depends = set(before.get("creation_depends_on", ()))
        added = [s for s in after.get("creation_depends_on", ()) if s not in depends]
        if added:
            message = f"the existing step {slug!r} may lose dependencies, not gain {added}"
            (where / "creation_depends_on").error("reload_refused", message)
