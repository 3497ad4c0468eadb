"""What a round of work changed, field by field, as a person reads it (W-22)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

from orchestra.domain.form_fields import Field
from orchestra.domain.json_data import is_same
from orchestra.web.pages.shown import DEEPEST, Shown, show_data

WORDS = re.compile(r"[^\S\n]*[^\s]+|[^\S\n]*\n|\s+\Z")  # with the space before; ends of lines
LINES = re.compile(r"[^\n]*\n|[^\n]+\Z")
MOST_WORDS = 4_000  # in a text that is compared by words; a longer one is compared by lines
KEPT_WORDS = 12  # on each side of a change, where much between two changes is the same
KEPT_ID = re.compile(r"[0-9a-f]{32}")  # of a file, folder or document
ABSENT = object()


@dataclass(frozen=True)
class Piece:
    """A stretch of a text: ``same``, ``added``, ``removed``, or ``left_out`` for being the same."""

    kind: str
    text: str


@dataclass(frozen=True)
class Change:
    """What became of one field: new words in its text, another value, or changes within it."""

    label: str
    pieces: Sequence[Piece] = ()
    before: Shown | None = None
    after: Shown | None = None
    inner: Sequence["Change"] = ()

    @property
    def is_only_space(self) -> bool:
        return bool(self.pieces) and all(piece.kind == "same" for piece in self.pieces)


def changes_between(
    root: Field, before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[Change]:
    """The fields that differ, in the order of the form; what is no field of it comes last."""
    return list(_in_group(before, after, root, 0))


def _in_group(
    before: Mapping[str, Any], after: Mapping[str, Any], described: Field, depth: int
) -> Iterator[Change]:
    known = [child.name for child in described.children]
    for name in dict.fromkeys([*known, *before, *after]):
        child = described.child(name)
        old, new = before.get(name, ABSENT), after.get(name, ABSENT)
        yield from _compare(old, new, child.label or name, child, depth)


def _compare(before: Any, after: Any, label: str, described: Field, depth: int) -> Iterator[Change]:
    if (_is_nothing(before) and _is_nothing(after)) or is_same(before, after):
        return
    if _are(Mapping, before, after) and depth < DEEPEST:
        inner = _in_group(before, after, described, depth + 1)
        yield Change(label, inner=tuple(inner))
    elif _are(list, before, after) and depth < DEEPEST:
        yield Change(label, inner=tuple(_in_list(before, after, described.item, depth + 1)))
    elif _is_prose(before, described) and _is_prose(after, described):
        yield Change(label, pieces=compare_texts(before, after))
    else:
        yield Change(label, before=_shown(before, described), after=_shown(after, described))


def _are(kind: type, *values: Any) -> bool:
    return all(isinstance(value, kind) for value in values)


def _is_nothing(value: Any) -> bool:
    return value is ABSENT or value is None or value == ""


def _is_prose(value: Any, described: Field) -> bool:
    """Whether single words of it can change; a choice, day, id or address is taken whole."""
    if not isinstance(value, str) or described.choices or KEPT_ID.fullmatch(value):
        return False
    if described.schema.get("format") in ("date", "date-time"):
        return False
    return show_data(value, "", described).kind in ("text", "markdown")


def _shown(value: Any, described: Field) -> Shown | None:
    return None if _is_nothing(value) else show_data(value, "", described)


def _in_list(
    before: list[Any], after: list[Any], item: Field | None, depth: int
) -> Iterator[Change]:
    """Items that came, went or changed; those that only moved because others came are none."""
    described = item or Field(name="")
    matcher = SequenceMatcher(None, [*map(repr, before)], [*map(repr, after)])
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind == "equal":
            continue
        pairs = zip_longest(before[start:end], after[new_start:new_end], fillvalue=ABSENT)
        for offset, (old, new) in enumerate(pairs):
            number = (start if new is ABSENT else new_start) + offset + 1
            yield from _compare(old, new, f"Item {number}", described, depth)


def compare_texts(before: str, after: str) -> list[Piece]:
    """The words of both texts in one reading; how many spaces stand between them says nothing."""
    old, new = WORDS.findall(before), WORDS.findall(after)
    if max(len(old), len(new)) > MOST_WORDS:
        old, new = LINES.findall(before), LINES.findall(after)
    matcher = SequenceMatcher(None, [*map(_bare, old)], [*map(_bare, new)])
    pieces: list[Piece] = []
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind == "equal":
            pieces.append(Piece("same", "".join(new[new_start:new_end])))
            continue
        stretches = ("removed", old[start:end]), ("added", new[new_start:new_end])
        pieces += [Piece(name, "".join(words)) for name, words in stretches if words]
    return _shortened(pieces)


def _bare(word: str) -> str:
    return word.strip(" \t")


def _shortened(pieces: Sequence[Piece]) -> list[Piece]:
    """Of a long stretch that is the same, only the words beside the changes."""
    last = len(pieces) - 1
    short: list[Piece] = []
    for index, piece in enumerate(pieces):
        words = WORDS.findall(piece.text) if piece.kind == "same" else []
        if len(words) <= 3 * KEPT_WORDS:
            short.append(piece)
            continue
        start = words[:KEPT_WORDS] if index > 0 else []
        end = words[-KEPT_WORDS:] if index < last else []
        kept = Piece("same", "".join(start)), Piece("left_out", " …"), Piece("same", "".join(end))
        short += [one for one in kept if one.text]
    return short
