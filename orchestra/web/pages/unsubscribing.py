"""The link in optional mails that ends such mails, for anybody who has it (M-13, RFC 8058)."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import preferences, unsubscribing
from orchestra.domain.unsubscribing import Unsubscription
from orchestra.web import requests
from orchestra.web.pages import account_forms

blueprint = Blueprint("unsubscribing", __name__, url_prefix=unsubscribing.PATH)
blueprint.after_request(account_forms.never_store)


@blueprint.get("/<token>/")
def ask(token: str) -> ResponseReturnValue:
    """Changes nothing: programs that look into mails follow every link."""
    with reading() as session:
        found = unsubscribing.find(session, token)
    return _page(found, is_done=False)


@blueprint.post("/<token>/")
def unsubscribe(token: str) -> ResponseReturnValue:
    """From the page above, and from mail programs, which send no form token and no cookie.

    What the signed link allows is all that is done, so nobody can be tricked into more.
    """
    return _page(_unsubscribed(token), is_done=True)


@retry_deadlocks
def _unsubscribed(token: str) -> Unsubscription:
    with transaction() as session:
        return unsubscribing.unsubscribe(session, token, requests.request_id())


def _page(found: Unsubscription, *, is_done: bool) -> str:
    labels = [row.label for row in preferences.types_for(found.worker) if row.type in found.types]
    return render_template("accounts/unsubscribe.html", labels=labels, is_done=is_done)
