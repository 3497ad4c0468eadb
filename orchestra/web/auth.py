"""Who is signed in, and what every page and every call of the pages' JSON API asks first."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    after_this_request,
    current_app,
    flash,
    redirect,
    request,
    session,
)
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf.csrf import generate_csrf, validate_csrf
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from werkzeug.urls import iri_to_uri

from orchestra.database import reading, retry_deadlocks, transaction, utcnow
from orchestra.domain import acting, signing_in
from orchestra.domain.audit import Actor
from orchestra.errors import Forbidden, Unauthenticated, Unavailable
from orchestra.models import Worker
from orchestra.web import requests

LOGIN_PAGE = "/orchestra/accounts/login/"
START_PAGE = "/orchestra/app"
READING = frozenset({"GET", "HEAD", "OPTIONS"})
ACTING = "acting"  # in the session: whom the administrator acts as, and since when
RENEWED = "renewed"  # in the session: when its cookie was last written for its age
RENEWALS = 24  # in the time after which an unused session ends
OUTDATED = "This page was open too long, or you signed in again elsewhere. Send it once more."

login_manager = LoginManager()


class SignedIn(UserMixin):
    """The worker of a session, as the database knows them at this request (P-21).

    While an administrator acts as another worker, that one is the worker (P-51).
    """

    def __init__(self, worker: Worker, administrator: Worker | None = None) -> None:
        self.worker = worker
        self.administrator = administrator

    def get_id(self) -> str:
        return (self.administrator or self.worker).session_key


@login_manager.user_loader
def _load(session_key: str) -> SignedIn | None:
    with reading() as database:
        worker = signing_in.find_by_session_key(database, session_key)
        if worker is None or ACTING not in session:
            return SignedIn(worker) if worker else None
        acted_as = _find_acted_as(database, worker)
    if acted_as is None:
        _note_end_of_acting(worker)
        _let_acting_end()
        return SignedIn(worker)
    return SignedIn(acted_as, administrator=worker)


def _find_acted_as(database: Session, administrator: Worker) -> Worker | None:
    return acting.find_acted_as(database, administrator, session[ACTING]["worker_id"], _since())


def _since() -> datetime:
    return datetime.fromtimestamp(session[ACTING]["since"], UTC)


@retry_deadlocks
def _note_end_of_acting(administrator: Worker) -> None:
    actor = Actor.of(administrator, request_id=requests.request_id())
    with transaction() as database:
        acting.note_end(database, actor, session[ACTING]["worker_id"], _since())


def _let_acting_end() -> None:
    """Pages that were opened while acting must not act for the administrator: the token goes."""
    del session[ACTING]
    session.pop("csrf_token", None)
    after_this_request(_reload_whole_page)
    flash("You act as yourself again: acting as others ends after an hour.", "warning")


def _reload_whole_page(response: Response) -> Response:
    """A page that only asked for fresh data would stand under the banner of somebody else."""
    response.headers["HX-Refresh"] = "true"
    return response


def init_app(app: Flask) -> None:
    settings = app.config["SETTINGS"]
    app.config.update(
        SESSION_COOKIE_NAME=_cookie_name(settings.url),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.url.startswith("https://"),
        PERMANENT_SESSION_LIFETIME=timedelta(hours=settings.session_hours),
        SESSION_REFRESH_EACH_REQUEST=False,  # see _renew_session
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
    )
    login_manager.init_app(app)
    app.before_request(_renew_session)
    app.context_processor(_for_templates)


def _cookie_name(url: str) -> str:
    """Browsers send the cookies of a host to all its ports: with one name, a sign-in to one of two
    systems on a machine would end that to the other."""
    port = urlsplit(url).port
    return f"orchestra_session_{port}" if port else "orchestra_session"


def _renew_session() -> None:
    """Put off the end of a session that is used (P-10), now and then.

    A cookie with every answer, even with every file, would bring a session back that was ended in
    another tab while the answer was under way.
    """
    if request.endpoint == "static" or not session.permanent:
        return
    between_seconds = current_app.permanent_session_lifetime.total_seconds() / RENEWALS
    if utcnow().timestamp() - session.get(RENEWED, 0) > between_seconds:
        session[RENEWED] = utcnow().timestamp()


def _for_templates() -> dict[str, Any]:
    return {
        "signed_in": find_worker(),
        "acting_administrator": find_administrator(),
        "csrf_token": generate_csrf,
    }


def find_worker() -> Worker | None:
    """Who is signed in; nobody, too, while the database cannot be asked."""
    try:
        return current_user.worker if current_user.is_authenticated else None
    except (Unavailable, PoolTimeout):
        return None


def find_administrator() -> Worker | None:
    """The administrator who acts as the worker of this session, if so."""
    return current_user.administrator if find_worker() else None


def current_worker() -> Worker:
    """:raises Unauthenticated: nobody is signed in."""
    if not current_user.is_authenticated:
        raise Unauthenticated("You are not signed in, or your session has ended. Sign in again.")
    worker: Worker = current_user.worker
    return worker


def current_actor() -> Actor:
    """Who changes something; while acting, in the name of the administrator (P-54)."""
    worker, administrator = current_worker(), find_administrator()
    if administrator is None:
        return Actor.of(worker, request_id=requests.request_id())
    return acting.as_worker(administrator, worker, requests.request_id())


def refuse_while_acting() -> None:
    """For changes of password, e-mail, roles and keys (P-53).

    :raises Forbidden: an administrator acts as the worker of this session.
    """
    if find_administrator():
        raise Forbidden(
            f"You act as {current_worker().name}. Stop that first: while acting nobody may change "
            "a password, an e-mail address, roles or keys, or act as somebody else."
        )


def start_session(worker: Worker, *, administrator: Worker | None = None) -> None:
    """Sign a worker in with a new session; nothing of the one before is kept (P-10).

    :param administrator: who is really there, and only acts as the worker (P-51).
    """
    session.clear()
    session.permanent = True
    session[RENEWED] = utcnow().timestamp()
    login_user(SignedIn(worker, administrator))
    if administrator:
        session[ACTING] = {"worker_id": worker.id, "since": utcnow().timestamp()}


def end_session() -> None:
    logout_user()
    session.clear()


def token_fits(token: str | None) -> bool:
    try:
        validate_csrf(token)
    except ValueError:
        return False
    return True


def guard_pages(blueprint: Blueprint) -> None:
    """Pages for people who are signed in; what changes something carries the token (W-13)."""
    blueprint.before_request(_send_to_login)
    blueprint.after_request(_revalidate)


def _send_to_login() -> ResponseReturnValue | None:
    if current_user.is_authenticated:
        return None
    if request.method not in READING:
        raise Unauthenticated(
            "You were signed out. Sign in in another tab, then go back and send this again."
        )
    return redirect(login_address(iri_to_uri(request.full_path.removesuffix("?"))))


def login_address(path: str) -> str:
    """:param path: where to go on, with its query."""
    return LOGIN_PAGE if path == START_PAGE else f"{LOGIN_PAGE}?next={quote(path)}"


def require_form_token() -> None:
    """:raises Forbidden: the posted form does not carry the token of this session."""
    if not token_fits(request.form.get("csrf_token")):
        raise Forbidden(OUTDATED)


def _revalidate(response: Response) -> Response:
    """Nobody finds an old page, or that of somebody else, with the back button."""
    if not response.headers.get("Cache-Control"):
        response.headers["Cache-Control"] = "private, no-cache"
    return response


def guard_admin_pages(blueprint: Blueprint) -> None:
    """As :func:`guard_pages`, and only for project admins (P-19)."""
    guard_pages(blueprint)
    blueprint.before_request(_require_project_admin)


def guard_administrators(blueprint: Blueprint) -> None:
    """As :func:`guard_pages`, and only for administrators who act as themselves (P-19, P-53)."""
    guard_pages(blueprint)
    blueprint.before_request(require_administrator)


def guard_interface(blueprint: Blueprint) -> None:
    """Calls of our own pages: signed in first, then the token (N-2, N-3, N-23)."""
    blueprint.before_request(_require_sign_in_and_token)
    blueprint.after_request(_never_store)


def guard_management(blueprint: Blueprint) -> None:
    """As :func:`guard_interface`, and only for project admins (N-14)."""
    guard_interface(blueprint)
    blueprint.before_request(_require_project_admin)


def guard_administration(blueprint: Blueprint) -> None:
    """As :func:`guard_interface`, and only for administrators who act as themselves (N-20)."""
    guard_interface(blueprint)
    blueprint.before_request(require_administrator)


def _require_sign_in_and_token() -> None:
    current_worker()
    if request.method not in READING and not token_fits(request.headers.get("X-CSRF-Token")):
        raise Forbidden(
            "The X-CSRF-Token header is missing or of another session. Reload the page."
        )


def _require_project_admin() -> None:
    if not current_worker().is_project_admin:
        raise Forbidden("Only project admins may do this. Ask one of them.")


def require_administrator() -> None:
    """:raises Forbidden: nobody but an administrator, as themselves, may do this."""
    refuse_while_acting()
    if not current_worker().is_administrator:
        raise Forbidden("Only administrators may do this. Ask one of them.")


def _never_store(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
