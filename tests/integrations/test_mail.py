"""Mail as it travels, and a real SMTP server on loopback (I-3, I-6, I-20 to I-23)."""

import socket
import ssl
import threading
import warnings
from dataclasses import replace
from email import message_from_bytes
from email.policy import default

import pytest

from orchestra.config import Settings
from orchestra.errors import BadConfiguration, RefusedByService, ServiceUnreachable
from orchestra.integrations import mail as mails
from orchestra.integrations.mail import (
    ConsoleMailer,
    Mail,
    MemoryMailer,
    SmtpMailer,
    as_message,
    mailer_of,
    message_id_of,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult

PASSWORD = "a password that must not be shown"


def mail(**more):
    given = {
        "sender": "Orchestra <noreply@example.org>",
        "to": "ana@example.org",
        "subject": "Grüße",
        "text": "Words, ü.",
        "html": "<p>Words, ü.</p>",
        "message_id": "1@example.org",
    }
    return Mail(**(given | more))


@pytest.fixture
def settings(tmp_path):
    def made(**more):
        given = {"mail_backend": "smtp", "smtp_host": "127.0.0.1", "smtp_security": "none"}
        return Settings.from_env({}, data_dir=tmp_path, **(given | more))

    return made


class Box:
    """Keeps what the server accepted; answers as the test wants."""

    def __init__(self):
        self.received, self.answers = [], {}

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if "RCPT" in self.answers:
            return self.answers["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if "DATA" in self.answers:
            return self.answers["DATA"]
        self.received.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 OK"


@pytest.fixture
def serve():
    """Run an SMTP server with a box; the box and the server's port."""
    running = []

    def started(**options):
        box = Box()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        controller = Controller(box, hostname="127.0.0.1", port=port, **options)
        controller.start()
        running.append(controller)
        return box, port

    yield started
    for controller in running:
        controller.stop()


# --- The mail ---------------------------------------------------------------------------------


def test_a_mail_has_text_first_and_the_same_as_html():
    """M-13"""
    message = as_message(mail())

    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert message["Subject"] == "Grüße"
    assert message["Message-ID"] == "<1@example.org>"
    assert "List-Unsubscribe" not in message


def test_optional_mails_carry_the_address_where_they_are_switched_off():
    """M-13"""
    message = as_message(mail(unsubscribe_url="https://work.example.org/settings"))
    assert message["List-Unsubscribe"] == "<https://work.example.org/settings>"


@pytest.mark.parametrize("field", ["sender", "subject", "message_id", "unsubscribe_url"])
def test_data_can_add_no_header(field):
    """I-22"""
    given = {"sender": "Eve\r\nBcc: eve@example.org <noreply@example.org>"}
    hostile = given.get(field, "a\r\nBcc: eve@example.org\n\nbody\x0bX-Y: z")
    received = message_from_bytes(as_message(mail(**{field: hostile})).as_bytes(), policy=default)

    assert "Bcc" not in received
    assert "X-Y" not in received
    assert received.get_body(("plain",)).get_content().strip() == "Words, ü."


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "a@b\r\nBcc: eve@example.org",
        "a@example.org, eve@example.org",
        "Ana <a@example.org>",
        "@example.org",
        "ü@example.org",
        "a b@example.org",
    ],
)
def test_what_is_no_single_address_is_refused(address):
    """M-12, I-22"""
    with pytest.raises(RefusedByService):
        as_message(mail(to=address))


def test_a_sender_that_is_no_address_is_an_offence_of_the_settings(settings):
    with pytest.raises(BadConfiguration):
        as_message(mail(sender=""))
    for name in ("default_from_email", "notifications_from_email"):
        with pytest.raises(BadConfiguration, match=name.upper()):
            settings(**{name: "nobody at all"})


def test_one_address_for_all_mail_must_be_given(settings):
    """E-49"""
    with pytest.raises(BadConfiguration, match="ORCHESTRA_MOCK_TO_EMAIL"):
        settings(mock_emails=True)


def test_the_id_of_a_mail_tells_nothing_and_is_always_the_same():
    """I-23"""
    first, again, other = (message_id_of(key, "example.org") for key in ("a", "a", "b"))
    assert first == again != other


# --- Backends ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"), [("console", ConsoleMailer), ("memory", MemoryMailer), ("smtp", SmtpMailer)]
)
def test_the_setting_chooses_how_mail_leaves(settings, name, kind):
    """I-20"""
    assert isinstance(mailer_of(settings(mail_backend=name)), kind)


def test_the_console_prints_the_mail(capsys):
    ConsoleMailer().send(mail())
    printed = capsys.readouterr().out
    assert "To: ana@example.org" in printed
    assert "Words, ü." in printed


