"""A PostgreSQL that restarts, dies, or commits without being able to say so."""

import threading
import time
from random import Random

import pytest
import sqlalchemy as sa

from orchestra.client import OrchestraError
from orchestra.database import utcnow
from orchestra.errors import Unavailable
from orchestra.models import Project, TaskStatus
from tests.faults.kit import SHAPES, System, machine
from tests.faults.oracle import all_is_well
from tests.faults.passing_time import let_time_pass
from tests.faults.postgres import Postgres
from tests.faults.proxy import CommitProxy

pytestmark = pytest.mark.xdist_group("faults-postgresql")
DATABASE = "faults"


class DistantSystem(System):
    """Its processes reach their database over TCP; the test itself has a way of its own."""

    def __init__(self, folder, postgres):
        self.postgres = postgres
        self.of_web, self.of_others = CommitProxy(postgres.socket), CommitProxy(postgres.socket)
        postgres.tell(f"CREATE DATABASE {DATABASE}")
        super().__init__(folder, postgres.address(DATABASE))

    def launch(self, name, command, folder=None, **environment):
        proxy = self.of_web if name == "web" else self.of_others
        address = self.postgres.address(DATABASE, proxy.port)
        super().launch(name, command, folder, ORCHESTRA_DATABASE_URL=address, **environment)

    def wait_for_database(self):
        """Let go of the connections that a restart broke."""
        self.wait_until(self._has_database, "the database answers")

    def _has_database(self):
        try:
            with self.reading() as session:
                session.execute(sa.select(1))
        except Unavailable:
            return False
        return True


@pytest.fixture(scope="module")
def distant(tmp_path_factory):
    postgres = Postgres()
    try:
        system = DistantSystem(tmp_path_factory.mktemp("distant"), postgres)
        try:
            system.start()
            system.start_web()
            yield system
        finally:
            system.stop()
            system.of_web.close()
            system.of_others.close()
    finally:
        postgres.stop()


@pytest.fixture
def system(distant):
    yield distant
    print(distant.logs())


# --- A commit whose answer is lost ------------------------------------------------------------


def test_a_claim_whose_commit_was_not_answered_is_as_a_process_that_died(system):
    """R-19: nobody knows that the step is his; its lease runs out."""
    slug = f"work-{time.time_ns()}"
    kind = system.version(machine(slug))
    system.of_others.cut_after_commit(slug)
    project = system.create(kind)
    system.wait_until(lambda: system.attempts(project, slug), "the step is claimed")
    assert system.runs(project, slug) == 0
    let_time_pass(system, since=utcnow())

    all_is_well(system)
    assert system.outcomes(project, slug) == ["lost", "complete"]
    assert system.runs(project, slug) == 1


def test_a_result_whose_commit_was_not_answered_is_not_computed_again(system):
    """R-19: the step is done, and what was claimed with its result runs later."""
    project = system.run(machine("work", run="held"), machine("next", "work"))
    system.wait_for_run(project, "work")
    broken = system.of_others.broken
    system.of_others.cut_after_commit('"run": 1')
    system.let_go(project, "work")
    system.wait_until(lambda: system.of_others.broken > broken, "the connection is cut")
    assert system.task(project, "work").status is TaskStatus.COMPLETE
    let_time_pass(system, since=utcnow())

    all_is_well(system)
    assert system.outcomes(project, "work") == ["complete"]
    assert system.runs(project, "work") == system.runs(project, "next") == 1


def test_a_project_whose_commit_was_not_answered_is_created_once(system):
    """R-14, R-19: the client repeats its request, under the same key."""
    name, broken = f"project-{time.time_ns()}", system.of_web.broken
    kind = system.version(machine("work"))
    system.of_web.cut_after_commit(name)
    project = _ask_for_project(system, kind, name)
    assert system.of_web.broken == broken + 1
    assert _ask_for_project(system, kind, name) == project

    all_is_well(system)
    with system.reading() as session:
        named = sa.select(Project.id).where(Project.short_description == name)
        assert session.scalars(named).all() == [project]


def _ask_for_project(system, kind, name):
    """Over HTTP; the name is its description and the key of the request."""
    data = {"folder": str(system.folder)}
    client = system.client()
    return client.create_project(kind, "v1", name, 0, data, "real", idempotency_key=name)


# --- A server that goes away --------------------------------------------------------------------


class People(threading.Thread):
    """Ask for projects one after another, each until there is an answer, until they may go."""

    def __init__(self, system, kinds):
        super().__init__(name="people", daemon=True)
        self.system, self.kinds = system, kinds
        self.projects = {}  # name → id, as it was answered
        self.refusals = []
        self.may_go = threading.Event()

    def run(self):
        number = 0
        while not self.may_go.wait(0.05):
            number += 1
            kind = self.kinds[number % len(self.kinds)]
            self._ask(kind, f"asked-{number}-{kind}")

    def _ask(self, kind, name):
        while name not in self.projects:
            try:
                self.projects[name] = _ask_for_project(self.system, kind, name)
            except OrchestraError as error:
                self.refusals.append(error)
                if not error.is_passing:
                    return


def test_a_server_that_restarts_or_dies_under_load_loses_and_doubles_nothing(
    system, any_seed, many
):
    """R-14, R-19: in four ways, in any order, at any moment."""
    print("seed", any_seed)
    random, postgres = Random(any_seed), system.postgres
    faults = {
        "restart": lambda: postgres.restart("fast"),
        "hasty restart": lambda: postgres.restart("immediate"),
        "killed connection": lambda: postgres.kill_backend(DATABASE, random),
        "killed server": lambda: (postgres.kill(), postgres.restart()),
    }
    kinds = [system.version(*SHAPES[shape]) for shape in ("chain", "diamond")]
    people = People(system, kinds)
    people.start()
    try:
        for name in random.sample(sorted(faults) * many, k=len(faults) * many):
            time.sleep(random.uniform(0.2, 1.2))
            print(name)
            faults[name]()
            system.wait_for_database()
    finally:
        people.may_go.set()
        people.join(60)
    let_time_pass(system, since=utcnow())

    all_is_well(system, 1 + many)
    assert [error for error in people.refusals if not error.is_passing] == []
    assert len(people.projects) >= len(faults)
    with system.reading() as session:
        created = sa.select(Project.short_description, Project.id)
        created = created.where(Project.short_description.startswith("asked-"))
        of_these = created.where(sa.or_(*(Project.short_description.endswith(k) for k in kinds)))
        assert dict(session.execute(of_these).all()) == people.projects
