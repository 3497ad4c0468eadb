"""Administrators act as other workers (specification P-51 to P-55). No GET starts or stops it."""

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue

from orchestra.database import retry_deadlocks, transaction
from orchestra.domain import acting
from orchestra.models import Worker
from orchestra.web import auth

blueprint = Blueprint("switching", __name__, url_prefix="/orchestra/switch")
auth.guard_pages(blueprint)


@blueprint.post("/")
def start() -> ResponseReturnValue:
    auth.require_form_token()
    auth.refuse_while_acting()
    administrator = auth.current_worker()
    worker = _start(request.form.get("username", "").replace("\0", "").strip())
    auth.start_session(worker, administrator=administrator)
    return redirect(auth.START_PAGE)


@retry_deadlocks
def _start(username: str) -> Worker:
    with transaction() as session:
        return acting.start(session, auth.current_actor(), username)


@blueprint.post("/stop/")
def stop() -> ResponseReturnValue:
    auth.require_form_token()
    worker, administrator = auth.current_worker(), auth.find_administrator()
    record_stop(worker)
    if administrator:
        auth.start_session(administrator)
    flash(f"You act as yourself again, no longer as {worker.name}.")
    return redirect(f"/orchestra/admin/people/{worker.id}")


@retry_deadlocks
def record_stop(worker: Worker) -> None:
    """Note that nobody acts as the worker any more."""
    with transaction() as session:
        acting.stop(session, auth.current_actor(), worker)
