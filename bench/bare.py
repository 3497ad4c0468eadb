"""Bare Celery as a contender: the same shapes of empty tasks as a canvas, and nothing stored.

What is set is what Orchestra sets too: a task is acknowledged when it is done, and a process
reserves none in advance. Results are kept only where a chord needs them to find its end.
"""

import gc
import os
import sys
import time

from celery import Celery, chain, group
from celery.result import AsyncResult

from bench import ending, steps
from bench.processes import kill

BROKER = "BENCH_BARE_BROKER"  # variable with the address of its database of the broker
VISIBILITY = "BENCH_BARE_VISIBILITY"  # seconds after which an unfinished task is delivered again
SETTINGS = {
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "broker_connection_retry_on_startup": True,
}

app = Celery("bare", set_as_current=False)
app.conf.update(SETTINGS)


def _use(address):
    app.conf.update(broker_url=address, result_backend=address)


if BROKER in os.environ:
    _use(os.environ[BROKER])
if VISIBILITY in os.environ:
    app.conf.broker_transport_options = {
        "visibility_timeout": int(os.environ[VISIBILITY]),
        "unacked_restore_interval": 5,  # as Orchestra sets it; by default it looks every 100 s
        "unacked_restore_throttle": 1,
    }


@app.task(name="bare.empty")
def empty():
    return {}


@app.task(name="bare.last", ignore_result=True)
def last():
    ending.tell("last")


@app.task(name="bare.timed", ignore_result=True)
def timed():
    steps.tell_time()


@app.task(name="bare.weigh", ignore_result=True)
def weigh():
    steps.tell_weight()


@app.task(name="bare.held", ignore_result=True)
def held(key):
    steps.hold(key)


TASKS = {"empty": empty, "last": last, "timed": timed, "weigh": weigh}


class BareCelery:
    """A worker process with a pool of two."""

    name = "celery"

    def __init__(self, servers, **settings):
        self.servers, self.processes = servers, {}
        address = servers.last_broker_database()
        self.env = settings | {BROKER: address}
        _use(address)
        self.canvases = []

    def start(self, *workers):
        for worker in workers or ("worker",):
            self.launch_worker(worker)

    def launch_worker(self, worker):
        command = [
            *(sys.executable, "-m", "celery", "-A", "bench.bare", "--quiet", "worker"),
            *("--concurrency=2", "--without-gossip", "--without-mingle"),
            f"--hostname={worker}@%h",
        ]
        name = f"{self.name}-{worker}"
        self.processes[worker] = self.servers.launch(name, command, env=self.env)

    def wait_until_ready(self):
        for _ in self.processes:
            last.apply_async()
        ending.wait(len(self.processes))

    def prepare(self, shape, functions=("empty", "last")):
        """Build the canvases; the seconds it took."""
        began = time.perf_counter()
        self.canvases = [canvas(shape.widths, *functions) for _ in range(shape.projects)]
        return time.perf_counter() - began

    def run(self, shape):
        """Publish the canvases; the seconds until the last task of the last of them ran."""
        began = time.perf_counter()
        self.publish()
        ending.wait(shape.projects)
        return time.perf_counter() - began

    def publish(self):
        for built in self.canvases:
            built.apply_async()

    def stop(self):
        for process in self.processes.values():
            kill(process)
        self.canvases = []
        _forget_results()


def _forget_results():
    """Celery keeps every result that somebody might still wait for, and lets go too late."""
    for found in gc.get_objects():
        if isinstance(found, AsyncResult):
            app.backend.remove_pending_result(found)


def canvas(widths, others, end):
    """A chain of tasks and groups; Celery makes a chord of a group that something follows."""
    single = TASKS[others].si().set(ignore_result=True)
    layers = [
        group(TASKS[others].si() for _ in range(width)) if width > 1 else single.clone()
        for width in widths[:-1]
    ]
    return chain(*layers, TASKS[end].si())
