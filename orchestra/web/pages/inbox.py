"""The inbox: what people were told, and the count of it in the header (M-28, W-2, W-65)."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import TimeoutError as PoolTimeout

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import messages
from orchestra.errors import Unavailable
from orchestra.web import auth, requests

INBOX = "/orchestra/app/inbox"

blueprint = Blueprint("inbox", __name__, url_prefix=INBOX)
auth.guard_pages(blueprint)


@blueprint.get("", strict_slashes=False)
def show() -> ResponseReturnValue:
    page = requests.page_argument()
    with reading() as session:
        found = messages.inbox(session, auth.current_worker().id, page)
    return render_template("inbox.html", found=found, page=page)


@blueprint.post("/<int:message_id>")
def open_message(message_id: int) -> ResponseReturnValue:
    """Mark a message as read, and go where it leads."""
    auth.require_form_token()
    return redirect(_opened(message_id) or INBOX, 303)


@retry_deadlocks
def _opened(message_id: int) -> str | None:
    with transaction() as session:
        return messages.read_message(session, auth.current_worker().id, message_id).url


@blueprint.post("/read")
def read_all() -> ResponseReturnValue:
    auth.require_form_token()
    _read_all()
    flash("All messages are marked as read.")
    return redirect(INBOX, 303)


@retry_deadlocks
def _read_all() -> None:
    with transaction() as session:
        messages.mark_read(session, auth.current_worker().id, None)


@blueprint.app_context_processor
def _for_templates() -> dict[str, Any]:
    return {"unread_messages": unread_messages}


def unread_messages() -> int:
    """For the header; none while the database cannot be asked, so that errors can be shown."""
    worker = auth.find_worker()
    if worker is None:
        return 0
    try:
        with reading() as session:
            return messages.unread(session, worker.id)
    except (Unavailable, PoolTimeout):
        return 0
