"""The dashboard: what needs me, and how I get more (specification W-15 to W-19)."""

from dataclasses import dataclass
from urllib.parse import urlencode

from flask import (
    Blueprint,
    current_app,
    flash,
    redirect,
    render_template,
    request,
)
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from orchestra.config import Settings
from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import dashboard as dashboards
from orchestra.domain import pickup
from orchestra.domain.dashboard import Bucket, Search
from orchestra.errors import Conflict, Malformed, NotFound
from orchestra.models import Role, Worker
from orchestra.web import auth, requests
from orchestra.web.pages.conditional import conditional
from orchestra.web.pages.wording import greeting

blueprint = Blueprint("dashboard", __name__)
auth.guard_pages(blueprint)

MOST_WORDS = 10  # of a search
PARAMETERS = {bucket: bucket.value for bucket in Bucket} | {Bucket.COMPLETE: "completed"}


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
    pages = {bucket: requests.page_argument(name) for bucket, name in PARAMETERS.items()}
    search = _search()
    with reading() as session:
        found = dashboards.dashboard(session, worker.id, pages, search)
        blocked = pickup.blocked(session, worker)
        buttons = _buttons(session, worker)
    html = render_template(
        "dashboard.html",
        greeting=greeting(worker),
        found=found,
        buttons=buttons,
        blocked=blocked.message if blocked else None,
        search=search,
        pages=pages,
        address=_address,
        PARAMETERS=PARAMETERS,
        Bucket=Bucket,
    )
    return conditional(html)


def _search() -> Search:
    """``q`` holds words; ``sort`` a column, with a minus before it for the other direction."""
    words = request.args.get("q", "").replace("\0", "").lower().split()
    sort = request.args.get("sort", "")
    column = sort.removeprefix("-")
    if sort and column not in dashboards.SORTS:
        raise Malformed(f"Tasks can be sorted by {', '.join(dashboards.SORTS)}.")
    return Search(words[:MOST_WORDS], column or None, sort.startswith("-"))


def _address(**changes: str | int) -> str:
    """This page with other parameters; empty ones are left out."""
    parameters = request.args.to_dict() | changes
    asked = {name: value for name, value in parameters.items() if value}
    return f"{auth.START_PAGE}?{urlencode(asked)}" if asked else auth.START_PAGE


def _buttons(session: Session, worker: Worker) -> list[Button]:
    settings: Settings = current_app.config["SETTINGS"]
    if not settings.enable_new_task_buttons:
        return []
    waiting = pickup.waiting(session, worker)
    buttons = [Button(Role.ENTRY_LEVEL, "New delivery task", waiting[Role.ENTRY_LEVEL])]
    if waiting[Role.REVIEWER] or dashboards.may_review_something(session, worker.id):
        buttons.append(Button(Role.REVIEWER, "New review task", waiting[Role.REVIEWER]))
    return buttons


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
