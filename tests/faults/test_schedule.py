"""Processes that are killed at random moments, while clients and people go on working."""

import itertools
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from orchestra.client import OrchestraError
from orchestra.domain import lifecycle
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.models import Project, ProjectStatus, Worker, Workflow, WorkflowVersion
from tests.builders import Builders, step
from tests.faults.kit import PATIENCE_SECONDS, SHAPES, machine
from tests.faults.oracle import all_is_well
from tests.faults.schedule import happen, schedule

ROUNDS_OF_LONG_FORM = 10  # of six faults, with each of three seeds
LONGEST_SECONDS = 1800
PAUSE_SECONDS = 0.3  # of a client
THINKING_SECONDS = 1  # of a person
OPEN_PROJECTS = 15  # more are begun when these are done: a slow machine is not buried in work
TRIAGE = (step("write"), machine("check", "write", run="effect", max_attempts=1000))


@pytest.mark.timeout(LONGEST_SECONDS)
def test_whatever_is_killed_at_whatever_moment_everything_ends_once(system, any_seed, is_long):
    """R-1, R-6, R-14, R-22: two clients and a person work on while process after process dies."""
    faults = schedule(any_seed, ROUNDS_OF_LONG_FORM if is_long else 1)
    print(f"seed {any_seed}", *faults, sep="\n")
    kinds = [system.version(*steps) for steps in SHAPES.values()]
    writing = system.version(*TRIAGE)
    system.start_everything()
    client = system.client()
    calm = threading.Event()
    with ThreadPoolExecutor(3) as people:
        clients = [people.submit(_create, system, kinds, calm) for _ in range(2)]
        person = people.submit(_write, system, writing, calm)
        try:
            for fault in faults:
                happen(system, fault)
        finally:
            calm.set()
        asked = dict(itertools.chain.from_iterable(c.result().items() for c in clients))
        written = person.result()

    all_is_well(system, 1 + len(faults) // 6)
    for key, (kind, project) in asked.items():
        assert _ask(system, client, kind, key) == project
    stored = _projects(system, [*kinds, writing])
    assert {row.id for row in stored} == {project for _, project in asked.values()} | set(written)
    assert {row.status for row in stored} == {ProjectStatus.COMPLETED}
    print(f"{len(asked)} projects of clients and {len(written)} of a person have ended")


def _create(system, kinds, calm):
    """Create projects over HTTP until it is calm; key → kind and id of each."""
    client, asked = system.client(), {}
    turns = itertools.cycle(kinds)
    while _more_is_wanted(system, calm, PAUSE_SECONDS):
        key, kind = uuid.uuid4().hex, next(turns)
        asked[key] = kind, _ask(system, client, kind, key)
    return asked


def _ask(system, client, kind, key):
    """Ask until there is an answer: all that was killed starts before the server does."""
    data, deadline = {"folder": str(system.folder)}, time.monotonic() + 5 * PATIENCE_SECONDS
    while True:
        try:
            return client.create_project(kind, "v1", f"Storm {key}", 0, data, "real", key)
        except OrchestraError as error:
            if not error.is_passing or time.monotonic() > deadline:
                raise


def _write(system, kind, calm):
    """Submit work until it is calm; the ids of the projects."""
    projects = []
    while _more_is_wanted(system, calm, THINKING_SECONDS):
        projects.append(system.create(kind))
        worker_id = _assign(system, projects[-1])
        _submit(system, projects[-1], worker_id)
    return projects


def _more_is_wanted(system, calm, pause_seconds):
    """Wait for the next turn; False when it has become calm meanwhile."""
    while not calm.wait(pause_seconds):
        with system.reading() as session:
            begun = sa.select(sa.func.count()).where(Project.status == ProjectStatus.ACTIVE)
            if session.scalar(begun) < OPEN_PROJECTS:
                return True
    return False


def _assign(system, project):
    task_id = system.task(project, "write").id
    with system.transaction() as session:
        worker = Builders(session).worker(f"writer-{project}")
        lifecycle.assign_task(session, SYSTEM, task_id, worker)
        return worker.id


def _submit(system, project, worker_id):
    task_id = system.task(project, "write").id
    with system.transaction() as session:
        actor = Actor.of(session.get_one(Worker, worker_id))
        data = {"text": "Rain"}
        lifecycle.hand_over(session, actor, task_id, "submit", data=data, revision=1)


def _projects(system, kinds):
    """The projects of some workflows."""
    of_kinds = sa.select(Project).join(Project.version).join(WorkflowVersion.workflow)
    with system.reading() as session:
        return session.scalars(of_kinds.where(Workflow.slug.in_(kinds))).all()
