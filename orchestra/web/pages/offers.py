"""What StaffBot asks a worker: one offer, and all that can be answered (S-31 to S-44, W-63)."""

import re
from collections.abc import Callable
from http import HTTPStatus

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import certifications, offers, preferences
from orchestra.domain.audit import Actor
from orchestra.domain.message_texts import Preference
from orchestra.domain.offer_view import offer_view
from orchestra.domain.preferences import Way
from orchestra.errors import (
    Conflict,
    Forbidden,
    NotCertified,
    NotFound,
    WorkerInactive,
)
from orchestra.models import Offer, Worker
from orchestra.web import auth
from orchestra.web.errors import HTTP_STATUS
from orchestra.web.pages.conditional import conditional

blueprint = Blueprint("offers", __name__, url_prefix="/orchestra/communication")
auth.guard_pages(blueprint)

ALL_OFFERS = f"{blueprint.url_prefix}/available_staffing_requests/"
OWN_PATH = re.compile(r"/orchestra/[\w./?=&-]*", re.ASCII)

Answer = Callable[[Session, Actor, int], Offer]  # (session, actor, id of the offer)


@blueprint.get("/offers/<token>/")
def show(token: str) -> ResponseReturnValue:
    return _page(token)


@blueprint.post("/offers/<token>/accept")
def accept(token: str) -> ResponseReturnValue:
    return _answered(token, offers.accept)


@blueprint.post("/offers/<token>/decline")
def decline(token: str) -> ResponseReturnValue:
    return _answered(token, offers.decline)


def _answered(token: str, answer: Answer) -> ResponseReturnValue:
    """Answer, then show what became of it, at an address that can be loaded again."""
    if not auth.token_fits(request.form.get("csrf_token")):
        return _outdated(token)
    try:
        _answer(token, answer)
    except (Conflict, NotCertified, WorkerInactive) as error:
        return _page(token, error.message, HTTP_STATUS[error.kind])
    return redirect(_next(f"{blueprint.url_prefix}/offers/{token}/"), HTTPStatus.SEE_OTHER)


def _outdated(token: str) -> ResponseReturnValue:
    """The offer again (W-13); whoever guesses addresses does not learn which there are.

    :raises Forbidden: there is no such offer for the reader.
    """
    try:
        return _page(token, auth.OUTDATED, HTTPStatus.BAD_REQUEST)
    except NotFound as error:
        raise Forbidden(auth.OUTDATED) from error


@retry_deadlocks
def _answer(token: str, answer: Answer) -> None:
    with transaction() as session:
        offer = offers.find(session, auth.current_worker(), token)
        answer(session, auth.current_actor(), offer.id)


def _next(otherwise: str) -> str:
    """Where to go on: only paths of ours are followed (S-43)."""
    wanted = request.values.get("next", "")
    return wanted if OWN_PATH.fullmatch(wanted) and ".." not in wanted else otherwise


def _page(token: str, problem: str = "", status: HTTPStatus | None = None) -> ResponseReturnValue:
    """The offer as it stands; an answer that came too late is a conflict (S-38).

    :raises NotFound: there is no such offer for the reader.
    """
    with reading() as session:
        view = offer_view(session, auth.current_worker(), token)
    if view.standing.is_closed:
        problem, status = "", HTTPStatus.CONFLICT
    html = render_template(
        "staffing/offer.html",
        view=view,
        problem=problem,
        address=f"{blueprint.url_prefix}/offers/{token}/",
        all_offers=ALL_OFFERS,
        next=_next(""),
    )
    return html, status or HTTPStatus.OK


@blueprint.get("/available_staffing_requests/")
def show_available() -> ResponseReturnValue:
    worker = auth.current_worker()
    with reading() as session:
        available = offers.available(session, worker.id)
        holdings = [] if available else certifications.holdings_of(session, worker)
        is_muted = not available and _is_muted(session, worker)
    html = render_template(
        "staffing/available.html",
        available=available,
        holdings=holdings,
        is_muted=is_muted,
        address=ALL_OFFERS,
    )
    return conditional(html)


def _is_muted(session: Session, worker: Worker) -> bool:
    """Whoever wants no messages about new tasks is not asked (S-14)."""
    chosen = preferences.choices(session, worker.id)
    return not any(chosen[Preference.NEW_TASK_AVAILABLE, way] for way in Way)
