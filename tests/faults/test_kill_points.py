"""Processes that die at each point that matters: before and after each commit, send and effect."""

import random
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from orchestra.client import OrchestraError
from orchestra.domain import dispatching
from orchestra.models import AttemptOutcome, Project, Workflow, WorkflowVersion
from tests.faults.killing import CARRIED_POINTS, STEP_POINTS, WEB_POINTS, order
from tests.faults.kit import KILLING, LEASE_SECONDS, PATIENCE_SECONDS, SHAPES, SWEEP_SECONDS
from tests.faults.oracle import all_is_well

WORKER_START_SECONDS = 10  # of a fresh worker process on a busy machine, until its first step
ROUNDS_OF_LONG_FORM = 4  # with each of three seeds: twelve runs of each kill on each shape
LONGEST_SECONDS = 3600
# Who dies there holds a lease, which nobody gives back.
WITH_LEASE = {
    "after_claim_commit",
    "in_function",
    "after_effect",
    "before_result_commit",
    "in_carried_function",
    "before_carried_commit",
}


# --- What dies where --------------------------------------------------------------------------


@dataclass(frozen=True)
class Kill:
    """Who dies where, in a project of which shape."""

    point: str
    shape: str
    nth: int
    whole: bool  # the worker process with all of its pool, instead of one of the pool
    carry_on_seconds: int


def kills(seed, *, is_long):
    """Rounds. Each has every point once, or in the long form on each shape and both ways."""
    chance = random.Random(seed)
    for _ in range(ROUNDS_OF_LONG_FORM if is_long else 1):
        yield [
            _kill(chance, point, shape, whole=whole)
            for number, point in enumerate(STEP_POINTS + CARRIED_POINTS)
            for shape in _shapes(chance, point, is_long=is_long)
            for whole in ((False, True) if is_long else [(number + seed) % 5 == 0])
        ]


def _shapes(chance, point, *, is_long):
    shapes = [shape for shape in SHAPES if _is_passed(point, shape)]
    return shapes if is_long else [chance.choice(shapes)]


def _is_passed(point, shape):
    """A chain is published whole, before its first step: after a step Celery sends the rest."""
    return (point, shape) != ("after_publish", "chain")


def _kill(chance, point, shape, *, whole):
    carry_on = _carries_on(chance, point)
    last = _passings(point, shape, carry_on)
    return Kill(point, shape, chance.randint(1, last), whole, carry_on)


def _carries_on(chance, point):
    """For how long a job carries on: whoever does holds short steps, and publishes none."""
    if point in CARRIED_POINTS:
        return 1
    return 0 if point == "after_publish" else chance.choice((0, 1))


def _passings(point, shape, carry_on):
    """How often a project passes a point at least, whatever else happens."""
    if point in CARRIED_POINTS:
        return {"chain": 4, "diamond": 3, "fan-out": 2}[shape]
    if point == "after_publish":
        return 1 if shape == "fan-out" else 3
    if carry_on and point in {"before_claim_commit", "after_claim_commit", "before_ack"}:
        return 1
    return 8


# Nobody is killed after it, so what it costs can be measured.
LAST = Kill("in_function", "chain", nth=5, whole=True, carry_on_seconds=0)


# --- Steps ------------------------------------------------------------------------------------


@pytest.mark.timeout(LONGEST_SECONDS)
def test_whoever_dies_at_whichever_point_of_a_step_costs_time_and_nothing_else(
    killing, any_seed, is_long, many
):
    """R-6, R-22, L-116, L-121, L-126: with each step a job of its own, and while carrying on."""
    kinds = {shape: killing.version(*steps) for shape, steps in SHAPES.items()}
    for number, planned in enumerate(kills(any_seed, is_long=is_long), 1):
        print(f"seed {any_seed}, round {number}: {len(planned)} kills")
        done = [*_all_of(killing, kinds, planned, many), _worker_killed(killing, kinds, LAST)]

        all_is_well(killing, many)
        for kill, project, report in done:
            if kill.point in WITH_LEASE:
                assert "lost" in killing.outcomes(project, report["step"]), (kill, report)
        _came_back_in_time(killing, *done[-1])


def _all_of(system, kinds, planned, many):
    """Kill processes of the pool, many at a time; then the worker process, again and again."""
    for carry_on_seconds in (1, 0):
        now = [kill for kill in planned if kill.carry_on_seconds == carry_on_seconds]
        system.let_worker_carry_on(carry_on_seconds)
        begun = [_begin(system, kinds, kill) for kill in now if not kill.whole]
        yield from [_carried_out(system, *each, many) for each in begun]
        yield from [_worker_killed(system, kinds, kill) for kill in now if kill.whole]


