"""Workers and what they are certified for (specification P-22 to P-27, P-62, P-63)."""

from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import certifications, people_list, staffing_list
from orchestra.domain.certifications import Grant
from orchestra.domain.people_list import Filter, Kind
from orchestra.errors import Conflict, Invalid, Malformed, NotCertified, NotFound
from orchestra.models import Certification, Role, TaskClass, WorkerCertification
from orchestra.web import auth
from orchestra.web.errors import HTTP_STATUS
from orchestra.web.pages.admin import asked

blueprint = Blueprint("admin_people", __name__, url_prefix="/orchestra/admin/people")
auth.guard_admin_pages(blueprint)

ROLES = {Role.ENTRY_LEVEL: "Entry level", Role.REVIEWER: "Reviewer"}
CLASSES = {TaskClass.REAL: "Real", TaskClass.TRAINING: "Training"}
KINDS = {
    Kind.ACTIVE: "Active",
    Kind.INACTIVE: "Deactivated",
    Kind.PROJECT_ADMINS: "Project admins",
    Kind.ADMINISTRATORS: "Administrators",
}


@blueprint.get("/")
def show_all() -> ResponseReturnValue:
    wanted = Filter(
        text=asked.text(),
        certification_id=asked.number("certification"),
        role=asked.choice("role", Role),
        kind=asked.choice("kind", Kind),
    )
    with reading() as session:
        people = people_list.people(session, wanted, asked.page())
        grantable = people_list.grantable(session)
    return render_template(
        "admin/people.html",
        people=people,
        grantable=grantable,
        wanted=wanted,
        roles=ROLES,
        kinds=KINDS,
    )


@blueprint.get("/<int:worker_id>")
def show(worker_id: int) -> ResponseReturnValue:
    return _page(worker_id)


def _page(worker_id: int, problem: str = "") -> str:
    with reading() as session:
        profile = people_list.profile(session, worker_id)
        asked_for = staffing_list.offers_to(session, worker_id)
        grantable = people_list.grantable(session)
    return render_template(
        "admin/person.html",
        profile=profile,
        asked_for=asked_for,
        grantable=grantable,
        problem=problem,
        typed=request.form,
        roles=ROLES,
        classes=CLASSES,
    )


@blueprint.post("/<int:worker_id>/grant")
def grant(worker_id: int) -> ResponseReturnValue:
    return _acted(worker_id, _grant)


def _acted(worker_id: int, act: Callable[[int], str]) -> ResponseReturnValue:
    """Act on a worker and say what happened; or show the form again, with what was typed.

    :raises NotFound: there is no such worker.
    """
    if not auth.token_fits(request.form.get("csrf_token")):
        return _page(worker_id, auth.OUTDATED), 400
    try:
        flash(act(worker_id))
    except (NotCertified, Conflict, Invalid) as error:
        return _page(worker_id, error.message), HTTP_STATUS[error.kind]
    return redirect(f"{blueprint.url_prefix}/{worker_id}")


@retry_deadlocks
def _grant(worker_id: int) -> str:
    """What happened, in words."""
    role, task_class = _role_and_class()
    with transaction() as session:
        worker = people_list.get_person(session, worker_id)
        certification = session.get(Certification, _number("certification"))
        if certification is None:
            raise NotFound("There is no such certification. Choose one of the list.")
        wanted = Grant(certification, role, task_class)
        is_new = certifications.grant(session, worker, wanted, actor=auth.current_actor())
        return f"{worker.name} {'is certified now' if is_new else 'already had this'}: {wanted}."


def _role_and_class() -> tuple[Role, TaskClass]:
    """:raises Malformed: the form was not made by this page."""
    try:
        return Role(request.form.get("role", "")), TaskClass(request.form.get("task_class", ""))
    except ValueError as error:
        raise Malformed("The form does not say what to grant. Reload the page.") from error


def _number(name: str) -> int:
    """:raises Malformed: the form was not made by this page."""
    text = request.form.get(name, "")
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise Malformed(f"The form holds no number {name}. Reload the page.")
    return int(text)


@blueprint.post("/<int:worker_id>/revoke")
def revoke(worker_id: int) -> ResponseReturnValue:
    """Take away all that is ticked, together (P-25)."""
    return _acted(worker_id, _revoke)


@retry_deadlocks
def _revoke(worker_id: int) -> str:
    ticked = set(request.form.getlist("revoke"))
    with transaction() as session:
        worker = people_list.get_person(session, worker_id)
        holdings = certifications.holdings_of(session, worker)
        chosen = [holding for holding in holdings if str(holding.id) in ticked]
        certifications.revoke(session, worker, chosen, actor=auth.current_actor())
    if not chosen:
        return "Nothing was ticked, so nothing was revoked."
    return f"Revoked: {', '.join(str(Grant.of(holding)) for holding in chosen)}."


@blueprint.post("/<int:worker_id>/staffing")
def set_staffing(worker_id: int) -> ResponseReturnValue:
    return _acted(worker_id, _set_staffing)


@retry_deadlocks
def _set_staffing(worker_id: int) -> str:
    with transaction() as session:
        worker = people_list.get_person(session, worker_id)
        count = sum(
            certifications.set_staffing(
                session,
                holding,
                actor=auth.current_actor(),
                staffbot_enabled=f"staffbot-{holding.id}" in request.form,
                staffing_priority=_priority(holding),
            )
            for holding in certifications.holdings_of(session, worker)
            if f"priority-{holding.id}" in request.form
        )
    return "Saved." if count else "Nothing was changed."


def _priority(holding: WorkerCertification) -> int:
    """:raises Invalid: it is no whole number of a sensible size."""
    text = request.form[f"priority-{holding.id}"].strip()
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 6:
        raise Invalid("A priority is a whole number of at most six digits.")
    return int(text)
