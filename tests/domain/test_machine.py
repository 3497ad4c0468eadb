"""Machine steps: claims, results, failures, leases, people's decisions (L-109 to L-130)."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from orchestra import outbox
from orchestra.database import seconds_from_now, utcnow
from orchestra.domain import (
    dispatching,
    execution,
    interventions,
    lifecycle,
    machine,
    projects,
    repair,
    revert,
)
from orchestra.domain.execution import Outcome, Runner
from orchestra.domain.machine import Extension
from orchestra.models import Attempt, ProjectStatus, Task, TaskStatus
from tests.builders import own, step

S = TaskStatus
RUNNER = Runner("host", 42, "celery-id")


def automatic(slug="crawl", *after, function="echo", attempts=3, **keys):
    """A machine step with a function of tests/steps.py."""
    execution = {"path": f"tests.steps.{function}"}
    return step(
        slug,
        *after,
        human=False,
        execution_function=execution | {"kwargs": keys.pop("kwargs", {})},
        retry_policy={"max_attempts": attempts, "backoff_seconds": 10},
        **keys,
    )


@pytest.fixture
def admin(make):
    return make.actor(make.admin())


class Crawl:
    """A project with one machine step and a person's step after it."""

    def __init__(self, session, make, *more, **keys):
        self.session, self.make = session, make
        self.project = make.project(
            automatic(**keys), step("rate", "crawl"), *more, project_data={"deep": {"value": 1}}
        )
        self.task = make.task(self.project, "crawl")

    def claim(self):
        lease = machine.claim(self.session, self.project.id, "crawl", RUNNER)
        self.refresh()
        return lease

    def record(self, lease, outcome=None):
        done = machine.record(self.session, lease, outcome or execution.call(lease))
        self.refresh()
        return done

    def run(self):
        self.record(self.claim())

    def refresh(self):
        self.session.flush()
        self.session.refresh(self.task)
        self.session.expire(self.task, ["assignments"])

    def wait(self):
        """Let the back-off be over."""
        self.task.next_attempt_at = utcnow() - timedelta(seconds=1)  # clocks tick apart
        self.session.flush()

    def expire(self):
        self.session.execute(
            sa.update(Task).where(Task.id == self.task.id).values(lease_until=seconds_from_now(-1)),
            execution_options={"synchronize_session": False},
        )

    @property
    def attempts(self):
        query = sa.select(Attempt).where(Attempt.task_id == self.task.id).order_by(Attempt.id)
        found = self.session.scalars(query.execution_options(populate_existing=True))
        return found.all()


@pytest.fixture
def crawl(session, make):
    return lambda *more, **keys: Crawl(session, make, *more, **keys)


# --- Claim (L-110, L-111) ---------------------------------------------------------------------


def test_a_claim_takes_the_lease_and_opens_an_attempt(crawl, jobs, verbs, app):
    case = crawl()
    verbs()
    lease = case.claim()

    assert (lease.attempt, lease.fencing_number, lease.step.slug) == (1, 1, "crawl")
    assert case.task.status is S.PROCESSING
    assert case.task.lease_holder == "host:42"
    left = (case.task.lease_until - utcnow()).total_seconds()
    assert left == pytest.approx(app.config["SETTINGS"].lease_seconds, abs=5)
    (attempt,) = case.attempts
    assert (attempt.number, attempt.host, attempt.process) == (1, "host", 42)
    assert attempt.outcome == "running"
    (assignment,) = case.task.assignments
    assert (assignment.level, assignment.worker_id, assignment.status) == (0, None, "processing")
    assert verbs() == ["machine_claimed"]
    assert jobs() == []


def test_a_second_claim_is_a_quiet_no_op(crawl, stored):
    """L-111, L-126: delivered twice"""
    case = crawl()
    case.claim()
    before = stored()
    assert case.claim() is None
    assert stored() == before


@pytest.mark.parametrize(
    ("project_id", "slug"), [(999, "crawl"), (None, "unknown"), (None, "rate"), (None, "later")]
)
def test_a_claim_of_what_does_not_exist_or_is_not_due_is_a_quiet_no_op(
    crawl, session, stored, project_id, slug
):
    """L-126"""
    case = crawl(automatic("later", "rate"))
    before = stored()
    assert machine.claim(session, project_id or case.project.id, slug, RUNNER) is None
    assert stored() == before


