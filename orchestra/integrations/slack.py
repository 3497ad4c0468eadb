"""Slack as the chat (specification I-11 to I-19), by its official client.

Source: https://docs.slack.dev/apis/web-api/
"""

import logging
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from threading import Lock
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.webhook import WebhookClient

from orchestra.errors import OrchestraError, RefusedByService, ServiceUnreachable
from orchestra.integrations.chat import Button, NameTaken, NoSuchPerson, Person

API_URL = "https://slack.com/api/"
CONNECT_SECONDS, READ_SECONDS = 5, 15  # I-3
KEPT_SECONDS = 3600  # what was looked up about people (I-18)
PAGE = 200  # the most that Slack recommends
MOST_PAGES = 500
LONGEST_TOPIC = 250
LONGEST_ANSWER = 500  # characters of what the service answered
NOBODY = {"users_not_found", "user_not_found"}
# Codes of answers with which the same call may succeed later.
PASSING = {
    "accesslimited",
    "fatal_error",
    "internal_error",
    "ratelimited",
    "rate_limited",
    "request_timeout",
    "service_unavailable",
    "team_added_to_org",
}
ADVICE = {
    "account_inactive": "The app or its workspace was removed; install it again.",
    "channel_not_found": "Invite the app to the channel, or name another one.",
    "invalid_auth": "Check the token.",
    "invalid_name_specials": "Use lower-case letters, digits, - and _.",
    "is_archived": "Unarchive the channel in Slack.",
    "missing_scope": "Give the app the scopes of docs/slack.md and install it again.",
    "name_taken": "Choose another name: one of a closed channel is taken, too.",
    "not_authed": "Check the token.",
    "not_authorized": "Only a channel that the app made itself can be renamed by it.",
    "not_in_channel": "Invite the app to the channel.",
    "restricted_action": "A setting of the workspace forbids it; ask its administrator.",
    "token_expired": "Check the token.",
    "token_revoked": "Install the app again and set the new token.",
}

# It would log whole requests and answers at the level DEBUG (I-6).
_quiet = logging.getLogger("orchestra.integrations.slack.client")
_quiet.setLevel(logging.WARNING)


