"""The steps of a project as a picture: columns from left to right, edges behind the boxes."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestra.domain.graph import Graph, Step
from orchestra.domain.project_rows import TaskRow
from orchestra.web.pages.layers import Layers, Slot, layered

# In pixels. Up to twelve columns fit into the width of a page.
PAGE_WIDTH = 1184
MOST_FITTING_COLUMNS = 12
WIDEST_PITCH = 236  # from one column to the next
WIDEST_NARROW_BOX = 130  # here the icon stands above the state, and letters are smaller
LINE_HEIGHT = 16
PADDING = 10
NARROW_PADDING = 7
ROW_GAP = 16
LANE_HEIGHT = 4  # of an edge that passes a column
LETTER = 6.5  # mean width
BOLD_LETTER = 7.6
NARROW_BOLD_LETTER = 7.0
ICON_WIDTH = 18
MOST_NAME_LINES = 3
LINE_STYLES = ("name", "state", "holder")


@dataclass(frozen=True)
class Line:
    style: str
    text: str
    x: float
    y: float  # of its foot


@dataclass(frozen=True, kw_only=True)
class Box:
    row_id: str  # of the table, where a click goes
    title: str
    state: str  # of the task; empty: there is none
    x: float
    y: float
    width: float
    height: float
    padding: float
    lines: Sequence[Line]

    @property
    def icon_at(self) -> tuple[float, float]:
        first = next(line for line in self.lines if line.style == "state")
        return self.padding, first.y - 11


@dataclass(frozen=True, kw_only=True)
class Picture:
    width: float
    height: float
    boxes: Sequence[Box]
    edges: Sequence[str]  # paths
    is_narrow: bool
    description: str


@dataclass(frozen=True)
class Measures:
    pitch: float
    box_width: float
    box_height: float = 0  # not known before the texts are

    @property
    def is_narrow(self) -> bool:
        return self.box_width < WIDEST_NARROW_BOX

    @property
    def padding(self) -> float:
        return NARROW_PADDING if self.is_narrow else PADDING

    @property
    def room(self) -> float:
        """Of a line of text."""
        return self.box_width - 2 * self.padding

    def left(self, slot: Slot) -> float:
        return 1 + slot.column * self.pitch

    def height_of(self, slot: Slot) -> float:
        return self.box_height if slot.step else LANE_HEIGHT


def picture(graph: Graph, rows: Sequence[TaskRow], *, absent: str = "Not yet") -> Picture:
    """:param absent: what is said of a step that has no task."""
    layers = layered(graph)
    measures = _measures(len(layers.columns))
    texts = {row.step.slug: _texts(row, absent, measures) for row in rows}
    most_lines = max(sum(len(part) for part in parts) for parts in texts.values())
    measures = replace(measures, box_height=most_lines * LINE_HEIGHT + 2 * PADDING - 4)
    height = _place(layers, measures)
    slots = layers.by_slug
    return Picture(
        width=round(measures.pitch * (len(layers.columns) - 1) + measures.box_width + 2, 1),
        height=height,
        boxes=[
            _box(row, slots[row.step.slug], measures, texts[row.step.slug], _title(row, absent))
            for row in rows
        ],
        edges=[_path(edge, measures) for edge in layers.edges],
        is_narrow=measures.is_narrow,
        description=" ".join(f"{_title(row, absent)}{_after(graph, row.step)}." for row in rows),
    )


def row_id(row: TaskRow) -> str:
    return f"task-{row.task.id}" if row.task else f"step-{row.step.slug}"


def _measures(columns: int) -> Measures:
    pitch = min(WIDEST_PITCH, PAGE_WIDTH / min(columns, MOST_FITTING_COLUMNS))
    is_wide = pitch * 0.8 >= WIDEST_NARROW_BOX
    return Measures(pitch, round(pitch * (0.8 if is_wide else 0.86), 1))


def _texts(row: TaskRow, absent: str, measures: Measures) -> tuple[list[str], list[str], list[str]]:
    """The lines of a box: name of the step, state, and who holds it."""
    room = measures.room
    letter = NARROW_BOLD_LETTER if measures.is_narrow else BOLD_LETTER
    return (
        _wrapped(row.step.name, room / letter, MOST_NAME_LINES),
        _state(row, absent, measures),
        _wrapped(row.holder_name, room / LETTER, 1) if row.holder_name else [],
    )


def _state(row: TaskRow, absent: str, measures: Measures) -> list[str]:
    if row.task is None:
        return _wrapped(absent, measures.room / LETTER, 2)
    label = row.task.status.label
    if measures.is_narrow:
        return ["", *_wrapped(label, measures.room / LETTER, 2)]  # the icon has its own line
    return _wrapped(label, (measures.room - ICON_WIDTH) / LETTER, 2)


def _wrapped(text: str, letters: float, most_lines: int) -> list[str]:
    width = max(int(letters), 4)
    lines = [""]
    for part in (part for word in text.split() for part in _parted(word, width)):
        joined = f"{lines[-1]} {part}".strip()
        if _width(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(part)
    if len(lines) > most_lines:
        last = lines[most_lines - 1]
        lines[most_lines - 1 :] = [f"{last[: _fitting(last, width - 1)]}…"]
    return lines


def _parted(word: str, width: int) -> list[str]:
    """A word that is longer than a line; letters that are words of their own need no hyphens."""
    parts = []
    while _width(word) > width:
        hyphen = "-" if _width(word) == len(word) else ""
        at = max(_fitting(word, width - len(hyphen)), 1)
        parts.append(word[:at] + hyphen)
        word = word[at:]
    return [*parts, word]


def _fitting(text: str, width: int) -> int:
    """How many characters of the text have room."""
    return next((n for n in range(len(text)) if _width(text[: n + 1]) > width), len(text))


def _width(text: str) -> int:
    """In Latin letters; those of East Asia and pictures are twice as wide."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _title(row: TaskRow, absent: str) -> str:
    state = row.task.status.label if row.task else absent
    return f"{row.step.name}: {state}" + (f", {row.holder_name}" if row.holder_name else "")


