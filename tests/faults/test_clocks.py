"""Processes whose clock is wrong, and schedulers that are none, late, or too many."""

import os
import signal
import sys
from datetime import timedelta

import pytest

from orchestra.database import utcnow
from tests.faults.kit import CLI, LEASE_SECONDS, PATIENCE_SECONDS, machine
from tests.faults.oracle import all_is_well, has_ended
from tests.faults.passing_time import let_time_pass, wait_for_tick

STEPS = (
    machine("prepare"),
    machine("work", "prepare", run="held"),
    machine("again", "work", run="fail_once", backoff_seconds=1),
    machine("report", "again"),
)
AHEAD, BEHIND = 3 * 24 * 3600, -3600
SCHEDULERS = ("beat", "beat-2", "beat-3")
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


def test_without_scheduler_only_what_was_lost_waits_and_three_do_it_once(system):
    """R-11: none for three days, then three at once."""
    system.kill("beat")
    unharmed = system.run(*STEPS)
    system.wait_for_run(unharmed, "work")
    system.let_go(unharmed, "work")
    system.wait_until(lambda: has_ended(system, unharmed), "it ends without a scheduler")

    lost, other = system.run(*STEPS), system.run(*STEPS)
    for project in (lost, other):
        system.wait_for_run(project, "work")
    kind = system.version(machine("prepare"), machine("work", "prepare"), *STEPS[2:])
    waiting = [system.create(kind) for _ in range(4)]
    system.broker().flushall()
    os.kill(system.attempts(lost, "work")[0].process, signal.SIGKILL)
    system.let_go(other, "work")
    let_time_pass(system, since=utcnow() - timedelta(days=3))
    assert not has_ended(system, lost)
    for name in SCHEDULERS:
        system.launch(name, [sys.executable, "-m", CLI, "beat"])
    try:
        all_is_well(system)
    finally:
        for name in SCHEDULERS:
            system.kill(name)
    assert system.outcomes(lost, "work") == ["lost", "complete"]
    for project in (unharmed, lost, other, *waiting):
        assert system.outcomes(project, "again") == ["failed", "complete"]
        for slug in ("prepare", "work", "report"):
            expected = 2 if (project, slug) == (lost, "work") else 1
            assert system.runs(project, slug) == expected, slug
