"""The workspaces of this process, made with the first post."""

from dataclasses import dataclass

from flask import current_app

from orchestra.config import Settings
from orchestra.integrations.chat import Chat, chats_of
from orchestra.integrations.pausing import Pausing


@dataclass(frozen=True)
class ChatServices:
    """Each with its own pause; None: switched off."""

    experts: tuple[Chat, Pausing] | None
    internal: tuple[Chat, Pausing] | None


def chat_services(settings: Settings) -> ChatServices:
    found: ChatServices | None = current_app.extensions.get("orchestra_chats")
    if found is None:
        chats = chats_of(settings)
        found = ChatServices(
            experts=(chats.experts, Pausing("The chat")) if chats.experts else None,
            internal=(chats.internal, Pausing("The chat")) if chats.internal else None,
        )
        current_app.extensions["orchestra_chats"] = found
    return found
