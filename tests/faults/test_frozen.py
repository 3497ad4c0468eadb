"""A worker process that is frozen as a whole, and wakes up when another one has done its work."""

import os
import signal
import sys
import time
from contextlib import contextmanager
from random import Random

import pytest

from orchestra.database import utcnow
from tests.faults.kit import CLI, LEASE_SECONDS, SHAPES, SWEEP_SECONDS, machine
from tests.faults.oracle import all_is_well, has_ended
from tests.faults.passing_time import let_time_pass

STEPS = (machine("prepare"), machine("work", "prepare", run="held"), machine("report", "work"))
ASLEEP_SECONDS = LEASE_SECONDS + 3 * SWEEP_SECONDS


def test_a_worker_process_that_slept_past_its_leases_changes_nothing(system, is_long):
    """R-7, L-117: it is in a step that it began, in one that it carried on with, and waits."""
    inline, begun = system.run(*STEPS), system.run(machine("work", run="held"))
    frozen = {system.wait_for_run(inline, "work"), system.wait_for_run(begun, "work")}
    with _asleep(system), _second_worker(system):
        _sleep_past_leases(system, is_long)
        others = [system.run(*STEPS) for _ in range(2)]
        for project in others:
            system.wait_for_run(project, "work")
            system.let_go(project, "work")
        for project in (inline, begun, *others):
            system.wait_until(lambda p=project: has_ended(system, p), "somebody else has done it")
        results = [system.task(project, "work").result for project in (inline, begun)]
        for project in (inline, begun):
            system.let_go(project, "work")

    _work_again(system, frozen)
    all_is_well(system)
    assert results == [system.task(project, "work").result for project in (inline, begun)]
    for project in (inline, begun):
        first, second = system.outcomes(project, "work")
        assert first in {"lost", "refused"}
        assert (second, system.runs(project, "work")) == ("complete", 2)
    for project in others:
        assert system.outcomes(project, "work") == ["complete"]
        assert system.runs(project, "work") == 1
    assert system.runs(inline, "prepare") == system.runs(inline, "report") == 1


@contextmanager
def _asleep(system):
    """In the block the worker process is frozen, with all that it started."""
    asleep = system.processes["worker"]
    os.killpg(asleep.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(asleep.pid, signal.SIGCONT)


@contextmanager
def _second_worker(system):
    ready = system.folder / "second.ready"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", CLI, "worker", "--concurrency=2", f"--ready-file={ready}"]
    system.launch("second", command)
    try:
        system.wait_until(ready.exists, "the second worker process is ready")
        yield
    finally:
        system.kill("second")


def _sleep_past_leases(system, is_long):
    """In the short form the time that a lease takes is not waited for."""
    if is_long:
        time.sleep(ASLEEP_SECONDS)
    else:
        let_time_pass(system, since=utcnow())


def _work_again(system, processes):
    """Wait until each of these has run a step again, or is gone."""
    kind = system.version(machine("next"))
    left = set(processes)

    def seen():
        project = system.create(kind)
        system.wait_until(lambda: system.task(project, "next").result, "a step is done")
        left.discard(system.attempts(project, "next")[0].process)
        return not [process for process in left if os.path.exists(f"/proc/{process}")]

    system.wait_until(seen, "those that slept work again")


def test_a_worker_process_frozen_at_any_moment_loses_and_doubles_nothing(system, any_seed, is_long):
    """R-7, in the middle of steps that take no time: also between its statements.

    On SQLite a process that is frozen while it writes holds up all others until it wakes.
    """
    if not is_long:
        pytest.skip("long form only: it has to wait until leases run out")
    print("seed", any_seed)
    random = Random(any_seed)
    for steps in SHAPES.values():
        with _second_worker(system):
            kind = system.version(*steps)
            for _ in range(10):
                system.create(kind)
            time.sleep(random.uniform(0, 0.5))
            with _asleep(system):
                time.sleep(ASLEEP_SECONDS)
            all_is_well(system)
