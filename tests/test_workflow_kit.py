"""What authors may import, above all the safe fetch (R-31, I-39)."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from orchestra import workflow_kit
from orchestra.workflow_kit import (
    FetchFailed,
    FetchRefused,
    PermanentFailure,
    RetryLater,
    fetch,
    is_public,
)
from tests.serving import serving

Answer = Callable[[BaseHTTPRequestHandler], None]


def body(content: bytes, content_type: str = "text/html", **headers: str) -> Answer:
    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return write


def redirect(location: str) -> Answer:
    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", location)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return write


class Server:
    """A real server on loopback, with an answer for each path."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.hosts: list[str] = []
        self.stopping = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.hosts.append(self.headers["Host"])
                answer = outer.answers.get(self.path)
                with suppress(BrokenPipeError, ConnectionResetError):  # when the other gave up
                    answer(self) if answer else self.send_error(404)

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    with serving(server.http):
        yield server
        server.stopping.set()


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("ORCHESTRA_FETCH_ALLOW_HOSTS", raising=False)
    monkeypatch.setenv("ORCHESTRA_URL", "http://127.0.0.1:9")
    workflow_kit._settings.cache_clear()
    yield
    workflow_kit._settings.cache_clear()


@pytest.fixture
def allow(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def set_hosts(hosts: str) -> None:
        monkeypatch.setenv("ORCHESTRA_FETCH_ALLOW_HOSTS", hosts)
        workflow_kit._settings.cache_clear()

    return set_hosts


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Names of a pretended DNS; each has the answers to give one after another."""
    known: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *args: object, **kwargs: object) -> object:
        if host not in known:
            return real(host, port, *args, **kwargs)
        answers = known[host]
        numerics = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (socket.AF_INET6 if ":" in n else socket.AF_INET, socket.SOCK_STREAM, 6, "", (n, port))
            for n in numerics
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch, server: Server) -> list[str]:
    """Addresses that were connected to; a public one leads to the server on loopback instead."""
    made: list[str] = []

    def connect(address: tuple[str, int], *args: object, **kwargs: object) -> socket.socket:
        made.append(address[0])
        return socket.create_connection(("127.0.0.1", server.port), timeout=5)

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    return made


@pytest.mark.parametrize(
    "numeric",
    [
        "127.0.0.1",
        "127.8.9.10",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:93.184.215.14",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "fe80::1",
        "fe80::1%1",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "2002:7f00:1::",
        "2002:a00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "2001:db8::1",
    ],
)
def test_addresses_that_are_not_public(numeric):
    """R-31"""
    assert not is_public(numeric)


@pytest.mark.parametrize(
    "numeric", ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"]
)
def test_addresses_that_are_public(numeric):
    assert is_public(numeric)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1:8080/",
        "http://localhost/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://127.1/",
        "https://192.168.0.1/",
    ],
)
def test_private_hosts_are_refused_however_they_are_written(url):
    """R-31"""
    with pytest.raises(FetchRefused, match="not a public address"):
        fetch(url)


@pytest.mark.parametrize(
    "url",
    ["ftp://example.org/x.jpg", "file:///etc/passwd", "javascript:1", "example.org", "", "http://",
     "//example.org/", "http://example.org:99999/"],
)  # fmt: skip
def test_only_http_and_https_addresses_are_fetched(url):
    """I-39"""
    with pytest.raises(FetchRefused, match="is not an"):
        fetch(url)


def test_an_address_with_a_password_is_refused():
    with pytest.raises(FetchRefused, match="password"):
        fetch("http://somebody:secret@example.org/")


def test_a_host_with_one_private_address_among_public_ones_is_refused(names, connections):
    """R-31"""
    names["mixed.example"] = [["93.184.215.14", "10.0.0.7"]]

    with pytest.raises(FetchRefused, match=r"10\.0\.0\.7"):
        fetch("http://mixed.example/")
    assert connections == []


def test_a_rebinding_name_is_asked_once_and_only_the_checked_address_is_used(
    names, connections, server
):
    """R-31: public when it is checked, loopback the second time"""
    names["rebinding.example"] = [["93.184.215.14"], ["127.0.0.1"]]
    server.answers["/page"] = body(b"hello")

    answer = fetch("http://rebinding.example/page")

    assert answer.content == b"hello"
    assert connections == ["93.184.215.14"]
    assert server.hosts == ["rebinding.example"]


def test_a_redirect_to_a_private_host_is_refused(names, connections, server):
    """R-31: public first, then a redirect to the instance metadata"""
    names["public.example"] = [["93.184.215.14"]]
    server.answers["/"] = redirect("http://169.254.169.254/latest/")

    with pytest.raises(FetchRefused, match=r"169\.254\.169\.254"):
        fetch("http://public.example/")
    assert connections == ["93.184.215.14"]


def test_a_redirect_to_a_name_that_became_private_is_refused(names, connections, server):
    """R-31: the second hop is resolved and checked anew"""
    names["turning.example"] = [["93.184.215.14"], ["127.0.0.1"]]
    server.answers["/"] = redirect("/again")

    with pytest.raises(FetchRefused, match="not a public address"):
        fetch("http://turning.example/")
    assert connections == ["93.184.215.14"]


def test_a_redirect_to_another_scheme_is_refused(allow, server):
    allow("127.0.0.1")
    server.answers["/"] = redirect("file:///etc/passwd")

    with pytest.raises(FetchRefused, match="http or https"):
        fetch(server.url())


def test_the_second_address_of_a_host_is_tried_when_the_first_does_not_answer(allow, names, server):
    allow("two.example")
    names["two.example"] = [["127.0.0.2", "127.0.0.1"]]  # nobody listens at the first
    server.answers["/"] = body(b"second")

    assert fetch(server.url(host="two.example")).content == b"second"


@pytest.mark.parametrize("entry", ["127.0.0.1", "127.0.0.1:{port}"])
def test_an_allowed_host_is_fetched(allow, server, entry):
    """E-62"""
    allow(entry.format(port=server.port))
    server.answers["/"] = body("Grüße".encode("latin-1"), "Text/HTML; charset=latin-1")

    answer = fetch(server.url())

    assert (answer.status, answer.url) == (200, server.url())
    assert (answer.content_type, answer.text) == ("text/html", "Grüße")


def test_exceptions_do_not_count_for_who_wants_public_addresses_only(
    allow, names, connections, server
):
    """I-39: neither for the first address nor for one that it leads to."""
    allow(f"127.0.0.1,127.0.0.1:{server.port}")
    names["turning.example"] = [["93.184.215.14"]]
    server.answers["/"] = redirect(server.url("/secret"))

    for url in (server.url("/secret"), "http://turning.example/"):
        with pytest.raises(FetchRefused, match="not a public address"):
            fetch(url, only_public=True)
    assert connections == ["93.184.215.14"]


def test_another_port_of_an_allowed_host_is_refused(allow, server):
    allow("127.0.0.1:1")

    with pytest.raises(FetchRefused):
        fetch(server.url())


def test_a_status_is_given_back_and_not_raised(allow, server):
    allow("127.0.0.1")

    assert fetch(server.url("/missing")).status == 404


def test_the_own_gallery_is_fetched_and_nothing_else_of_this_system(monkeypatch, server):
    monkeypatch.setenv("ORCHESTRA_URL", server.url(""))
    workflow_kit._settings.cache_clear()
    server.answers["/orchestra/gallery/"] = body(b"pictures")

    assert fetch(server.url("/orchestra/gallery/")).content == b"pictures"
    for path in ["/", "/orchestra/api/interface/", "/orchestra/gallery/../api/",
                 "/orchestra/gallery/%2e%2e/api/", "/orchestra/gallery"]:  # fmt: skip
        with pytest.raises(FetchRefused, match="only /orchestra/gallery/"):
            fetch(server.url(path))


def test_five_redirects_are_followed(allow, server):
    """I-39"""
    allow("127.0.0.1")
    for hop in range(5):
        server.answers[f"/{hop}"] = redirect(f"/{hop + 1}")
    server.answers["/5"] = body(b"there")

    answer = fetch(server.url("/0"))

    assert (answer.content, answer.url) == (b"there", server.url("/5"))


def test_the_sixth_redirect_is_refused(allow, server):
    """I-39"""
    allow("127.0.0.1")
    server.answers["/"] = redirect("/")

    with pytest.raises(FetchRefused, match="more than 5 redirects"):
        fetch(server.url())
    assert len(server.hosts) == 6


def test_an_answer_that_is_too_large_is_refused(allow, server, monkeypatch):
    """I-39"""
    monkeypatch.setattr(workflow_kit, "MAX_BYTES", 100_000)
    allow("127.0.0.1")
    server.answers["/fits"] = body(b"x" * 100_000)
    server.answers["/large"] = body(b"x" * 100_001)

    assert len(fetch(server.url("/fits")).content) == 100_000
    with pytest.raises(FetchRefused, match="larger than"):
        fetch(server.url("/large"))


def test_an_answer_that_unpacks_to_too_much_is_refused(allow, server):
    """I-39: 11 MB of zeros are 11 kB on the wire"""
    allow("127.0.0.1")
    server.answers["/"] = body(gzip.compress(bytes(11 * 1024 * 1024)), Content_Encoding="gzip")

    with pytest.raises(FetchRefused, match="larger than"):
        fetch(server.url())


def dripping_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
    drip(handler)


def dripping_body(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
    drip(handler)


def drip(handler: BaseHTTPRequestHandler) -> None:
    for _ in range(30):
        handler.wfile.write(b"x")
        time.sleep(0.05)


def silence(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(1.5)


@pytest.mark.parametrize("answer", [dripping_headers, dripping_body, silence])
def test_a_server_that_never_ends_is_given_up_in_time(allow, server, monkeypatch, answer):
    """I-39: each byte comes within any time limit between bytes"""
    monkeypatch.setattr(workflow_kit, "TOTAL_SECONDS", 0.4)
    allow("127.0.0.1")
    server.answers["/"] = answer
    started = time.monotonic()

    with pytest.raises(FetchFailed):
        fetch(server.url())
    assert time.monotonic() - started < 1.2


def test_a_cut_answer_is_a_failure_and_may_be_tried_again(allow, server):
    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    allow("127.0.0.1")
    server.answers["/"] = cut

    with pytest.raises(FetchFailed):
        fetch(server.url())


def test_a_host_that_does_not_answer_is_a_failure(allow):
    allow("127.0.0.1")

    with pytest.raises(FetchFailed, match="no connection"):
        fetch("http://127.0.0.1:1/")


def test_an_unknown_name_is_a_failure(monkeypatch):
    def resolve(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    with pytest.raises(FetchFailed, match=r"nowhere\.example"):
        fetch("http://nowhere.example/")


def test_a_refusal_is_permanent_and_a_failure_is_not():
    """What the engine goes by when it decides about a retry (L-120)."""
    assert issubclass(FetchRefused, PermanentFailure)
    assert not issubclass(FetchFailed, PermanentFailure)
    assert RetryLater(30).after_seconds == 30


def test_an_unknown_encoding_is_read_as_utf_8():
    answer = workflow_kit.Fetched(
        200, "http://example.org/", {"content-type": "text/html; charset=klingon"}, "ä".encode()
    )
    assert answer.text == "ä"
