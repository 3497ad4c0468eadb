"""DBOS as a contender: two processes that take workflows from a queue in PostgreSQL.

A project is one workflow, and its steps run in the process that has it, as its documentation
advises: each costs one write. A layer of several steps is either several steps of that workflow
at once (``asyncio.gather``), or a child workflow for each on a queue, which both processes serve.
"""

import asyncio
import itertools
import os
import signal
import sys
import time

import sqlalchemy as sa
from dbos import DBOS, DBOSClient

from bench import ending
from bench.processes import kill

DATABASE = "BENCH_DBOS_DATABASE"
PROCESSES = 2
PROJECTS, CHILDREN = "projects", "children"
# Its default of a second is meant to spare the database; the hand-over would wait for it.
POLLING_SECONDS = 0.02
THAW_SECONDS = 0.2
# Workflows of one process at a time: so few projects that both processes get half of them.
AT_ONCE = {PROJECTS: 5, CHILDREN: 20}
_numbers = itertools.count(1)


@DBOS.step()
def empty():
    return {}


@DBOS.step()
async def empty_beside():
    return {}


@DBOS.step()
def last():
    ending.tell()


@DBOS.step()
async def last_beside():
    await asyncio.to_thread(ending.tell)


@DBOS.workflow()
def chain(widths):
    for _ in widths[:-1]:
        empty()
    last()


@DBOS.workflow()
async def gathered(widths):
    for width in widths[:-1]:
        await asyncio.gather(*(empty_beside() for _ in range(width)))
    await last_beside()


@DBOS.workflow()
def child():
    return empty()


@DBOS.workflow()
def with_children(widths):
    for width in widths[:-1]:
        if width == 1:
            empty()
            continue
        handles = [DBOS.enqueue_workflow(CHILDREN, child) for _ in range(width)]
        for handle in handles:
            handle.get_result(polling_interval_sec=POLLING_SECONDS)
    last()


def serve():
    """Run one of the processes."""
    config = {
        "name": "bench",
        "system_database_url": os.environ[DATABASE],
        "executor_id": sys.argv[1],
        "application_version": "1",
        "log_level": "WARNING",
        "sys_db_idle_transaction_timeout_sec": 0,  # it is frozen between its runs
    }
    DBOS(config=config)
    DBOS.launch()
    for queue, most in AT_ONCE.items():
        DBOS.register_queue(queue, worker_concurrency=most, polling_interval_sec=POLLING_SECONDS)
    ending.tell()
    while True:
        time.sleep(60)


class Durable:
    """:param workflow: which of the workflows runs layers of several steps."""

    def __init__(self, servers, workflow):
        self.servers, self.workflow = servers, workflow
        self.name = f"dbos-{workflow}-{next(_numbers)}"
        self.database = servers.database("postgresql", self.name)
        self.processes = {}

    def start(self):
        # One after the other: both would make the tables.
        for number in range(PROCESSES):
            executor = f"executor-{number}"
            command = [sys.executable, "-m", "bench.durable", executor]
            name = f"{self.name}-{executor}"
            env = {DATABASE: self.database}
            self.processes[executor] = self.servers.launch(name, command, env=env)
            ending.wait(1)

    def wait_until_ready(self):
        self._signal(signal.SIGSTOP)
        self.client = DBOSClient(system_database_url=self.database)
        self.engine = sa.create_engine(self.database)

    def _signal(self, number):
        """Freeze or thaw: to ask the queues all the time would slow the others down."""
        for process in self.processes.values():
            os.killpg(process.pid, number)

    def prepare(self, shape):
        self.options = {
            "workflow_name": self.workflow if shape.is_layered else "chain",
            "queue_name": PROJECTS,
            "app_version": "1",
        }
        self._signal(signal.SIGCONT)
        time.sleep(THAW_SECONDS)
        return 0.0

    def run(self, shape):
        began = time.perf_counter()
        for _ in range(shape.projects):
            self.client.enqueue(self.options, list(shape.widths))
        ending.wait(shape.projects)
        while self._open_workflows():
            time.sleep(0.001)
        seconds = time.perf_counter() - began
        self._signal(signal.SIGSTOP)
        return seconds

    def _open_workflows(self):
        statement = "SELECT count(*) FROM dbos.workflow_status WHERE status <> 'SUCCESS'"
        with self.engine.connect() as connection:
            return connection.scalar(sa.text(statement))

    def stop(self):
        for process in self.processes.values():
            kill(process)
        self.client.destroy()
        self.engine.dispose()


if __name__ == "__main__":
    serve()
