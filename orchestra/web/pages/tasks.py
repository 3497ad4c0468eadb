"""The task page (specification W-20 to W-31), and its form without JavaScript."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import lifecycle
from orchestra.domain.forms import Form
from orchestra.domain.lifecycle import Command
from orchestra.domain.task_view import TaskView, task_view
from orchestra.errors import Conflict, Invalid, Malformed, NotFound, OrchestraError, StaleRevision
from orchestra.models import Task
from orchestra.web import auth, direct_uploads, uploads
from orchestra.web.errors import HTTP_STATUS
from orchestra.web.pages import places
from orchestra.web.pages.changes import changes_between
from orchestra.web.pages.elements import render_element
from orchestra.web.pages.forms import Reading, fields_of, render_data, render_form
from orchestra.web.pages.kept_names import changes_with_names, named_in, with_names
from orchestra.web.pages.kept_panels import folders_among, kept_panels
from orchestra.web.pages.shown import show_form
from orchestra.web.pages.wording import handed_over

blueprint = Blueprint("tasks", __name__, url_prefix="/orchestra/app/task")
blueprint.url_value_preprocessor(uploads.make_room)
auth.guard_pages(blueprint)

SAVE = "save"
NEEDS_SCRIPTS = "This step can only be worked on with JavaScript. Switch it on; nothing was saved."
READ_ONLY = {
    "not_yours": "You see this task as a project admin. It is not yours, so you can only read it.",
    "submitted": "You handed this over. You can only read it.",
    "waiting_for_review": "You handed this over, and it is being reviewed. You can only read it.",
    "returned_below": "You returned this. You get it back when it has been reworked.",
    "project_closed": "The project has ended. You can only read this.",
    "task_closed": "This task is finished. You can only read it.",
}
BLOCKED = {
    "project_paused": "The project is paused. You can go on and save; submitting waits until it "
    "is resumed.",
    "dependency_open": "You can go on and save; before submitting, these steps must be finished: ",
}


@dataclass(frozen=True)
class Typed:
    """What a person sent that could not be taken, and why: it is shown again."""

    data: Mapping[str, Any]
    problem: str
    errors: Mapping[str, list[str]] = field(default_factory=dict)


@blueprint.get("/<int:task_id>")
def show(task_id: int) -> ResponseReturnValue:
    return _page(_view(task_id))


@blueprint.get("/<int:task_id>/round/<int:number>")
def show_round(task_id: int, number: int) -> ResponseReturnValue:
    """One round: what was handed over, what that changed, and what was said (W-22)."""
    view = _view(task_id)
    past = next((one for one in view.history if one.iteration.number == number), None)
    if past is None or past.is_open:
        raise NotFound(f"Task {task_id} has no round {number} that was handed over.")
    form = Form.of(view.step.user_interface)
    data = past.iteration.submitted_data
    named = named_in(view.project.id, past.before, data)
    return render_template(
        "round.html",
        view=view,
        past=past,
        changes=changes_with_names(changes_between(form.root, past.before, data), named),
        content=with_names(show_form(form.root, data, view.context), named),
        **_places(form),
    )


@blueprint.post("/<int:task_id>")
def act(task_id: int) -> ResponseReturnValue:
    """Save or hand over without JavaScript; with it the page uses the JSON API."""
    view = _view(task_id)
    form = Form.of(view.step.user_interface)
    if not auth.token_fits(request.form.get("csrf_token")):
        return _page(view, Typed(form.from_html(request.form), auth.OUTDATED)), 400
    command = _command()
    posted, faults = uploads.posted_with_files(task_id)
    data = form.from_html(posted)
    try:
        _require_readable(form, faults)
        if command is None:
            _save(task_id, data, _revision())
            flash("Saved.")
            return redirect(request.path)
        task = _hand_over(task_id, command, data)
    except StaleRevision as error:
        return _page(_view(task_id), Typed(data, _overtaken(error))), 409
    except (Conflict, Invalid) as error:
        return _refused(task_id, data, error)
    flash(handed_over(task, command))
    return redirect(auth.START_PAGE)


def _require_readable(form: Form, faults: Mapping[str, list[str]]) -> None:
    """:raises Invalid: files could not be taken, or only scripts can read the step's fields."""
    if form.element:
        raise Invalid(NEEDS_SCRIPTS)
    if faults:
        raise Invalid("Some files could not be taken. Choose others.", fields=faults)


