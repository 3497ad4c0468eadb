"""Mail: one protocol, and the ways by which mail leaves (specification I-20 to I-23)."""

import smtplib
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from hashlib import sha256
from typing import Protocol

from orchestra.config import Settings
from orchestra.errors import BadConfiguration, RefusedByService, ServiceUnreachable

CONNECT_SECONDS = 5
READ_SECONDS = 15
LONGEST_ANSWER = 500  # characters of what a service answered


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One mail to one address (M-12): the same words as text and as HTML (M-13)."""

    sender: str  # "Name <address>"
    to: str
    subject: str
    text: str
    html: str
    message_id: str  # without the angle brackets
    unsubscribe_url: str | None = None  # a POST to it ends such mails (RFC 8058)


class Mailer(Protocol):
    """Something that sends mail.

    :raises ServiceUnreachable: trying again later may help.
    :raises RefusedByService: it will not.
    """

    def send(self, mail: Mail) -> None: ...

    def check(self) -> None:
        """Ask the service for nothing but an answer."""


def mailer_of(settings: Settings) -> Mailer:
    match settings.mail_backend:
        case "smtp":
            return SmtpMailer(settings)
        case "memory":
            return MemoryMailer()
        case _:
            return ConsoleMailer()


def message_id_of(dedupe_key: str, host: str) -> str:
    """The same for each repeat of a mail, so that mail programs recognise it (I-23)."""
    return f"{sha256(dedupe_key.encode()).hexdigest()[:40]}@{host}"


def as_message(mail: Mail) -> EmailMessage:
    """The mail as it travels.

    :raises RefusedByService: there can be no mail to this address.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = _sender(mail.sender)
    message["To"] = _recipient(mail.to)
    message["Subject"] = _one_line(mail.subject)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{_one_line(mail.message_id)}>"
    message["Auto-Submitted"] = "auto-generated"
    if mail.unsubscribe_url:
        message["List-Unsubscribe"] = f"<{_one_line(mail.unsubscribe_url)}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


def _one_line(text: str) -> str:
    """A line break would end the header and begin another one (I-22)."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _recipient(address: str) -> Address:
    try:
        found = Address(addr_spec=address)
        found.domain.encode("ascii")
        found.username.encode("ascii")
    except (ValueError, IndexError, MessageError) as error:
        raise RefusedByService("This is not an address that mail can be sent to.") from error
    if not found.username or not found.domain:
        raise RefusedByService("This is not an address that mail can be sent to.")
    return found


def _sender(text: str) -> Address:
    name, address = parseaddr(_one_line(text))
    try:
        return Address(display_name=name, addr_spec=address)
    except (ValueError, IndexError, MessageError) as error:
        problem = "ORCHESTRA_NOTIFICATIONS_FROM_EMAIL: is no address."
        raise BadConfiguration([problem]) from error


class ConsoleMailer:
    """Prints mails: the choice for trying things out."""

    def send(self, mail: Mail) -> None:
        message = as_message(mail)
        headers = "\n".join(f"{name}: {message[name]}" for name in ("From", "To", "Subject"))
        sys.stdout.write(f"--- Mail ---\n{headers}\n\n{mail.text}\n------------\n")
        sys.stdout.flush()

    def check(self) -> None:
        pass


class MemoryMailer:
    """Keeps mails, for tests."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []

    def send(self, mail: Mail) -> None:
        as_message(mail)
        self.sent.append(mail)

    def check(self) -> None:
        pass


class SmtpMailer:
    """Sends mail by the server of the settings, one connection a mail."""

    def __init__(self, settings: Settings) -> None:
        self._host, self._port = settings.smtp_host, settings.smtp_port
        self._user, self._password = settings.smtp_user, settings.smtp_password
        self._security = settings.smtp_security

    def send(self, mail: Mail) -> None:
        message = as_message(mail)
        sender, recipient = message["From"].addresses[0], message["To"].addresses[0]
        with _translated_errors(), self._connected() as server:
            server.send_message(message, sender.addr_spec, [recipient.addr_spec])

    def check(self) -> None:
        with _translated_errors(), self._connected() as server:
            server.noop()

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        server = self._opened()
        try:
            if server.sock is not None:
                server.sock.settimeout(READ_SECONDS)
            if self._security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if self._user:
                server.login(self._user, self._password)
            yield server
        finally:
            _leave(server)

    def _opened(self) -> smtplib.SMTP:
        if self._security == "ssl":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(
                self._host, self._port, timeout=CONNECT_SECONDS, context=context
            )
        return smtplib.SMTP(self._host, self._port, timeout=CONNECT_SECONDS)


def _leave(server: smtplib.SMTP) -> None:
    """What was answered to the mail counts; how the conversation ends does not."""
    try:
        server.quit()
    except (smtplib.SMTPException, OSError):
        server.close()


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Errors of the library in our words, none of which holds a password (I-4, I-6, I-21)."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        code, answer = next(iter(error.recipients.values()))
        raise _by_code(code, answer) from error
    except smtplib.SMTPResponseException as error:
        raise _by_code(error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPNotSupportedError as error:
        text = f"The mail server cannot do what is set: {error}"[:LONGEST_ANSWER]
        raise RefusedByService(text) from error
    except (smtplib.SMTPException, OSError) as error:
        reason = str(error) or type(error).__name__
        text = f"The mail server is not reachable at the moment: {reason}"[:LONGEST_ANSWER]
        raise ServiceUnreachable(text) from error


def _by_code(code: int, answer: bytes | str) -> RefusedByService | ServiceUnreachable:
    said = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    text = f"The mail server answered {code}: {_one_line(said)}"[:LONGEST_ANSWER]
    return RefusedByService(text) if 500 <= code < 600 else ServiceUnreachable(text)
