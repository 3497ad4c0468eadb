"""The safe fetch connects to a checked number, and still asks for and believes only the name."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from orchestra import workflow_kit
from orchestra.workflow_kit import FetchRefused, fetch
from tests.serving import serving


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.headers["Host"].encode())

    def log_message(self, *args: object) -> None:
        pass


class Server(HTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that refuses the certificate is what a test wants


def write_certificate(path, name):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = serialization.PrivateFormat.PKCS8
    path.write_bytes(
        key.private_bytes(pem, private, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    return path


@pytest.fixture
def asked_names():
    return []


@pytest.fixture
def port(tmp_path, monkeypatch, asked_names):
    """A server whose certificate is trusted for shop.example only; all names lead to it."""
    file = write_certificate(tmp_path / "shop.pem", "shop.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    context.sni_callback = lambda _socket, name, _context: asked_names.append(name)
    server = Server(("127.0.0.1", 0), Handler)
    # The handshake belongs to the connection: a refused one must not end the server.
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    numeric = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.server_port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: numeric)
    monkeypatch.setattr(certifi, "where", lambda: str(file))
    monkeypatch.setenv("ORCHESTRA_FETCH_ALLOW_HOSTS", "shop.example,other.example")
    workflow_kit._settings.cache_clear()
    with serving(server):
        yield server.server_port
    workflow_kit._settings.cache_clear()


def test_the_name_of_the_address_is_asked_for_in_the_handshake_and_in_the_request(
    port, asked_names
):
    """R-31"""
    assert fetch(f"https://shop.example:{port}/").text == f"shop.example:{port}"
    assert asked_names == ["shop.example"]


def test_a_certificate_of_another_name_is_refused(port):
    """R-31"""
    with pytest.raises(FetchRefused, match="no safe connection"):
        fetch(f"https://other.example:{port}/")
