"""Which process is killed, and when: a seed gives the same schedule again."""

import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import dataclass

LONGEST_PAUSE_SECONDS = 1.0  # between a restart and the next fault
LONGEST_ABSENCE_SECONDS = 1.0  # of a killed process


@dataclass(frozen=True)
class Fault:
    """A process to be killed a while after the fault before, and to be started a while later."""

    kind: str
    after_seconds: float
    absent_seconds: float
    which: float  # of several processes, as a share of them

    def __str__(self):
        return f"after {self.after_seconds:.2f} s {self.kind}, away {self.absent_seconds:.2f} s"


def schedule(seed, rounds=1):
    """Each kind of fault once a round, at random moments and in random order."""
    chance = random.Random(seed)
    return [
        Fault(
            kind,
            chance.uniform(0, LONGEST_PAUSE_SECONDS),
            chance.uniform(0, LONGEST_ABSENCE_SECONDS),
            chance.random(),
        )
        for _ in range(rounds)
        for kind in chance.sample(sorted(KINDS), len(KINDS))
    ]


def happen(system, fault):
    """Let a fault happen to a system in which everything runs, and have everything run again."""
    time.sleep(fault.after_seconds)
    KINDS[fault.kind](system, fault)
    time.sleep(fault.absent_seconds)
    system.start_everything()


def _kill_pool_process(system, fault):
    processes = system.pool_processes()
    if processes:  # there are none for an instant after one was killed
        with suppress(ProcessLookupError):
            os.kill(processes[int(fault.which * len(processes))], signal.SIGKILL)


def _kill(name):
    return lambda system, _fault: system.kill(name)


KINDS = {
    "a process of the pool": _kill_pool_process,
    "the worker process": _kill("worker"),
    "the scheduler": _kill("beat"),
    "the web process": _kill("web"),
    "the broker": _kill("broker"),
    "everything at once": lambda system, _fault: system.kill_everything(),
}
