"""Carrying on: one job runs the next steps of its project itself."""

import itertools
import time
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from orchestra.database import seconds_from_now
from orchestra.domain import machine, onward, projects, revert
from orchestra.domain.audit import SYSTEM
from orchestra.domain.execution import Outcome, Runner
from orchestra.domain.onward import record_and_go_on
from orchestra.errors import Unavailable
from orchestra.models import Attempt, AuditEvent, Project, ProjectStatus, Task, TaskStatus
from orchestra.outbox import OutboxMessage
from orchestra.tasks import carrying as carrying_module
from orchestra.tasks.carrying import Carrying
from orchestra.tasks.machine import run_step
from tests.builders import own, step

RUNNER = Runner("host", 1, "first")


def automatic(slug, *after, **keys):
    return step(slug, *after, human=False, **keys)


def link(project_id, slug, task_id):
    """A link of a Celery chain, as the request of a job holds it."""
    kwargs = {"project_id": project_id, "step": slug}
    return {"task": "machine.run_step", "kwargs": kwargs, "options": {"task_id": task_id}}


def request(*links):
    """What a bound job sees of itself; the next link of its chain stands last."""
    return SimpleNamespace(
        id="first",
        task="machine.run_step",
        root_id="root",
        hostname="celery@host",
        chain=list(reversed(links)),
    )


@pytest.fixture
def start(session, make, change_settings):
    change_settings(carry_on_seconds=60)  # however slow this machine is

    def started(*steps):
        project = make.project(*steps)
        session.commit()
        return project

    return started


@pytest.fixture
def job(session, monkeypatch, app):
    """Run the job of a step here, with these links after it; its request as it is left."""
    told = []
    monkeypatch.setattr(Carrying, "tell", lambda self: told.extend(self._events))

    def run(project, slug, *links):
        run_step.push_request(**vars(request(*links)))
        try:
            run_step.run(project.id, slug)
            left = run_step.request.chain
        finally:
            run_step.pop_request()
        session.expire_all()
        return SimpleNamespace(chain=left, events=told)

    return run


@pytest.fixture
def patient(monkeypatch):
    """However slow this machine is, the steps count as short."""
    monkeypatch.setattr(carrying_module, "SHORT_STEP_SECONDS", 60)
    monkeypatch.setattr(carrying_module, "LONGEST_HOLD_SECONDS", 60)
    monkeypatch.setattr(carrying_module, "sleep", lambda _seconds: time.sleep(0.01))


def go_on(session, lease, result=None):
    """Record a result; the lease of the next step."""
    return record_and_go_on(session, lease, result or {}, lambda _: RUNNER).lease


def attempts(session):
    return session.execute(
        sa.select(Task.step, Attempt.number, Attempt.celery_id, Attempt.outcome)
        .join(Task, Task.id == Attempt.task_id)
        .order_by(Attempt.id)
    ).all()


def test_a_job_runs_its_whole_chain_and_sends_none_of_it(start, job, session):
    """Each step has a claim, an attempt, a record and a Celery id of its own."""
    project = start(automatic("a"), automatic("b", "a"), automatic("c", "b"))
    left = job(project, "a", link(project.id, "b", "second"), link(project.id, "c", "third"))

    assert left.chain == []
    assert [tuple(row) for row in attempts(session)] == [
        ("a", 1, "first", "complete"),
        ("b", 1, "second", "complete"),
        ("c", 1, "third", "complete"),
    ]
    assert session.get(Project, project.id).status is ProjectStatus.COMPLETED
    assert session.query(OutboxMessage).count() == 0


def test_each_carried_step_has_events_of_its_own(start, job):
    project = start(automatic("a"), automatic("b", "a"), automatic("c", "b"))
    told = job(project, "a", link(project.id, "b", "second")).events

    b = [(event["type"], event.get("parent_id")) for event in told if event["uuid"] == "second"]
    assert b == [("task-received", "first"), ("task-started", None), ("task-succeeded", None)]
    received = [event for event in told if event["type"] == "task-received"]
    assert [event["root_id"] for event in received] == ["root", "root"]
    assert received[1]["parent_id"] == "second"


def test_the_audit_of_carried_steps_is_in_order(start, job, session):
    project = start(automatic("a"), automatic("b", "a"))
    job(project, "a")
    verbs = session.scalars(
        sa.select(AuditEvent.verb)
        .where(AuditEvent.project_id == project.id)
        .order_by(AuditEvent.id)
    ).all()
    ran = ["task_created", "machine_claimed", "task_completed"]
    assert verbs == ["project_created", *ran, *ran, "project_completed"]


