"""The timecard of a worker: entries of a range by day, with sums and warnings (T-18 to T-29)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import UtcDateTime
from orchestra.domain.calendar import DAY, WEEK, monday_of, today, zone_named
from orchestra.domain.time_records import IS_INCOMPLETE, ROUNDED_MINUTES, VISIBLE
from orchestra.domain.worked_tasks import WorkedTask, tasks_by_assignment, tasks_named_by
from orchestra.errors import Invalid
from orchestra.models import (
    TimeEntry,
    Worker,
)

PER_PAGE = 100
LONGEST_RANGE = timedelta(days=366)
DAY_MINUTES = 24 * 60


@dataclass(frozen=True)
class Range:
    first: date
    last: date

    @property
    def days(self) -> Iterator[date]:
        """Newest first."""
        day = self.last
        while day >= self.first:
            yield day
            day -= DAY


@dataclass(frozen=True)
class Line:
    """One entry as the timecard shows it."""

    entry: TimeEntry
    task: WorkedTask | None
    overlaps: bool  # with another one that the timer made

    @property
    def missing(self) -> list[str]:
        """In words, what makes it incomplete (T-21)."""
        words = [] if self.entry.description else ["description"]
        return words if self.task else [*words, "task"]


@dataclass
class Day:
    """A date of the range; its sums are those of all its entries, also of other pages."""

    date: date
    minutes: int = 0
    entries: int = 0
    incomplete: int = 0
    lines: list[Line] = field(default_factory=list)

    @property
    def total(self) -> int | None:
        """None while an entry of the day is incomplete (T-21)."""
        return None if self.incomplete else self.minutes

    @property
    def is_overfull(self) -> bool:
        return self.minutes > DAY_MINUTES


@dataclass(frozen=True, kw_only=True)
class Timecard:
    range: Range | None  # None: incomplete entries of any date
    days: Sequence[Day]  # on this page, newest first
    minutes: int
    entries: int
    incomplete: int
    page: int

    @property
    def total(self) -> int | None:
        return None if self.incomplete else self.minutes

    @property
    def pages(self) -> int:
        return max(1, -(-self.entries // PER_PAGE))


@dataclass(frozen=True, kw_only=True)
class Search:
    """Which entries of a worker are meant."""

    worker_id: int
    first: date | None = None
    last: date | None = None
    assignment_id: int | None = None
    is_incomplete: bool = False

    @property
    def conditions(self) -> list[sa.ColumnElement[bool]]:
        found = [TimeEntry.worker_id == self.worker_id, VISIBLE]
        if self.first is not None:
            found.append(TimeEntry.worked_on >= self.first)
        if self.last is not None:
            found.append(TimeEntry.worked_on <= self.last)
        if self.assignment_id is not None:
            found.append(TimeEntry.assignment_id == self.assignment_id)
        if self.is_incomplete:
            found.append(IS_INCOMPLETE)
        return found


def this_week(worker: Worker) -> Range:
    """From Monday to today (T-23)."""
    now = today(worker)
    return Range(monday_of(now), now)


def chosen_range(worker: Worker, first: date | None, last: date | None) -> Range:
    """What the worker chose, or this week.

    :raises Invalid: it ends after this week, begins after its end, or is longer than a year.
    """
    usual = this_week(worker)
    end = last or max(usual.last, first or usual.last)
    start = first or min(usual.first, end)
    problems: dict[str, list[str]] = {}
    if end > usual.first + WEEK - DAY:
        problems["to"] = ["The range can end at most with this week."]
    if start > end:
        problems["from"] = ["The range must begin before it ends."]
    elif end - start >= LONGEST_RANGE:
        problems["from"] = [f"Choose a range of at most {LONGEST_RANGE.days} days."]
    if problems:
        text = " ".join(words for texts in problems.values() for words in texts)
        raise Invalid(text, fields=problems)
    return Range(start, end)


def timecard(session: Session, worker: Worker, chosen: Range, page: int = 1) -> Timecard:
    """One page of the entries of a range; every date between its first and last entry is there."""
    search = Search(worker_id=worker.id, first=chosen.first, last=chosen.last)
    return _timecard(session, worker, search, chosen, page)


def incomplete(session: Session, worker: Worker, page: int = 1) -> Timecard:
    """One page of the entries of any date that lack a description or a task."""
    search = Search(worker_id=worker.id, is_incomplete=True)
    return _timecard(session, worker, search, None, page)


def _timecard(
    session: Session, worker: Worker, search: Search, chosen: Range | None, page: int
) -> Timecard:
    sums = day_sums(session, search)
    lines = lines_of(session, search, page)
    entries = sum(day.entries for day in sums.values())
    shown = _shown_dates(chosen, sums, lines, page, -(-entries // PER_PAGE))
    days = {day: sums.get(day, Day(day)) for day in shown}
    for line in lines:
        days[line.entry.worked_on].lines.append(line)
    return Timecard(
        range=chosen,
        days=list(days.values()),
        minutes=sum(day.minutes for day in sums.values()),
        entries=entries,
        incomplete=sum(day.incomplete for day in sums.values()),
        page=page,
    )


def _shown_dates(
    chosen: Range | None, sums: Mapping[date, Day], lines: Sequence[Line], page: int, pages: int
) -> list[date]:
    """The dates of a page; days without entries stand on the page where they would be."""
    with_entries = sorted({line.entry.worked_on for line in lines}, reverse=True)
    if chosen is None:
        return with_entries
    if pages > 1 and not with_entries:
        return []
    first, last = chosen.first, chosen.last
    if page > 1 and with_entries:
        last = with_entries[0]
    if page < pages and with_entries:
        first = with_entries[-1]
    return list(Range(first, last).days)


def day_sums(session: Session, search: Search) -> dict[date, Day]:
    """The sums of each day that has entries, newest first (T-19)."""
    rows = session.execute(
        sa.select(
            TimeEntry.worked_on,
            sa.func.sum(ROUNDED_MINUTES),
            sa.func.count(),
            sa.func.count(sa.case((IS_INCOMPLETE, 1))),
        )
        .where(*search.conditions)
        .group_by(TimeEntry.worked_on)
        .order_by(TimeEntry.worked_on.desc())
    )
    return {
        day: Day(day, int(minutes), entries, open_ones) for day, minutes, entries, open_ones in rows
    }


def incomplete_of(worker_id: int) -> sa.Select[int]:
    """The statement that counts a worker's entries without description or task."""
    counted = sa.select(sa.func.count()).select_from(TimeEntry)
    return counted.where(TimeEntry.worker_id == worker_id, VISIBLE, IS_INCOMPLETE)