class SlackChat:
    """Implements :class:`orchestra.integrations.chat.Chat`; one for each token and process."""

    def __init__(
        self,
        token: str,
        api_url: str = "",
        *,
        connect_seconds: int = CONNECT_SECONDS,
        read_seconds: int = READ_SECONDS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._token, url = token, api_url or API_URL
        self._client = WebClient(
            token,
            base_url=url,
            logger=_quiet,
            retry_handlers=[],  # a post that was sent twice would be read twice
            **_limits(url, connect_seconds, read_seconds),
        )
        if _is_loopback(api_url):
            self._client.proxy = None
        self._kept = _Kept(clock)

    # --- Posts ------------------------------------------------------------------------------------

    def post(self, channel: str, text: str) -> None:
        self._call("chat.postMessage", channel=channel, text=text, **_PLAIN)

    def post_to_person(self, person: str, text: str, buttons: Sequence[Button] = ()) -> None:
        form = _PLAIN | ({"blocks": _blocks(text, buttons)} if buttons else {})
        self._call("chat.postMessage", channel=person, text=text, **form)

    # --- Channels ---------------------------------------------------------------------------------

    def create_channel(self, name: str) -> str:
        made = self._call("conversations.create", name=name, is_private=True)
        return str(made["channel"]["id"])

    def find_own_channel(self, name: str) -> str | None:
        own_id = self._call("auth.test")["user_id"]
        listed = self._pages(
            "conversations.list", "channels", types="private_channel", exclude_archived=True
        )
        for channel in listed:
            if channel.get("name") == name and channel.get("creator") == own_id:
                return str(channel["id"])
        return None

    def rename_channel(self, channel: str, name: str) -> None:
        self._call("conversations.rename", channel=channel, name=name)

    def describe_channel(self, channel: str, *, topic: str, purpose: str) -> None:
        self._call("conversations.setTopic", channel=channel, topic=topic[:LONGEST_TOPIC])
        self._call("conversations.setPurpose", channel=channel, purpose=purpose[:LONGEST_TOPIC])

    def invite(self, channel: str, person: str) -> None:
        done = ("already_in_channel", "cant_invite_self")
        self._call("conversations.invite", done=done, channel=channel, users=person)

    def remove(self, channel: str, person: str) -> None:
        done = ("not_in_channel", "user_not_found", "cant_kick_self")
        self._call("conversations.kick", done=done, channel=channel, user=person)

    def archive(self, channel: str) -> None:
        self._call("conversations.archive", done=("already_archived",), channel=channel)

    def unarchive(self, channel: str) -> None:
        self._call("conversations.unarchive", done=("not_archived",), channel=channel)

    def members(self, channel: str) -> list[str]:
        return list(self._pages("conversations.members", "members", channel=channel))

    # --- People -----------------------------------------------------------------------------------

    def find_person(self, name_or_email: str) -> Person | None:
        key = name_or_email.strip().removeprefix("@").lower()
        if "@" in key:
            one: Person | None = self._kept.get(key, lambda: self._person_of(key))
            return one
        everybody: Mapping[str, Person] = self._kept.get("", self._everybody)
        return everybody.get(key)

    def _person_of(self, email: str) -> Person | None:
        found = self._call("users.lookupByEmail", done=tuple(NOBODY), email=email).get("user")
        return _person(found) if found and not found.get("deleted") else None

    def _everybody(self) -> dict[str, Person]:
        """By the name that people see, and by the older one; one that several have is nobody's."""
        found: dict[str, set[Person]] = {}
        for user in self._pages("users.list", "members"):
            if user.get("deleted") or user.get("is_bot"):
                continue
            person, profile = _person(user), user.get("profile", {})
            shown = profile.get("display_name_normalized") or profile.get("display_name") or ""
            for name in {person.name.lower(), shown.lower()} - {""}:
                found.setdefault(name, set()).add(person)
        return {name: next(iter(people)) for name, people in found.items() if len(people) == 1}

    def check(self) -> None:
        self._call("auth.test")

    # --- Calls ------------------------------------------------------------------------------------

    def _pages(self, method: str, key: str, **arguments: Any) -> Iterator[Any]:
        cursor = ""
        for _ in range(MOST_PAGES):
            more = {"cursor": cursor} if cursor else {}
            answer = self._call(method, limit=PAGE, **arguments, **more)
            yield from answer.get(key) or ()
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return

    def _call(
        self, method: str, *, done: Sequence[str] = (), **arguments: Any
    ) -> Mapping[str, Any]:
        """:param done: errors that say that it is so already."""
        try:
            with _translated_errors(self._token):
                # Only few methods read JSON, and blocks can be sent in no other way.
                is_json = method == "chat.postMessage"
                form: dict[str, Any] = {"json" if is_json else "params": arguments}
                answer = self._client.api_call(method, **form)
        except _Refused as refusal:
            if refusal.code in done:
                return {}
            raise refusal.in_words(method) from None
        found: Any = answer.data
        return found if isinstance(found, dict) else {}


_PLAIN: dict[str, Any] = {"unfurl_links": False, "unfurl_media": False, "link_names": False}


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


class _Tls(ssl.SSLContext):
    """Lets the service take its time once it is connected; the client knows one limit for both."""

    read_seconds: int

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        connected = super().wrap_socket(*args, **options)
        connected.settimeout(self.read_seconds)
        return connected


def _limits(url: str, connect_seconds: int, read_seconds: int) -> dict[str, Any]:
    """Arguments of a client (I-3). Only a stand-in for Slack does without TLS; it has one limit."""
    if urlsplit(url).scheme != "https":
        return {"timeout": read_seconds}
    tls = _Tls(ssl.PROTOCOL_TLS_CLIENT)  # which asks for a certificate of the right name
    tls.load_default_certs()
    tls.read_seconds = read_seconds
    return {"timeout": connect_seconds, "ssl": tls}


def _blocks(text: str, buttons: Sequence[Button]) -> list[dict[str, Any]]:
    elements = []
    for button in buttons:
        element = {
            "type": "button",
            "action_id": button.name,
            "text": {"type": "plain_text", "text": button.label},
            "value": button.value,
        }
        elements.append(element | ({"style": "primary"} if button.is_primary else {}))
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": text}},
        {"type": "actions", "elements": elements},
    ]


