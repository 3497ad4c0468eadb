"""Processes whose clock is wrong, and schedulers that are none, late, or too many."""

import os
import signal

import pytest

from tests.faults.kit import LEASE_SECONDS, PATIENCE_SECONDS, machine
from tests.faults.oracle import all_is_well
from tests.faults.passing_time import wait_for_tick

STEPS = (
    machine("prepare"),
    machine("work", "prepare", run="held"),
    machine("again", "work", run="fail_once", backoff_seconds=1),
    machine("report", "again"),
)
AHEAD, BEHIND = 3 * 24 * 3600, -3600
MOVES = ((AHEAD, BEHIND), (BEHIND, AHEAD), (AHEAD, 0), (0, BEHIND))  # of worker process and beat


@pytest.fixture
def moved(system):
    """Start a part of the system anew, with a clock that is so many seconds ahead."""
    changed = []

    def restart(name, seconds):
        changed.append(name)
        _end(system, name)
        os.environ["MOVED_SECONDS"] = str(seconds)
        start = {"worker": system.start_worker, "beat": system.start_beat}[name]
        start("tests.faults.moved_clock")

    yield restart
    for name in changed:
        _end(system, name)


def _end(system, name):
    if system.is_running(name):
        system.terminate(name) if name == "worker" else system.kill(name)


def test_processes_with_wrong_clocks_delay_and_double_nothing(system, moved, is_long):
    """R-11, L-111: the database's clock decides what is due and what is lost."""
    for worker_seconds, beat_seconds in MOVES if is_long else MOVES[:1]:
        moved("worker", worker_seconds)
        moved("beat", beat_seconds)
        wait_for_tick(system)
        kind = system.version(*STEPS)
        projects = [system.create(kind) for _ in range(3)]
        lost, *others = projects
        os.kill(system.wait_for_run(lost, "work"), signal.SIGKILL)
        for project in others:
            system.wait_for_run(project, "work")
            system.let_go(project, "work")

        all_is_well(system)
        _kept_its_lease(*system.attempts(lost, "work"))
        for project in others:
            assert system.outcomes(project, "work") == ["complete"]
        for project in projects:
            assert system.outcomes(project, "again") == ["failed", "complete"]
            assert system.runs(project, "prepare") == system.runs(project, "report") == 1


def _kept_its_lease(lost, again):
    """All these times are the database's."""
    assert (lost.outcome.value, again.outcome.value) == ("lost", "complete")
    assert LEASE_SECONDS <= (again.started_at - lost.started_at).total_seconds() < PATIENCE_SECONDS