@pytest.mark.parametrize("status", ["paused", "aborted", "completed"])
def test_nothing_is_claimed_in_a_project_that_is_not_active(crawl, session, status):
    """L-19"""
    case = crawl()
    case.project.status = ProjectStatus(status)
    session.flush()
    assert case.claim() is None
    assert case.task.status is S.AWAITING_PROCESSING


def test_before_its_time_a_step_is_not_claimed_and_its_job_stays_asked_for(crawl, jobs):
    case = crawl(function="fail")
    case.run()
    assert case.task.next_attempt_at > utcnow()
    assert case.claim() is None
    assert len(jobs()) == 1
    case.wait()
    assert case.claim().attempt == 2


def test_a_step_waits_while_one_before_it_is_open_again(crawl, make, act, admin, session, jobs):
    """L-101: and it is asked for when that is complete again."""
    case = crawl(automatic("publish", "rate"))
    case.run()
    rate = make.task(case.project, "rate")
    act(interventions.skip_task, admin, rate.id)
    back = {"iteration_id": None, "revert_before": True, "commit": True}
    act(revert.revert_task, admin, rate.id, **back)

    assert machine.claim(session, case.project.id, "publish", RUNNER) is None
    assert jobs() == []

    act(interventions.skip_task, admin, rate.id)
    assert [kwargs["step"] for _, kwargs in jobs()] == ["publish"]
    assert machine.claim(session, case.project.id, "publish", RUNNER)


# --- Call (L-114, L-115, L-130) ---------------------------------------------------------------


def test_the_function_gets_project_data_with_the_project_id(crawl):
    """L-26, L-114"""
    case = crawl()
    outcome = execution.call(case.claim())
    assert outcome.result == {
        "project_data": case.project.project_data | {"project_id": case.project.id},
        "prerequisites": {},
    }
    assert own(case.project.project_data) == {"deep": {"value": 1}}
    assert "project_id" not in case.project.project_data


def test_the_function_gets_all_prerequisites(crawl, make, act, admin, session):
    case = crawl(automatic("publish", "rate"))
    case.run()
    act(interventions.skip_task, admin, make.task(case.project, "rate").id)
    lease = machine.claim(session, case.project.id, "publish", RUNNER)
    assert list(execution.call(lease).result["prerequisites"]) == ["crawl", "rate"]


def test_the_function_gets_copies(crawl):
    case = crawl(function="spoil_arguments")
    execution.call(case.claim())
    assert own(case.project.project_data) == {"deep": {"value": 1}}


def test_the_function_gets_its_kwargs_and_the_same_key_with_every_attempt(crawl):
    """L-130"""
    case = crawl(function="tell_key", attempts=3)
    keys = []
    for _ in range(2):
        lease = case.claim()
        keys.append(execution.call(lease).result["key"])
        case.record(lease, Outcome(error="lost the answer"))
        case.wait()
    assert keys == [f"task-{case.task.id}"] * 2


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("give_a_list", "is list"),
        ("give_nan", "/deep/0/value is nan of type float"),
        ("give_two_mebibytes", "bytes; at most 1048576"),
        ("give_half_a_character", "/text is '\\ud800'"),
        ("give_itself", "nested more than"),
    ],
)
def test_a_result_that_cannot_be_stored_fails_the_task_at_once(crawl, function, told):
    """L-115"""
    case = crawl(function=function)
    case.run()
    assert case.task.status is S.FAILED
    assert told in case.task.last_error
    assert (len(case.attempts), case.task.attempts) == (1, 1)


# --- Record (L-116 to L-119) ------------------------------------------------------------------


def test_the_result_completes_the_task_and_what_follows_is_created(crawl, make, verbs):
    """L-116"""
    case = crawl()
    lease = case.claim()
    verbs()
    assert case.record(lease, Outcome(result={"picture": 1}))

    assert (case.task.status, case.task.result) == (S.COMPLETE, {"picture": 1})
    assert (case.task.lease_until, case.task.lease_holder) == (None, None)
    (assignment,) = case.task.assignments
    assert (assignment.status, assignment.data) == ("submitted", {"picture": 1})
    (iteration,) = assignment.iterations
    assert iteration.status == "requested_review"
    assert iteration.ended_at
    assert case.attempts[0].outcome == "complete"
    assert make.task(case.project, "rate").status is S.AWAITING_PROCESSING
    assert verbs() == ["task_completed", "task_created"]