def test_a_server_receives_the_mail_for_one_recipient(settings, serve):
    """M-12, I-20"""
    box, port = serve()
    mailer = SmtpMailer(settings(smtp_port=port))
    mailer.check()
    mailer.send(mail())

    ((sender, recipients, content),) = box.received
    received = message_from_bytes(content, policy=default)
    assert (sender, recipients) == ("noreply@example.org", ["ana@example.org"])
    assert received["To"] == "ana@example.org"
    assert received.get_body(("plain",)).get_content().strip() == "Words, ü."
    assert "Words, ü." in received.get_body(("html",)).get_content()


@pytest.mark.parametrize("moment", ["RCPT", "DATA"])
@pytest.mark.parametrize(
    ("answer", "error"),
    [("451 greylisted", ServiceUnreachable), ("550 no such mailbox", RefusedByService)],
)
def test_what_the_server_answers_decides_whether_to_try_again(
    settings, serve, moment, answer, error
):
    """I-21"""
    box, port = serve()
    box.answers[moment] = answer
    with pytest.raises(error, match=f"answered {answer.replace(' ', ': ', 1)}"):
        SmtpMailer(settings(smtp_port=port)).send(mail())
    assert box.received == []


def test_a_long_answer_is_cut(settings, serve):
    """I-6"""
    box, port = serve()
    box.answers["DATA"] = f"550 {'x' * 480}\r\n"
    with pytest.raises(RefusedByService) as caught:
        SmtpMailer(settings(smtp_port=port)).send(mail())
    assert len(str(caught.value)) <= mails.LONGEST_ANSWER


def test_a_server_that_is_not_there_may_be_there_later(settings):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ServiceUnreachable, match="not reachable at the moment"):
        SmtpMailer(settings(smtp_port=port)).send(mail())


def test_a_server_that_says_nothing_is_left_after_a_while(settings, monkeypatch):
    """I-3"""
    monkeypatch.setattr(mails, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ServiceUnreachable):
        SmtpMailer(settings(smtp_port=silent.getsockname()[1])).send(mail())


def test_a_server_that_hangs_up_in_the_middle_may_be_there_later(settings):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up():
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"220 here\r\n")
                connection.recv(100)

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(ServiceUnreachable):
            SmtpMailer(settings(smtp_port=server.getsockname()[1])).send(mail())
        thread.join()


def accepts(right):
    def check(server, session, envelope, mechanism, given):
        return AuthResult(success=given.password == right.encode(), handled=False)

    return {"authenticator": check, "auth_require_tls": False}


def test_the_account_of_the_settings_is_used(settings, serve):
    box, port = serve(**accepts(PASSWORD))
    SmtpMailer(settings(smtp_port=port, smtp_user="me", smtp_password=PASSWORD)).send(mail())
    assert len(box.received) == 1


def test_a_wrong_password_is_refused_and_never_shown(settings, serve):
    """I-6"""
    _, port = serve(**accepts("another one"))
    chosen = settings(smtp_port=port, smtp_user="me", smtp_password=PASSWORD)
    with pytest.raises(RefusedByService, match="535") as caught:
        SmtpMailer(chosen).send(mail())
    assert PASSWORD not in str(caught.value)
    assert PASSWORD not in repr(chosen)


def test_without_encryption_nothing_is_sent_that_should_be_encrypted(settings, serve):
    box, port = serve()
    chosen = replace(settings(smtp_port=port), smtp_security="starttls")
    with pytest.raises(RefusedByService, match="STARTTLS"):
        SmtpMailer(chosen).send(mail())
    assert box.received == []


def test_a_certificate_that_does_not_hold_stops_the_mail(settings, serve, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    box, port = serve(tls_context=context)
    chosen = replace(settings(smtp_port=port), smtp_security="starttls")
    with pytest.raises(ServiceUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
        SmtpMailer(chosen).send(mail())
    assert box.received == []


@pytest.mark.parametrize("security", ["starttls", "ssl"])
def test_mail_is_encrypted_on_its_way(settings, serve, certificate, monkeypatch, security):
    """I-20"""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    options = {"tls_context": context, "require_starttls": True}
    box, port = serve(**(options if security == "starttls" else {"ssl_context": context}))
    SmtpMailer(settings(smtp_port=port, smtp_security=security)).send(mail())
    assert len(box.received) == 1


@pytest.fixture
def certificate(tmp_path):
    """A certificate of 127.0.0.1 with its key, signed by itself."""
    from datetime import timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    from orchestra.database import utcnow

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(utcnow() - timedelta(days=1))
        .not_valid_after(utcnow() + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path
