"""Servers on loopback that answer beside a test."""

import threading
from contextlib import contextmanager


@contextmanager
def serving(server):
    """Let it answer in a thread until the block ends; gives the server."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
