"""Deadlock storm: twenty threads do whatever can be done, at random, to one project."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from random import Random

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import db, reading, retry_deadlocks, transaction
from orchestra.domain import machine, projects
from orchestra.domain.audit import SYSTEM
from orchestra.domain.execution import Outcome
from orchestra.errors import OrchestraError, Unavailable, WrongStatus
from orchestra.models import (
    Attempt,
    AttemptOutcome,
    AuditEvent,
    Project,
    Verb,
)
from orchestra.outbox import Job, OutboxMessage
from orchestra.tasks import upkeep
from orchestra.tasks.runs import Run
from tests.builders import step
from tests.faults.oracle import broken_invariants
from tests.walk import STEPS, Walk, check_project

THREADS = 20
MORE_STEPS = (
    step("print", "publish", human=False),
    step("send", "print", human=False),
    *(step(f"tell-{n}", "crawl", human=False) for n in range(3)),
)


@pytest.mark.timeout(600)
def test_a_storm_of_operations_on_one_project_breaks_nothing(
    app, session, make, any_seed, is_long, at_once, caplog
):
    """R-17, L-76, L-77: what people see are refusals, never a deadlock or an internal error."""
    caplog.set_level("ERROR", logger="orchestra")  # late results are refused by the hundred
    project = make.project(*STEPS, *MORE_STEPS)
    workers, admin = [make.worker() for _ in range(6)], make.admin()
    session.commit()
    leases = []
    walks = [
        Walk(project, workers, admin, Random(f"{any_seed}-{n}"), leases) for n in range(THREADS)
    ]

    answers = _storm(app, project.id, walks, seconds=60 if is_long else 5)

    print(f"seed {any_seed}: {dict(sorted(answers.items()))}")
    refusals = {kind for _, kind in answers} - {"done"}
    assert not refusals & {"internal", "unavailable"} - _starved()
    assert not [record for record in caplog.records if not _tells_of_a_full_house(record)]
    if is_long:
        tried = {name for name, _ in answers}
        assert tried == {operation.__name__ for operation in Walk.STORM}
    _check(project.id)
    _abort_by_all(at_once, project.id, leases)


def _starved():
    """SQLite lets writers poll for its one lock: of twenty, one may poll in vain for too long."""
    return {"unavailable"} if db.engine.dialect.name == "sqlite" else set()


def _tells_of_a_full_house(record):
    """The sweep passes over what it cannot lock in time, and finds it again."""
    return record.levelname != "ERROR" or isinstance(record.exc_info[1], Unavailable)


def _storm(app, project_id, walks, seconds):
    """Let all walk for so long; how often each operation had which answer."""
    ends_at = time.monotonic() + seconds

    def walk_on(walk):
        seen = Counter()
        with app.app_context():
            while time.monotonic() < ends_at:
                seen[_one_step(walk)] += 1
        return seen

    def repeat(act):
        with app.app_context():
            while time.monotonic() < ends_at:
                with suppress(Unavailable):
                    act()
                time.sleep(0.1)
        return Counter()

    with ThreadPoolExecutor(len(walks) + 2) as threads:
        running = [threads.submit(walk_on, walk) for walk in walks]
        running.append(threads.submit(repeat, _sweep))
        running.append(threads.submit(repeat, lambda: _check(project_id)))
        return sum((thread.result() for thread in running), Counter())


def _one_step(walk):
    with reading() as session:
        name, call = walk.choose(session, Walk.STORM)
    if not call:
        return name, "nothing"
    try:
        _in_transaction(call)
    except OrchestraError as error:
        return name, error.kind
    return name, "done"


@retry_deadlocks
def _in_transaction(call):
    with transaction() as session:
        call(session)


@retry_deadlocks
def _sweep():
    run = Run(Job.SWEEP)
    upkeep.reclaim_leases(run)
    upkeep.dispatch_forgotten(run)
    upkeep.advance_stuck(run)
    upkeep.relay_outbox()


@contextmanager
def _snapshot():
    """Everything as it was at one moment, without a lock."""
    on_postgresql = db.engine.dialect.name == "postgresql"
    options = {"isolation_level": "REPEATABLE READ"} if on_postgresql else {}
    engine = db.engine.execution_options(orchestra_read_only=True, **options)
    with Session(engine) as session:
        yield session


def _check(project_id):
    with _snapshot() as session:
        check_project(session.get_one(Project, project_id), session)
        assert broken_invariants(session) == []
        assert _doubled_completions(session) == []


def _doubled_completions(session):
    """Tasks that were completed again without a revert in between."""
    verbs = (Verb.TASK_COMPLETED, Verb.TASK_REVERTED)
    events = session.execute(
        sa.select(AuditEvent.object_id, AuditEvent.verb)
        .where(AuditEvent.verb.in_(verbs))
        .order_by(AuditEvent.id)
    )
    completed, doubled = set(), []
    for task_id, verb in events:
        if verb == Verb.TASK_REVERTED:
            completed.discard(task_id)
        elif task_id in completed:
            doubled.append(task_id)
        else:
            completed.add(task_id)
    return doubled


def _abort_by_all(at_once, project_id, leases):
    """L-104, L-107: one abort counts. L-119: what runs then is refused, and nothing is left."""
    with _snapshot() as session:
        is_open = not session.get_one(Project, project_id).status.is_closed
    aborts = [lambda session: projects.abort(session, SYSTEM, project_id)] * THREADS
    refusals = [answer for answer in at_once(*aborts) if isinstance(answer, Exception)]
    assert {type(refusal) for refusal in refusals} == {WrongStatus}
    assert len(refusals) == THREADS - is_open
    for lease in leases:
        _in_transaction(lambda s, lease=lease: machine.record(s, lease, Outcome(result={})))
    _check(project_id)
    running = sa.select(Attempt.id).where(Attempt.outcome == AttemptOutcome.RUNNING)
    with _snapshot() as session:
        assert session.get_one(Project, project_id).status.is_closed
        assert session.scalars(running).all() == []
        assert (
            session.scalars(
                sa.select(OutboxMessage.dedupe_key).where(OutboxMessage.job == Job.RUN_STEP)
            ).all()
            == []
        )
