"""A worker process that is frozen as a whole, and wakes up when another one has done its work."""

import os
import signal
import sys
import time
from contextlib import contextmanager
from random import Random

import pytest

from orchestra.database import utcnow
from orchestra.models import TaskStatus
from tests.faults.kit import CLI, LEASE_SECONDS, SHAPES, SWEEP_SECONDS, machine
from tests.faults.oracle import all_is_well
from tests.faults.passing_time import let_time_pass, wait_for_tick

STEPS = (machine("prepare"), machine("work", "prepare", run="held"), machine("report", "work"))
ASLEEP_SECONDS = LEASE_SECONDS + 3 * SWEEP_SECONDS


def test_a_worker_process_that_slept_past_its_leases_changes_nothing(system, is_long):
    """R-7, L-117: it is in a step that it began, in one that it carried on with, and waits."""
    inline, begun = system.run(*STEPS), system.run(machine("work", run="held"))
    frozen = {system.wait_for_run(inline, "work"), system.wait_for_run(begun, "work")}
    with _asleep(system, is_long):
        others = [system.run(*STEPS) for _ in range(2)]
        for project in others:
            system.wait_for_run(project, "work")
            system.let_go(project, "work")
        for project in (inline, begun):
            system.wait_until(lambda p=project: _is_done(system, p), "somebody else has done it")
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
def _asleep(system, is_long=True):
    """In the block the worker process is frozen, its leases have run out, and a second one works.

    In the short form the time that a lease takes is not waited for.
    """
    asleep = system.processes["worker"]
    os.killpg(asleep.pid, signal.SIGSTOP)
    try:
        frozen_at = time.monotonic()
        _start_second(system)
        if is_long:
            time.sleep(max(0, frozen_at + ASLEEP_SECONDS - time.monotonic()))
        else:
            let_time_pass(system, since=utcnow())
        yield
    finally:
        os.killpg(asleep.pid, signal.SIGCONT)
        system.kill("second")


def _start_second(system):
    ready = system.folder / "second.ready"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", CLI, "worker", "--concurrency=2", f"--ready-file={ready}"]
    system.launch("second", command)
    system.wait_until(ready.exists, "the second worker process is ready")


def _is_done(system, project):
    return system.task(project, "work").status is TaskStatus.COMPLETE


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
    """R-7, in the middle of steps that take no time: also between its statements."""
    if not is_long:
        pytest.skip("long form only: it has to wait until leases run out")
    print("seed", any_seed)
    random = Random(any_seed)
    for steps in SHAPES.values():
        kind = system.version(*steps)
        for _ in range(10):
            system.create(kind)
        time.sleep(random.uniform(0, 0.5))
        with _asleep(system):
            pass
        wait_for_tick(system)
        all_is_well(system)
