"""How many requests a key may make a minute (A-8), counted in this process, without the broker."""

import math
import threading
import time

from flask import Flask, current_app

from orchestra.errors import RateLimited

WINDOW_SECONDS = 60
EXTENSION = "orchestra_api_windows"


class Windows:
    """Fixed windows of a minute, one for each key that proved itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spent: dict[str, tuple[int, int]] = {}  # key id → (window, requests in it)

    def spend(self, key_id: str, allowance: int) -> None:
        """:raises RateLimited: the key has used up its requests of this minute."""
        now = time.time()
        window = int(now // WINDOW_SECONDS)
        with self._lock:
            last_window, spent = self._spent.get(key_id, (window, 0))
            spent = spent + 1 if last_window == window else 1
            self._spent[key_id] = (window, spent)
        if spent > allowance:
            raise RateLimited(
                f"This key may make {allowance} requests a minute. Wait until the next.",
                retry_after_seconds=math.ceil((window + 1) * WINDOW_SECONDS - now),
            )


def register(app: Flask) -> None:
    app.extensions[EXTENSION] = Windows()


def spend(key_id: str) -> None:
    allowance = current_app.config["SETTINGS"].api_requests_per_minute
    if allowance:
        current_app.extensions[EXTENSION].spend(key_id, allowance)
