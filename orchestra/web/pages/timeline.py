"""Who worked on what, when: a lane for each task, a bar for each iteration (specification W-56)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from orchestra.database import utcnow
from orchestra.domain.project_page import ProjectPage
from orchestra.domain.project_rows import Round, TaskRow

SHORTEST = timedelta(minutes=1)  # of the whole
NARROWEST_BAR = 0.6  # percent of the width
MARKS = 4


@dataclass(frozen=True)
class Bar:
    past: Round
    left: float  # percent
    width: float

    @property
    def pattern(self) -> str:
        """By level: all reviewers above the first look alike."""
        return f"level-{min(self.past.level, 2)}"


@dataclass(frozen=True)
class Lane:
    row: TaskRow
    bars: Sequence[Bar]


@dataclass(frozen=True)
class Mark:
    """A time on the axis."""

    left: float  # percent
    text: str


@dataclass(frozen=True)
class Timeline:
    begin: datetime
    lanes: Sequence[Lane]
    marks: Sequence[Mark]

    @property
    def is_empty(self) -> bool:
        return not any(lane.bars for lane in self.lanes)


def timeline(page: ProjectPage, zone: ZoneInfo, *, is_relative: bool) -> Timeline:
    """:param is_relative: times count from the start of the project."""
    begin = page.project.started_at
    end = max(_end(page), begin + SHORTEST)
    lanes = [Lane(row, [_bar(past, begin, end) for past in row.rounds]) for row in page.tasks]
    marks = [_mark(begin, end, n, None if is_relative else zone) for n in range(MARKS + 1)]
    return Timeline(begin, lanes, marks)


def passed(duration: timedelta) -> str:
    """A duration as people say it, to the minute."""
    minutes = max(int(duration.total_seconds() // 60), 0)
    days, minutes = divmod(minutes, 24 * 60)
    hours, minutes = divmod(minutes, 60)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def _end(page: ProjectPage) -> datetime:
    """The last thing that happened; while somebody works, this minute."""
    ended = page.project.ended_at
    if ended is None and any(row.is_open for row in page.tasks):
        return utcnow().replace(second=0, microsecond=0) + SHORTEST
    rounds = [past.iteration for row in page.tasks for past in row.rounds]
    moments = [iteration.ended_at or iteration.started_at for iteration in rounds]
    return max([page.project.started_at, *moments, *([ended] if ended else [])])


def _bar(past: Round, begin: datetime, end: datetime) -> Bar:
    iteration = past.iteration
    until = iteration.ended_at or iteration.discarded_at or end
    left = min(max(_share(iteration.started_at, begin, end), 0), 100 - NARROWEST_BAR)
    width = max(_share(until, begin, end) - left, NARROWEST_BAR)
    return Bar(past, round(left, 2), round(min(width, 100 - left), 2))


def _share(moment: datetime, begin: datetime, end: datetime) -> float:
    return 100 * ((moment - begin) / (end - begin))


def _mark(begin: datetime, end: datetime, number: int, zone: ZoneInfo | None) -> Mark:
    moment = begin + (end - begin) * number / MARKS
    if zone is None:
        text = f"+{passed(moment - begin)}"
    else:
        text = _on_clock(moment.astimezone(zone), end - begin)
    return Mark(100 * number / MARKS, text)


def _on_clock(local: datetime, whole: timedelta) -> str:
    """As exact as neighbouring marks differ."""
    if whole < MARKS * SHORTEST:
        return f"{local:%H:%M:%S}"
    if whole < timedelta(days=1):
        return f"{local:%H:%M}"
    day = f"{local.day} {local:%b}"
    return day if whole > timedelta(days=MARKS) else f"{day}, {local:%H:%M}"