def test_a_result_with_an_old_fencing_number_is_kept_and_changes_nothing_else(crawl, session):
    """L-117"""
    case = crawl()
    late = case.claim()
    case.expire()
    machine.reclaim(session, case.task.id)
    case.refresh()
    current = case.claim()
    assert current.fencing_number == 2

    assert not case.record(late, Outcome(result={"late": True}))

    assert case.task.status is S.PROCESSING
    assert [a.outcome for a in case.attempts] == ["refused", "running"]
    assert case.attempts[0].result == {"late": True}
    assert case.record(current, Outcome(result={}))


def test_a_result_is_recorded_once(crawl):
    case = crawl()
    lease = case.claim()
    assert case.record(lease, Outcome(result={"first": 1}))
    assert not case.record(lease, Outcome(result={"second": 1}))
    assert case.task.result == {"first": 1}


def test_a_result_during_a_pause_is_recorded_and_leads_on_at_resume(crawl, make, act, admin):
    """L-118"""
    case = crawl()
    lease = case.claim()
    act(projects.pause, admin, case.project.id)
    assert case.record(lease, Outcome(result={}))
    assert case.task.status is S.COMPLETE
    assert [task.step for task in case.project.tasks] == ["crawl"]

    act(projects.resume, admin, case.project.id)
    assert make.task(case.project, "rate").status is S.AWAITING_PROCESSING


def test_a_result_after_an_abort_is_kept_for_inspection(crawl, act, admin):
    """L-119"""
    case = crawl()
    lease = case.claim()
    act(projects.abort, admin, case.project.id)
    assert not case.record(lease, Outcome(result={"too": "late"}))
    assert case.task.status is S.ABORTED
    assert case.task.result is None
    (attempt,) = case.attempts
    assert (attempt.outcome, attempt.result) == ("refused", {"too": "late"})


def test_a_step_whose_job_is_carried_is_not_published_again(crawl, session, jobs):
    """L-125: the row is the safety net."""
    case = crawl(automatic("next", "crawl"))
    lease = case.claim()
    session.info.pop("dispatches", None)
    machine.record(session, lease, Outcome(result={}), carried=frozenset({"next"}))
    assert [kwargs["step"] for _, kwargs in jobs()] == ["next"]
    assert not session.info.get("dispatches")


# --- Failure (L-120 to L-122) -----------------------------------------------------------------


def test_a_failed_attempt_is_kept_with_its_traceback_and_due_again(crawl, jobs, verbs, make):
    case = crawl(function="fail")
    verbs()
    case.run()

    assert case.task.status is S.AWAITING_PROCESSING
    assert case.task.last_error == "ValueError: the step failed"
    (attempt,) = case.attempts
    assert attempt.outcome == "failed"
    assert 'raise ValueError("the step failed")' in attempt.traceback
    assert case.task.assignments[0].status == "failed"
    assert verbs() == ["machine_claimed", "machine_failed"]
    assert len(jobs()) == 1


def test_the_pause_between_attempts_doubles_with_some_spread(crawl):
    """L-120"""
    case = crawl(function="fail", attempts=10)
    for attempt in range(1, 4):
        case.run()
        wait = (case.task.next_attempt_at - utcnow()).total_seconds()
        expected = 10 * 2 ** (attempt - 1)
        assert 0.8 * expected - 3 <= wait <= 1.2 * expected + 1
        case.wait()


def test_the_pause_between_attempts_is_at_most_an_hour(crawl, session):
    case = crawl(function="fail", attempts=100)
    case.task.attempts = 60
    session.flush()
    case.run()
    assert (case.task.next_attempt_at - utcnow()).total_seconds() <= 3600 * 1.2 + 1


def test_after_the_last_attempt_the_task_is_failed(crawl, jobs):
    case = crawl(function="fail", attempts=2)
    case.run()
    case.wait()
    case.run()
    assert case.task.status is S.FAILED
    assert case.task.attempts == 2
    assert case.claim() is None
    assert jobs() == []


def test_an_author_may_say_that_trying_again_will_not_help(crawl):
    case = crawl(function="fail_for_good")
    case.run()
    assert case.task.status is S.FAILED
    assert "there is no such page" in case.task.last_error


def test_an_author_may_say_when_to_try_again(crawl):
    case = crawl(function="later", kwargs={"seconds": 70})
    case.run()
    assert case.task.status is S.AWAITING_PROCESSING
    wait = (case.task.next_attempt_at - utcnow()).total_seconds()
    assert wait == pytest.approx(70, abs=5)


