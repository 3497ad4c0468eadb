"""A server on loopback that speaks Slack's Web API with its official client.

It holds one workspace. What a test may order:

- ``server.fault(method, error="…")``: the next such call is refused so, and does nothing;
- ``server.fault(method, status=…, headers=…)``: it is answered with this status and no JSON;
- ``server.fault(method, seconds=…)``: the answer takes its time;
- ``server.fault(method, cut="before"|"after")``: the connection breaks before or after the work;
- ``server.is_down = True``: every call is answered with 503.

A ``method`` of "" is any.
"""

import itertools
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

TOKEN = "xoxb-the-token-of-the-bot"
BOT = "UBOT"
PAGE = 2  # entries of a list, however many are asked for


class Refused(Exception):
    """Answered with ``ok: false`` and this code."""


@dataclass
class Channel:
    id: str
    name: str
    members: list
    creator: str = BOT
    topic: str = ""
    purpose: str = ""
    is_archived: bool = False
    is_private: bool = True
    posts: list = field(default_factory=list)

    @property
    def texts(self):
        return [post["text"] for post in self.posts]


@dataclass
class Fault:
    error: str | None = None
    status: int = 200
    headers: dict = field(default_factory=dict)
    seconds: float = 0
    cut: str | None = None


class Workspace:
    """Channels and people, with the rules that the client relies on."""

    def __init__(self):
        self.channels = {}
        self.users = {}
        self.posts = []  # all, in the order of their arrival: where, and the text
        self.answers = []  # what came to the addresses of commands
        self._numbers = itertools.count(1)

    def add_user(self, id_, name, email="", **more):
        profile = {"email": email, "display_name": more.pop("display_name", "")}
        self.users[id_] = {"id": id_, "name": name, "profile": profile} | more

    def add_channel(self, name, **more):
        channel = Channel(f"C{next(self._numbers):04}", name, [BOT], **more)
        self.channels[channel.id] = channel
        return channel

    def named(self, name):
        return next((c for c in self.channels.values() if c.name == name), None)

    def answer(self, method, given):
        return getattr(self, "do_" + method.replace(".", "_").lower())(**given)

    def do_auth_test(self):
        return {"user_id": BOT, "user": "orchestra", "team_id": "T1"}

    # --- Posts ------------------------------------------------------------------------------------

    def do_chat_postmessage(self, channel, text, **more):
        found = self._place(channel)
        if found is not None:
            if found.is_archived:
                raise Refused("is_archived")
            found.posts.append({"text": text} | more)
        self.posts.append((channel, text))
        return {"channel": channel, "ts": f"{time.time():.6f}"}

    def _place(self, channel):
        if channel in self.users:
            return None
        return self.channel(channel.removeprefix("#"), by_name=channel.startswith("#"))

    def channel(self, id_, *, by_name=False):
        found = self.named(id_) if by_name else self.channels.get(id_)
        if found is None or BOT not in found.members:
            raise Refused("channel_not_found")
        return found

    # --- Channels ---------------------------------------------------------------------------------

    def do_conversations_create(self, name, is_private):
        if is_private not in ("1", "true"):
            raise Refused("not_private")
        self._require_free(name)
        return {"channel": self._shown(self.add_channel(name))}

    def _require_free(self, name):
        if name != name.lower() or not 1 <= len(name) <= 80:
            raise Refused("invalid_name_specials")
        if self.named(name):
            raise Refused("name_taken")

    def _shown(self, channel):
        return {"id": channel.id, "name": channel.name, "creator": channel.creator}

    def do_conversations_rename(self, channel, name):
        found = self.channel(channel)
        self._require_free(name)
        found.name = name
        return {}

    def do_conversations_settopic(self, channel, topic):
        self._open(channel).topic = topic
        return {}

    def do_conversations_setpurpose(self, channel, purpose):
        self._open(channel).purpose = purpose
        return {}

    def _open(self, channel):
        found = self.channel(channel)
        if found.is_archived:
            raise Refused("is_archived")
        return found

    def do_conversations_invite(self, channel, users):
        found = self._open(channel)
        if users not in self.users:
            raise Refused("user_not_found")
        if users in found.members:
            raise Refused("already_in_channel")
        found.members.append(users)
        return {}

    def do_conversations_kick(self, channel, user):
        found = self._open(channel)
        if user not in found.members:
            raise Refused("not_in_channel")
        found.members.remove(user)
        return {}

    def do_conversations_archive(self, channel):
        found = self.channel(channel)
        if found.is_archived:
            raise Refused("already_archived")
        found.is_archived = True
        return {}

    def do_conversations_unarchive(self, channel):
        found = self.channel(channel)
        if not found.is_archived:
            raise Refused("not_archived")
        found.is_archived = False
        return {}

    # --- Lists ------------------------------------------------------------------------------------

    def do_conversations_list(self, types, exclude_archived="0", cursor="", **_):
        wanted = [
            self._shown(channel)
            for channel in self.channels.values()
            if channel.is_private and BOT in channel.members and not channel.is_archived
        ]
        return paged("channels", wanted, cursor)

    def do_conversations_members(self, channel, cursor="", **_):
        return paged("members", self.channel(channel).members, cursor)

    def do_users_list(self, cursor="", **_):
        return paged("members", list(self.users.values()), cursor)

    def do_users_lookupbyemail(self, email):
        for user in self.users.values():
            if email and user["profile"]["email"].lower() == email.lower():
                return {"user": user}
        raise Refused("users_not_found")


