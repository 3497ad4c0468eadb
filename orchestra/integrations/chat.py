"""Chat: one protocol, and the ways by which posts leave (specification I-9, I-10, I-19)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestra.config import Settings
from orchestra.errors import RefusedByService


@dataclass(frozen=True)
class Button:
    """What a reader may press below a post; the service tells us which one and its value."""

    name: str
    label: str
    value: str
    is_primary: bool = False


@dataclass(frozen=True)
class Person:
    """Somebody as the service knows them."""

    id: str
    name: str
    email: str = ""


class NameTaken(RefusedByService):
    """There is a channel of that name."""


class NoSuchPerson(RefusedByService):
    """The service does not know the person any more."""


class Chat(Protocol):
    """A workspace of a chat service.

    Texts are in the service's markup, in which data are escaped already. Channels and persons are
    given by the ids of the service. Asking again for what is so already changes nothing.

    :raises ServiceUnreachable: trying again later may help.
    :raises RefusedByService: it will not.
    """

    def post(self, channel: str, text: str) -> None:
        """Post to a channel, given by its id, or by its name as ``#name``."""

    def post_to_person(self, person: str, text: str, buttons: Sequence[Button] = ()) -> None: ...

    def create_channel(self, name: str) -> str:
        """Make a private channel; its id.

        :raises NameTaken: draw another one.
        """

    def find_own_channel(self, name: str) -> str | None:
        """The private channel of that name that we made ourselves."""

    def rename_channel(self, channel: str, name: str) -> None:
        """:raises NameTaken: choose another one."""

    def describe_channel(self, channel: str, *, topic: str, purpose: str) -> None: ...

    def invite(self, channel: str, person: str) -> None:
        """:raises NoSuchPerson: look for them again."""

    def remove(self, channel: str, person: str) -> None: ...

    def archive(self, channel: str) -> None: ...

    def unarchive(self, channel: str) -> None: ...

    def members(self, channel: str) -> list[str]:
        """Ids of all persons in a channel, bots included."""

    def find_person(self, name_or_email: str) -> Person | None:
        """By e-mail address, if there is an ``@`` within, otherwise by name."""

    def check(self) -> None:
        """Ask the service for nothing but an answer."""


@dataclass(frozen=True)
class Chats:
    """The two workspaces; None: that one is switched off (I-7, I-9)."""

    experts: Chat | None  # channels of projects, and direct messages
    internal: Chat | None  # channels of the staff


def chats_of(settings: Settings) -> Chats:
    experts, internal = settings.slack_experts_api_key, settings.slack_internal_api_key
    return Chats(
        experts=_workspace(settings, experts) if settings.slack_experts_enabled else None,
        internal=_workspace(settings, internal) if settings.slack_internal_enabled else None,
    )


def _workspace(settings: Settings, token: str) -> Chat:
    from orchestra.integrations.slack import SlackChat

    return SlackChat(token, settings.slack_api_url)


class MemoryChat:
    """A workspace in memory, for tests."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, str]] = []  # channel or person, and text
        self.buttons: list[tuple[str, Sequence[Button]]] = []
        self.channels: dict[str, str] = {}  # id: name
        self.people: list[Person] = []
        self.described: dict[str, tuple[str, str]] = {}  # channel: topic and purpose
        self.archived: set[str] = set()
        self._members: dict[str, list[str]] = {}

    def post(self, channel: str, text: str) -> None:
        self.posts.append((channel, text))

    def post_to_person(self, person: str, text: str, buttons: Sequence[Button] = ()) -> None:
        self.posts.append((person, text))
        if buttons:
            self.buttons.append((person, buttons))

    def create_channel(self, name: str) -> str:
        self._require_free(name)
        channel = f"C{len(self.channels) + 1}"
        self.channels[channel], self._members[channel] = name, []
        return channel

    def find_own_channel(self, name: str) -> str | None:
        return next((id_ for id_, taken in self.channels.items() if taken == name), None)

    def rename_channel(self, channel: str, name: str) -> None:
        self._require_free(name)
        self.channels[channel] = name

    def _require_free(self, name: str) -> None:
        if name in self.channels.values():
            raise NameTaken(f"There is a channel {name} already.")

    def describe_channel(self, channel: str, *, topic: str, purpose: str) -> None:
        self.described[channel] = (topic, purpose)

    def invite(self, channel: str, person: str) -> None:
        if person not in self._members[channel]:
            self._members[channel].append(person)

    def remove(self, channel: str, person: str) -> None:
        self._members[channel] = [one for one in self._members[channel] if one != person]

    def archive(self, channel: str) -> None:
        self.archived.add(channel)

    def unarchive(self, channel: str) -> None:
        self.archived.discard(channel)

    def members(self, channel: str) -> list[str]:
        return list(self._members[channel])

    def find_person(self, name_or_email: str) -> Person | None:
        key = name_or_email.lower()
        matching = (one for one in self.people if key in (one.name.lower(), one.email.lower()))
        return next(matching, None)

    def check(self) -> None:
        pass
