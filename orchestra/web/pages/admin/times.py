"""Recorded time by project, person and week, and the weeks that are handed in (W-69)."""

from collections.abc import Callable, Iterable
from datetime import date

from flask import Blueprint, Response, current_app, flash, redirect, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import time_reports, time_weeks
from orchestra.domain.audit import Actor
from orchestra.domain.calendar import WEEK, monday_of, today
from orchestra.domain.durations import hours_and_minutes
from orchestra.domain.time_records import week_words
from orchestra.domain.time_reports import Search
from orchestra.errors import NotFound
from orchestra.models import TimeWeek
from orchestra.web import auth, requests, tables
from orchestra.web.pages.admin import asked

WEEKS_SHOWN = 4  # unless another range is chosen
HEADINGS = (
    "Week from",
    "Project id",
    "Project",
    "Person",
    "User name",
    "Hours",
    "Minutes (rounded up)",
    "Seconds",
    "Entries",
    "Entries without description",
)
DOWNLOADS = {"csv": tables.csv_download, "xlsx": tables.xlsx_download}

blueprint = Blueprint("admin_time", __name__, url_prefix="/orchestra/admin/time")
auth.guard_admin_pages(blueprint)


@blueprint.get("/")
def show() -> ResponseReturnValue:
    page, search = asked.page(), _search()
    with reading() as session:
        found = time_reports.report(session, search, page)
    return render_template(
        "admin/time.html", found=found, page=page, chosen=search, has_weeks=_has_weeks()
    )


def _search() -> Search:
    """What the address names; of one project everything, otherwise the last weeks."""
    project_id = asked.number("project")
    first, last = requests.day_argument("from"), requests.day_argument("to")
    if first is None and last is None and project_id is None:
        first = _usual_start()
    return Search(first=first, last=last, text=asked.text(), project_id=project_id)


def _usual_start() -> date:
    return monday_of(today(auth.current_worker())) - WEEK * (WEEKS_SHOWN - 1)


def _has_weeks() -> bool:
    is_on: bool = current_app.config["SETTINGS"].time_approval
    return is_on


@blueprint.get("/download.<kind>")
def download(kind: str) -> Response:
    """The same rows as the page, all of them."""
    if kind not in DOWNLOADS:
        raise NotFound("Time can be downloaded as csv or as xlsx.")
    search = _search()
    name = "-".join(["time", *(str(day) for day in (search.first, search.last) if day)])
    return DOWNLOADS[kind](name, HEADINGS, lambda session: _rows(session, search))


def _rows(session: Session, search: Search) -> Iterable[tables.Row]:
    for row in time_reports.rows_of(session, search):
        yield (
            row.monday.isoformat(),
            row.project_id,
            row.project,
            row.worker.name,
            row.worker.username,
            hours_and_minutes(row.minutes),
            row.minutes,
            row.seconds,
            row.entries,
            row.undescribed,
        )


# --- Weeks that are handed in -----------------------------------------------------------------


@blueprint.get("/weeks/")
def show_weeks() -> ResponseReturnValue:
    page = asked.page()
    with reading() as session:
        found = time_weeks.handed_in(session, page)
    return render_template("admin/time_weeks.html", found=found, page=page, has_weeks=_has_weeks())


@blueprint.post("/weeks/<int:week_id>/approve")
def approve(week_id: int) -> ResponseReturnValue:
    return _decided(week_id, time_weeks.approve, "{} is approved and locked.")


@blueprint.post("/weeks/<int:week_id>/unlock")
def unlock(week_id: int) -> ResponseReturnValue:
    return _decided(week_id, time_weeks.unlock, "{} is open again for its worker.")


def _decided(
    week_id: int, rule: Callable[[Session, Actor, int], TimeWeek], words: str
) -> ResponseReturnValue:
    auth.require_form_token()
    try:
        week = _in_transaction(week_id, rule)
        flash(words.format(week_words(week.monday)))
    except NotFound as problem:
        flash(problem.message, "warning")
    return redirect(f"{blueprint.url_prefix}/weeks/", 303)


@retry_deadlocks
def _in_transaction(week_id: int, rule: Callable[[Session, Actor, int], TimeWeek]) -> TimeWeek:
    with transaction() as session:
        return rule(session, auth.current_actor(), week_id)
