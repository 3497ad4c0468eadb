"""Chat: one protocol, and the ways by which posts leave (specification I-9, I-10, I-19)."""

import logging
from dataclasses import dataclass
from typing import Protocol

from orchestra.config import Settings

logger = logging.getLogger(__name__)


class Chat(Protocol):
    """A workspace of a chat service.

    Texts are in the service's markup, in which data are escaped already.

    :raises ServiceUnreachable: trying again later may help.
    :raises RefusedByService: it will not.
    """

    def post(self, channel: str, text: str) -> None:
        """Post to a channel, given by its id, or by its name as ``#name``."""

    def post_to_person(self, slack_user_id: str, text: str) -> None: ...

    def check(self) -> None:
        """Ask the service for nothing but an answer."""


@dataclass(frozen=True)
class Chats:
    """The two workspaces; None: that one is switched off (I-7, I-9)."""

    experts: Chat | None  # channels of projects, and direct messages
    internal: Chat | None  # channels of the staff


def chats_of(settings: Settings) -> Chats:
    return Chats(
        experts=LoggingChat("experts") if settings.slack_experts_enabled else None,
        internal=LoggingChat("internal") if settings.slack_internal_enabled else None,
    )


class LoggingChat:
    """Logs where something would have been posted: the choice for trying things out."""

    def __init__(self, workspace: str) -> None:
        self._workspace = workspace

    def post(self, channel: str, text: str) -> None:
        self._log(channel, text)

    def post_to_person(self, slack_user_id: str, text: str) -> None:
        self._log(slack_user_id, text)

    def check(self) -> None:
        pass

    def _log(self, to: str, text: str) -> None:
        extra = {"workspace": self._workspace, "to": to, "characters": len(text)}
        logger.info("post to chat", extra=extra)


class MemoryChat:
    """Keeps posts, for tests."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, str]] = []  # channel or person, and text

    def post(self, channel: str, text: str) -> None:
        self.posts.append((channel, text))

    def post_to_person(self, slack_user_id: str, text: str) -> None:
        self.posts.append((slack_user_id, text))

    def check(self) -> None:
        pass
