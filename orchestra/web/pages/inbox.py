"""The inbox: what people were told (M-28, W-65)."""

from flask import Blueprint, current_app, flash, redirect, render_template
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import inboxes
from orchestra.domain.markup import links_in
from orchestra.web import auth, requests

INBOX = "/orchestra/app/inbox"
LINK = Markup('<a href="{}">{}</a>')

blueprint = Blueprint("inbox", __name__, url_prefix=INBOX)
auth.guard_pages(blueprint)


@blueprint.get("", strict_slashes=False)
def show() -> ResponseReturnValue:
    page = requests.page_argument()
    with reading() as session:
        found = inboxes.page_of(session, auth.current_worker().id, page)
    return render_template("inbox.html", found=found, page=page, linked=_linked)


def _linked(text: str) -> Markup:
    """The text of a message, with the addresses of ours that it names to be pressed."""
    our_address = current_app.config["SETTINGS"].url
    return Markup("\n").join(
        LINK.format(address.removeprefix(our_address), words) if address else words
        for words, address in links_in(text, our_address)
    )


@blueprint.post("/<int:message_id>")
def open_message(message_id: int) -> ResponseReturnValue:
    """Mark a message as read, and go where it leads."""
    auth.require_form_token()
    return redirect(_opened(message_id) or INBOX, 303)


@retry_deadlocks
def _opened(message_id: int) -> str | None:
    with transaction() as session:
        return inboxes.read_message(session, auth.current_worker().id, message_id).url


@blueprint.post("/read")
def read_all() -> ResponseReturnValue:
    auth.require_form_token()
    _read_all()
    flash("All messages are marked as read.")
    return redirect(INBOX, 303)


@retry_deadlocks
def _read_all() -> None:
    with transaction() as session:
        inboxes.mark_read(session, auth.current_worker().id, None)
