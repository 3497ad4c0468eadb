"""The timecard: what a worker recorded, day by day (W-49 to W-51, T-22 to T-29)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import time_entries, time_weeks, timecards, worked_tasks
from orchestra.domain.audit import Actor
from orchestra.domain.calendar import DAY, WEEK, monday_of, today, zone_of
from orchestra.domain.time_entries import Change
from orchestra.domain.timecards import Range, Timecard
from orchestra.domain.worked_tasks import WorkedTask
from orchestra.errors import Conflict, Invalid, Malformed, NotFound
from orchestra.models import TimeEntry, TimeWeek, Worker
from orchestra.web import auth, requests, tables
from orchestra.web.errors import HTTP_STATUS
from orchestra.web.pages import timecard_form
from orchestra.web.pages.timecard_form import Form

TIMECARD = "/orchestra/app/timecard"
KEPT = ("from", "to", "page", "show")  # of the address, when something was done
HEADINGS = (
    "Date",
    "Workflow",
    "Project",
    "Step",
    "Task",
    "Description",
    "Seconds",
    "Minutes (rounded up)",
)
T = TypeVar("T")

blueprint = Blueprint("timecard", __name__, url_prefix=TIMECARD)
auth.guard_pages(blueprint)


@dataclass(frozen=True)
class Asked:
    """Which entries the address names."""

    chosen: Range | None  # None: those that are incomplete, of any date
    page: int
    problem: Invalid | None = None

    @classmethod
    def from_request(cls, worker: Worker, opened: TimeEntry | None = None) -> "Asked":
        """A range that cannot be is told, and this week shown instead.

        :raises Malformed: a date is none.
        """
        page = requests.page_argument()
        if request.args.get("show") == "incomplete":
            return cls(None, page)
        first, last = requests.day_argument("from"), requests.day_argument("to")
        if opened is not None and first is None and last is None:
            first, last = _week_around(worker, opened.worked_on)
        try:
            return cls(timecards.chosen_range(worker, first, last), page)
        except Invalid as problem:
            return cls(timecards.this_week(worker), page, problem)

    @classmethod
    def under_the_form(cls, worker: Worker) -> "Asked":
        """Those that were shown when the form was sent; a range that cannot be is this week."""
        kept = _back()
        first, last = requests.read_day(kept.get("from", "")), requests.read_day(kept.get("to", ""))
        page = kept.get("page", "")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1
        is_all = kept.get("show") == "incomplete"
        try:
            chosen = None if is_all else timecards.chosen_range(worker, first, last)
        except Invalid:
            chosen = timecards.this_week(worker)
        return cls(chosen, max(1, number))


def _week_around(worker: Worker, day: date) -> tuple[date, date]:
    sunday = monday_of(day) + WEEK - DAY
    return monday_of(day), min(sunday, max(today(worker), day))


def _week_beside(worker: Worker, asked: Asked, distance: timedelta) -> Range | None:
    """The week before or after the one in which the range begins; none that is still to come."""
    if asked.chosen is None or asked.chosen.first < date.min + WEEK * 2:
        return None
    monday = monday_of(asked.chosen.first) + distance
    return Range(*_week_around(worker, monday)) if monday <= today(worker) else None


# --- Looking ----------------------------------------------------------------------------------


@blueprint.get("", strict_slashes=False)
def show() -> ResponseReturnValue:
    worker = auth.current_worker()
    with reading() as session:
        opened = _opened(session, worker)
        form = Form.asked_for(opened)
        seen = _seen(session, worker, Asked.from_request(worker, opened), form)
    return _page(worker, seen)


def _opened(session: Session, worker: Worker) -> TimeEntry | None:
    """The entry that the worker wants to change; there is none if it was deleted meanwhile."""
    entry_id = requests.whole_argument("edit")
    try:
        found = time_entries.get(session, worker, entry_id) if entry_id else None
    except NotFound:
        return None
    return found if found and found.worker_id == worker.id else None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the page shows, read in a fixed number of statements."""

    asked: Asked
    form: Form | None
    card: Timecard
    weeks: Mapping[date, TimeWeek]  # that are handed in, by their Monday
    choices: Sequence[WorkedTask]
    deleted: TimeEntry | None

    @property
    def is_form_apart(self) -> bool:
        """The entry that is changed is not on this page, or there is none yet."""
        shown = {line.entry.id for day in self.card.days for line in day.lines}
        return self.form is not None and self.form.entry_id not in shown