def _person(user: Mapping[str, Any]) -> Person:
    email = user.get("profile", {}).get("email") or ""
    return Person(id=str(user["id"]), name=str(user.get("name", "")), email=str(email))


class _Kept:
    """What was looked up within the last hour; also that nothing was found (I-18)."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._lock = clock, Lock()
        self._found: dict[str, tuple[float, Any]] = {}

    def get(self, key: str, look_up: Callable[[], Any]) -> Any:
        with self._lock:
            until, found = self._found.get(key, (0.0, None))
        if until > self._clock():
            return found
        found = look_up()
        with self._lock:
            now = self._clock()
            self._found = {k: entry for k, entry in self._found.items() if entry[0] > now}
            self._found[key] = (now + KEPT_SECONDS, found)
        return found


class _Refused(Exception):
    """Slack's code for what it will not do."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    def in_words(self, method: str) -> OrchestraError:
        text = f"Slack refused {method}: {self.code}. {ADVICE.get(self.code, '')}".strip()
        if self.code == "name_taken":
            return NameTaken(text)
        return NoSuchPerson(text) if self.code in NOBODY else RefusedByService(text)


@contextmanager
def _translated_errors(token: str) -> Iterator[None]:
    """Errors of the client in our words, none of which holds the token (I-4, I-6)."""
    try:
        yield
    except SlackApiError as error:
        raise _by_answer(error) from None
    except (SlackClientError, HTTPException, OSError, ValueError) as error:
        reason = str(getattr(error, "reason", "") or error) or type(error).__name__
        said = (reason.replace(token, "***") if token else reason)[:LONGEST_ANSWER]
        raise ServiceUnreachable(f"Slack is not reachable at the moment: {said}") from None


def _by_answer(error: SlackApiError) -> _Refused | ServiceUnreachable:
    answer = error.response
    status, headers = answer.status_code, answer.headers
    code = answer.data.get("error") if isinstance(answer.data, dict) else None
    if status == 429 or code in {"ratelimited", "rate_limited"}:
        return ServiceUnreachable(
            "Slack answers no more calls for a while: too many were made.",
            retry_after_seconds=_retry_after(headers),
        )
    if status >= 500 or code is None or code in PASSING:
        said = str(code or f"status {status}")[:LONGEST_ANSWER]
        return ServiceUnreachable(f"Slack is not reachable at the moment: {said}.")
    return _Refused(str(code)[:LONGEST_ANSWER])


def _retry_after(headers: Mapping[str, Any]) -> int | None:
    for name, value in headers.items():
        text = str(value[0] if isinstance(value, list) and value else value)
        if name.lower() == "retry-after" and text.isascii() and text.isdigit():
            return int(text[:6])
    return None


def answer_later(url: str, answer: Mapping[str, Any]) -> None:
    """Answer a command or a button by the address that came with it.

    :param url: checked by the caller: whoever may post there reads the answer.
    """
    limits = _limits(url, CONNECT_SECONDS, READ_SECONDS)
    hook = WebhookClient(url, logger=_quiet, retry_handlers=[], **limits)
    if _is_loopback(url):
        hook.proxy = None
    try:
        status = hook.send_dict(dict(answer)).status_code
    except (SlackClientError, HTTPException, OSError, ValueError) as error:
        raise ServiceUnreachable(
            f"Slack takes no answer at the moment: {type(error).__name__}."
        ) from None
    if status == 429 or status >= 500:
        raise ServiceUnreachable(f"Slack takes no answer at the moment: status {status}.")
    if status >= 400:
        raise RefusedByService(f"Slack refused the answer: status {status}.")
