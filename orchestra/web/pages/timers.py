"""The timer in the header, for those without JavaScript; with it the panel calls the JSON API."""

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from orchestra.database import retry_deadlocks, transaction
from orchestra.domain import timers
from orchestra.domain.durations import hours_and_minutes
from orchestra.domain.timers import UNSET
from orchestra.errors import OrchestraError
from orchestra.models import TimeEntry
from orchestra.web import auth, requests

T = TypeVar("T")

blueprint = Blueprint("timers", __name__, url_prefix="/orchestra/app/timer")
auth.guard_pages(blueprint)


@blueprint.post("/start")
def start() -> ResponseReturnValue:
    auth.require_form_token()
    assignment_id = requests.whole_field("assignment")
    _done(lambda session: timers.start(session, auth.current_actor(), assignment_id))
    return redirect(_back(), 303)


@blueprint.post("/update")
def update() -> ResponseReturnValue:
    auth.require_form_token()
    _done(_update)
    return redirect(_back(), 303)


def _update(session: Session) -> None:
    """The task is chosen with JavaScript only: nothing was sent for it otherwise."""
    chosen = "assignment" in request.form
    timers.update(
        session,
        auth.current_actor(),
        description=requests.text_field("description"),
        assignment_id=requests.whole_field("assignment") if chosen else UNSET,
    )


@blueprint.post("/stop")
def stop() -> ResponseReturnValue:
    """What stands in the form goes along. An entry that lacks something is opened (W-50)."""
    auth.require_form_token()
    entry = _done(_stop)
    if entry is None:
        return redirect(_back(), 303)
    flash(stopped_words(entry))
    return redirect(timers.address_of(entry) if entry.is_incomplete else _back(), 303)


def _stop(session: Session) -> TimeEntry:
    _update(session)
    return timers.stop(session, auth.current_actor())


def stopped_words(entry: TimeEntry) -> str:
    recorded = f"You recorded {hours_and_minutes(entry.rounded_minutes)} h."
    if entry.was_cut_off:
        return f"{recorded} The timer ran for more than 24 hours; put in the time that you worked."
    return f"{recorded} Say what it was for." if entry.is_incomplete else recorded


def _done(work: Callable[[Session], T]) -> T | None:
    """What the work gives; a refusal is told on the next page."""

    @retry_deadlocks
    def once() -> T:
        with transaction() as session:
            return work(session)

    try:
        return once()
    except OrchestraError as error:
        flash(error.message, "warning")
        return None


def _back() -> str:
    """The page that the timer was used on; nowhere else (P-9)."""
    page = urlsplit(request.form.get("next", ""))
    is_ours = not page.scheme and not page.netloc and page.path.startswith("/orchestra/")
    return page.geturl() if is_ours and "\\" not in page.path else auth.START_PAGE
