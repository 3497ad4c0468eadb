"""The keys of client systems (specification A-9 to A-12)."""

from flask import Blueprint, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import keys
from orchestra.errors import Conflict, Invalid
from orchestra.web import auth
from orchestra.web.errors import HTTP_STATUS

blueprint = Blueprint("admin_keys", __name__, url_prefix="/orchestra/admin/keys")
auth.guard_administrators(blueprint)


@blueprint.get("/")
def show_all() -> ResponseReturnValue:
    return _page()


@blueprint.post("/")
def create() -> ResponseReturnValue:
    """The answer shows the secret, once; therefore it is no redirect, and nobody may store it."""
    if not auth.token_fits(request.form.get("csrf_token")):
        return _page(problem=Invalid(auth.OUTDATED)), 400
    try:
        key_id, secret = _create()
    except (Invalid, Conflict) as error:
        return _page(problem=error), HTTP_STATUS[error.kind]
    response = make_response(_page(made=(key_id, secret)), 201)
    response.headers["Cache-Control"] = "no-store"
    return response


@retry_deadlocks
def _create() -> tuple[str, str]:
    with transaction() as session:
        key, secret = keys.create_key(
            session,
            auth.current_actor(),
            request.form.get("key_id", "").strip(),
            label=request.form.get("label", "").replace("\0", "").strip(),
            is_legacy="legacy" in request.form,
        )
        return key.key_id, secret


@blueprint.get("/<key_id>/revoke")
def ask_to_revoke(key_id: str) -> ResponseReturnValue:
    return _question(key_id)


def _question(key_id: str, problem: Invalid | None = None) -> str:
    with reading() as session:
        key = keys.get_key(session, key_id)
    return render_template("admin/revoke_key.html", key=key, problem=problem)


@blueprint.post("/<key_id>/revoke")
def revoke(key_id: str) -> ResponseReturnValue:
    """It cannot be undone, so the name of the key is typed."""
    auth.require_form_token()
    if request.form.get("confirmed", "").strip() != key_id:
        differs = {"confirmed": [f"This is not {key_id}. Type the name of the key."]}
        problem = Invalid("The key is not revoked.", fields=differs)
        return _question(key_id, problem), HTTP_STATUS[problem.kind]
    _revoke(key_id)
    flash(f"The key {key_id} is revoked. Every later call with it is refused.")
    return redirect(f"{blueprint.url_prefix}/")


@retry_deadlocks
def _revoke(key_id: str) -> None:
    with transaction() as session:
        keys.revoke_key(session, auth.current_actor(), key_id)


def _page(problem: Invalid | Conflict | None = None, made: tuple[str, str] | None = None) -> str:
    with reading() as session:
        found = keys.all_keys(session)
        makers = keys.makers_of(session, found)
    typed = request.form if problem else {}
    return render_template(
        "admin/keys.html", keys=found, makers=makers, problem=problem, made=made, typed=typed
    )
