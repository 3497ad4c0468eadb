"""Steps in columns, ordered so that few edges cross (Sugiyama's method, kept short)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from orchestra.domain.graph import Graph, Step

SWEEPS = 4  # there and back over all columns
MOST_LANES = 2000  # beyond, long edges go straight through what is in their way


@dataclass(eq=False)
class Slot:
    """A place in a column: of a step, or of an edge that passes by."""

    column: int
    step: Step | None = None
    before: list["Slot"] = field(default_factory=list)
    after: list["Slot"] = field(default_factory=list)
    y: float = 0  # at first the place in the column, in the end the middle in pixels


@dataclass(frozen=True)
class Layers:
    columns: list[list[Slot]]
    edges: list[list[Slot]]  # each from a step to one that depends on it, by all slots between

    @property
    def by_slug(self) -> dict[str, Slot]:
        return {slot.step.slug: slot for column in self.columns for slot in column if slot.step}


def layered(graph: Graph) -> Layers:
    """Each step stands one column to the right of the last one that it depends on."""
    slots: dict[str, Slot] = {}
    for step in graph.ordered():
        left = max((slots[slug].column for slug in step.creation_depends_on), default=-1)
        slots[step.slug] = Slot(left + 1, step)
    pairs = [
        (slots[slug], slots[s.slug]) for s in graph.ordered() for slug in s.creation_depends_on
    ]
    lanes = sum(end.column - begin.column - 1 for begin, end in pairs)
    edges = [_edge(begin, end, is_straight=lanes > MOST_LANES) for begin, end in pairs]
    columns: list[list[Slot]] = [[] for _ in range(1 + max(s.column for s in slots.values()))]
    for slot in dict.fromkeys([*slots.values(), *(slot for edge in edges for slot in edge)]):
        columns[slot.column].append(slot)
    _untangle(columns)
    return Layers(columns, edges)


def _edge(begin: Slot, end: Slot, *, is_straight: bool) -> list[Slot]:
    passed = [] if is_straight else [Slot(n) for n in range(begin.column + 1, end.column)]
    edge = [begin, *passed, end]
    for left, right in pairwise(edge):
        left.after.append(right)
        right.before.append(left)
    return edge


def _untangle(columns: list[list[Slot]]) -> None:
    for column in columns:
        _number(column)
    for _ in range(SWEEPS):
        for column in columns:
            _sort(column, lambda slot: slot.before)
        for column in reversed(columns):
            _sort(column, lambda slot: slot.after)


def _sort(column: list[Slot], neighbours: Callable[[Slot], list[Slot]]) -> None:
    """By the mean place of the neighbours; who has none stays where it is."""

    def place(slot: Slot) -> float:
        beside = neighbours(slot)
        return sum(other.y for other in beside) / len(beside) if beside else slot.y

    column.sort(key=place)
    _number(column)


def _number(column: list[Slot]) -> None:
    """From the middle, so that columns of different length compare."""
    for index, slot in enumerate(column):
        slot.y = index - (len(column) - 1) / 2