def _seen(session: Session, worker: Worker, asked: Asked, form: Form | None) -> Seen:
    card = _card(session, worker, asked)
    dates = [day.date for day in card.days] or [today(worker)]
    return Seen(
        asked=asked,
        form=form,
        card=card,
        weeks=time_weeks.between(session, worker.id, dates[-1], dates[0]),
        choices=worked_tasks.choices(session, worker, form.assignment_id) if form else (),
        deleted=_deleted(session, worker),
    )


def _page(worker: Worker, seen: Seen) -> ResponseReturnValue:
    page = render_template(
        "timecard.html",
        **{part.name: getattr(seen, part.name) for part in fields(seen)},
        is_form_apart=seen.is_form_apart,
        has_weeks=current_app.config["SETTINGS"].time_approval,
        today=today(worker),
        this_week=timecards.this_week(worker),
        before=_week_beside(worker, seen.asked, -WEEK),
        after=_week_beside(worker, seen.asked, WEEK),
        address=address,
        back=urlencode(_kept(request.args) if request.method == "GET" else _back()),
        monday_of=monday_of,
        clock=_clock_of(worker),
    )
    problem = seen.form.problem if seen.form else None
    return page, HTTP_STATUS[problem.kind] if problem else 200


def _card(session: Session, worker: Worker, asked: Asked) -> Timecard:
    if asked.chosen is None:
        return timecards.incomplete(session, worker, asked.page)
    return timecards.timecard(session, worker, asked.chosen, asked.page)


def _deleted(session: Session, worker: Worker) -> TimeEntry | None:
    """The entry that was just deleted, as long as it can be brought back."""
    entry_id = requests.whole_argument("deleted")
    entry = session.get(TimeEntry, entry_id) if entry_id else None
    is_own = entry is not None and entry.worker_id == worker.id and entry.deleted_at is not None
    return entry if is_own else None


def _clock_of(worker: Worker) -> Callable[[datetime], str]:
    zone = zone_of(worker)
    return lambda moment: f"{moment.astimezone(zone):%H:%M}"


def _kept(arguments: Mapping[str, str]) -> dict[str, str]:
    return {name: arguments[name] for name in KEPT if arguments.get(name)}


def address(**changes: object) -> str:
    """The address of the same range with something added; None takes it away."""
    asked = _kept(request.args if request.method == "GET" else _back()) | changes
    query = urlencode({name: str(value) for name, value in asked.items() if value is not None})
    return f"{TIMECARD}?{query}" if query else TIMECARD


def _back() -> dict[str, str]:
    """Where the form stood."""
    return _kept(dict(parse_qsl(request.form.get("back", ""))))


@blueprint.get("/csv")
def download() -> Response:
    worker = auth.current_worker()
    asked = Asked.from_request(worker)
    chosen = asked.chosen
    if chosen is None or asked.problem:
        raise asked.problem or Malformed("Name the range by from and to.")
    name = f"timecard-{chosen.first}-{chosen.last}"
    return tables.csv_download(name, HEADINGS, lambda session: _rows(session, worker, chosen))


def _rows(session: Session, worker: Worker, chosen: Range) -> Iterable[tables.Row]:
    for line in timecards.exported(session, worker, chosen):
        entry, task = line.entry, line.task
        named = (task.workflow, task.project, task.step, task.task_id) if task else ("",) * 4
        recorded = (entry.description, entry.work_seconds, entry.rounded_minutes)
        yield (entry.worked_on.isoformat(), *named, *recorded)


