"""Jobs that come twice, never, late or in another order, and connections that break."""

import time
from random import Random

import pytest
import sqlalchemy as sa

from orchestra.models import Task, TaskStatus
from tests.faults.kit import machine
from tests.faults.networked import NetworkedSystem
from tests.faults.oracle import all_is_well

CHAIN = (
    machine("first"),
    machine("second", "first"),
    machine("third", "second", run="fail_once"),
    machine("fourth", "third"),
)
DIAMOND = (
    machine("top"),
    *(machine(f"middle-{n}", "top") for n in range(4)),
    machine("bottom", *(f"middle-{n}" for n in range(4))),
    machine("after", "bottom"),
)
PROJECTS, BREAKS = 4, 6  # of each shape; of all connections


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(database, marks=pytest.mark.xdist_group(f"faults-{database}"))
        for database in ("sqlite", "postgresql")
    ],
)
def networked(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"networked-{request.param}")
    system = NetworkedSystem(folder, _database_url(request, folder))
    try:
        system.start()
        yield system
    finally:
        system.stop()


def _database_url(request, folder):
    if request.param == "sqlite":
        return f"sqlite:///{folder}/orchestra.sqlite3"
    server = sa.make_url(request.getfixturevalue("postgres_url"))
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE networked"))
    engine.dispose()
    return server.set(database="networked").render_as_string(hide_password=False)


@pytest.fixture
def system(networked):
    """The networked system; what its processes said is shown with a failed test."""
    yield networked
    print(networked.logs())


def test_doubled_dropped_delayed_and_reordered_jobs_change_no_outcome(system, any_seed, many):
    """R-12, L-127: also the sweep's own jobs, and the jobs of a failed attempt."""
    print("seed", any_seed)
    _carry_on(system, seconds=(any_seed + 1) % 2)
    system.detour.begin_storm(Random(any_seed))
    try:
        projects = _create(system, PROJECTS * many)
        for _ in range(PROJECTS):
            time.sleep(0.3)  # later ones meet what the storm did to the earlier ones
            projects += _create(system, 1)
        all_is_well(system, 1 + many)
    finally:
        system.detour.end_storm()

    happened = {fault for fault, count in system.detour.counts.items() if count}
    assert happened >= {"dropped", "doubled", "delayed", "overtakes"}
    _each_step_ran_once(system, projects)


def test_connections_to_the_broker_that_break_at_any_moment_cost_nothing(system, any_seed, many):
    """R-1: of all processes at once, between messages and in the middle of an answer."""
    print("seed", any_seed)
    _carry_on(system, seconds=(any_seed + 1) % 2)
    random = Random(any_seed)
    broken = system.proxy.broken
    projects = []
    for number in range(BREAKS * many):
        if number % 2:
            system.proxy.reset_all_in_an_answer(after_bytes=random.randrange(1, 2000))
        projects += _create(system, 1)
        time.sleep(random.uniform(0, 0.6))
        if not number % 2:
            system.proxy.reset_all()

    all_is_well(system, many)
    assert system.proxy.broken - broken > BREAKS * many
    _each_step_ran_once(system, projects)


def _carry_on(system, seconds):
    """Restart the worker process if it is not to carry on for so long."""
    if system.carry_on_seconds != seconds:
        system.terminate("worker")
        system.start_worker(carry_on_seconds=seconds)


def _create(system, count):
    """Start so many projects of each shape; their ids."""
    kinds = [system.version(*steps) for steps in (CHAIN, DIAMOND)]
    return [system.create(kind) for _ in range(count) for kind in kinds]


def _each_step_ran_once(system, projects):
    """But for the one that fails at first."""
    with system.reading() as session:
        tasks = session.scalars(sa.select(Task).where(Task.project_id.in_(projects))).all()
    assert len(tasks) == len(projects) // 2 * (len(CHAIN) + len(DIAMOND))
    for task in tasks:
        expected = ["failed", "complete"] if task.step == "third" else ["complete"]
        assert task.status is TaskStatus.COMPLETE
        assert system.outcomes(task.project_id, task.step) == expected, task.step
        assert system.runs(task.project_id, task.step) == len(expected), task.step
