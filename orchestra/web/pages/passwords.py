"""Choosing a new password after forgetting the old one, or by invitation (P-12, P-16)."""

from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import accounts, passwords, people
from orchestra.domain.account_links import LinkIsSpent
from orchestra.errors import Invalid
from orchestra.models import Worker
from orchestra.web import auth
from orchestra.web.pages import account_forms
from orchestra.web.pages.account_forms import Sheet, stranger, typed_password

PREFIX = "/orchestra/accounts/password/reset"
blueprint = Blueprint("passwords", __name__, url_prefix=PREFIX)
blueprint.after_request(account_forms.never_store)


@blueprint.get("/")
def ask_page() -> ResponseReturnValue:
    return _ask_form(Sheet())


@blueprint.post("/")
def ask() -> ResponseReturnValue:
    return account_forms.ask_for_mail(_ask_form, accounts.request_reset, f"{PREFIX}/done/")


def _ask_form(sheet: Sheet) -> str:
    return render_template("accounts/reset.html", sheet=sheet)


@blueprint.get("/done/")
def asked() -> ResponseReturnValue:
    return render_template("accounts/reset_asked.html")


@blueprint.get("/<key>/")
def choose_page(key: str) -> ResponseReturnValue:
    worker = _find_worker(key)
    return _choose_form(worker, Sheet()) if worker else _spent()


@blueprint.post("/<key>/")
def choose(key: str) -> ResponseReturnValue:
    worker = _find_worker(key)
    if worker is None:
        auth.require_form_token()
        return _spent()
    try:
        refusal = account_forms.refusal(
            lambda sheet: _choose_form(worker, sheet), {}, lambda: _choose(key, worker)
        )
    except LinkIsSpent:
        return _spent()
    return refusal or redirect(f"{PREFIX}/complete/")


def _find_worker(key: str) -> Worker | None:
    with reading() as session:
        return accounts.find_by_password_link(session, key)


def _choose_form(worker: Worker, sheet: Sheet) -> str:
    return render_template("accounts/choose_password.html", worker=worker, sheet=sheet)


def _choose(key: str, worker: Worker) -> None:
    """The password is hashed with no transaction open: that is slow on purpose."""
    _store(key, people.hash_password(checked_password(worker)))


def checked_password(worker: Worker) -> str:
    """The new password of the form. :raises Invalid: it cannot be taken."""
    password = typed_password("password")
    found = passwords.problems(password, typed_password("repeated"), worker.username, worker.email)
    if found:
        raise Invalid(accounts.WRONG, fields=found)
    return password


@retry_deadlocks
def _store(key: str, password_hash: str) -> None:
    with transaction() as session:
        accounts.reset_password(session, stranger(), key, password_hash)


def _spent() -> ResponseReturnValue:
    return render_template("accounts/reset_spent.html"), 404


@blueprint.get("/complete/")
def chosen() -> ResponseReturnValue:
    return render_template("accounts/reset_complete.html")
