"""A running system for fault tests: its own broker, worker process and scheduler, all of them real.

The test itself plays the web process: it calls the rules and publishes to the same broker.
"""

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
import sqlalchemy as sa

from orchestra.application import MIGRATIONS, create_core
from orchestra.cli import broker
from orchestra.config import Settings
from orchestra.database import db, reading, transaction
from orchestra.domain import projects
from orchestra.domain.audit import SYSTEM
from orchestra.models import Attempt, Task, TaskClass
from orchestra.tasks import celery, publish
from tests.builders import Builders, step

ROOT = Path(__file__).parents[2]
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


class System:
    def __init__(self, folder, database_url):
        self.folder, self.processes = folder, {}
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
        with self.app.app_context(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flask_migrate.upgrade(directory=str(MIGRATIONS))

    # --- Processes ----------------------------------------------------------------------------

    def start(self):
        self.broker_command, self.broker_folder = broker.prepare(self.settings)
        self.start_broker()
        self.start_worker()
        self.launch("beat", [sys.executable, "-m", "orchestra.cli", "beat"])

    def stop(self):
        for name in list(self.processes):
            self.kill(name)
        with self.app.app_context():
            db.engine.dispose()

    def start_broker(self):
        self.launch("broker", self.broker_command, self.broker_folder)
        broker.wait_until_ready(self.settings.broker_address())

    def start_worker(self, module="orchestra.cli"):
        ready = self.folder / "worker.ready"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", module, "worker", "--concurrency=2"]
        self.launch("worker", [*command, f"--ready-file={ready}"])
        process = self.processes["worker"]
        self.wait_until(
            lambda: ready.exists() or process.poll() is not None, "the worker process is ready"
        )
        assert process.poll() is None, self.log("worker").read_text()[-1000:]

    def launch(self, name, command, folder=None):
        with self.log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=folder or self.folder,
                env=self._environment(),
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

    def broker(self):
        return redis.Redis.from_url(self.settings.broker_address(), socket_timeout=5)

    def publish(self, dispatches):
        bind(self.settings.broker_address())
        publish(dispatches)

    # --- Projects -----------------------------------------------------------------------------

    @property
    def runs_file(self):
        return self.folder / "runs"

    @contextmanager
    def transaction(self):
        with self.app.app_context(), transaction() as session:
            yield session

    @contextmanager
    def reading(self):
        with self.app.app_context(), reading() as session:
            yield session

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

    def wait_until(self, condition, what, seconds=PATIENCE_SECONDS):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain until {what}"
            time.sleep(0.03)


def bind(address):
    """Have this process publish to the broker of one of the systems."""
    if celery.conf.broker_url != address:
        celery.conf.broker_url = celery.conf.broker_read_url = address
        celery.conf.broker_write_url = address
        celery._pool = celery.amqp._producer_pool = None


def _next_slug():
    return f"storm-{time.time_ns()}"
