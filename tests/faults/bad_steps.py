"""Functions of machine steps that do what no function should: each notes its run first."""

import locale
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path

from tests.faults.steps import fast

MEBIBYTE = 1024 * 1024
OVER_THE_LIMIT = 650  # MiB; a pool process with more than 600,000 KiB is replaced
OUTLIVING_SECONDS = 2
_kept = []


def give(project_data, prerequisites, idempotency_key, what):
    fast(project_data, prerequisites, idempotency_key)
    return RESULTS[what]()


def fail(project_data, prerequisites, idempotency_key, how):
    fast(project_data, prerequisites, idempotency_key)
    raise ERRORS[how]


def vanish(project_data, prerequisites, idempotency_key, how):
    """Take the process away, in one of the ways in which that happens."""
    run = fast(project_data, prerequisites, idempotency_key)
    ENDS[how]()
    return run


# --- Results ----------------------------------------------------------------------------------


class Nameless:
    def __repr__(self):
        raise RuntimeError("no name")


def _nested(levels):
    result = {}
    for _ in range(levels):
        result = {"in": result}
    return result


def _itself():
    result = {}
    result["self"] = result
    return result


RESULTS = {
    "nothing": lambda: None,
    "list": lambda: [1, 2],
    "2 MiB": lambda: {"text": "x" * 2 * MEBIBYTE},
    "NaN": lambda: {"deep": [{"value": float("nan")}]},
    "infinity": lambda: {"value": float("inf")},
    "10,000 levels": lambda: _nested(10_000),
    "itself": _itself,
    "bytes": lambda: {"value": b"abc"},
    "set": lambda: {"value": {1, 2}},
    "keys": lambda: {1: "one", None: "none"},
    "half a character": lambda: {"text": "\ud800"},
    "many digits": lambda: {"number": 10**5000},
    "nameless": lambda: {"value": Nameless()},
    "a NUL": lambda: {"text": "before\0after"},
}


# --- Errors -----------------------------------------------------------------------------------


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class Basic(BaseException):
    pass


ERRORS = {
    "exit": SystemExit(3),
    "unspeakable": Unspeakable(),
    "interrupt": KeyboardInterrupt("stop it"),
    "generator": GeneratorExit("closed"),
    "basic": Basic("of a base"),
    "memory": MemoryError(),
    "half a character": ValueError("before\0after \ud800"),
}


# --- Ends of the process ----------------------------------------------------------------------


def _kill(number):
    return lambda: os.kill(os.getpid(), number)


ENDS = {
    "exit": lambda: os._exit(0),
    "kill": _kill(signal.SIGKILL),  # as the kernel does when memory is used up
    "abort": _kill(signal.SIGABRT),
    "fault": _kill(signal.SIGSEGV),
    # The function returns, but its process has lost its connections and must not go on.
    "files": lambda: os.closerange(3, 51),
}


# --- Memory -----------------------------------------------------------------------------------


def keep_memory(project_data, prerequisites, idempotency_key):
    """Grow over the limit of a pool process, and keep it."""
    run = fast(project_data, prerequisites, idempotency_key)
    _kept.append(b"x" * OVER_THE_LIMIT * MEBIBYTE)
    return run | {"process": os.getpid()}


def use_up_memory(project_data, prerequisites, idempotency_key):
    """Take memory until there is none; the limit stands for the end of the machine's."""
    fast(project_data, prerequisites, idempotency_key)
    former = resource.getrlimit(resource.RLIMIT_AS)
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + 100 * MEBIBYTE, former[1]))
    taken = []
    try:
        while True:
            taken.append(b"x" * MEBIBYTE)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, former)


# --- What outlives the function ---------------------------------------------------------------


def fork(project_data, prerequisites, idempotency_key, then):
    """Become two; both go the same way, unless the child lives on by itself."""
    run = fast(project_data, prerequisites, idempotency_key)
    child = os.fork() == 0
    if child:
        _note_child(project_data)
    if child and then == "live":
        time.sleep(OUTLIVING_SECONDS)
    if child and then == "fail":
        raise ValueError("the child failed")
    if child and then == "exit":
        sys.exit(0)
    if not child:
        time.sleep(0.3)  # the child is first
    return run | {"child": child}


def _note_child(project_data):
    with children_file(project_data["folder"]).open("a") as children:
        children.write(f"{os.getpid()}\n")


def children_file(folder):
    """The processes that the steps left behind, one a line."""
    return Path(folder) / "children"


def leave_threads(project_data, prerequisites, idempotency_key):
    """Threads of every kind that go on when the function has ended; one of them fails."""
    run = fast(project_data, prerequisites, idempotency_key)
    for daemon in (True, False):
        threading.Thread(target=time.sleep, args=[OUTLIVING_SECONDS], daemon=daemon).start()
    timer = threading.Timer(0.1, _fail_late)
    timer.start()
    return run


def _fail_late():
    raise ValueError("nobody waits for this thread")


def change_process(project_data, prerequisites, idempotency_key):
    """Leave the process in another folder, zone and language, and deaf."""
    run = fast(project_data, prerequisites, idempotency_key)
    os.chdir("/")
    os.umask(0o077)
    os.environ.clear()
    os.environ["TZ"] = "Pacific/Kiritimati"
    time.tzset()
    locale.setlocale(locale.LC_ALL, "C")
    for number in (signal.SIGTERM, signal.SIGUSR2, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)
    return run
