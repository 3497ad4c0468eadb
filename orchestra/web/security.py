"""What every request and answer must meet: the right host, and headers that protect people."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request

from orchestra.config import Settings
from orchestra.errors import Malformed, TooLarge

# Authors' scripts run in some pages: they may neither ask nor tell another host anything.
CONTENT_POLICY = {
    "default-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "object-src": ["'none'"],
    "base-uri": ["'self'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
}
HEADERS = {"X-Content-Type-Options": "nosniff"}
SECRET_ARGUMENTS = {"token", "key"}  # of routes
A_YEAR_SECONDS = 365 * 24 * 3600


def register(app: Flask) -> None:
    app.before_request(refuse_other_hosts)
    app.before_request(refuse_cut_bodies)
    app.after_request(add_headers)


def refuse_other_hosts() -> None:
    """:raises Malformed: the Host header names none of the hosts of this system (E-8)."""
    if not is_own_host(request.headers.get("Host", "")):
        raise Malformed(
            "This host is not served here; ORCHESTRA_ALLOWED_HOSTS names those that are."
        )


def is_own_host(host: str) -> bool:
    settings: Settings = current_app.config["SETTINGS"]
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name in {allowed.lower() for allowed in settings.allowed_hosts}


def refuse_cut_bodies() -> None:
    """A body without a length is silently cut at the limit; it must not be taken for a whole one.

    :raises TooLarge: the body reaches the limit.
    """
    limit = request.max_content_length
    if request.content_length is not None or "Transfer-Encoding" not in request.headers:
        return
    if limit is not None and len(request.get_data()) >= limit:
        raise TooLarge("This is larger than what is accepted. Send less.")


def is_secret_address() -> bool:
    """Whether who knows the address of this page may do something by it: no other page learns it.

    That are offers, the links in mails that activate, reset and unsubscribe, and the sign-in that
    leads to one of them (I-41).
    """
    return "next" in request.args or not SECRET_ARGUMENTS.isdisjoint(request.view_args or ())


def allow(directive: str, origins: Iterable[str]) -> None:
    """Let the page that is answered now load from other origins, too."""
    allowed: list[tuple[str, list[str]]] = g.setdefault("allowed_origins", [])
    allowed.append((directive, list(origins)))


def content_policy() -> str:
    """The policy of the page that is answered now, with what :func:`allow` added."""
    policy = dict(CONTENT_POLICY)
    allowed = g.get("allowed_origins", [])
    # What is not named follows the default, so that comes first.
    for directive, origins in sorted(allowed, key=lambda one: one[0] != "default-src"):
        policy[directive] = [*policy.get(directive, policy["default-src"]), *origins]
    return "; ".join(f"{directive} {' '.join(origins)}" for directive, origins in policy.items())


def add_headers(response: Response) -> Response:
    """The headers of specification W-12; a view may set a stricter one itself."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Security-Policy", content_policy())
    referrer = "no-referrer" if is_secret_address() else "same-origin"
    response.headers.setdefault("Referrer-Policy", referrer)
    settings: Settings = current_app.config["SETTINGS"]
    if settings.url.startswith("https://"):
        response.headers.setdefault("Strict-Transport-Security", f"max-age={A_YEAR_SECONDS}")
    return response
