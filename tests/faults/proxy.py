"""A TCP proxy between the processes of a system and one of its servers, which breaks connections.

One thread passes all the bytes, so nothing is sent or broken in the middle of a decision.
"""

import selectors
import socket
import struct
import threading
from contextlib import suppress

CHUNK = 65536
LOOK_SECONDS = 0.01  # how often the thread looks whether a test wants something
NO_LINGER = struct.pack("ii", 1, 0)  # close() sends a reset, and not an end


class Break(Exception):
    """Break this link now, after these last bytes."""

    def __init__(self, last=b""):
        super().__init__("link broken")
        self.last = last


class Link:
    """A client's connection, and the one that was made to the server for it."""

    def __init__(self, client, server):
        self.client, self.server = client, server

    def other(self, end):
        return self.server if end is self.client else self.client


class Proxy(threading.Thread):
    """Passes everything on, until it is told to reset its connections.

    :param server: host and port, or the path of a Unix socket.
    """

    def __init__(self, server):
        super().__init__(name="proxy", daemon=True)
        self.server = server
        self.links = {}  # each end → its link
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.broken = 0  # links that were broken on purpose
        self._wanted = threading.Event()
        self._answers_left = None  # bytes of answers that still go through
        self._closing = threading.Event()
        self.start()

    # --- What a test asks for ---------------------------------------------------------------------

    def reset_all(self):
        """Reset every connection now."""
        self._wanted.set()

    def reset_all_in_an_answer(self, after_bytes):
        """Reset every connection once this many bytes of answers have passed."""
        self._answers_left = after_bytes

    def close(self):
        self._closing.set()
        self.join(10)

    # --- The thread -------------------------------------------------------------------------------

    def run(self):
        while not self._closing.is_set():
            for key, _ in self.selector.select(LOOK_SECONDS):
                self._serve(key.fileobj)
            if self._wanted.is_set():
                self._wanted.clear()
                self._break_all()
        self._break_all()
        self.listener.close()
        self.selector.close()

    def _serve(self, end):
        if end is self.listener:
            self._connect(end.accept()[0])
        elif end in self.links:  # else it was broken in this very round
            self._pass_on(self.links[end], end)

    def _connect(self, client):
        try:
            link = Link(client, self._reach_server())
        except OSError:
            _reset(client)
            return
        for end in (link.client, link.server):
            self.links[end] = link
            self.selector.register(end, selectors.EVENT_READ)

    def _reach_server(self):
        if isinstance(self.server, tuple):
            return socket.create_connection(self.server, timeout=5)
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(str(self.server))
        except OSError:
            server.close()
            raise
        return server

    def _pass_on(self, link, end):
        try:
            data = end.recv(CHUNK)
            if not data:
                self._end(link, socket.socket.close)
                return
            seen = self.asked(link, data) if end is link.client else self.answered(link, data)
            link.other(end).sendall(seen)
        except Break as order:
            with suppress(OSError):
                link.other(end).sendall(order.last)
            self.broken += 1
            self._end(link, _reset)
        except OSError:
            self._end(link, _reset)

    def asked(self, link, data):
        """What of a client's bytes goes to the server."""
        return data

    def answered(self, link, data):
        """What of the server's bytes goes to the client."""
        if self._answers_left is not None:
            self._answers_left -= len(data)
            if self._answers_left <= 0:
                over, self._answers_left = -self._answers_left, None
                self.reset_all()
                raise Break(data[: len(data) - over])
        return data

    def _break_all(self):
        for link in set(self.links.values()):
            self.broken += 1
            self._end(link, _reset)

    def _end(self, link, close):
        for end in (link.client, link.server):
            del self.links[end]
            self.selector.unregister(end)
            close(end)


def _reset(end):
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    end.close()


# Messages of PostgreSQL's protocol: kind, length, text.
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
ROLLBACK = b"Q\x00\x00\x00\x0dROLLBACK\x00"
COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"  # and the answer to the first


class CommitProxy(Proxy):
    """Breaks a connection after the server has committed, and before the client is told."""

    def __init__(self, server):
        self._said = {}  # link → what its client said in its transaction
        self._doomed = {}  # link → the answer that is held back
        self._words = None
        super().__init__(server)

    def cut_after_commit(self, *words):
        """Cut the first transaction from now on in which each of these words was said."""
        self._words = [word.encode() for word in words]

    def asked(self, link, data):
        said = self._said.pop(link, b"") + data
        if not said.endswith((COMMIT, ROLLBACK)):
            self._said[link] = said
        elif said.endswith(ROLLBACK):
            return data
        elif self._words and all(word in said for word in self._words):
            self._words, self._doomed[link] = None, b""
        return data

    def answered(self, link, data):
        if link not in self._doomed:
            return super().answered(link, data)
        self._doomed[link] += data
        if COMMITTED in self._doomed[link]:
            del self._doomed[link]
            raise Break
        return b""