def test_a_step_that_must_wait_long_is_left_to_the_relay(crawl, session):
    """L-129: no job is scheduled more than 60 seconds ahead."""
    case = crawl(function="later", kwargs={"seconds": 70})
    lease = case.claim()
    session.info.pop("dispatches", None)
    case.record(lease)
    assert not session.info.get("dispatches")


@pytest.mark.parametrize(
    ("function", "told"),
    [("exit_process", "SystemExit: 3"), ("fail_with_a_nul", "before\\0after \\ud800")],
)
def test_whatever_a_function_raises_is_recorded(crawl, function, told):
    case = crawl(function=function)
    case.run()
    assert told in case.task.last_error
    assert case.task.status is S.AWAITING_PROCESSING


def test_a_lost_process_costs_an_attempt_and_no_time(crawl, session, jobs):
    """L-121, L-122"""
    case = crawl(attempts=2)
    for outcome in (S.AWAITING_PROCESSING, S.FAILED):
        case.claim()
        assert machine.expired_leases(session, 10) == []
        case.expire()
        assert machine.expired_leases(session, 10) == [case.task.id]
        machine.reclaim(session, case.task.id)
        case.refresh()
        assert case.task.status is outcome
    assert case.attempts[0].error == "worker process lost"
    assert case.attempts[0].outcome == "lost"
    assert jobs() == []


def test_a_lease_that_runs_is_not_reclaimed(crawl, session, stored):
    """L-137: of two sweeps the second finds the step with a new holder."""
    case = crawl()
    case.claim()
    before = stored()
    machine.reclaim(session, case.task.id)
    assert stored() == before


# --- Lease (L-112, L-124) ---------------------------------------------------------------------


def test_a_heartbeat_extends_the_lease_and_tells_what_it_found(crawl, session, act, admin):
    case = crawl()
    lease = case.claim()
    case.expire()
    assert machine.extend(session, lease) is Extension.HELD
    case.refresh()
    assert case.task.lease_until > utcnow()

    case.expire()
    machine.reclaim(session, case.task.id)
    assert machine.extend(session, lease) is Extension.LOST
    session.flush()
    current = case.claim()
    assert machine.extend(session, lease) is Extension.LOST
    act(projects.abort, admin, case.project.id)
    assert machine.extend(session, current) is Extension.CLOSED


def test_a_released_step_is_due_at_once_and_the_attempt_is_not_counted(crawl, session, jobs, verbs):
    """L-124, L-16"""
    case = crawl()
    lease = case.claim()
    verbs()
    machine.release(session, lease)
    case.refresh()
    assert verbs() == ["machine_failed"]
    assert (case.task.status, case.task.attempts) == (S.AWAITING_PROCESSING, 0)
    assert case.attempts[0].outcome == "released"
    assert len(jobs()) == 1
    assert case.claim().fencing_number == 2


# --- By a person (L-123) ----------------------------------------------------------------------


@pytest.fixture
def failed(crawl):
    case = crawl(function="fail", attempts=1)
    case.run()
    assert case.task.status is S.FAILED
    return case


def test_a_retry_begins_with_attempt_zero(failed, act, admin, verbs, jobs):
    verbs()
    act(repair.retry_task, admin, failed.task.id)
    assert (failed.task.status, failed.task.attempts) == (S.AWAITING_PROCESSING, 0)
    assert failed.task.last_error is None
    assert len(jobs()) == 1
    assert verbs() == ["machine_retried"]
    assert failed.claim().attempt == 1


def test_project_data_can_be_edited_with_the_retry(failed, act, admin, verbs):
    """L-123: both in one transaction"""
    verbs()
    act(repair.retry_task, admin, failed.task.id, project_data={"url": "right"}, revision=1)
    assert own(failed.project.project_data) == {"url": "right"}
    assert verbs() == ["project_edited", "machine_retried"]


def test_a_retry_with_an_old_revision_changes_nothing(failed, refused, act, admin):
    changes = {"priority": 3}
    act(projects.edit_project, admin, failed.project.id, revision=1, changes=changes)
    more = {"project_data": {}, "revision": 1}
    refused("stale_revision", repair.retry_task, admin, failed.task.id, **more)


def test_a_failed_step_can_be_skipped_with_data(failed, act, admin, verbs, make, last_event):
    verbs()
    act(repair.skip_with_data, admin, failed.task.id, {"by": "hand"}, "The site is gone")
    assert (failed.task.status, failed.task.result) == (S.COMPLETE, {"by": "hand"})
    assert failed.task.skip_note == "The site is gone"
    assert make.task(failed.project, "rate")
    assert verbs()[:2] == ["task_skipped", "task_completed"]
    assert last_event("task_skipped").note == "The site is gone"