def test_one_job_runs_several_steps_that_are_short(start, job, session, app, patient):
    """Their jobs are asked for, and not sent."""
    project = start(
        automatic("a"),
        *(automatic(f"b{n}", "a") for n in range(4)),
        automatic("join", *(f"b{n}" for n in range(4))),
    )
    app.extensions["published"].clear()
    job(project, "a")

    assert app.extensions["published"] == []
    assert [row.step for row in attempts(session)] == ["a", "b0", "b1", "b2", "b3", "join"]
    assert session.get(Project, project.id).status is ProjectStatus.COMPLETED
    assert session.query(OutboxMessage).count() == 0


def test_a_step_that_is_not_short_has_the_others_started_beside_it(
    start, job, session, app, monkeypatch
):
    monkeypatch.setattr("tests.steps.seen", app.extensions["published"])
    takes_long = {"execution_function": {"path": "tests.steps.wait_for_others"}}
    project = start(automatic("a"), *(automatic(f"b{n}", "a", **takes_long) for n in range(3)))
    app.extensions["published"].clear()
    job(project, "a")

    published = [dispatch.kwargs["step"] for dispatch in app.extensions["published"]]
    assert published == ["b1", "b2"]
    assert [row.step for row in attempts(session)] == ["a", "b0"]
    keys = session.scalars(sa.select(OutboxMessage.dedupe_key)).all()
    assert sorted(keys) == [f"step:{project.id}:b1", f"step:{project.id}:b2"]


def test_what_is_held_when_the_time_is_over_is_published(
    start, job, session, app, patient, monkeypatch
):
    clock = itertools.count(step=0.4)
    project = start(automatic("a"), *(automatic(f"b{n}", "a") for n in range(5)))
    app.extensions["published"].clear()
    monkeypatch.setattr(Carrying, "has_time", property(lambda _: next(clock) < 1))
    job(project, "a")

    published = [dispatch.kwargs["step"] for dispatch in app.extensions["published"]]
    assert published == ["b3", "b4"]
    assert [row.step for row in attempts(session)] == ["a", "b0", "b1", "b2"]


def test_what_another_process_took_meanwhile_is_left_to_it(start, session):
    project = start(automatic("a"), automatic("b", "a"), automatic("c", "a"))
    lease = machine.claim(session, project.id, "a", RUNNER)
    onward = record_and_go_on(session, lease, {}, lambda _: RUNNER)
    assert [step.slug for step in onward.held] == ["c"]
    assert machine.claim(session, project.id, "c", Runner("elsewhere", 2)) is not None
    left = record_and_go_on(session, onward.lease, {}, lambda _: RUNNER, waiting=onward.held[0])
    assert left.lease is None


def test_what_the_end_of_the_project_aborted_is_not_run(start, session):
    ends = {"completion_ends_project": True}
    project = start(automatic("a"), automatic("b", "a", **ends), automatic("c", "a"))
    lease = machine.claim(session, project.id, "a", RUNNER)
    onward = record_and_go_on(session, lease, {}, lambda _: RUNNER)
    left = record_and_go_on(session, onward.lease, {}, lambda _: RUNNER, waiting=onward.held[0])
    session.commit()
    assert left.lease is None
    aborted = session.scalars(sa.select(Task).where(Task.step == "c")).one()
    assert aborted.status is TaskStatus.ABORTED


def test_whoever_finishes_last_runs_the_join(start, job, session):
    project = start(automatic("a"), automatic("b"), automatic("join", "a", "b"))
    job(project, "a")
    job(project, "b")
    assert [row.step for row in attempts(session)] == ["a", "b", "join"]


def test_a_step_of_another_queue_is_left_to_its_own_hosts(start, job, session):
    project = start(automatic("a"), automatic("b", "a", queue="gpu"))
    job(project, "a")
    assert [row.step for row in attempts(session)] == ["a"]
    assert session.scalars(sa.select(OutboxMessage.queue)).all() == ["gpu"]


def test_without_time_the_chain_goes_its_way(start, job, session, change_settings):
    change_settings(carry_on_seconds=0)
    project = start(automatic("a"), automatic("b", "a"))
    left = job(project, "a", link(project.id, "b", "second"))

    assert [entry["options"]["task_id"] for entry in left.chain] == ["second"]
    assert [row.step for row in attempts(session)] == ["a"]
    assert session.query(OutboxMessage).count() == 1


def test_no_further_step_begins_when_the_time_is_over(
    start, job, session, monkeypatch, change_settings
):
    change_settings(carry_on_seconds=1)
    clock = itertools.count(step=0.4)
    monkeypatch.setattr(carrying_module, "monotonic", lambda: next(clock))
    slugs = [f"s{n}" for n in range(9)]
    later = [automatic(slug, before) for before, slug in itertools.pairwise(slugs)]
    project = start(automatic("s0"), *later)
    job(project, "s0")
    assert 1 < len(attempts(session)) < 9
    assert session.query(OutboxMessage).count() == 1