def _view(task_id: int) -> TaskView:
    with reading() as session:
        return task_view(session, auth.current_worker(), task_id)


def _places(form: Form) -> dict[str, Any]:
    """What the templates call to say where a remark stands."""
    address_of = partial(places.address_of, form)
    return {"name_of": partial(places.name_of, form), "address_of": address_of}


def _revision() -> int:
    """:raises Malformed: the form was not made by this page."""
    text = request.form.get("revision", "")
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise Malformed("The form does not say which revision it was made from. Reload the task.")
    return int(text)


def _command() -> Command | None:
    """None: only save. :raises Malformed: the form was not made by this page."""
    text = request.form.get("command", SAVE)
    if text == SAVE:
        return None
    if text not in list(Command):
        raise Malformed("The form does not say what to do. Reload the task.")
    return Command(text)


@retry_deadlocks
def _save(task_id: int, data: dict[str, Any], revision: int) -> None:
    with transaction() as session:
        lifecycle.save_draft(session, auth.current_actor(), task_id, data, revision)


@retry_deadlocks
def _hand_over(task_id: int, command: Command, data: dict[str, Any]) -> Task:
    with transaction() as session:
        return lifecycle.hand_over(
            session,
            auth.current_actor(),
            task_id,
            command,
            data=data,
            revision=_revision(),
            comment=_comment(),
        )


def _comment() -> str | None:
    """Without the one character that no database keeps in a text."""
    return request.form.get("comment", "").replace("\0", "") or None


def _overtaken(error: StaleRevision) -> str:
    who = error.details.get("saved_by") or "somebody"
    return (
        f"A newer version was saved by {who}. Yours is below and not saved; if you save it now, it "
        "replaces the newer one."
    )


def _refused(task_id: int, data: dict[str, Any], error: OrchestraError) -> ResponseReturnValue:
    typed = Typed(data, error.message, error.fields)
    return _page(_view(task_id), typed), HTTP_STATUS[error.kind]


def _page(view: TaskView, typed: Typed | None = None) -> str | Response:
    form = Form.of(view.step.user_interface)
    readonly = view.read_only_reason is not None
    kept = kept_panels(form, view.context, auth.current_worker())
    panels = [panel.value for panel in form.panels(view.context)]
    named = named_in(view.project.id, view.prerequisites, view.data, panels)
    fields = fields_of(view.graph)
    reviewer = view.level >= 1
    how = Reading(readonly=readonly, reviewer=reviewer, kept=kept, named=named, earlier=fields)
    render = render_template if readonly else direct_uploads.render_page
    return render(
        "task.html",
        view=view,
        typed=typed,
        readonly=readonly,
        notice=_notice(view),
        blocked=_blocked(view),
        work=_work(view, form, typed, how),
        folders=[] if readonly else folders_among(kept),
        earlier=[
            (view.graph.by_slug[slug].name, render_data(data, named, fields.get(slug)))
            for slug, data in view.prerequisites.items()
            if data
        ],
        labels={child.name: child.label for child in form.root.children},
        is_shown_in_work=bool(form.ui.get("show")),
        is_element=bool(form.element),
        **_places(form),
    )


def _work(view: TaskView, form: Form, typed: Typed | None, how: Reading) -> Markup:
    if form.element:
        return render_element(
            view.version, view.step, view.data, task_id=view.task.id, readonly=how["readonly"]
        )
    return render_form(
        form,
        dict(typed.data if typed else view.data),
        view.context,
        typed.errors if typed else None,
        **how,
    )


def _notice(view: TaskView) -> str | None:
    return READ_ONLY[view.read_only_reason] if view.read_only_reason else None


def _blocked(view: TaskView) -> str | None:
    """Why submitting must wait, while saving works (W-26)."""
    reason = view.submit_blocked_reason
    if reason is None or view.read_only_reason:
        return None
    names = ", ".join(view.open_dependencies) if reason == "dependency_open" else ""
    return f"{BLOCKED[reason]}{names}"
