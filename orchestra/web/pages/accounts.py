"""Signing in and out (specification P-8 to P-11)."""

import re

from flask import Blueprint, current_app, redirect, render_template, request
from flask.typing import ResponseReturnValue

from orchestra.database import retry_deadlocks, transaction
from orchestra.domain import signing_in
from orchestra.errors import RateLimited
from orchestra.models import Worker
from orchestra.web import auth
from orchestra.web.pages import switching

blueprint = Blueprint("accounts", __name__, url_prefix="/orchestra/accounts")

REFUSED = "The user name or the password is not right. Check both and try again."
LONGEST_NAME = 254  # of an e-mail address
LOCAL_PATH = re.compile(r"/orchestra/[\w./?=&%+~-]*", re.ASCII)
IN_AND_OUT = ("/orchestra/accounts/login", "/orchestra/accounts/logout")


@blueprint.get("/login/")
def login_page() -> ResponseReturnValue:
    if auth.find_worker():
        return redirect(_next(request.args.get("next", "")))
    return _form(next_path=request.args.get("next", ""))


@blueprint.post("/login/")
def login() -> ResponseReturnValue:
    name, password = request.form.get("username", "").strip(), request.form.get("password", "")
    wanted = request.form.get("next", "")
    if not auth.token_fits(request.form.get("csrf_token")):
        return _form(auth.OUTDATED, name, wanted), 400
    try:
        worker = _sign_in(name, password)
    except RateLimited as error:
        headers = {"Retry-After": str(error.retry_after_seconds)}
        return _form(error.message, name, wanted), 429, headers
    if worker is None:
        return _form(REFUSED, name, wanted), 401
    auth.start_session(worker)
    return redirect(_next(wanted))


def _sign_in(name: str, password: str) -> Worker | None:
    """The password is checked with no transaction open: that is slow on purpose."""
    if not name.isprintable() or len(name) > LONGEST_NAME:
        return None  # nobody is called that, and some of it the database could not be asked
    found, try_id = _begin_try(name)
    worker = signing_in.verified(found, password)
    if worker is None:
        return None
    with transaction() as session:
        signing_in.succeed(session, worker.id, try_id)
    return worker


@retry_deadlocks
def _begin_try(name: str) -> tuple[Worker | None, int]:
    with transaction() as session:
        return signing_in.begin_try(session, name, request.remote_addr or "unknown")


def _next(path: str) -> str:
    """Only paths of ours: whoever makes the link must not choose where people land (P-9)."""
    is_own = LOCAL_PATH.fullmatch(path) and ".." not in path
    return path if is_own and not path.startswith(IN_AND_OUT) else auth.START_PAGE


def _form(problem: str = "", username: str = "", next_path: str = "") -> str:
    return render_template(
        "login.html",
        problem=problem,
        username=username,
        next=next_path,
        registration_open=current_app.config["SETTINGS"].registration_open,
    )


@blueprint.post("/logout/")
def logout() -> ResponseReturnValue:
    return _leave()


@blueprint.get("/logout_then_login/")
def ask_to_log_out() -> ResponseReturnValue:
    return render_template("logout.html")


@blueprint.post("/logout_then_login/")
def logout_then_login() -> ResponseReturnValue:
    return _leave()


def _leave() -> ResponseReturnValue:
    auth.require_form_token()
    if auth.find_administrator():
        switching.record_stop(auth.current_worker())
    auth.end_session()
    return redirect(auth.LOGIN_PAGE)
