"""From ``kill -9`` of the worker process in the middle of a step to its next start."""

import os
import signal
import time

from bench import ending
from bench.bare import VISIBILITY, BareCelery, held
from bench.ours import Orchestra

LEASE_SECONDS, SWEEP_SECONDS = 10, 1
WORKERS = ("worker-1", "worker-2")
PATIENCE_SECONDS = 120
ORCHESTRA, CELERY = "Orchestra", "Celery"


def measure(bench, database):
    """Seconds, by round; both wait in the same rounds, on two worker processes each."""
    bench.stop_contenders()
    ours = Orchestra(
        bench.servers,
        "recovery",
        database,
        ORCHESTRA_LEASE_SECONDS=str(LEASE_SECONDS),
        ORCHESTRA_SWEEP_INTERVAL_SECONDS=str(SWEEP_SECONDS),
    )
    bare = BareCelery(bench.servers, **{VISIBILITY: str(LEASE_SECONDS)})
    for contender in (ours, bare):
        contender.start(*WORKERS)
        contender.wait_until_ready()
    ours.store("held", [_step()])
    try:
        delays = [_round(ours, bare, number) for number in range(1 if bench.quick else 5)]
    finally:
        ours.stop()
        bare.stop()
    return {name: [delay[name] for delay in delays] for name in (ORCHESTRA, CELERY)}


def _step():
    return {
        "slug": "held",
        "name": "Held",
        "description": "",
        "is_human": False,
        "execution_function": {"path": "bench.steps.held"},
    }


def _round(ours, bare, number):
    keys = {name: f"{ours.name}-{name}-{number}" for name in (ORCHESTRA, CELERY)}
    ours.create("held", {"key": keys[ORCHESTRA]})
    ours.publish()
    held.apply_async((keys[CELERY],))
    running = {key: int(pid) for key, pid, _ in ending.wait(2)}
    killed = {}
    for name, contender in ((ORCHESTRA, ours), (CELERY, bare)):
        killed[keys[name]] = time.time()
        _replace(contender, os.getpgid(running[keys[name]]))
    again = _next_starts(killed)
    return {name: again[key] - killed[key] for name, key in keys.items()}


def _next_starts(killed):
    """When each key's step began again; a message that came twice may start it once more."""
    again = {}
    while killed.keys() - again.keys():
        [(key, _, at)] = ending.wait(1, PATIENCE_SECONDS)
        again.setdefault(key, float(at))
    return again


def _replace(contender, group):
    """Kill the worker process that leads a group, with its pool, and start it anew."""
    [worker] = [name for name, process in contender.processes.items() if process.pid == group]
    os.killpg(group, signal.SIGKILL)
    contender.processes[worker].wait()
    contender.launch_worker(worker)
