"""Many threads at one task: one wins, the others are told why, and nothing is left half done."""

import pytest
import sqlalchemy as sa

from orchestra.domain import advancing, dispatching, lifecycle, machine, onward, pickup, projects
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.execution import Lease, Outcome, Runner
from orchestra.errors import NotFound, WrongStatus
from orchestra.models import (
    Assignment,
    Attempt,
    AuditEvent,
    Channel,
    Message,
    Project,
    ProjectStatus,
    Role,
    Task,
    TaskStatus,
    Verb,
    Worker,
)
from orchestra.outbox import Job, OutboxMessage
from tests.builders import step
from tests.faults.oracle import broken_invariants, doubled_effects

THREADS, CROWD = 8, 50
RUNNER = Runner("here", 1)


@pytest.fixture
def start(session, make):
    """Start a project of these steps, and commit it; its id."""

    def started(*steps):
        project = make.project(*steps)
        session.commit()
        return project.id

    return started


@pytest.fixture
def workers(session, make):
    return _workers(session, make, THREADS)


@pytest.fixture
def crowd(session, make):
    return _workers(session, make, CROWD)


def _workers(session, make, number):
    made = [make.worker() for _ in range(number)]
    session.commit()
    return made


def only_task(session, project_id):
    """The id of a project's task, read without staying in a transaction."""
    task_id = session.scalars(sa.select(Task.id).where(Task.project_id == project_id)).one()
    session.commit()
    return task_id


def abort(session, project_id):
    projects.abort(session, SYSTEM, project_id)
    session.commit()


def winners(results):
    return [result for result in results if not isinstance(result, Exception)]


def assert_intact(session):
    session.rollback()
    session.expire_all()
    assert broken_invariants(session) == []
    assert doubled_effects(session) == []


def test_of_many_who_assign_one_task_one_succeeds(session, start, workers, at_once):
    """R-2; the others get ``wrong_status`` (L-47)."""
    task_id = only_task(session, start(step("write")))

    results = at_once(*(assign(SYSTEM, task_id, worker) for worker in workers))

    assert len(winners(results)) == 1
    assert {type(r) for r in results if isinstance(r, Exception)} == {WrongStatus}
    assert session.scalar(sa.select(sa.func.count()).select_from(Assignment)) == 1
    assert_intact(session)


def assign(actor, task_id, worker):
    return lambda session: lifecycle.assign_task(
        session, actor, task_id, session.get_one(Worker, worker.id)
    )


@pytest.mark.timeout(1800)
def test_of_a_crowd_that_wants_one_task_one_gets_it_and_the_others_are_told(
    session, start, crowd, make, at_once, is_long
):
    """R-2: by the button, by an admin and by a client system, all at once, again and again."""
    admin, key = Actor.of(make.admin()), Actor.of_key("shop")
    session.commit()
    for _ in range(200 if is_long else 3):
        project_id = start(step("write"))
        task_id = only_task(session, project_id)
        calls = [
            pick_up(worker) if number % 2 else assign(admin if number % 4 else key, task_id, worker)
            for number, worker in enumerate(crowd)
        ]

        results = at_once(*calls)

        assert len(winners(results)) == 1
        assert {type(r) for r in results if isinstance(r, Exception)} <= {WrongStatus, NotFound}
        is_live = sa.and_(Assignment.task_id == task_id, Assignment.discarded_at.is_(None))
        assert count(session, Assignment, is_live) == 1
        assigned = sa.and_(AuditEvent.verb == Verb.TASK_ASSIGNED, AuditEvent.object_id == task_id)
        assert count(session, AuditEvent, assigned) == 1
        told = (Message.task_id == task_id, Message.channel == Channel.INBOX)
        assert count(session, Message, *told) == 1
        abort(session, project_id)  # so that the winner may win again
    assert_intact(session)


def test_of_many_who_pick_up_one_task_one_gets_it(session, start, workers, at_once):
    """R-2, P-44."""
    start(step("write"))

    results = at_once(*(pick_up(worker) for worker in workers))

    assert len(winners(results)) == 1
    assert {type(r) for r in results if isinstance(r, Exception)} == {NotFound}
    assert_intact(session)


def pick_up(worker):
    return lambda session: pickup.pick_up(session, Actor.of(worker), Role.ENTRY_LEVEL)


@pytest.mark.parametrize(("people", "tasks"), [(8, 5), (8, 8), (5, 12), (CROWD, 20)])
def test_many_who_pick_up_get_as_many_different_tasks_as_there_can_be(
    session, start, crowd, at_once, people, tasks
):
    """P-44: N workers and M tasks give min(N, M) assignments."""
    started = {start(step("write")) for _ in range(tasks)}

    results = at_once(*(pick_up(worker) for worker in crowd[:people]))

    got = [assignment.task.project_id for assignment in winners(results)]
    assert len(got) == len(set(got)) == min(people, tasks)
    assert set(got) <= started
    assert {type(r) for r in results if isinstance(r, Exception)} <= {NotFound}
    assert_intact(session)


