"""Functions of machine steps that note each of their runs, and then behave or misbehave.

A run is a line in the file ``runs`` of the project's folder: the key of the task and the process.
"""

import os
import time
from pathlib import Path

POLL_SECONDS = 0.02
LONGEST_WAIT_SECONDS = 60


def fast(project_data, prerequisites, idempotency_key):
    return {"run": _note(project_data, idempotency_key)}


def effect(project_data, prerequisites, idempotency_key):
    """Do something outside, as a payment is made: by key, so that twice is once."""
    run = _note(project_data, idempotency_key)
    passing("in_function")
    with (Path(project_data["folder"]) / "effects").open("a") as effects:
        effects.write(f"{idempotency_key}\n")
    passing("after_effect")
    return {"run": run, "effect": idempotency_key}


def passing(point):
    """Where a process may be killed: ``tests.faults.killing`` puts its own function here."""


def held(project_data, prerequisites, idempotency_key):
    """Wait in the first run until the test lets it go; later runs do not wait."""
    run = _note(project_data, idempotency_key)
    gate = Path(project_data["folder"]) / f"go-{idempotency_key}"
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while run == 1 and not gate.exists() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return {"run": run}


def two_seconds(project_data, prerequisites, idempotency_key):
    run = _note(project_data, idempotency_key)
    time.sleep(2)
    return {"run": run}


def fail_once(project_data, prerequisites, idempotency_key):
    run = _note(project_data, idempotency_key)
    if run == 1:
        raise ValueError("not yet")
    return {"run": run}


def hang(project_data, prerequisites, idempotency_key):
    _note(project_data, idempotency_key)
    time.sleep(LONGEST_WAIT_SECONDS)


def leave(project_data, prerequisites, idempotency_key):
    """Take the whole process away."""
    _note(project_data, idempotency_key)
    os._exit(7)


def stubborn(project_data, prerequisites, idempotency_key):
    """Ignore every interruption, as a function may that catches everything."""
    _note(project_data, idempotency_key)
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            time.sleep(1)
        except BaseException:  # noqa: BLE001 - the point of this function
            continue


def _note(project_data, key):
    """Append the run, and return how many there are now."""
    file = Path(project_data["folder"]) / "runs"
    with file.open("a") as runs:
        runs.write(f"{key} {os.getpid()}\n")  # one short write: lines do not mix
    return sum(line.split()[0] == key for line in file.read_text().splitlines())
