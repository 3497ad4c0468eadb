"""What steps tell the driver, without its asking all the time: words in a list of Valkey."""

import os
import time
from functools import cache

import redis

ADDRESS = "BENCH_ENDINGS"  # variable with the address of the list's database
LIST = "told"
PATIENCE_SECONDS = 120


@cache
def _client():
    return redis.Redis.from_url(os.environ[ADDRESS], decode_responses=True)


def tell(*words):
    """Called by the last step of each project, and by those that have more to say."""
    _client().rpush(LIST, " ".join(map(str, words)))


def wait(count, seconds=PATIENCE_SECONDS):
    """Return what ``count`` steps tell, each as a list of words, in their order.

    :raises TimeoutError: they do not.
    """
    deadline = time.monotonic() + seconds
    told = []
    while len(told) < count:
        # Short, because the client itself gives up on an answer that takes long.
        found = _client().blpop(LIST, timeout=2)
        if found is not None:
            told.append(found[1].split())
        elif time.monotonic() > deadline:
            raise TimeoutError(f"{len(told)} of {count} steps told")
    return told


def is_first(key):
    """Whether this was not asked before."""
    return _client().incr(f"runs:{key}") == 1


def forget():
    _client().delete(LIST)