def count_incomplete(session: Session, worker_id: int) -> int:
    return session.scalar(incomplete_of(worker_id)) or 0


def lines_of(session: Session, search: Search, page: int) -> list[Line]:
    """A page of entries, newest date and newest entry first (T-22)."""
    entries = session.scalars(
        sa.select(TimeEntry)
        .where(*search.conditions)
        .order_by(TimeEntry.worked_on.desc(), TimeEntry.id.desc())
        .offset((page - 1) * PER_PAGE)
        .limit(PER_PAGE)
        .execution_options(populate_existing=True)
    ).all()
    return as_lines(session, entries)


def as_lines(session: Session, entries: Sequence[TimeEntry]) -> list[Line]:
    """Entries of one worker with their tasks and warnings, in two statements."""
    tasks = tasks_by_assignment(session, {entry.assignment_id for entry in entries})
    doubled = _overlapping(session, entries)
    return [
        Line(entry, tasks.get(entry.assignment_id or 0), entry.id in doubled) for entry in entries
    ]


def _overlapping(session: Session, entries: Sequence[TimeEntry]) -> set[int]:
    """Ids of entries whose time covers that of others. Those that only touch do not overlap.

    Only the timer says when something was done: an entry lasts from its start for as long as it
    says, unless it was moved to another day.
    """
    if not entries:
        return set()
    dates = [entry.worked_on for entry in entries]
    spans = session.execute(
        sa.select(
            TimeEntry.id,
            TimeEntry.worked_on,
            sa.type_coerce(TimeEntry.timer_started_at, UtcDateTime()).label("start"),
            TimeEntry.work_seconds,
            Worker.time_zone,
        )
        .join(Worker, Worker.id == TimeEntry.worker_id)
        .where(
            TimeEntry.worker_id == entries[0].worker_id,
            TimeEntry.worked_on.between(min(dates) - DAY, max(dates) + DAY),
            TimeEntry.timer_started_at.is_not(None),
            TimeEntry.work_seconds > 0,
            VISIBLE,
        )
        .order_by(TimeEntry.timer_started_at, TimeEntry.id)
    ).all()
    zone = zone_named(spans[0].time_zone) if spans else None
    return _doubled(
        (span.id, span.start, span.start + timedelta(seconds=span.work_seconds))
        for span in spans
        if span.start.astimezone(zone).date() == span.worked_on
    )


def _doubled(spans: Iterable[tuple[int, datetime, datetime]]) -> set[int]:
    """Of spans in the order of their start, those that share time with another one."""
    found: set[int] = set()
    longest: tuple[int, datetime] | None = None
    for id_, start, end in spans:
        if longest and start < longest[1]:
            found |= {id_, longest[0]}
        if longest is None or end > longest[1]:
            longest = (id_, end)
    return found


@dataclass(frozen=True)
class Exported:
    """A line of the downloaded timecard (T-29)."""

    entry: TimeEntry
    task: WorkedTask | None


def exported(session: Session, worker: Worker, chosen: Range) -> Iterator[Exported]:
    """Every entry of the range in the order of the page, read a piece at a time."""
    search = Search(worker_id=worker.id, first=chosen.first, last=chosen.last)
    named = sa.select(TimeEntry.assignment_id).where(*search.conditions).distinct()
    tasks = tasks_named_by(session, named)
    entries = session.scalars(
        sa.select(TimeEntry)
        .where(*search.conditions)
        .order_by(TimeEntry.worked_on.desc(), TimeEntry.id.desc())
        .execution_options(yield_per=500)
    )
    for entry in entries:
        yield Exported(entry, tasks.get(entry.assignment_id or 0))
