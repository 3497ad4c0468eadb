"""The dashboard: what needs me, and how I get more (specification W-15 to W-19)."""

import hashlib
from dataclasses import dataclass

from flask import (
    Blueprint,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
)
from flask import session as cookies
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf
from sqlalchemy.orm import Session

from orchestra.config import Settings
from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import dashboard as dashboards
from orchestra.domain import pickup
from orchestra.domain.dashboard import Bucket
from orchestra.errors import Conflict, Malformed, NotFound
from orchestra.models import Role, Worker
from orchestra.web import auth
from orchestra.web.pages.wording import greeting

blueprint = Blueprint("dashboard", __name__)
auth.guard_pages(blueprint)


@dataclass(frozen=True)
class Button:
    """One way to get a task."""

    role: Role
    text: str
    waiting: int


@blueprint.get("/")
@blueprint.get("/orchestra/")
def start() -> ResponseReturnValue:
    return redirect(auth.START_PAGE)


@blueprint.get("/orchestra/app", strict_slashes=False)
def show() -> ResponseReturnValue:
    worker = auth.current_worker()
    page = _completed_page()
    with reading() as session:
        pages = dashboards.FIRST_PAGES | {Bucket.COMPLETE: page}
        found = dashboards.dashboard(session, worker.id, pages)
        blocked = pickup.blocked(session, worker)
        buttons = _buttons(session, worker)
    html = render_template(
        "dashboard.html",
        greeting=greeting(worker),
        found=found,
        buttons=buttons,
        blocked=blocked.message if blocked else None,
        completed_page=page,
        completed_pages=-(-found.counts[Bucket.COMPLETE] // Bucket.COMPLETE.per_page),
        Bucket=Bucket,
    )
    return _conditional(html)


def _completed_page() -> int:
    text = request.args.get("completed", "1")
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= 1_000_000:
        raise Malformed("The page of completed tasks must be a whole number from 1.")
    return int(text[:9])


def _buttons(session: Session, worker: Worker) -> list[Button]:
    settings: Settings = current_app.config["SETTINGS"]
    if not settings.enable_new_task_buttons:
        return []
    waiting = pickup.waiting(session, worker)
    buttons = [Button(Role.ENTRY_LEVEL, "New delivery task", waiting[Role.ENTRY_LEVEL])]
    if waiting[Role.REVIEWER] or dashboards.may_review_something(session, worker.id):
        buttons.append(Button(Role.REVIEWER, "New review task", waiting[Role.REVIEWER]))
    return buttons


def _conditional(html: str) -> ResponseReturnValue:
    """The page asks every few seconds; unchanged, it gets an empty 304 (parts.md: no streams).

    The token in the page is signed anew each time; what counts is whose session it belongs to.
    """
    response = make_response(html)
    response.headers["Cache-Control"] = "private, no-cache"
    content = html.replace(generate_csrf(), cookies["csrf_token"])
    response.set_etag(hashlib.sha256(content.encode()).hexdigest(), weak=True)
    return response.make_conditional(request)


@blueprint.post("/orchestra/app/new_task/entry_level", defaults={"role": Role.ENTRY_LEVEL})
@blueprint.post("/orchestra/app/new_task/reviewer", defaults={"role": Role.REVIEWER})
def new_task(role: Role) -> ResponseReturnValue:
    """The button without JavaScript; with it the page uses the JSON API."""
    auth.require_form_token()
    try:
        task_id = _pick_up(role)
    except (NotFound, Conflict) as error:
        flash(error.message, "warning")
        return redirect(auth.START_PAGE)
    return redirect(f"{auth.START_PAGE}/task/{task_id}")


@retry_deadlocks
def _pick_up(role: Role) -> int:
    with transaction() as session:
        return pickup.pick_up(session, auth.current_actor(), role).task_id
