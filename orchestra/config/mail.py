"""Settings of mail."""

from dataclasses import dataclass, field
from email.utils import parseaddr

from orchestra.config.declaring import about


@dataclass(frozen=True, kw_only=True, repr=False)
class MailSettings:
    """How mail leaves, and who it comes from."""

    mail_backend: str = field(
        default="console",
        metadata=about("How mail leaves.", choices=("console", "smtp", "memory")),
    )
    smtp_host: str = field(default="localhost", metadata=about("Mail server."))
    smtp_port: int = field(
        default=587, metadata=about("Port of the mail server.", low=1, high=65535)
    )
    smtp_user: str = field(default="", metadata=about("Account at the mail server."))
    smtp_password: str = field(default="", metadata=about("Password of that account.", secret=True))
    smtp_security: str = field(
        default="starttls",
        metadata=about("Encryption to the mail server.", choices=("starttls", "ssl", "none")),
    )
    default_from_email: str = field(
        default="Orchestra <noreply@example.org>",
        metadata=about("Sender of mail.", variable="DEFAULT_FROM_EMAIL"),
    )
    notifications_from_email: str = field(
        default="",
        metadata=about("Sender of notifications; unset: the sender of mail."),
    )
    mock_emails: bool = field(
        default=False, metadata=about("Whether all mail goes to one address.")
    )
    mock_to_email: str = field(default="", metadata=about("That address."))

    def _mail_problems(self) -> list[str]:
        problems = []
        if self.mock_emails and not self.mock_to_email:
            problems.append("ORCHESTRA_MOCK_TO_EMAIL: must be set with ORCHESTRA_MOCK_EMAILS.")
        for text, name in self._addresses().items():
            if "@" not in parseaddr(text)[1]:
                problems.append(f"{name}: is no mail address, such as Desk <desk@example.org>.")
        return problems

    def _addresses(self) -> dict[str, str]:
        """Setting by address; one that follows another setting is told by the name of that."""
        addresses = {
            self.notifications_from_email: "ORCHESTRA_NOTIFICATIONS_FROM_EMAIL",
            self.default_from_email: "DEFAULT_FROM_EMAIL",
        }
        if self.mock_to_email:
            addresses[self.mock_to_email] = "ORCHESTRA_MOCK_TO_EMAIL"
        return addresses
