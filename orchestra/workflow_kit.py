"""What the author of a workflow may import; nothing else of ours.

``files`` gives the files, folders and documents of a project (I-38). ``fetch`` reads an address
that a user gave, public hosts only (I-39, R-31). Exceptions decide a retry: any ordinary one is
tried again as the step's ``retry_policy`` says, ``PermanentFailure`` is not,
``RetryLater(after_seconds)`` names the wait. ``create_worker`` and ``grant`` are for sample data,
``logger`` for log lines.
"""

import logging
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from multiprocessing import TimeoutError as TookTooLong
from multiprocessing.pool import ThreadPool
from urllib.parse import unquote, urljoin

import certifi
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NewConnectionError,
    SSLError,
)
from urllib3.util import Url, parse_url

from orchestra.config import Settings
from orchestra.domain.execution import running_project
from orchestra.domain.sample_data import create_worker, grant
from orchestra.domain.sanity_function import SanityCheck
from orchestra.errors import PermanentFailure, RetryLater
from orchestra.project_files import ProjectFiles

__all__ = [
    "FetchFailed",
    "FetchRefused",
    "Fetched",
    "PermanentFailure",
    "RetryLater",
    "SanityCheck",
    "create_worker",
    "fetch",
    "files",
    "grant",
    "logger",
]

TOTAL_SECONDS: float = 20
CONNECT_SECONDS: float = 5
READ_SECONDS: float = 15
MAX_REDIRECTS = 5
MAX_BYTES = 10 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
PORTS = {"http": 80, "https": 443}
GALLERY = "/orchestra/gallery/"
HEADERS = {"User-Agent": "Orchestra", "Accept": "*/*", "Accept-Encoding": "identity"}
GLOBAL_IPV6 = IPv6Network("2000::/3")
TRANSLATED_IPV4 = IPv6Network("64:ff9b::/96")  # how a host without IPv4 reaches one with (NAT64)


class FetchRefused(PermanentFailure):
    """The address must not be fetched, or answers with too much; trying again is no use."""


class FetchFailed(Exception):
    """The network or the other side failed; it may work later."""


@dataclass(frozen=True)
class Fetched:
    """The last answer of a fetch; whether ``status`` is a good one is for the caller to say."""

    status: int
    url: str  # after redirects
    headers: Mapping[str, str]
    content: bytes

    @property
    def content_type(self) -> str:
        """Such as ``text/html``, without parameters; ``application/octet-stream`` if not told."""
        given = self.headers.get("content-type", "application/octet-stream")
        return given.partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        header = Message()
        header["content-type"] = self.headers.get("content-type", "text/plain")
        try:
            return self.content.decode(header.get_content_charset("utf-8"), errors="replace")
        except LookupError:  # an encoding that nobody knows
            return self.content.decode("utf-8", errors="replace")


def logger(name: str) -> logging.Logger:
    """The log of a workflow's module: ``log = logger(__name__)``."""
    return logging.getLogger(name)


def files(project_id: int | None = None) -> ProjectFiles:
    """Files, folders and documents of the project whose machine step is running, or of another.

    For machine steps and what is called outside of transactions; a policy cannot use it.

    :raises RuntimeError: no machine step is running, and no project was named.
    """
    found = running_project.get() if project_id is None else project_id
    if found is None:
        raise RuntimeError("files() needs the id of a project, because no machine step is running.")
    return ProjectFiles(found)


def fetch(url: str, *, only_public: bool = False) -> Fetched:
    """GET an http or https address that is not under our control, such as one in project data.

    Connects to public addresses only, follows at most 5 redirects (each checked alike), takes at
    most 10 MB and 20 s in all. Proxies of the environment are not used: they would resolve names
    themselves. ``ORCHESTRA_FETCH_ALLOW_HOSTS`` lists exceptions, as ``host`` or ``host:port``.

    :param only_public: those exceptions do not count.
    :raises FetchRefused: the address is not allowed, or there are too many redirects or bytes.
    :raises FetchFailed: the name does not resolve, or no whole answer comes in time.
    """
    # A thread of its own, because some waits (for the name, for a server that sends a byte now and
    # then) have no time limit that covers all of them.
    deadline = time.monotonic() + TOTAL_SECONDS
    with ThreadPool(1) as threads:
        try:
            return threads.apply_async(_follow, (url, deadline, only_public)).get(TOTAL_SECONDS)
        except TookTooLong as error:
            raise _too_slow(url) from error


def _follow(url: str, deadline: float, only_public: bool) -> Fetched:
    for _ in range(MAX_REDIRECTS + 1):
        answer, location = _visit(url, deadline, only_public)
        if location is None:
            return answer
        url = urljoin(url, location)
    raise FetchRefused(f"{url}: more than {MAX_REDIRECTS} redirects.")


