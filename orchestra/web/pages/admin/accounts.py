"""Accounts, as administrators make and close them (specification P-15, P-16, P-18)."""

from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from orchestra.database import retry_deadlocks, transaction
from orchestra.domain import accounts, administration, passwords, people
from orchestra.domain.administration import NewAccount, Roles
from orchestra.domain.audit import Actor
from orchestra.errors import Conflict, Invalid
from orchestra.models import Worker
from orchestra.web import auth
from orchestra.web.errors import HTTP_STATUS

blueprint = Blueprint("admin_accounts", __name__, url_prefix="/orchestra/admin/accounts")
auth.guard_administrators(blueprint)

Change = Callable[[Session, Actor], Worker]
INVITE = "invite"  # the other way is to type a password


@blueprint.get("/new/")
def new() -> ResponseReturnValue:
    return _form()


@blueprint.post("/new/")
def create() -> ResponseReturnValue:
    if not auth.token_fits(request.form.get("csrf_token")):
        return _form(Invalid(auth.OUTDATED)), 400
    wish = _typed_account()
    try:
        password_hash = _hash_of_typed_password(wish)
        worker = _changed(
            lambda session, actor: administration.create_account(
                session, actor, wish, password_hash
            )
        )
    except Invalid as error:
        return _form(error), HTTP_STATUS[error.kind]
    invited = "" if password_hash else f" An invitation goes to {worker.email}."
    flash(f"{worker.username} has an account now.{invited}")
    return _to(worker)


def _typed_account() -> NewAccount:
    return NewAccount(
        username=request.form.get("username", "").strip(),
        email=request.form.get("email", "").strip(),
        first_name=request.form.get("first_name", "").strip(),
        last_name=request.form.get("last_name", "").strip(),
        roles=_typed_roles(),
    )


def _typed_roles() -> Roles:
    return Roles(
        is_in_project_admins="project_admin" in request.form,
        is_administrator="administrator" in request.form,
    )


def _hash_of_typed_password(wish: NewAccount) -> str | None:
    """None: the account is invited. Slow on purpose, so it is done outside of a transaction.

    :raises Invalid: with the problems of the other fields, too.
    """
    if request.form.get("way") == INVITE:
        return None
    password = request.form.get("password", "")
    found = passwords.problems(password, password, wish.username, wish.email)
    if found:
        raise Invalid(accounts.WRONG, fields=wish.problems() | found)
    return people.hash_password(password)


def _form(problem: Invalid | None = None) -> str:
    return render_template("admin/new_account.html", problem=problem, typed=request.form)


@blueprint.post("/<int:worker_id>/roles")
def set_roles(worker_id: int) -> ResponseReturnValue:
    roles = _typed_roles()
    return _done(
        worker_id,
        lambda session, actor: administration.set_roles(session, actor, worker_id, roles),
        "The roles of {} are saved.",
    )


@blueprint.post("/<int:worker_id>/deactivate")
def deactivate(worker_id: int) -> ResponseReturnValue:
    return _done(
        worker_id,
        lambda session, actor: administration.deactivate(session, actor, worker_id),
        "The account {} is deactivated. Its tasks stay with it until you reassign them.",
    )


@blueprint.post("/<int:worker_id>/activate")
def activate(worker_id: int) -> ResponseReturnValue:
    return _done(
        worker_id,
        lambda session, actor: administration.activate(session, actor, worker_id),
        "The account {} is active again.",
    )


@blueprint.post("/<int:worker_id>/invite")
def invite(worker_id: int) -> ResponseReturnValue:
    return _done(
        worker_id,
        lambda session, actor: administration.invite_again(session, actor, worker_id),
        "Another invitation goes to {}. The link before no longer works.",
    )


def _done(worker_id: int, change: Change, told: str) -> ResponseReturnValue:
    """:param told: what happened, with a place for the user name."""
    auth.require_form_token()
    try:
        worker = _changed(change)
    except Conflict as error:
        flash(error.message, "danger")
        return redirect(f"/orchestra/admin/people/{worker_id}")
    flash(told.format(worker.username))
    return _to(worker)


@retry_deadlocks
def _changed(change: Change) -> Worker:
    with transaction() as session:
        return change(session, auth.current_actor())


def _to(worker: Worker) -> ResponseReturnValue:
    return redirect(f"/orchestra/admin/people/{worker.id}")
