"""How the driver hears that a project ended, without asking all the time: a list in Valkey."""

import os
import time
from functools import cache

import redis

ADDRESS = "BENCH_ENDINGS"  # variable with the address of the list's database
LIST = "ended"
PATIENCE_SECONDS = 300


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(os.environ[ADDRESS])


def tell() -> None:
    """Called by the last step of each project."""
    _client().rpush(LIST, "1")


def wait(count: int) -> None:
    """Return when ``count`` last steps have told.

    :raises TimeoutError: they do not.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    ended = 0
    while ended < count:
        # Short, because the client itself gives up on an answer that takes long.
        ended += _client().blpop(LIST, timeout=2) is not None
        if time.monotonic() > deadline:
            raise TimeoutError(f"only {ended} of {count} projects ended")


def forget() -> None:
    _client().delete(LIST)
