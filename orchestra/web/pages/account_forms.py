"""What the forms of accounts share: reading them, and showing them again (W-13, W-68)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic, sleep

from flask import Response, current_app, redirect, request
from flask.typing import ResponseReturnValue

from orchestra.config import Settings
from orchestra.database import retry_deadlocks, transaction
from orchestra.domain import accounts
from orchestra.domain.audit import Actor
from orchestra.errors import Conflict, Invalid, OrchestraError, RateLimited
from orchestra.web import auth, requests
from orchestra.web.errors import HTTP_STATUS

SHORTEST_ANSWER_SECONDS = 0.25


@dataclass(frozen=True)
class Sheet:
    """A form with what stands in it, and why it was refused."""

    values: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    errors: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def first_wrong(self) -> str | None:
        """The field to begin with."""
        return next(iter(self.errors), None)


Page = Callable[[Sheet], str]


def never_store(response: Response) -> Response:
    """Some of these pages have a secret in their address."""
    response.headers["Cache-Control"] = "no-store"
    return response


def typed(name: str) -> str:
    """The text of a field on one line, without the one character that no database keeps."""
    return " ".join(request.form.get(name, "").replace("\0", "").split())


def typed_password(name: str) -> str:
    """As it is: spaces count."""
    return request.form.get(name, "")


def chat_is_on() -> bool:
    settings: Settings = current_app.config["SETTINGS"]
    return settings.slack_experts_enabled or settings.slack_internal_enabled


def came_from() -> str:
    return request.remote_addr or "unknown"


def stranger() -> Actor:
    return accounts.stranger(requests.request_id())


def refusal(
    page: Page, values: Mapping[str, str], act: Callable[[], object]
) -> ResponseReturnValue | None:
    """Act; when that is refused, the page again with what was typed and the reason."""
    if not auth.token_fits(request.form.get("csrf_token")):
        return page(Sheet(values, auth.OUTDATED)), 400
    try:
        act()
    except (Invalid, Conflict, RateLimited) as error:
        return page(Sheet(values, error.message, error.fields)), *_status(error)
    return None


def ask_for_mail(page: Page, ask: Callable[..., None], done: str) -> ResponseReturnValue:
    """A form of one address: a mail goes to it or does not, and nobody is told which.

    :param ask: a rule as :func:`orchestra.domain.accounts.request_reset` is one.
    :param done: the page that follows.
    """
    email = typed("email")
    return refusal(page, {"email": email}, lambda: _ask(ask, email)) or redirect(done)


@retry_deadlocks
def _ask(ask: Callable[..., None], email: str) -> None:
    with telling_nothing_by_time(), transaction() as session:
        ask(session, stranger(), email, came_from=came_from())


def _status(error: OrchestraError) -> tuple[int, dict[str, str]]:
    seconds = error.retry_after_seconds
    return HTTP_STATUS[error.kind], {"Retry-After": str(seconds)} if seconds else {}


@contextmanager
def telling_nothing_by_time() -> Iterator[None]:
    """Take equally long whether or not somebody was found: less than this is filled up (P-4)."""
    began = monotonic()
    try:
        yield
    finally:
        sleep(max(0.0, began + SHORTEST_ANSWER_SECONDS - monotonic()))