def _after(graph: Graph, step: Step) -> str:
    names = [graph.by_slug[slug].name for slug in step.creation_depends_on]
    return f", after {' and '.join(names)}" if names else ""


def _place(layers: Layers, measures: Measures) -> float:
    """Stack each column around the middle; the height of all."""
    heights = [
        sum(measures.height_of(slot) + ROW_GAP for slot in column) - ROW_GAP
        for column in layers.columns
    ]
    tallest = max(heights)
    for column, height in zip(layers.columns, heights, strict=True):
        top = 1 + (tallest - height) / 2
        for slot in column:
            slot.y = round(top + measures.height_of(slot) / 2, 1)
            top += measures.height_of(slot) + ROW_GAP
    return tallest + 2


def _box(
    row: TaskRow, slot: Slot, measures: Measures, texts: Sequence[list[str]], title: str
) -> Box:
    lines = []
    y = PADDING + 9.0
    for style, part in zip(LINE_STYLES, texts, strict=True):
        is_beside_icon = style == "state" and row.task and not measures.is_narrow
        x = measures.padding + (ICON_WIDTH if is_beside_icon else 0)
        for text in part:
            lines.append(Line(style, text, x, y))
            y += LINE_HEIGHT
    return Box(
        row_id=row_id(row),
        title=title,
        state=row.task.status.value if row.task else "",
        x=round(measures.left(slot), 1),
        y=round(slot.y - measures.box_height / 2, 1),
        width=measures.box_width,
        height=measures.box_height,
        padding=measures.padding,
        lines=lines,
    )


def _path(edge: Sequence[Slot], measures: Measures) -> str:
    """From the right side of a box to the left side of another, straight past those between."""
    parts = [f"M{measures.left(edge[0]) + measures.box_width:.1f} {edge[0].y:g}"]
    x, y = measures.left(edge[0]) + measures.box_width, edge[0].y
    for slot in edge[1:]:
        left = measures.left(slot)
        middle = (x + left) / 2
        parts.append(f"C{middle:.1f} {y:g} {middle:.1f} {slot.y:g} {left:.1f} {slot.y:g}")
        x, y = left, slot.y
        if slot.step is None:
            x = left + measures.box_width
            parts.append(f"H{x:.1f}")
    return " ".join(parts)