def _begin(system, kinds, kill):
    """Start a project in which somebody is to die."""
    with system.holding_back() as jobs:
        project = system.create(kinds[kill.shape])
    done = order(system.orders, kill.point, project, nth=kill.nth, whole=kill.whole)
    system.publish(jobs)
    return kill, project, done


def _carried_out(system, kill, project, done, many=1):
    return kill, project, system.wait_for_kill(done, many * PATIENCE_SECONDS)


def _worker_killed(system, kinds, kill):
    """Have the whole worker process die, and start a fresh one at once."""
    carried_out = _carried_out(system, *_begin(system, kinds, kill))
    system.processes["worker"].wait(10)
    system.start_worker(KILLING, carry_on_seconds=kill.carry_on_seconds)
    return carried_out


def _came_back_in_time(system, kill, project, report):
    """R-6, measured: from the death of the process to the next start of its step."""
    attempts = system.attempts(project, report["step"])
    lost = next(a for a in attempts if a.process == report["process"])
    again = attempts[attempts.index(lost) + 1]
    delay = again.started_at.timestamp() - report["at"]
    promised = LEASE_SECONDS + SWEEP_SECONDS
    print(f"{kill}: the step began again after {delay:.1f} s; promised are {promised} s")
    assert lost.outcome is AttemptOutcome.LOST
    assert delay <= promised + WORKER_START_SECONDS


# --- Relay, sweep, scheduler ------------------------------------------------------------------


@pytest.mark.timeout(LONGEST_SECONDS)
def test_a_relay_a_sweep_and_a_scheduler_that_die_half_way_are_made_up_for(killing, is_long, many):
    """L-136, L-137, R-11: what was taken is sent later, what was not done is done by the next."""
    kind = killing.version(*SHAPES["diamond"])
    for _ in range(many):
        for whole in (False, True) if is_long else (False,):
            _dies_half_way(killing, kind, "in_relay", whole=whole)
        for whole in (False, True) if is_long else (True,):
            _dies_half_way(killing, kind, "in_sweep", whole=whole)
        killing.wait_for_kill(order(killing.orders, "before_tick_is_sent", whole=True))
        killing.processes["beat"].wait(10)
        killing.start_beat(KILLING)

    all_is_well(killing, many)


def _dies_half_way(system, kind, point, *, whole):
    """Be killed after one of three projects was seen to, and let all three end all the same."""
    system.processes["beat"].send_signal(signal.SIGSTOP)  # so that one sweep finds all three
    with system.holding_back():
        projects = [system.create(kind) for _ in range(3)]
    done = order(system.orders, point, projects[1], whole=whole)
    if point == "in_sweep":
        _forget(system, projects)
    system.processes["beat"].send_signal(signal.SIGCONT)
    system.wait_for_kill(done)
    if whole:
        system.processes["worker"].wait(10)
        system.start_worker(KILLING)


def _forget(system, projects):
    """Leave nobody who asks for the first steps: the rows of the outbox are gone."""
    with system.transaction() as session:
        for project in projects:
            dispatching.forget(session, project)


# --- Web --------------------------------------------------------------------------------------


@pytest.mark.timeout(LONGEST_SECONDS)
def test_a_client_that_repeats_its_request_after_the_server_died_has_one_project(
    killing, is_long, many
):
    """R-14, R-5: killed before the commit, and between the commit and the answer."""
    kind = killing.version(*SHAPES["fan-out"])
    killing.start_web(KILLING)
    for _ in range(many):
        for whole in (False, True):
            for point in WEB_POINTS if is_long else [WEB_POINTS[whole]]:
                _asked_twice(killing, kind, point, whole=whole)

    all_is_well(killing, many)


def _asked_twice(system, kind, point, *, whole):
    key = uuid.uuid4().hex
    before = _projects(system, kind)
    done = order(system.orders, point, whole=whole)
    with ThreadPoolExecutor(1) as clients:
        asked = clients.submit(_created, system, kind, key)
        system.wait_for_kill(done)
        stored = _projects(system, kind) - before
        assert len(stored) == (point == "before_answer")
        if whole:
            system.processes["web"].wait(10)
            system.start_web(KILLING)
        project = asked.result()
    assert _created(system, kind, key) == project
    assert _projects(system, kind) - before == {project}
    assert stored <= {project}


def _created(system, kind, key):
    """Ask until there is an answer, as a client system does that was told of no success."""
    client, data = system.client(), {"folder": str(system.folder)}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return client.create_project(kind, "v1", f"Picture {key}", 0, data, "real", key)
        except OrchestraError as error:
            if not error.is_passing or time.monotonic() > deadline:
                raise


def _projects(system, kind):
    """Ids of the projects of a workflow."""
    of_kind = sa.select(Project.id).join(Project.version).join(WorkflowVersion.workflow)
    with system.reading() as session:
        return set(session.scalars(of_kind.where(Workflow.slug == kind)))
