"""Getting an account, and the links of its mails (specification P-3 to P-6, P-13)."""

from flask import Blueprint, current_app, flash, redirect, render_template
from flask.typing import ResponseReturnValue

from orchestra.config import Settings
from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import account_links, accounts, people, tries
from orchestra.domain.account_links import LinkIsSpent
from orchestra.domain.accounts import Registration
from orchestra.errors import NotFound
from orchestra.models import TokenPurpose, Worker
from orchestra.web import auth
from orchestra.web.pages import account_forms
from orchestra.web.pages.account_forms import Sheet, came_from, stranger, typed, typed_password

PREFIX = "/orchestra/accounts"
blueprint = Blueprint("registration", __name__, url_prefix=PREFIX)
blueprint.after_request(account_forms.never_store)


@blueprint.get("/register/")
def register_page() -> ResponseReturnValue:
    _require_open()
    return redirect(auth.START_PAGE) if auth.find_worker() else _register_form(Sheet())


@blueprint.post("/register/")
def register() -> ResponseReturnValue:
    _require_open()
    wish = Registration(
        username=typed("username"),
        email=typed("email"),
        password=typed_password("password"),
        repeated=typed_password("repeated"),
    )
    values = {"username": wish.username, "email": wish.email}
    refusal = account_forms.refusal(_register_form, values, lambda: _register(wish))
    return refusal or redirect(f"{PREFIX}/register/complete/")


def _require_open() -> None:
    """:raises NotFound: accounts are made by administrators only."""
    if not _settings().registration_open:
        raise NotFound("Registration is closed. Ask an administrator for an account.")


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings


def _register_form(sheet: Sheet) -> str:
    return render_template("accounts/register.html", sheet=sheet)


def _register(wish: Registration) -> None:
    """The password is hashed with no transaction open, and whoever else is registered."""
    accounts.check_registration(wish)
    with account_forms.telling_nothing_by_time():
        _begin_try(wish)
        _store(wish, people.hash_password(wish.password))


@retry_deadlocks
def _begin_try(wish: Registration) -> None:
    with transaction() as session:
        tries.begin_request(session, "register", wish.email, came_from())


@retry_deadlocks
def _store(wish: Registration, password_hash: str) -> None:
    with transaction() as session:
        accounts.register(session, stranger(), wish, password_hash)


@blueprint.get("/register/complete/")
def registered() -> ResponseReturnValue:
    return render_template("accounts/registered.html", is_mailed=_settings().send_activation_email)


@blueprint.get("/activate/<key>/")
def activation_page(key: str) -> ResponseReturnValue:
    with reading() as session:
        use = account_links.find_use(session, key, TokenPurpose.ACTIVATION)
        worker = session.get(Worker, use.worker_id) if use else None
    if worker is None:
        return _spent_activation()
    return render_template("accounts/activate.html", worker=worker)


@blueprint.post("/activate/<key>/")
def activate(key: str) -> ResponseReturnValue:
    auth.require_form_token()
    try:
        worker = _activate(key)
    except LinkIsSpent:
        return _spent_activation()
    if _settings().registration_auto_login:
        auth.start_session(worker)
    return redirect(f"{PREFIX}/activate/complete/")


@retry_deadlocks
def _activate(key: str) -> Worker:
    with transaction() as session:
        return accounts.activate(session, stranger(), key)


def _spent_activation() -> ResponseReturnValue:
    return render_template("accounts/activation_spent.html"), 404


@blueprint.get("/activate/complete/")
def activated() -> ResponseReturnValue:
    return render_template("accounts/activated.html")


@blueprint.get("/activate/resend/")
def resend_page() -> ResponseReturnValue:
    return _resend_form(Sheet())


@blueprint.post("/activate/resend/")
def resend() -> ResponseReturnValue:
    done = f"{PREFIX}/register/complete/"
    return account_forms.ask_for_mail(_resend_form, accounts.resend_activation, done)


def _resend_form(sheet: Sheet) -> str:
    return render_template("accounts/resend.html", sheet=sheet)


@blueprint.get("/email/<key>/")
def email_page(key: str) -> ResponseReturnValue:
    with reading() as session:
        use = account_links.find_use(session, key, TokenPurpose.EMAIL_CHANGE)
    if use is None:
        return _spent_email()
    return render_template("accounts/confirm_email.html", email=use.email)


@blueprint.post("/email/<key>/")
def confirm_email(key: str) -> ResponseReturnValue:
    auth.require_form_token()
    try:
        worker = _confirm_email(key)
    except LinkIsSpent:
        return _spent_email()
    flash(f"The account {worker.username} uses {worker.email} now.")
    return redirect(auth.START_PAGE if auth.find_worker() else auth.LOGIN_PAGE)


@retry_deadlocks
def _confirm_email(key: str) -> Worker:
    with transaction() as session:
        return accounts.confirm_email(session, stranger(), key)


def _spent_email() -> ResponseReturnValue:
    return render_template("accounts/email_spent.html"), 404
