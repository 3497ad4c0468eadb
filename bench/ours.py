"""Orchestra as a contender: its own commands as processes, its own rules in the driver."""

import itertools
import sys
import time
import warnings

import flask_migrate
import sqlalchemy as sa

from bench import ending
from bench.processes import kill
from orchestra.application import MIGRATIONS, create_core
from orchestra.config import Settings
from orchestra.database import db, reading, transaction
from orchestra.domain import projects
from orchestra.domain.audit import SYSTEM
from orchestra.domain.definitions import Package
from orchestra.domain.definitions.storing import store
from orchestra.models import Attempt, AttemptOutcome, Project, ProjectStatus, Task, TaskClass
from orchestra.tasks import celery, publish

START_SECONDS = 60
_numbers = itertools.count(1)


class Orchestra:
    """A worker process with a pool of two, a scheduler, a database of its own.

    :param database: "postgresql" or "sqlite".
    :param module: what is run as the `orchestra` command.
    :param settings: variables beyond the defaults.
    """

    def __init__(self, servers, name, database, *, module="orchestra.cli", **settings):
        self.module = module
        self.servers, self.name = servers, f"{name}-{database}-{next(_numbers)}"
        self.folder = servers.folder / self.name
        self.folder.mkdir()
        self.broker_address = servers.broker_database()
        self.env = settings | {
            "ORCHESTRA_DATA_DIR": str(self.folder),
            "ORCHESTRA_DATABASE_URL": servers.database(database, self.name),
            "ORCHESTRA_BROKER_URL": self.broker_address,
            "ORCHESTRA_SECRET_KEY": "a secret key that is long enough for a benchmark",
        }
        self.settings = Settings.from_env(self.env)
        self.app = create_core(self.settings, publish=self._hold)
        self.held = []  # dispatches of committed transactions, until :meth:`publish`
        self.processes = {}
        self._slugs = set()
        with self.app.app_context(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flask_migrate.upgrade(directory=str(MIGRATIONS))

    # --- Processes ----------------------------------------------------------------------------

    def start(self, *workers):
        """Start the scheduler and worker processes; :meth:`wait_until_ready` waits for them."""
        for worker in workers or ("worker",):
            self.launch_worker(worker)
        self.launch("beat", "beat")

    def launch_worker(self, name):
        self.launch(name, "worker", "--concurrency=2", f"--ready-file={self._ready_file(name)}")

    def launch(self, process, *arguments):
        command = [sys.executable, "-m", self.module, *arguments]
        name = f"{self.name}-{process}"
        self.processes[process] = self.servers.launch(name, command, env=self.env)

    def wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        for worker in (name for name in self.processes if name.startswith("worker")):
            while not self._ready_file(worker).exists():
                if self.processes[worker].poll() is not None or time.monotonic() > deadline:
                    raise TimeoutError(f"{self.name}: the {worker} process does not start")
                time.sleep(0.05)

    def _ready_file(self, worker):
        return self.folder / f"{worker}.ready"

    # --- Work ---------------------------------------------------------------------------------

    def prepare(self, shape, functions=("empty", "last")):
        """Create the projects and keep what is to be published; the seconds it took.

        :param functions: of ``bench.steps``: for all steps but the last, and for the last.
        """
        slug = self.workflow(shape, functions)
        began = time.perf_counter()
        self.created = [self.create(slug) for _ in range(shape.projects)]
        return time.perf_counter() - began

    def run(self, shape):
        """Publish what was prepared; the seconds until the last project is Completed."""
        began = time.perf_counter()
        self.publish()
        ending.wait(shape.projects)
        self.wait_for_completion()
        seconds = time.perf_counter() - began
        self._check(shape)
        return seconds

    def wait_for_completion(self):
        is_open = sa.and_(Project.id.in_(self.created), Project.status != ProjectStatus.COMPLETED)
        while self.scalar(sa.select(sa.func.count()).where(is_open)):
            time.sleep(0.001)

    def workflow(self, shape, functions=("empty", "last")):
        """The slug of the workflow of this shape; stored by the rules when it is new."""
        slug = "-".join((shape.slug, *functions))
        if slug not in self._slugs:
            self.store(slug, steps_of(shape.layers, *functions))
            self._slugs.add(slug)
        return slug

    def store(self, slug, steps):
        workflow = {"slug": slug, "name": slug, "description": "", "certifications": []}
        version = {"slug": "v1", "name": slug, "description": "", "steps": steps}
        package = Package(self.folder / slug, workflow, {"v1": version})
        with self.app.app_context(), transaction() as session:
            store(session, package, "v1")

    def create(self, slug, data=None):
        """Create a project by the rules; its id. Nothing is published before :meth:`publish`."""
        with self.app.app_context(), transaction() as session:
            return projects.create_project(
                session,
                SYSTEM,
                workflow_slug=slug,
                version_slug="v1",
                short_description="A project of a benchmark",
                priority=0,
                task_class=TaskClass.REAL,
                project_data=data or {},
            ).id

    def _hold(self, dispatches):
        self.held.append(dispatches)

    def publish(self):
        """Publish what was created, as the process that created it would have done."""
        bind(self.broker_address)
        held, self.held = self.held, []
        for dispatches in held:
            publish(dispatches)

    # --- Looking ------------------------------------------------------------------------------

    def scalar(self, statement):
        with self.app.app_context(), reading() as session:
            return session.scalar(statement)

    def rows(self, statement):
        with self.app.app_context(), reading() as session:
            return session.execute(statement).all()

    def _check(self, shape):
        """Every step was done, and none was begun twice."""
        of_projects = sa.select(Task.id).where(Task.project_id.in_(self.created))
        attempts = sa.select(Attempt.outcome).where(Attempt.task_id.in_(of_projects))
        outcomes = [row.outcome for row in self.rows(attempts)]
        assert outcomes == [AttemptOutcome.COMPLETE] * shape.steps, self.name

    def stop(self):
        for process in self.processes.values():
            kill(process)
        with self.app.app_context():
            db.engine.dispose()


def steps_of(layers, others, last):
    """Entries of version.json for machine steps in layers, with functions of ``bench.steps``."""
    entries = []
    for depth, layer in enumerate(layers):
        function = last if depth == len(layers) - 1 else others
        entries += [
            {
                "slug": slug,
                "name": slug,
                "description": "",
                "is_human": False,
                "creation_depends_on": layers[depth - 1] if depth else [],
                "execution_function": {"path": f"bench.steps.{function}"},
            }
            for slug in layer
        ]
    return entries


def bind(address):
    """Have this process publish to the broker of one contender."""
    if celery.conf.broker_url != address:
        celery.conf.broker_url = celery.conf.broker_read_url = address
        celery.conf.broker_write_url = address
        celery._pool = celery.amqp._producer_pool = None