def test_a_step_that_waits_can_be_skipped_with_data(crawl, act, admin, jobs):
    case = crawl()
    act(repair.skip_with_data, admin, case.task.id, {})
    assert case.task.status is S.COMPLETE
    assert jobs() == []


@pytest.mark.parametrize("data", [["a"], {"a": float("inf")}, "text"])
def test_a_result_given_by_hand_must_be_a_json_object(failed, refused, admin, data):
    refused("invalid", repair.skip_with_data, admin, failed.task.id, data)


@pytest.mark.parametrize("operation", [repair.retry_task, repair.skip_with_data])
def test_refusals_of_a_person_come_in_their_order(crawl, make, act, refused, admin, operation):
    case = crawl(step("human"))
    more = ({},) if operation is repair.skip_with_data else ()
    worker = make.actor(make.worker())
    case.claim()
    refused("not_found", operation, admin, 999, *more)
    refused("forbidden", operation, worker, case.task.id, *more)
    refused("wrong_step_kind", operation, admin, make.task(case.project, "human").id, *more)
    refused("wrong_status", operation, admin, case.task.id, *more)
    act(projects.pause, admin, case.project.id)
    refused("project_paused", operation, admin, case.task.id, *more)


def test_a_person_cannot_hold_or_skip_a_machine_step(crawl, make, refused, admin):
    case = crawl()
    case.claim()
    (assignment,) = case.task.assignments
    worker = make.worker()
    refused("wrong_step_kind", lifecycle.assign_task, admin, case.task.id, worker)
    refused("wrong_step_kind", interventions.skip_task, admin, case.task.id)
    refused("wrong_step_kind", interventions.reassign, admin, assignment.id, worker)
    refused("wrong_step_kind", interventions.unassign, admin, assignment.id)


def test_a_machine_step_is_reverted_to_before_it_ran(crawl, act, admin, refused, session, jobs):
    """L-91, L-97"""
    case = crawl()
    lease = case.claim()
    (assignment,) = case.task.assignments
    back = {"iteration_id": assignment.iterations[0].id}
    before = back | {"revert_before": True, "commit": True}
    refused("invalid_revert", revert.revert_task, admin, case.task.id, **back)
    refused("invalid_revert", revert.revert_task, admin, case.task.id, **before)
    case.record(lease, Outcome(result={"old": 1}))

    act(revert.revert_task, admin, case.task.id, **before)

    case.refresh()
    assert (case.task.status, case.task.attempts) == (S.AWAITING_PROCESSING, 0)
    assert case.task.result is None
    assert [kwargs["step"] for _, kwargs in jobs()] == ["crawl"]
    case.run()
    assert case.task.assignments[0].iterations[0].number == 2


# --- Dispatch (L-127, L-136) ------------------------------------------------------------------


def test_the_sweep_finds_steps_that_nobody_asked_for(crawl, session):
    case = crawl(automatic("later", "rate"))
    assert dispatching.claimable_without_job(session, 10) == []
    outbox.done(session, dispatching.key_of(case.project.id, "crawl"))
    assert dispatching.claimable_without_job(session, 10) == [(case.project.id, "crawl")]
    case.project.status = ProjectStatus.PAUSED
    session.flush()
    assert dispatching.claimable_without_job(session, 10) == []


# --- The job itself (L-113) -------------------------------------------------------------------


@pytest.fixture
def run_step(app, session):
    from orchestra.tasks.machine import run_step as job

    def run(case):
        session.commit()
        job.run(case.project.id, "crawl")
        case.task = session.get(Task, case.task.id)  # a transaction of its own closed the session

    return run


def test_the_job_claims_runs_and_records(crawl, run_step):
    case = crawl()
    run_step(case)
    assert case.task.status is S.COMPLETE
    run_step(case)  # delivered twice
    assert len(case.attempts) == 1


def test_a_function_that_hangs_is_stopped_at_its_time_limit(crawl, run_step):
    """L-113"""
    case = crawl(function="hang", attempts=1, time_limit_seconds=0.05)
    run_step(case)
    assert case.task.status is S.FAILED
    assert case.task.last_error == "time limit of 0.05 seconds exceeded"
    assert case.attempts[0].outcome == "failed"
