"""A broker that forgets everything, is not there, or delivers everything twice."""

import shutil
import signal
import time

from orchestra.domain import lifecycle
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.models import Task, TaskStatus, Worker
from orchestra.outbox import GRACE_IN_SWEEPS
from tests.builders import Builders, step
from tests.faults.kit import SWEEP_SECONDS, machine
from tests.faults.oracle import all_is_well
from tests.faults.passing_time import wait_for_tick

OUTAGE_SECONDS = 2 * GRACE_IN_SWEEPS * SWEEP_SECONDS  # five minutes, for these settings
PEOPLE = 4
WORK = machine("work", run="held")
DIAMOND = (
    machine("first"),
    *(machine(f"middle-{n}", "first") for n in range(4)),
    machine("last", *(f"middle-{n}" for n in range(4))),
    machine("after", "last"),
)


def test_a_wiped_broker_loses_neither_running_nor_waiting_steps(system):
    """R-1: two steps run, four wait in the broker when it is wiped, more come after."""
    kind = system.version(WORK, machine("report", "work"), machine("close", "report"))
    projects = [system.create(kind) for _ in range(6)]
    system.wait_until(
        lambda: sum(system.runs(project, "work") for project in projects) == 2,
        "both pool processes are busy",
    )
    system.broker().flushall()
    projects.append(system.create(kind))
    for project in projects:
        system.let_go(project, "work")

    all_is_well(system)
    for project in projects:
        for slug in ("work", "report", "close"):
            assert system.outcomes(project, slug) == ["complete"], (project, slug)


def test_people_submit_while_the_broker_is_frozen_or_down(system):
    """R-1: the answer comes soon, and what follows happens when the broker is back."""
    kind = system.version(step("write"), machine("check", "write"), machine("close", "check"))
    projects = [system.create(kind) for _ in range(2)]
    workers = [_hold(system, project, "write") for project in projects]

    system.processes["broker"].send_signal(signal.SIGSTOP)
    _submit(system, projects[0], "write", workers[0])
    system.kill("broker")
    _submit(system, projects[1], "write", workers[1])

    for project in projects:
        assert system.task(project, "write").status is TaskStatus.COMPLETE
        assert system.task(project, "check").status is TaskStatus.AWAITING_PROCESSING
    system.start_broker()
    all_is_well(system)
    for project in projects:
        assert system.outcomes(project, "check") == ["complete"]
        assert system.outcomes(project, "close") == ["complete"]


def _hold(system, project, slug):
    """A new worker who holds the task; the worker's id."""
    task_id = system.task(project, slug).id
    with system.transaction() as session:
        worker = Builders(session).worker(f"person-{project}")
        lifecycle.assign_task(session, SYSTEM, task_id, worker)
        return worker.id


def _submit(system, project, slug, worker_id):
    task_id = system.task(project, slug).id
    began = time.monotonic()
    with system.transaction() as session:
        actor = Actor.of(session.get_one(Worker, worker_id))
        data = {"text": "Rain"}
        lifecycle.hand_over(session, actor, task_id, "submit", data=data, revision=1)
    assert time.monotonic() - began < 2


def test_a_broker_that_comes_back_finds_the_running_step_still_running(system):
    """A step ends in the database; that the broker is away costs it nothing."""
    project = system.run(WORK, machine("report", "work"))
    system.wait_for_run(project, "work")
    system.kill("broker")
    system.let_go(project, "work")
    done = TaskStatus.COMPLETE
    system.wait_until(lambda: system.task(project, "work").status is done, "the step is done")
    system.start_broker()

    all_is_well(system)
    assert system.outcomes(project, "work") == ["complete"]
    assert system.outcomes(project, "report") == ["complete"]


def test_a_long_outage_ends_with_a_broker_that_remembers_nothing(system, many):
    """R-1: people submit and a step ends meanwhile; what waited in the broker is gone too."""
    wait_for_tick(system)
    human = system.version(step("write"), machine("check", "write"), machine("close", "check"))
    written = [system.create(human) for _ in range(PEOPLE)]
    workers = {project: _hold(system, project, "write") for project in written}
    kind = system.version(WORK, machine("report", "work"))
    running = [system.create(kind) for _ in range(4)]
    system.wait_until(lambda: sum(system.runs(p, "work") for p in running) == 2, "both are busy")

    system.kill("broker")
    for project in running:
        system.let_go(project, "work")
    for project in written:
        time.sleep(OUTAGE_SECONDS * many / PEOPLE)
        _submit(system, project, "write", workers[project])
    done = [p for p in running if system.task(p, "work").status is TaskStatus.COMPLETE]
    shutil.rmtree(system.broker_folder / "appendonlydir")
    system.start_broker()

    all_is_well(system)
    assert len(done) == 2
    expected = [(p, slug) for p in written for slug in ("check", "close")]
    for project, slug in expected + [(p, slug) for p in running for slug in ("work", "report")]:
        assert system.outcomes(project, slug) == ["complete"], (project, slug)


def test_jobs_that_are_delivered_twice_have_one_effect(system, many):
    """Law 2: chains, groups and joins, each published twice by everybody."""
    assert system.terminate("worker") < 8  # an idle worker ends without its grace time
    system.start_worker("tests.faults.twice")
    kind = system.version(*DIAMOND)
    once = system.app.extensions["orchestra_publisher"]
    system.app.extensions["orchestra_publisher"] = lambda jobs: (once(jobs), once(jobs))
    try:
        projects = [system.create(kind) for _ in range(4 * many)]
        all_is_well(system, many)
    finally:
        system.app.extensions["orchestra_publisher"] = once
        system.terminate("worker")
        system.start_worker()

    with system.reading() as session:
        tasks = session.query(Task).where(Task.project_id.in_(projects)).all()
    assert len(tasks) == len(projects) * len(DIAMOND)
    for task in tasks:
        assert task.status is TaskStatus.COMPLETE
        assert system.outcomes(task.project_id, task.step) == ["complete"]
        assert system.runs(task.project_id, task.step) == 1
