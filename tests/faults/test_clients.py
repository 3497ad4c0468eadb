"""Many client systems create projects over HTTP at the same time."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
import sqlalchemy as sa

from orchestra.models import Project, ProjectStatus, Task, Workflow, WorkflowVersion
from tests.faults.kit import PATIENCE_SECONDS, machine
from tests.faults.oracle import all_is_well

CLIENTS = 20
REPEATS = 2  # of a request whose client does not trust its first answer
# After the others the client asks again by itself: while the same request is being answered, and
# when SQLite, which is not fair to its writers, kept one waiting for too long.
FINE = {"postgresql": {200, 409}, "sqlite": {200, 409, 503}}


class Customer:
    """A client that creates projects, and repeats half of its requests with their keys.

    :param name: what its keys begin with.
    """

    def __init__(self, system, slug, name, seed):
        self.client, self.folder, self.slug = system.client(), str(system.folder), slug
        self.name, self.random = name, Random(f"{seed}-{name}")
        self.answers = []  # for each project asked for: the id in each answer
        self.statuses = Counter()
        self._listen()

    def _listen(self):
        once = self.client._send

        def noted(*arguments):
            response = once(*arguments)
            self.statuses[response.status_code] += 1
            return response

        self.client._send = noted

    def create_until(self, ends_at):
        while time.monotonic() < ends_at:
            key = f"{self.slug}-{self.name}-{len(self.answers)}"
            kind = self.random.choice(["once", "once", "again", "together"])
            self.answers.append(self._create(key, kind))

    def _create(self, key, kind):
        def ask(_):
            data = {"folder": self.folder, "key": key}
            return self.client.create_project(self.slug, "v1", "A project", 1, data, "real", key)

        if kind == "together":
            with ThreadPoolExecutor(REPEATS) as threads:
                return list(threads.map(ask, range(REPEATS)))
        return [ask(number) for number in range(1 if kind == "once" else REPEATS)]


@pytest.mark.timeout(900)
def test_twenty_clients_create_projects_without_error_orphan_or_double(
    system, any_seed, is_long, many
):
    """R-14, R-22: each project asked for is created once, and completes."""
    system.start_web()
    slug = system.version(machine("first"), machine("second", "first"))
    customers = [Customer(system, slug, number, any_seed) for number in range(CLIENTS)]

    _create_all(customers, seconds=60 if is_long else 6)

    answers = [ids for customer in customers for ids in customer.answers]
    statuses = sum((customer.statuses for customer in customers), Counter())
    print(f"seed {any_seed}: {len(answers)} projects, answers {dict(statuses)}")
    assert statuses.keys() <= FINE[sa.make_url(system.settings.database_url).get_backend_name()]
    assert statuses[503] * 20 <= statuses[200]
    assert {len(set(ids)) for ids in answers} == {1}
    all_is_well(system, many)
    ids = [first for first, *_ in answers]
    assert len(ids) == len(set(ids))
    assert _projects(system, slug) == dict.fromkeys(ids, ProjectStatus.COMPLETED)
    assert _steps(system, ids) == {"first": len(ids), "second": len(ids)}
    system.wait_until_drained(many * PATIENCE_SECONDS)


def _create_all(customers, seconds):
    start, ends_at = threading.Barrier(len(customers)), time.monotonic() + seconds

    def go_on(customer):
        start.wait(10)
        customer.create_until(ends_at)

    with ThreadPoolExecutor(len(customers)) as threads:
        list(threads.map(go_on, customers))


def _projects(system, slug):
    """All projects of the workflow, also those that nobody knows of; with their statuses."""
    query = (
        sa.select(Project.id, Project.status)
        .join(WorkflowVersion, WorkflowVersion.id == Project.version_id)
        .join(Workflow, Workflow.id == WorkflowVersion.workflow_id)
        .where(Workflow.slug == slug)
    )
    with system.reading() as session:
        return {row.id: row.status for row in session.execute(query)}


def _steps(system, project_ids):
    with system.reading() as session:
        return Counter(
            session.scalars(sa.select(Task.step).where(Task.project_id.in_(project_ids)))
        )
