"""How Google Drive is reached: account, time limits, and its errors in our words (I-3, I-4)."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from time import sleep
from typing import Any
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.auth.transport.urllib3 import AuthorizedHttp
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import HttpError

from orchestra.errors import NotFound, OrchestraError, RefusedByService, ServiceUnreachable
from orchestra.integrations.pausing import Pausing

API_URL = "https://www.googleapis.com/"
CONNECT_SECONDS, READ_SECONDS, TRANSFER_SECONDS = 5, 15, 120
RESUMES, RESUME_SECONDS = 3, 1  # of one upload that was cut; the wait grows with each
LONGEST_ANSWER = 500  # characters of what the service answered
TOO_OFTEN = {
    "dailyLimitExceeded",
    "rateLimitExceeded",
    "sharingRateLimitExceeded",
    "userRateLimitExceeded",
}

# It would log whole answers that it cannot read (I-6).
logging.getLogger("googleapiclient.http").setLevel(logging.ERROR)


class Refusal(RefusedByService):
    """Drive's own words about one request, for those who can say more about it."""

    def __init__(self, status: int, reason: str, said: str) -> None:
        super().__init__(f"Google Drive answered {status}: {said}"[:LONGEST_ANSWER])
        self.status, self.reason, self.said = status, reason, said[:LONGEST_ANSWER]


class Headers(dict[str, str]):
    """Those of an answer by lower-case name, with what the client asks of them beside."""

    def __init__(self, answer: urllib3.BaseHTTPResponse) -> None:
        super().__init__({name.lower(): value for name, value in answer.headers.items()})
        self.status, self.reason = answer.status, answer.reason


class Transport:
    """What the client takes for httplib2. That has one time limit for everything, and sends a
    request again by itself when the connection broke after it: the object would be made twice."""

    def __init__(self, credentials: Any, api_url: str) -> None:
        self._pool = _pool(api_url)
        self._authorized = AuthorizedHttp(credentials, http=self._pool)

    def request(
        self, uri: str, method: str = "GET", body: Any = None, headers: Any = None, **_: Any
    ) -> tuple[Headers, bytes]:
        seconds = TRANSFER_SECONDS if _is_transfer(uri, method) else READ_SECONDS
        answer = self._authorized.urlopen(
            method, uri, body, headers or {}, timeout=_limits(seconds), redirect=False
        )
        return Headers(answer), answer.data

    def close(self) -> None:
        self._pool.clear()


class Connection:
    """Drive as one job or request sees it: a client of its own."""

    def __init__(self, credentials: Any, api_url: str, pausing: Pausing) -> None:
        self._transport, self._pausing = Transport(credentials, api_url), pausing
        client = build_from_document(_description(api_url), http=self._transport)
        self.files, self.permissions = client.files(), client.permissions()

    def ask(self, request: Any) -> dict[str, Any]:
        """:raises ServiceUnreachable, RefusedByService, NotFound: as the store says."""
        answer = self._pausing.call(lambda: _executed(request))
        if isinstance(answer, dict):
            return answer
        raise ServiceUnreachable("Something else than Google Drive answered.")

    def content(self, request: Any) -> bytes:
        content: bytes = self._pausing.call(lambda: _executed(request)) or b""
        return content

    def tell(self, request: Any) -> None:
        """For requests that are answered by nothing."""
        self._pausing.call(lambda: _executed(request))

    def upload(self, request: Any) -> dict[str, Any]:
        """Send the content, going on where it was cut a few times."""
        if request.resumable is None:
            return self.ask(request)
        answer: dict[str, Any] = self._pausing.call(lambda: _sent_in_pieces(request))
        return answer

    def close(self) -> None:
        self._transport.close()


def _pool(api_url: str) -> urllib3.PoolManager:
    """With the proxy that the environment names, as other clients take it."""
    address = urlsplit(api_url)
    proxy = getproxies().get(address.scheme)
    options: dict[str, Any] = {
        "timeout": _limits(READ_SECONDS),
        "retries": False,
        "ca_certs": certifi.where(),
    }
    if proxy and not proxy_bypass(address.hostname or ""):
        return urllib3.ProxyManager(proxy, **options)
    return urllib3.PoolManager(**options)