def test_a_failure_ends_the_chain_and_comes_back_by_itself(start, job, session):
    fails = {"execution_function": {"path": "tests.steps.fail"}}
    project = start(automatic("a", **fails), automatic("b", "a"))
    left = job(project, "a", link(project.id, "b", "second"))
    assert left.chain is None
    assert session.query(OutboxMessage).one().kwargs["step"] == "a"


def test_a_carried_step_of_a_lost_process_is_found_by_the_sweep(start, session):
    """The redelivered message names the step before, which is done."""
    project = start(automatic("a"), automatic("b", "a"), automatic("c", "b"))
    lease = machine.claim(session, project.id, "a", RUNNER)
    assert go_on(session, lease).step.slug == "b"
    session.commit()

    assert machine.claim(session, project.id, "a", RUNNER) is None
    session.execute(
        sa.update(Task).where(Task.step == "b").values(lease_until=seconds_from_now(-1))
    )
    (lost,) = machine.expired_leases(session, 10)
    machine.reclaim(session, lost)
    assert session.query(OutboxMessage).one().kwargs["step"] == "b"
    assert machine.claim(session, project.id, "b", RUNNER).attempt == 2


def test_a_result_that_is_recorded_again_leaves_its_attempt_complete(start, session):
    """The answer to the commit got lost, and whoever recorded it tries once more."""
    project = start(automatic("a"))
    lease = machine.claim(session, project.id, "a", RUNNER)
    assert machine.record(session, lease, Outcome(result={}))
    assert not machine.record(session, lease, Outcome(result={}))
    assert [row.outcome for row in attempts(session)] == ["complete"]


def test_a_late_result_claims_nothing(start, session):
    """L-117"""
    project = start(automatic("a"), automatic("b", "a"))
    lease = machine.claim(session, project.id, "a", RUNNER)
    machine.record(session, lease, Outcome(result={}))
    assert go_on(session, lease) is None
    assert [row.step for row in attempts(session)] == ["a"]


@pytest.mark.parametrize("end", [projects.pause, projects.abort])
def test_nothing_is_carried_on_in_a_project_that_stands_still(start, session, end):
    """L-118, L-119"""
    project = start(automatic("a"), automatic("b", "a"))
    lease = machine.claim(session, project.id, "a", RUNNER)
    end(session, SYSTEM, project.id)
    session.flush()
    assert go_on(session, lease) is None
    assert session.query(Task).count() == 1


def test_what_was_opened_again_meanwhile_is_read_again(start, session, make):
    """L-132: a carried step sees the steps before it as they are when it is claimed."""
    project = start(automatic("a"), automatic("b", "a"), automatic("c", "b"))
    first = machine.claim(session, project.id, "a", RUNNER)
    machine.record(session, first, Outcome(result={"said": "first"}))
    lease = machine.claim(session, project.id, "b", RUNNER)
    a = make.task(project, "a")
    session.refresh(a)
    revert.revert_task(session, SYSTEM, a.id, iteration_id=None, revert_before=True, commit=True)
    session.flush()
    again = machine.claim(session, project.id, "a", RUNNER)
    machine.record(session, again, Outcome(result={"said": "second"}))

    carried = go_on(session, lease, {"of": "b"})
    assert carried.prerequisites == {"a": {"said": "second"}, "b": {"of": "b"}}


def test_a_carried_step_gets_what_a_claimed_one_gets(start, session):
    """L-114, L-131"""
    project = start(automatic("a"), automatic("b", "a"), automatic("c", "b"))
    lease = claimed = machine.claim(session, project.id, "a", RUNNER)
    for slug in ("b", "c"):
        lease = go_on(session, lease, {"of": lease.step.slug})
        assert lease.step.slug == slug
    assert lease.prerequisites == {"a": {"of": "a"}, "b": {"of": "b"}}
    assert lease.project_data == claimed.project_data
    assert own(lease.project_data) == {"project_id": project.id}
    task = session.get(Task, lease.task_id)
    assert (task.status, task.attempts, task.fencing_number) == (TaskStatus.PROCESSING, 1, 1)


def test_a_result_waits_for_a_database_that_is_away_for_a_moment(start, job, session, monkeypatch):
    """Otherwise the lease would run out, and the step run once more."""
    record, away = onward.record_and_go_on, [Unavailable("away"), Unavailable("away")]

    def when_it_is_back(*arguments, **more):
        if away:
            raise away.pop()
        return record(*arguments, **more)

    monkeypatch.setattr(onward, "record_and_go_on", when_it_is_back)
    monkeypatch.setattr("orchestra.tasks.machine.PAUSE_SECONDS", 0.01)
    project = start(automatic("a"))
    job(project, "a")
    assert [row.outcome for row in attempts(session)] == ["complete"]
    assert session.get(Project, project.id).status is ProjectStatus.COMPLETED