# --- Changing ---------------------------------------------------------------------------------


@blueprint.post("/entries")
def create() -> ResponseReturnValue:
    auth.require_form_token()
    return _saved(None, _create, "The time is recorded.")


def _create(session: Session, given: dict[str, Any]) -> TimeEntry:
    return time_entries.create(session, auth.current_actor(), **given)


@blueprint.post("/entries/<int:entry_id>")
def change(entry_id: int) -> ResponseReturnValue:
    auth.require_form_token()

    def work(session: Session, given: dict[str, Any]) -> TimeEntry:
        actor = auth.current_actor()
        entry = time_entries.get(session, auth.current_worker(), entry_id)
        if given["work_seconds"] == entry.rounded_minutes * 60:
            del given["work_seconds"]  # what was not touched keeps its seconds (T-17)
        return time_entries.change(session, actor, entry_id, Change(**given))

    return _saved(entry_id, work, "The entry is changed.")


def _saved(
    entry_id: int | None, work: Callable[[Session, dict[str, Any]], TimeEntry], words: str
) -> ResponseReturnValue:
    """To the timecard with the entry on it; back to the form with what was typed if refused."""
    try:
        entry = _in_transaction(lambda session: work(session, timecard_form.given()))
    except (Invalid, Conflict) as problem:
        return _form_again(Form(entry_id, request.form.to_dict(), problem))
    flash(words)
    return redirect(f"{address()}#entry-{entry.id}", 303)


@retry_deadlocks
def _in_transaction(work: Callable[[Session], T]) -> T:
    with transaction() as session:
        return work(session)


def _form_again(form: Form) -> ResponseReturnValue:
    worker = auth.current_worker()
    with reading() as session:
        seen = _seen(session, worker, Asked.under_the_form(worker), form)
    return _page(worker, seen)


@blueprint.post("/entries/<int:entry_id>/delete")
def delete(entry_id: int) -> ResponseReturnValue:
    auth.require_form_token()
    return _told(
        lambda session: time_entries.delete(session, auth.current_actor(), entry_id),
        then=lambda _: address(deleted=entry_id),
    )


@blueprint.post("/entries/<int:entry_id>/restore")
def restore(entry_id: int) -> ResponseReturnValue:
    auth.require_form_token()
    return _told(
        lambda session: time_entries.restore(session, auth.current_actor(), entry_id),
        then=lambda _: f"{address()}#entry-{entry_id}",
        words="The entry is back.",
    )


def _told(
    work: Callable[[Session], T], *, then: Callable[[T], str], words: str = ""
) -> ResponseReturnValue:
    """To where the work leads; a refusal is told on the timecard."""
    try:
        done = _in_transaction(work)
    except (Conflict, NotFound) as problem:
        flash(problem.message, "warning")
        return redirect(address(), 303)
    if words:
        flash(words)
    return redirect(then(done), 303)


@blueprint.post("/weeks/<monday>/submit")
def submit_week(monday: str) -> ResponseReturnValue:
    words = "The week is handed in. Its entries cannot be changed until you take it back."
    return _changed_week(time_weeks.submit, monday, words)


@blueprint.post("/weeks/<monday>/withdraw")
def withdraw_week(monday: str) -> ResponseReturnValue:
    words = "The week is yours again. Hand it in when it is right."
    return _changed_week(time_weeks.withdraw, monday, words)


def _changed_week(
    change: Callable[[Session, Actor, date], object], monday: str, words: str
) -> ResponseReturnValue:
    auth.require_form_token()
    day = _monday(monday)
    return _told(
        lambda session: change(session, auth.current_actor(), day),
        then=lambda _: address(),
        words=words,
    )


def _monday(text: str) -> date:
    day = requests.read_day(text)
    if day is None:
        raise NotFound("There is no such week.")
    return day
