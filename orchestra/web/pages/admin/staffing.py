"""Whom StaffBot asks, and what became of it, for who looks after staffing (W-69, S-12, S-18)."""

from enum import StrEnum

from flask import Blueprint, flash, redirect, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import staffing, staffing_list, staffing_story
from orchestra.domain.versions import load_graphs, step_of
from orchestra.errors import Conflict, NotFound, OrchestraError
from orchestra.models import Assignment, RequestCause, RequestState, StaffingRequest, Worker
from orchestra.web import auth
from orchestra.web.pages.admin import asked

blueprint = Blueprint("admin_staffing", __name__, url_prefix="/orchestra/admin/staffing")
auth.guard_admin_pages(blueprint)


class Chosen(StrEnum):
    """Which requests to show."""

    LIVE = "live"
    OPEN = "open"
    EXHAUSTED = "exhausted"
    FILLED = "filled"
    CANCELLED = "cancelled"


WORDS = {
    Chosen.LIVE: "Still looking",
    Chosen.OPEN: "Asking",
    Chosen.EXHAUSTED: "Nobody left to ask",
    Chosen.FILLED: "Filled",
    Chosen.CANCELLED: "Cancelled",
}


@blueprint.get("/")
def show_all() -> ResponseReturnValue:
    chosen, text, page = asked.choice("state", Chosen), asked.text(), asked.page()
    is_live = chosen is Chosen.LIVE
    with reading() as session:
        found = staffing_list.requests(
            session,
            state=RequestState(chosen) if chosen and not is_live else None,
            is_live=is_live,
            text=text,
            page=page,
        )
    return render_template(
        "admin/staffing.html", found=found, page=page, chosen=chosen, text=text, words=WORDS
    )


@blueprint.get("/<int:request_id>")
def show(request_id: int) -> ResponseReturnValue:
    with reading() as session:
        request = _request(session, request_id)
        told = staffing_story.why(session, request.task_id, request.level)
        project = request.task.project
        load_graphs(session, [project.version])
        story = next(one for one in told if one.request.id == request_id)
        others = [one.request for one in told if one.request.id != request_id]
        step = step_of(project, request.task)
    return render_template(
        "admin/staffing_request.html", story=story, others=others, project=project, step=step
    )


def _request(session: Session, request_id: int) -> StaffingRequest:
    """:raises NotFound: there is no such request."""
    request = session.get(StaffingRequest, request_id)
    if request is None:
        raise NotFound(f"There is no staffing request {request_id}.")
    return request


@blueprint.post("/<int:request_id>/cancel")
def cancel(request_id: int) -> ResponseReturnValue:
    auth.require_form_token()
    try:
        _cancel(request_id)
    except Conflict as error:
        return _refused(request_id, error)
    flash("StaffBot has stopped asking. Offers that were not answered have lapsed.")
    return redirect(f"{blueprint.url_prefix}/{request_id}", 303)


@retry_deadlocks
def _cancel(request_id: int) -> None:
    with transaction() as session:
        staffing.cancel(session, auth.current_actor(), request_id)


def _refused(request_id: int, error: OrchestraError) -> ResponseReturnValue:
    """Nothing was typed that could get lost: the page as it is now says the rest."""
    flash(error.message, "warning")
    return redirect(f"{blueprint.url_prefix}/{request_id}", 303)


@blueprint.post("/<int:request_id>/again")
def ask_again(request_id: int) -> ResponseReturnValue:
    """Everybody is asked anew, by a request of its own (S-6, S-7)."""
    auth.require_form_token()
    try:
        new_id = _ask_again(request_id)
    except (Conflict, NotFound) as error:
        return _refused(request_id, error)
    flash("StaffBot asks everybody anew.")
    return redirect(f"{blueprint.url_prefix}/{new_id}", 303)


@retry_deadlocks
def _ask_again(request_id: int) -> int:
    with transaction() as session:
        request, actor = _request(session, request_id), auth.current_actor()
        if request.cause is not RequestCause.RESTAFF:
            return staffing.staff(session, actor, request.task_id).id
        return staffing.restaff(session, actor, request.task_id, _replaced(session, request)).id


def _replaced(session: Session, request: StaffingRequest) -> str:
    """The username of who is to be replaced.

    :raises NotFound: nobody holds that part of the task any more.
    """
    held = session.get(Assignment, request.replaces_id or 0)
    holder = session.get(Worker, held.worker_id or 0) if held else None
    if holder is None:
        raise NotFound("Nobody holds this part of the task any more, so nobody can be replaced.")
    return holder.username