def paged(key, entries, cursor):
    first = int(cursor or 0)
    following = first + PAGE
    more = str(following) if following < len(entries) else ""
    return {key: entries[first:following], "response_metadata": {"next_cursor": more}}


class SlackServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Conversation)
        self.origin = f"http://127.0.0.1:{self.server_address[1]}"
        self.url = f"{self.origin}/api/"
        self.workspace = Workspace()
        self.calls = []  # methods, in the order of their arrival
        self.is_down = False
        self.lock = threading.RLock()
        self._faults = []

    def fault(self, method, times=1, **details):
        self._faults += [(method, Fault(**details))] * times

    def next_fault(self, method):
        with self.lock:
            for index, (name, fault) in enumerate(self._faults):
                if name in (method, ""):
                    del self._faults[index]
                    return fault
        return Fault(status=503) if self.is_down else Fault()

    def count(self, method):
        return self.calls.count(method)

    def handle_error(self, request, client_address):
        """Broken connections are ordered here; others show in what the client says."""


class Conversation(BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        method = self.path.removeprefix("/api/")
        self.server.calls.append(method)
        fault = self.server.next_fault(method)
        if fault.cut == "before":
            return self._cut()
        time.sleep(fault.seconds)
        if fault.status != 200:
            return self._send(fault.status, b"<html>No.</html>", fault.headers)
        answer = {"ok": False, "error": fault.error} if fault.error else self._answer(method, body)
        if fault.cut == "after":
            return self._cut()
        return self._send(200, json.dumps(answer).encode(), fault.headers)

    def _answer(self, method, body):
        if self.path.startswith("/answers/"):
            self.server.workspace.answers.append((self.path, json.loads(body)))
            return {"ok": True}
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return {"ok": False, "error": "invalid_auth"}
        try:
            with self.server.lock:
                return {"ok": True} | self.server.workspace.answer(method, self._given(body))
        except Refused as refused:
            return {"ok": False, "error": str(refused)}

    def _given(self, body):
        if "json" in self.headers.get("Content-Type", ""):
            return json.loads(body)
        given = dict(parse_qsl(body.decode(), keep_blank_values=True))
        return {name: value for name, value in given.items() if name != "limit"}

    def _cut(self):
        self.close_connection = True
        self.connection.close()

    def _send(self, status, body, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json" if status == 200 else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Tests look at ``calls``."""


Conversation.do_POST = Conversation.answer  # the name that the base class calls
