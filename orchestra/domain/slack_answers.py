"""What people read in the chat after a command or a pressed button (S-59, S-62)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from orchestra.domain.markup import ChatText, as_chat, bold
from orchestra.errors import OrchestraError

FAILED = ChatText("StaffBot could not do that.")
WORKING = ChatText("StaffBot is on it. The answer follows here.")
LATER = ChatText("StaffBot is on it. The result follows in the channel of the project.")
BUSY = ChatText("Orchestra is busy at the moment, and nothing was done. Send it once more.")


@dataclass(frozen=True)
class Answer:
    """Only the one who asked reads it.

    :param problem: what is wrong and what to do about it, in red.
    :param replaces: whether it stands where the pressed button was.
    """

    text: ChatText
    problem: ChatText | None = None
    replaces: bool = False

    @classmethod
    def refusing(cls, error: OrchestraError) -> Self:
        said = [error.message, *(text for texts in error.fields.values() for text in texts)]
        return cls(FAILED, as_chat(" ".join(said)))

    @property
    def payload(self) -> dict[str, Any]:
        payload: dict[str, Any] = {"response_type": "ephemeral", "text": self.text}
        if self.problem is not None:
            payload["attachments"] = [{"color": "danger", "text": self.problem}]
        if self.replaces:
            payload["replace_original"] = True
        return payload

    @property
    def as_post(self) -> ChatText:
        return ChatText("\n".join(part for part in (self.text, self.problem) if part))


def lines(headline: ChatText, *more: ChatText) -> ChatText:
    return ChatText("\n".join([bold(headline), *(line for line in more if line)]))


def facts(*parts: str) -> ChatText:
    return as_chat(" · ".join(part for part in parts if part))


def link(address: str, words: str) -> ChatText:
    return ChatText(f"<{as_chat(address)}|{as_chat(words)}>")


def time_of(moment: datetime) -> ChatText:
    """In the time zone of whoever reads it."""
    in_utc = f"{moment:%-d %B %Y, %H:%M} UTC"
    return ChatText(f"<!date^{int(moment.timestamp())}^{{date_long_pretty}}, {{time}}|{in_utc}>")


def listed(names: Sequence[str], most: int = 10) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
