"""What people set in their own account (specification P-12 to P-14)."""

from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import (
    accounts,
    people,
    profiles,
    signing_in,
    tries,
    worker_pictures,
)
from orchestra.domain.profiles import Profile
from orchestra.errors import Invalid
from orchestra.models import Worker
from orchestra.web import auth, uploads
from orchestra.web.pages import account_forms
from orchestra.web.pages.account_forms import Sheet, came_from, typed, typed_password
from orchestra.web.pages.passwords import checked_password

PREFIX = "/orchestra/accounts"
blueprint = Blueprint("account_settings", __name__, url_prefix=PREFIX)
auth.guard_pages(blueprint)

YES = "yes"
TEXTS = ("first_name", "last_name", "email", "slack_name", "phone", "time_zone")


# --- Settings -----------------------------------------------------------------------------------


@blueprint.get("/settings/")
def settings_page() -> ResponseReturnValue:
    return _settings_form(Sheet(_stored_values()))


def _stored_values() -> dict[str, str]:
    worker = auth.current_worker()
    values = {name: getattr(worker, name) or "" for name in TEXTS}
    values["phone"] = profiles.shown_phone(worker.phone)
    values["uses_single_keys"] = YES if worker.uses_single_keys else ""
    return values


@blueprint.post("/settings/")
def change_settings() -> ResponseReturnValue:
    values = {name: typed(name) for name in (*TEXTS, "uses_single_keys")}
    refusal = account_forms.refusal(_settings_form, values, lambda: _change_settings(values))
    return refusal or redirect(f"{PREFIX}/settings/")


def _settings_form(sheet: Sheet) -> str:
    worker = auth.current_worker()
    return render_template(
        "accounts/settings.html",
        sheet=sheet,
        time_zones=profiles.time_zones(),
        is_unknown_to_slack=account_forms.chat_is_on()
        and worker.slack_name
        and not worker.slack_user_id,
    )


def _change_settings(values: dict[str, str]) -> None:
    wish = Profile(
        **{name: values[name] for name in TEXTS},
        uses_single_keys=values["uses_single_keys"] == YES,
    )
    if _store_settings(wish):
        flash(
            f"Saved. Open the link in the mail to {wish.email}; until then your former address "
            "stays in use."
        )
    else:
        flash("Saved.")


@retry_deadlocks
def _store_settings(wish: Profile) -> bool:
    actor, worker_id = auth.current_actor(), auth.current_worker().id
    with transaction() as session:
        return profiles.change(session, actor, worker_id, wish, came_from=came_from())


# --- Picture ------------------------------------------------------------------------------------


@blueprint.url_value_preprocessor
def _make_room(endpoint: str | None, in_path: dict[str, Any] | None) -> None:
    """A picture that is somewhat too large is refused at its field, not by the server."""
    if endpoint == f"{blueprint.name}.change_picture":
        uploads.make_room(endpoint, in_path)


@blueprint.post("/settings/picture/")
def change_picture() -> ResponseReturnValue:
    refusal = account_forms.refusal(_settings_form, _stored_values(), _change_picture)
    return refusal or redirect(f"{PREFIX}/settings/")


def _change_picture() -> None:
    chosen = request.files.get(worker_pictures.FIELD)
    content = chosen.read(worker_pictures.LARGEST_BYTES + 1) if chosen else b""
    _store_picture(worker_pictures.made_square(content))
    flash("Saved. Your picture is shown beside your name.")


@retry_deadlocks
def _store_picture(content: bytes) -> None:
    with transaction() as session:
        worker_pictures.change(session, auth.current_actor(), auth.current_worker().id, content)


@blueprint.post("/settings/picture/remove/")
def remove_picture() -> ResponseReturnValue:
    refusal = account_forms.refusal(_settings_form, _stored_values(), _remove_picture)
    return refusal or redirect(f"{PREFIX}/settings/")


@retry_deadlocks
def _remove_picture() -> None:
    with transaction() as session:
        worker_pictures.remove(session, auth.current_actor(), auth.current_worker().id)
    flash("Your picture was removed.")


@blueprint.get("/pictures/<int:worker_id>/<picture_hash>")
def picture(worker_id: int, picture_hash: str) -> Response:
    """The address of a new picture is a new one, so that browsers may keep it."""
    with reading() as session:
        content = worker_pictures.get_picture(session, worker_id, picture_hash)
    response = Response(content, mimetype=worker_pictures.CONTENT_TYPE)
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


# --- Password -----------------------------------------------------------------------------------


@blueprint.get("/password/change/")
def password_page() -> ResponseReturnValue:
    return _password_form(Sheet())


@blueprint.post("/password/change/")
def change_password() -> ResponseReturnValue:
    auth.refuse_while_acting()
    refusal = account_forms.refusal(_password_form, {}, _change_password)
    return refusal or redirect(f"{PREFIX}/password/change/done/")


def _password_form(sheet: Sheet) -> str:
    return render_template("accounts/change_password.html", sheet=sheet)


def _change_password() -> None:
    """Sessions elsewhere end (P-10); this one goes on under a new id."""
    worker = auth.current_worker()
    password = checked_password(worker)
    _check_old_password(worker)
    auth.start_session(_store_password(worker, people.hash_password(password)))


def _check_old_password(worker: Worker) -> None:
    """Guessing it is as slow as at the sign-in. :raises Invalid: it is not right."""
    found, try_id = _begin_try(worker)
    if signing_in.verified(found, typed_password("old_password")) is None:
        wrong = "This is not your password. Type the one that you signed in with."
        raise Invalid(accounts.WRONG, fields={"old_password": [wrong]})
    with transaction() as session:
        tries.forgive(session, try_id)


@retry_deadlocks
def _begin_try(worker: Worker) -> tuple[Worker | None, int]:
    with transaction() as session:
        return signing_in.begin_try(session, worker.username, came_from())


@retry_deadlocks
def _store_password(worker: Worker, password_hash: str) -> Worker:
    with transaction() as session:
        return accounts.change_password(session, auth.current_actor(), worker.id, password_hash)


@blueprint.get("/password/change/done/")
def password_changed() -> ResponseReturnValue:
    return render_template("accounts/password_changed.html")