def _limits(read_seconds: float) -> urllib3.Timeout:
    return urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds)


def _is_transfer(uri: str, method: str) -> bool:
    path = uri.partition("?")[0]
    return method == "PUT" or "/upload/" in path or path.endswith("/export") or "alt=media" in uri


@cache
def _description(api_url: str) -> dict[str, Any]:
    """The bundled one, for another address where a test says so."""
    description: dict[str, Any] = json.loads(get_static_doc("drive", "v3"))
    description["rootUrl"] = api_url
    description["baseUrl"] = urljoin(api_url, description["servicePath"])
    return description


def _executed(request: Any) -> Any:
    with translated_errors():
        return request.execute()


def _sent_in_pieces(request: Any) -> Any:
    tries = 0
    while True:
        try:
            with translated_errors():
                _, answer = request.next_chunk()
        except ServiceUnreachable as error:
            tries += 1
            if request.resumable_uri is None or tries > RESUMES or error.retry_after_seconds:
                raise
            sleep(tries * RESUME_SECONDS)
        except NotFound:
            if request.resumable_uri is None:
                raise
            raise ServiceUnreachable("Google Drive forgot an upload that was begun.") from None
        else:
            if answer is not None:
                return answer


@contextmanager
def translated_errors() -> Iterator[None]:
    """Errors of the libraries in our words. They hold addresses, headers and whole answers, so
    that they are not kept as causes (I-6)."""
    try:
        yield
    except HttpError as error:
        raise _by_status(error) from None
    except RefreshError as error:
        raise _about_account(error) from None
    except (GoogleAuthError, urllib3.exceptions.HTTPError, OSError) as error:
        text = f"Google Drive is not reachable at the moment: {_reason(error)}"[:LONGEST_ANSWER]
        raise ServiceUnreachable(text) from None


def _reason(error: Exception) -> str:
    """What happened, without the address that was asked."""
    inner = error.args[0] if isinstance(error, GoogleAuthError) and error.args else error
    match inner:
        case urllib3.exceptions.NewConnectionError():
            return "no connection"
        case urllib3.exceptions.TimeoutError():
            return "it did not answer in time"
        case urllib3.exceptions.SSLError():
            return f"its certificate does not hold: {inner}"
        case urllib3.exceptions.ProtocolError():
            return "the connection broke"
        case _:
            return type(inner).__name__


def _by_status(error: HttpError) -> OrchestraError:
    status, reason, said = int(error.resp.status), *_said(error)
    text = f"Google Drive answered {status}: {said}"[:LONGEST_ANSWER]
    if status in (408, 429) or status >= 500 or (status == 403 and reason in TOO_OFTEN):
        return ServiceUnreachable(text, retry_after_seconds=_retry_after(error.resp))
    if status == 404:
        return NotFound(text)
    return Refusal(status, reason, said)


def _said(error: HttpError) -> tuple[str, str]:
    """Reason and message of the answer, if it has the form that Drive's errors have."""
    try:
        found = json.loads(error.content)["error"]
        return str(found["errors"][0].get("reason", "")), _one_line(str(found["message"]))
    except (ValueError, LookupError, TypeError, AttributeError):
        return "", _one_line(str(error.resp.reason or ""))


def _about_account(error: RefreshError) -> OrchestraError:
    said = _one_line(str(error.args[0]) if error.args else "")[:LONGEST_ANSWER].rstrip(".")
    if error.retryable:
        return ServiceUnreachable("Google gives out no access at the moment.")
    return RefusedByService(
        f"Google refuses the service account: {said}. Check GOOGLE_SERVICE_ACCOUNT_JSON and "
        "GOOGLE_DELEGATED_USER."
    )


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _retry_after(headers: Mapping[str, str]) -> int | None:
    text = headers.get("retry-after", "")
    if text.isdecimal():
        return int(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(int((at - datetime.now(UTC)).total_seconds()), 0) if at.tzinfo else None
