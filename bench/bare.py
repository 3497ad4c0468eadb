"""Bare Celery as a contender: the same shapes of empty tasks as a canvas, and nothing stored.

What is set is what Orchestra sets too: a task is acknowledged when it is done, and a process
reserves none in advance. Results are kept only where a chord needs them to find its end.
"""

import gc
import os
import sys
import time

from celery import Celery, chain, group

from bench import ending

BROKER = "BENCH_BARE_BROKER"  # variable with the address of its database of the broker
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


@app.task(name="bare.empty")
def empty():
    return {}


@app.task(name="bare.last", ignore_result=True)
def last():
    ending.tell()


@app.task(name="bare.ready", ignore_result=True)
def ready():
    ending.tell()


class BareCelery:
    """A worker process with a pool of two."""

    name = "celery"

    def __init__(self, servers, **settings):
        self.servers, self.processes = servers, {}
        self.broker_address = servers.broker_database()
        self.env = settings | {BROKER: self.broker_address}
        _use(self.broker_address)

    def start(self, *workers):
        for worker in workers or ("worker",):
            self.launch(worker)

    def launch(self, worker):
        command = [
            *(sys.executable, "-m", "celery", "-A", "bench.bare", "--quiet", "worker"),
            *("--concurrency=2", "--without-gossip", "--without-mingle"),
            f"--hostname={worker}@%h",
        ]
        name = f"{self.name}-{worker}"
        self.processes[worker] = self.servers.launch(name, command, env=self.env)

    def wait_until_ready(self):
        for _ in self.processes:
            ready.apply_async()
        ending.wait(len(self.processes))

    def prepare(self, shape):
        """Build the canvases; the seconds it took."""
        began = time.perf_counter()
        self.canvases = [canvas(shape.widths) for _ in range(shape.projects)]
        return time.perf_counter() - began

    def run(self, shape):
        """Publish the canvases; the seconds until the last task of the last of them ran."""
        began = time.perf_counter()
        for built in self.canvases:
            built.apply_async()
        ending.wait(shape.projects)
        return time.perf_counter() - began

    def dispose(self):
        self.canvases = []
        gc.collect()  # results unsubscribe when they go, and need the interpreter for it
        app.close()


def canvas(widths):
    """A chain of tasks and groups; Celery makes a chord of a group that something follows."""
    single = empty.si().set(ignore_result=True)
    layers = [
        group(empty.si() for _ in range(width)) if width > 1 else single.clone()
        for width in widths[:-1]
    ]
    return chain(*layers, last.si())
