"""A running system for fault tests: its own broker, worker process and scheduler, all of them real.

The test itself plays the web process: it calls the rules and publishes to the same broker.
"""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path

import flask_migrate
import redis
import requests
import sqlalchemy as sa

from orchestra.application import MIGRATIONS, create_core
from orchestra.celeryconfig import QUEUES
from orchestra.cli import broker
from orchestra.client import OrchestraClient
from orchestra.config import Settings
from orchestra.database import db, reading, transaction
from orchestra.domain import keys, projects
from orchestra.domain.audit import SYSTEM
from orchestra.models import Attempt, Task, TaskClass
from orchestra.tasks import celery, publish
from tests.builders import Builders, step

ROOT = Path(__file__).parents[2]
CLI, KILLING = "orchestra.cli", "tests.faults.killing"
LEASE_SECONDS, SWEEP_SECONDS = 10, 1
# What a fault may cost at most: the lease, a sweep, the grace of three sweeps, and a busy machine.
PATIENCE_SECONDS = LEASE_SECONDS + 4 * SWEEP_SECONDS + 26


def machine(slug, *after, run="fast", max_attempts=3, backoff_seconds=0, **keys):
    """A machine step that calls a function of ``tests.faults.steps``."""
    return step(
        slug,
        *after,
        human=False,
        execution_function={"path": f"tests.faults.steps.{run}"},
        retry_policy={"max_attempts": max_attempts, "backoff_seconds": backoff_seconds},
        **keys,
    )


def _effect(slug, *after):
    """A step with an effect outside, which may be killed more often than a test does it."""
    return machine(slug, *after, run="effect", max_attempts=1000)


def _layers(*widths):
    """Steps in layers, each step after all of the layer before."""
    steps, before = [], []
    for depth, width in enumerate(widths):
        layer = [f"step-{depth}-{number}" for number in range(width)]
        steps.extend(_effect(slug, *before) for slug in layer)
        before = layer
    return tuple(steps)


SHAPES = {
    "chain": _layers(*[1] * 12),
    "diamond": _layers(1, 4, 1, 4, 1),
    "fan-out": _layers(1, 12, 1),
}