def _visit(url: str, deadline: float, only_public: bool) -> tuple[Fetched, str | None]:
    """One request; the second value is where it redirects to."""
    address = _parsed(url)
    pools = [_pool(address, numeric) for numeric in _addresses(address, only_public)]
    for position, pool in enumerate(pools, start=1):
        try:
            with pool:
                return _read(pool, address, deadline)
        except (NewConnectionError, ConnectTimeoutError) as error:
            if position == len(pools):  # else the host has another address
                raise FetchFailed(f"{url}: no connection ({error}).") from error
        except SSLError as error:
            raise FetchRefused(f"{url}: no safe connection ({error}).") from error
        except HTTPError as error:
            raise FetchFailed(f"{url}: no answer ({error}).") from error
    raise FetchFailed(f"{url}: its host has no address.")


def _parsed(url: str) -> Url:
    try:
        address = parse_url(url)
    except LocationParseError as error:
        raise FetchRefused(f"{url!r} is not an address.") from error
    if address.scheme not in PORTS or not address.host:
        raise FetchRefused(f"{url!r} is not an http or https address.")
    if address.auth:
        raise FetchRefused("An address with a user name or password in it is not fetched.")
    return address


def _addresses(address: Url, only_public: bool) -> list[str]:
    """Numeric addresses that may be connected to; *they* are used, the name is not asked again.

    :raises FetchRefused: the host has an address that is not public, and is no exception.
    """
    host, port = _host_and_port(address)
    found = _resolve(host, port)
    if _is_exception(address, only_public):
        return found
    for numeric in found:
        if not is_public(numeric):
            raise FetchRefused(f"{address.url} is not fetched: {numeric} is not a public address.")
    return found


def _host_and_port(address: Url) -> tuple[str, int]:
    return (address.host or "").strip("[]").lower(), address.port or PORTS[address.scheme or ""]


def _resolve(host: str, port: int) -> list[str]:
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchFailed(f"The host {host!r} was not found ({error}).") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


def is_public(numeric: str) -> bool:
    """Whether an IP address belongs to the public internet, also after what it stands for."""
    address = ip_address(numeric)
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast
    if address in TRANSLATED_IPV4:
        return is_public(str(IPv4Address(int(address) & 0xFFFFFFFF)))
    return (
        address in GLOBAL_IPV6
        and address.is_global
        and all(is_public(str(inner)) for inner in _tunnelled(address))
    )


def _tunnelled(address: IPv6Address) -> tuple[IPv4Address, ...]:
    return (address.sixtofour,) if address.sixtofour else address.teredo or ()


def _is_exception(address: Url, only_public: bool) -> bool:
    """Whether the settings allow the host, or it is our own gallery; the rest of us is refused."""
    host, port = _host_and_port(address)
    settings = _settings()
    if _host_and_port(parse_url(settings.url)) == (host, port):
        path = unquote(address.path or "/")
        if not path.startswith(GALLERY) or ".." in path.split("/"):
            raise FetchRefused(f"{address.url}: of this system only {GALLERY} may be fetched.")
        return True
    if only_public:
        return False
    allowed = {entry.lower() for entry in settings.fetch_allow_hosts}
    return host in allowed or f"{host}:{port}" in allowed or address.netloc in allowed


@cache
def _settings() -> Settings:
    return Settings.from_env()


def _pool(address: Url, numeric: str) -> HTTPConnectionPool:
    """A connection to the numeric address that is checked; the certificate is for the name."""
    host, port = _host_and_port(address)
    if address.scheme == "http":
        return HTTPConnectionPool(numeric, port, retries=False)
    return HTTPSConnectionPool(
        numeric,
        port,
        retries=False,
        ca_certs=certifi.where(),
        cert_reqs="CERT_REQUIRED",
        server_hostname=host,
        assert_hostname=host,
    )


def _read(pool: HTTPConnectionPool, address: Url, deadline: float) -> tuple[Fetched, str | None]:
    left = deadline - time.monotonic()
    if left <= 0:
        raise _too_slow(address.url)
    response = pool.urlopen(
        "GET",
        address.request_uri,
        headers={**HEADERS, "Host": address.netloc or ""},
        redirect=False,
        timeout=Timeout(connect=min(CONNECT_SECONDS, left), read=min(READ_SECONDS, left)),
        preload_content=False,
    )
    with response:
        location = response.get_redirect_location() or None
        content = b"" if location else _content(response, address.url, deadline)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Fetched(response.status, address.url, headers, content), location


def _content(response: BaseHTTPResponse, url: str, deadline: float) -> bytes:
    """The body, unpacked; it is given up as soon as it is too large or too slow."""
    content = bytearray()
    for chunk in response.stream(CHUNK_BYTES, decode_content=True):
        content += chunk
        if len(content) > MAX_BYTES:
            raise FetchRefused(f"{url}: the answer is larger than {MAX_BYTES} bytes.")
        if time.monotonic() > deadline:
            raise _too_slow(url)
    return bytes(content)


def _too_slow(url: str) -> FetchFailed:
    return FetchFailed(f"{url}: no whole answer within {TOTAL_SECONDS:g} s.")
