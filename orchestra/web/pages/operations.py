"""Operations: what waits for a person, and whether all parts work (W-73, W-74)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from orchestra.config import Settings
from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import dead_jobs, dead_letters, machine_steps, operations, repair
from orchestra.domain.audit import Actor
from orchestra.errors import Conflict, Invalid, Malformed, NotFound
from orchestra.web import auth, requests
from orchestra.web.addresses import is_address
from orchestra.web.pages.conditional import conditional

ADDRESS = "/orchestra/app/operations"
OWN_ADDRESS = re.compile(rf"{ADDRESS}[\w/.-]*(\?[\w=&]*)?", re.ASCII)

blueprint = Blueprint("operations", __name__, url_prefix=ADDRESS)
auth.guard_administrators(blueprint)

Decision = Callable[[Session, Actor, int], Any]  # (session, actor, id of what is decided)


@dataclass(frozen=True)
class Typed:
    """What somebody typed into a form that was refused, to be shown again (W-13)."""

    form: str  # its id
    data: str
    note: str
    problem: str


# --- Look -------------------------------------------------------------------------------------


@blueprint.get("", strict_slashes=False)
def show() -> ResponseReturnValue:
    return conditional(_overview())


@blueprint.get("/failed/<int:version_id>/<step>")
def show_failed(version_id: int, step: str) -> ResponseReturnValue:
    return conditional(_group(version_id, step))


def _overview(typed: Typed | None = None) -> str:
    with reading() as session:
        found = {
            "groups": machine_steps.failed_groups(session),
            "failed_total": machine_steps.count_failed(session),
            "dead": dead_jobs.dead(session, requests.page_argument("dead")),
            "unsent": dead_jobs.dead_messages(session, requests.page_argument("unsent")),
            "running": machine_steps.running(session, requests.page_argument("running")),
            "queues": operations.queues(session),
            "scheduled": operations.scheduled_jobs(session),
            "processes": operations.worker_processes(session),
            "integrations": operations.integrations(session),
        }
    minutes = operations.SEEN_SECONDS // 60
    return render_template(
        "operations.html",
        address=_address(),
        typed=typed,
        seen_minutes=minutes,
        flower_url=_flower_url(),
        **found,
    )


def _flower_url() -> str | None:
    settings: Settings = current_app.config["SETTINGS"]
    return settings.flower_url if is_address(settings.flower_url) else None


def _group(version_id: int, step: str, typed: Typed | None = None) -> str:
    with reading() as session:
        group, page = machine_steps.failed_group(
            session, version_id, step, requests.page_argument("page")
        )
    return render_template(
        "failed_steps.html", address=_address(), typed=typed, group=group, page=page
    )


def _address() -> str:
    """Of the page shown; after a refused form that is the page which the form was on."""
    if request.method == "POST":
        return _back()
    return request.full_path.rstrip("?")


# --- Decide -----------------------------------------------------------------------------------


@blueprint.post("/tasks/<int:task_id>/retry")
def retry(task_id: int) -> ResponseReturnValue:
    auth.require_form_token()
    return _told(repair.retry_task, task_id, f"Task {task_id} is tried again.")


@blueprint.post("/tasks/<int:task_id>/skip")
def skip(task_id: int) -> ResponseReturnValue:
    auth.require_form_token()
    try:
        _decide(_skipping(), task_id)
    except Invalid as error:
        return _shown_again(f"skip-{task_id}", error)
    except (NotFound, Conflict) as error:
        flash(error.message, "warning")
    else:
        flash(f"Task {task_id} is complete with the data you gave.")
    return redirect(_back())


@blueprint.post("/failed/<int:version_id>/<step>/retry")
def retry_all(version_id: int, step: str) -> ResponseReturnValue:
    auth.require_form_token()
    return _decide_all(version_id, step, repair.retry_task, "tried again")


@blueprint.post("/failed/<int:version_id>/<step>/skip")
def skip_all(version_id: int, step: str) -> ResponseReturnValue:
    auth.require_form_token()
    try:
        return _decide_all(version_id, step, _skipping(), "complete with the data you gave")
    except Invalid as error:
        return _shown_again(f"skip-{version_id}-{step}", error)


@blueprint.post("/outbox/<int:message_id>/send_again")
def send_again(message_id: int) -> ResponseReturnValue:
    auth.require_form_token()
    return _told(dead_jobs.send_again, message_id, f"Job {message_id} is sent again.")


@blueprint.post("/outbox/<int:message_id>/discard")
def discard(message_id: int) -> ResponseReturnValue:
    auth.require_form_token()
    return _told(dead_jobs.discard, message_id, f"Job {message_id} is discarded.")


@blueprint.post("/messages/<int:message_id>/send_again")
def send_message_again(message_id: int) -> ResponseReturnValue:
    auth.require_form_token()
    address = request.form.get("address", "").replace("\0", "") or None

    def again(session: Session, actor: Actor, row_id: int) -> None:
        dead_letters.send_again(session, actor, row_id, address=address)

    return _told(again, message_id, f"Message {message_id} is sent again.")


@blueprint.post("/messages/<int:message_id>/discard")
def discard_message(message_id: int) -> ResponseReturnValue:
    auth.require_form_token()
    return _told(dead_letters.discard, message_id, f"Message {message_id} is discarded.")


@retry_deadlocks
def _decide(decision: Decision, row_id: int) -> None:
    with transaction() as session:
        decision(session, auth.current_actor(), row_id)


def _told(decision: Decision, row_id: int, done: str) -> ResponseReturnValue:
    try:
        _decide(decision, row_id)
    except (NotFound, Conflict, Invalid) as error:
        flash(error.message, "warning")
    else:
        flash(done)
    return redirect(_back())


def _decide_all(version_id: int, step: str, decision: Decision, done: str) -> ResponseReturnValue:
    """Each task in a transaction of its own: one that is refused keeps back no other."""
    with reading() as session:
        task_ids = machine_steps.failed_task_ids(session, version_id, step)
    refused: list[str] = []
    for task_id in task_ids:
        try:
            _decide(decision, task_id)
        except (NotFound, Conflict) as error:
            refused.append(error.message)
    with reading() as session:
        left = len(machine_steps.failed_task_ids(session, version_id, step))
    count = len(task_ids) - len(refused)
    what, verb = ("task", "is") if count == 1 else ("tasks", "are")
    flash(f"{count} failed {what} of {step} {verb} {done}.")
    if refused:
        flash(f"{len(refused)} were refused, such as: {refused[0]}", "warning")
    elif left:
        flash("More have failed than one press decides. Press again for the next.", "warning")
    return redirect(_back())


def _skipping() -> Decision:
    """:raises Invalid: what was typed is no JSON object."""
    try:
        data = requests.json_object(request.form.get("data", "").encode())
    except Malformed as error:
        raise Invalid('Give a JSON object as the result, such as {"rating": 5}.') from error
    note = request.form.get("note", "").replace("\0", "").strip() or None
    return lambda session, actor, task_id: repair.skip_with_data(
        session, actor, task_id, data, note
    )


def _shown_again(form: str, error: Invalid) -> ResponseReturnValue:
    reasons = [*error.fields.get("data", ()), error.message]
    typed = Typed(form, request.form.get("data", ""), request.form.get("note", ""), reasons[0])
    group = re.fullmatch(rf"{ADDRESS}/failed/(\d+)/([\w.-]+)", _back().partition("?")[0])
    page = _group(int(group[1]), group[2], typed) if group else _overview(typed)
    return page, 422


def _back() -> str:
    """The page of ours that the form was on."""
    path = request.form.get("next", "")
    return path if OWN_ADDRESS.fullmatch(path) else ADDRESS