def test_one_worker_in_many_tabs_does_not_pass_the_limit(
    session, start, workers, at_once, change_settings
):
    """P-37."""
    for _ in range(THREADS):
        start(step("write"))
    change_settings(max_in_progress_tasks=3)

    results = at_once(*(pick_up(workers[0]) for _ in range(THREADS)))

    assert len(winners(results)) == 3
    assert_intact(session)


def test_of_many_submits_of_one_task_one_counts(session, start, workers, at_once):
    """L-57, R-14: the project goes on once."""
    project_id = start(step("write"), step("check", "write", human=False))
    task_id = only_task(session, project_id)
    lifecycle.assign_task(session, SYSTEM, task_id, workers[0])
    session.commit()

    def submit(session):
        actor = Actor.of(workers[0])
        return lifecycle.hand_over(session, actor, task_id, "submit", data={}, revision=1)

    results = at_once(*[submit] * THREADS)

    assert len(winners(results)) == 1
    assert {type(r) for r in results if isinstance(r, Exception)} == {WrongStatus}
    assert count(session, Task, Task.project_id == project_id) == 2
    assert count(session, OutboxMessage, OutboxMessage.job == Job.RUN_STEP) == 1
    assert_intact(session)


def count(session, model, *conditions):
    return session.scalar(sa.select(sa.func.count()).select_from(model).where(*conditions))


def test_of_many_processes_one_gets_the_lease(session, start, at_once):
    """L-111: a job that was delivered eight times runs once."""
    project_id = start(step("work", human=False))

    def claim(session):
        return machine.claim(session, project_id, "work", RUNNER)

    leases = [result for result in at_once(*[claim] * THREADS) if result is not None]

    assert [type(lease) for lease in leases] == [Lease]
    assert count(session, Attempt) == 1
    assert count(session, OutboxMessage) == 0


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("carries_on", [False, True])
def test_the_last_two_dependencies_end_together_and_the_join_is_created_once(
    session, start, at_once, is_long, carries_on
):
    """R-3: two processes record at the same moment, many times, while the sweep looks around.

    One that carries on claims the join in the same transaction; otherwise its job is asked for.
    """
    join = step("join", "left", "right", human=False)
    sides = [step(slug, human=False) for slug in ("left", "right")]
    for _ in range(500 if is_long else 15):
        project_id = start(*sides, join)
        leases = [machine.claim(session, project_id, s["slug"], RUNNER) for s in sides]
        session.commit()

        finish = record_and_go_on if carries_on else record
        *results, _ = at_once(*(finish(lease) for lease in leases), sweep)

        is_join = sa.and_(Task.project_id == project_id, Task.step == "join")
        (status,) = session.scalars(sa.select(Task.status).where(is_join))
        if carries_on:
            assert status is TaskStatus.PROCESSING
            assert sorted(type(r) is Lease for r in results) == [False, True]
        else:
            assert status is TaskStatus.AWAITING_PROCESSING
            assert results == [True, True]
        assert count(session, OutboxMessage) == (0 if carries_on else 1)
        abort(session, project_id)  # so that the next sweep has nothing to do either
    assert_intact(session)


def sweep(session):
    """What the sweep does about the projects: it must find nothing to do."""
    for project_id in advancing.stuck(session, 10):
        advancing.advance_stuck(session, project_id)
    for forgotten in dispatching.claimable_without_job(session, 10):
        dispatching.dispatch_forgotten(session, forgotten)


def record(lease):
    return lambda session: machine.record(session, lease, Outcome(result={"done": True}))


def record_and_go_on(lease):
    return lambda session: onward.record_and_go_on(session, lease, {}, lambda _: RUNNER).lease


def test_a_result_that_is_recorded_by_many_counts_once(session, start, at_once):
    """L-116: the second has the number, but the step is no longer running."""
    project_id = start(step("work", human=False), step("after", "work", human=False))
    lease = machine.claim(session, project_id, "work", RUNNER)
    session.commit()

    results = at_once(*[record(lease)] * THREADS)

    assert sorted(results) == [False] * (THREADS - 1) + [True]
    completed = AuditEvent.verb == Verb.TASK_COMPLETED
    assert count(session, AuditEvent, completed) == 1
    assert_intact(session)


def test_an_abort_and_a_submit_at_once_end_in_one_of_two_orders(session, start, workers, at_once):
    """R-9: either the submit came first and counts, or it is refused and nothing follows."""
    for worker in workers:
        project_id = start(step("write"), step("check", "write"))
        task_id = only_task(session, project_id)
        lifecycle.assign_task(session, SYSTEM, task_id, worker)
        session.commit()

        def submit(session, worker=worker, task_id=task_id):
            actor = Actor.of(worker)
            return lifecycle.hand_over(session, actor, task_id, "submit", data={}, revision=1)

        def end(session, project_id=project_id):
            return projects.abort(session, SYSTEM, project_id)

        submitted, aborted = at_once(submit, end)

        assert not isinstance(aborted, Exception)
        session.expire_all()
        project = session.get_one(Project, project_id)
        assert project.status is ProjectStatus.ABORTED
        statuses = {task.step: task.status for task in project.tasks}
        if isinstance(submitted, Exception):
            assert statuses == {"write": TaskStatus.ABORTED}
        else:
            assert statuses == {"write": TaskStatus.COMPLETE, "check": TaskStatus.ABORTED}
    assert_intact(session)
