"""Google Drive as the store of files: its settings, and the key of its account (E-57 to E-60)."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestra.config.declaring import about

KEY_VARIABLE = "GOOGLE_SERVICE_ACCOUNT_JSON"
KEY_PARTS = ("client_email", "private_key", "token_uri")


@dataclass(frozen=True, kw_only=True, repr=False)
class DriveSettings:
    """Which account keeps files in which folder."""

    google_service_account_json: str = field(
        default="",
        metadata=about(
            "Service account key, or the path of its file.",
            variable="GOOGLE_SERVICE_ACCOUNT_JSON",
            secret=True,
        ),
    )
    google_p12_path: str = field(
        default="", metadata=about("Refused; the key is JSON now.", variable="GOOGLE_P12_PATH")
    )
    google_service_email: str = field(
        default="",
        metadata=about(
            "Address of the service account, if it is to be checked.",
            variable="GOOGLE_SERVICE_EMAIL",
        ),
    )
    google_delegated_user: str = field(
        default="",
        metadata=about("Subject of domain-wide delegation.", variable="GOOGLE_DELEGATED_USER"),
    )
    google_project_root_id: str = field(
        default="",
        metadata=about("Root folder in Drive.", variable="GOOGLE_PROJECT_ROOT_ID"),
    )
    drive_link_sharing: bool = field(
        default=False, metadata=about("Whether anyone with the link may write.")
    )

    def _drive_problems(self, *, is_used: bool) -> list[str]:
        """One line for each offence; what is not used may be as it is."""
        problems = []
        if self.google_p12_path:
            advice = f"set {KEY_VARIABLE} to a JSON key of the same account instead"
            problems.append(f"GOOGLE_P12_PATH: P12 keys are not used any more; {advice}.")
        if is_used:
            problems += self._key_problems()
            if not self.google_project_root_id:
                problems.append("GOOGLE_PROJECT_ROOT_ID: must be set when files are in Drive.")
        return problems

    def _key_problems(self) -> list[str]:
        if not self.google_service_account_json:
            return [f"{KEY_VARIABLE}: must be set when files are in Drive."]
        try:
            found = read_key(self.google_service_account_json)["client_email"]
        except ValueError as error:
            return [str(error)]
        if self.google_service_email and self.google_service_email.lower() != found.lower():
            return [f"GOOGLE_SERVICE_EMAIL: is not {found}, the address of the service account."]
        return []


def read_key(text_or_path: str) -> dict[str, Any]:
    """What the key file holds.

    :raises ValueError: it is no such key; the message is a line for the operator, without the key.
    """
    key = _parsed(_text(text_or_path))
    if not isinstance(key, dict) or key.get("type") != "service_account":
        raise ValueError(f"{KEY_VARIABLE}: is not the key of a service account.")
    missing = [name for name in KEY_PARTS if not isinstance(key.get(name), str) or not key[name]]
    if missing:
        raise ValueError(f"{KEY_VARIABLE}: has no {', '.join(missing)}; download the key again.")
    return key


def _text(text_or_path: str) -> str:
    if text_or_path.lstrip().startswith("{"):
        return text_or_path
    try:
        return Path(text_or_path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ValueError(f"{KEY_VARIABLE}: its file cannot be read: {reason}.") from None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(f"{KEY_VARIABLE}: is not JSON.") from None