class System:
    def __init__(self, folder, database_url):
        self.folder, self.processes, self.modules = folder, {}, {}
        self.settings = Settings.from_env(
            {},
            data_dir=folder,
            database_url=database_url,
            secret_key="a secret key that is long enough for tests",
            lease_seconds=LEASE_SECONDS,
            sweep_interval_seconds=SWEEP_SECONDS,
        )
        self.app = create_core(self.settings, publish=self.publish)
        self.runs_file.touch()
        self.effects_file.touch()
        self.orders.mkdir()
        self.web_port, self._key = broker.free_port(), None
        self.carry_on_seconds = None  # of the worker process that runs
        with self.app.app_context(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flask_migrate.upgrade(directory=str(MIGRATIONS))

    # --- Processes ----------------------------------------------------------------------------

    def start(self):
        self.broker_command, self.broker_folder = broker.prepare(self.settings)
        self.start_broker()
        self.start_worker()
        self.start_beat()
        self.wait_for_beat()

    def stop(self):
        for name in list(self.processes):
            self.kill(name)
        with self.app.app_context():
            db.engine.dispose()

    def start_broker(self):
        self.launch("broker", self.broker_command, self.broker_folder)
        broker.wait_until_ready(self.settings.broker_address())

    def start_worker(self, module=CLI, *, carry_on_seconds=1):
        ready = self.folder / "worker.ready"
        ready.unlink(missing_ok=True)
        arguments = ["--concurrency=2", f"--ready-file={ready}"]
        carrying = {"ORCHESTRA_CARRY_ON_SECONDS": str(carry_on_seconds)}
        self._launch_part("worker", module, arguments, carrying)
        self._wait_until_ready("worker", ready.exists)
        self.carry_on_seconds = carry_on_seconds

    def let_worker_carry_on(self, seconds):
        """Have the worker process run further steps in one job for so long."""
        if seconds != self.carry_on_seconds or not self.is_running("worker"):
            self.kill("worker")
            self.start_worker(self.modules["worker"], carry_on_seconds=seconds)

    def start_beat(self, module=CLI):
        log = self.log("beat")
        self._beat_began = log.stat().st_size if log.exists() else 0
        # Otherwise it does not say that it ticks, for which tests wait.
        self._launch_part("beat", module, environment={"ORCHESTRA_LOG_LEVEL": "DEBUG"})

    def wait_for_beat(self):
        """Wait until it ticks; before that it would refuse to start without broker or database."""
        what = "the scheduler ticks"
        self.wait_until(
            lambda: b"Sending" in self.log("beat").read_bytes()[self._beat_began :], what
        )

    def start_web(self, module=CLI):
        self._launch_part("web", module)
        self._wait_until_ready("web", self._web_answers)

    def _launch_part(self, name, module, arguments=(), environment=None):
        self.modules[name] = module
        command = [sys.executable, "-m", module, name, *arguments]
        self.launch(name, command, **(environment or {}))

    def _web_answers(self):
        try:
            return requests.get(f"{self.address}/orchestra/status/", timeout=5).ok
        except requests.RequestException:
            return False

    def _wait_until_ready(self, name, is_ready):
        process = self.processes[name]
        self.wait_until(
            lambda: is_ready() or process.poll() is not None, f"the {name} process is ready"
        )
        assert process.poll() is None, self.log(name).read_text()[-1000:]

    def run_as(self, module):
        """Have broker, worker process and beat run, the latter two from a module."""
        if not self.is_running("broker"):
            self.start_broker()
        for name, start in (("worker", self.start_worker), ("beat", self.start_beat)):
            if self.is_running(name) and self.modules[name] != module:
                self.kill(name)
            if not self.is_running(name):
                start(module)

    def start_everything(self, module=CLI):
        """Start what does not run, as somebody does whose machine has come back."""
        if not self.is_running("broker"):
            self.start_broker()
        if not self.is_running("web"):
            self._launch_part("web", module)
        self.run_as(module)
        self._wait_until_ready("web", self._web_answers)

    def kill_everything(self):
        """All processes at the same moment; the database stays."""
        for process in self.processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in self.processes.values():
            process.wait(10)
        self.processes.clear()

    def is_running(self, name):
        process = self.processes.get(name)
        return process is not None and process.poll() is None

    def pool_processes(self):
        """The processes in which the worker process runs steps."""
        parent = self.processes["worker"].pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        return [int(child) for child in children.split()]

    def launch(self, name, command, folder=None, **environment):
        with self.log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=folder or self.folder,
                env=self._environment() | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _environment(self):
        foreign = ("ORCHESTRA_", "DATABASE_URL", "REDIS_URL", "CELERY_", "PYTEST_")
        kept = {name: text for name, text in os.environ.items() if not name.startswith(foreign)}
        return kept | {
            "ORCHESTRA_DATA_DIR": str(self.folder),
            "ORCHESTRA_DATABASE_URL": self.settings.database_url,
            "ORCHESTRA_SECRET_KEY": self.settings.secret_key,
            "ORCHESTRA_LEASE_SECONDS": str(LEASE_SECONDS),
            "ORCHESTRA_SWEEP_INTERVAL_SECONDS": str(SWEEP_SECONDS),
            "ORCHESTRA_WEB_PORT": str(self.web_port),
            "ORCHESTRA_API_REQUESTS_PER_MINUTE": "0",
            "KILL_ORDERS": str(self.orders),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }

    def kill(self, name):
        """``kill -9`` of a process and all that it started."""
        process = self.processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def terminate(self, name, seconds=30):
        """Ask a process to stop, and return how long it took."""
        process = self.processes.pop(name)
        asked = time.monotonic()
        process.terminate()
        try:
            process.wait(seconds)
            return time.monotonic() - asked
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def log(self, name):
        return self.folder / f"{name}.log"

    def logs(self):
        files = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {f.name}\n{f.read_text(errors='replace')[-8000:]}" for f in files)

    def last_words(self):
        """What the worker process and the scheduler said last, the former also where it is."""
        if self.is_running("worker"):
            self.processes["worker"].send_signal(signal.SIGUSR1)  # Celery tells its stack
            time.sleep(1)
        gone = [name for name, process in self.processes.items() if process.poll() is not None]
        told = [f"{n}: {self.log(n).read_text()[-3000:]}" for n in ("beat", "worker")]
        return "\n".join([f"not running: {gone}", *told])

    def broker(self):
        return redis.Redis.from_url(self.settings.broker_address(), socket_timeout=5)

    def wait_until_drained(self, seconds):
        """Until no job waits in the broker: whose work is done already is in the way of others."""
        with self.broker() as broker:
            self.wait_until(
                lambda: not any(broker.llen(queue) for queue in QUEUES), "no job waits", seconds
            )

    def publish(self, dispatches):
        bind(self.settings.broker_address())
        publish(dispatches)

    def command(self, *arguments, module=CLI, **environment):
        """Run a command of ours as somebody does who has the key of a client."""
        self.client()
        key_id, secret = self._key
        key = {"ORCHESTRA_PROJECT_API_KEY": key_id, "ORCHESTRA_PROJECT_API_SECRET": secret}
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env=self._environment() | key | environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start_command(self, *arguments, **environment):
        """Start a command of ours and do not wait for it."""
        command = [sys.executable, "-m", CLI, *arguments]
        return subprocess.Popen(
            command, env=self._environment() | environment, stdout=subprocess.DEVNULL
        )

    # --- Clients ------------------------------------------------------------------------------

    @property
    def address(self):
        return f"http://127.0.0.1:{self.web_port}"

    def client(self):
        """A client system of the web process."""
        if self._key is None:
            with self.transaction() as session:
                key, secret = keys.create_key(session, SYSTEM, "storm")
                self._key = key.key_id, secret
        return OrchestraClient(self.address, *self._key, timeout=10)

    # --- Orders to kill -----------------------------------------------------------------------

    @property
    def orders(self):
        """Where ``tests.faults.killing`` looks for orders."""
        return self.folder / "orders"

    def wait_for_kill(self, done, seconds=PATIENCE_SECONDS):
        """Wait until an order is carried out; when, which process and in which step."""
        self.wait_until(done.exists, f"{done.name} is carried out", seconds)
        return json.loads(done.read_text())

    # --- Projects -----------------------------------------------------------------------------

    @property
    def runs_file(self):
        return self.folder / "runs"

    @property
    def effects_file(self):
        """What the steps did outside: a key a line."""
        return self.folder / "effects"

    @contextmanager
    def transaction(self):
        with self.app.app_context(), transaction() as session:
            yield session

    @contextmanager
    def reading(self):
        with self.app.app_context(), reading() as session:
            yield session

    @contextmanager
    def holding_back(self):
        """The jobs that this process would publish in the block, for the caller to publish."""
        once, held = self.app.extensions["orchestra_publisher"], []
        self.app.extensions["orchestra_publisher"] = held.extend
        try:
            yield held
        finally:
            self.app.extensions["orchestra_publisher"] = once

    def version(self, *steps, **keys):
        """Store a version; the slug of its workflow."""
        with self.transaction() as session:
            return Builders(session).version(*steps, slug=_next_slug(), **keys).workflow.slug

    def create(self, workflow_slug):
        """Start a project; its id."""
        with self.transaction() as session:
            return projects.create_project(
                session,
                SYSTEM,
                workflow_slug=workflow_slug,
                version_slug="v1",
                short_description="A project in a storm",
                priority=0,
                task_class=TaskClass.REAL,
                project_data={"folder": str(self.folder)},
            ).id

    def run(self, *steps):
        """Start a project of a version of its own; its id."""
        return self.create(self.version(*steps))

    def task(self, project_id, slug):
        with self.reading() as session:
            return session.scalars(
                sa.select(Task).where(Task.project_id == project_id, Task.step == slug)
            ).one_or_none()

    def attempts(self, project_id, slug):
        """The attempts of a step, oldest first."""
        of_task = sa.and_(Attempt.task_id == Task.id, Task.project_id == project_id)
        with self.reading() as session:
            return session.scalars(
                sa.select(Attempt).join(Task, of_task).where(Task.step == slug).order_by(Attempt.id)
            ).all()

    def outcomes(self, project_id, slug):
        return [attempt.outcome.value for attempt in self.attempts(project_id, slug)]

    def runs(self, project_id, slug):
        """How often the function of a step was called."""
        task = self.task(project_id, slug)
        lines = self.runs_file.read_text().splitlines()
        return sum(line.split()[0] == f"task-{task.id}" for line in lines) if task else 0

    def wait_for_run(self, project_id, slug, number=1):
        """Wait until a step runs for the ``number``-th time; the process that runs it."""
        what = f"step {slug} runs for the {number}. time"
        self.wait_until(lambda: self.runs(project_id, slug) >= number, what)
        return self.attempts(project_id, slug)[-1].process

    def let_go(self, project_id, slug):
        """Let a step that is held finish."""
        (self.folder / f"go-task-{self.task(project_id, slug).id}").touch()

    def wait_until(self, condition, what, seconds=PATIENCE_SECONDS, every=0.03):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain until {what}"
            time.sleep(every)


def bind(address):
    """Have this process, and this thread of it, publish to the broker of one of the systems."""
    celery.set_current()
    if celery.conf.broker_url != address:
        celery.conf.broker_url = celery.conf.broker_read_url = address
        celery.conf.broker_write_url = address
        celery._pool = celery.amqp._producer_pool = None


def _next_slug():
    return f"storm-{time.time_ns()}"
