"""What operators see and decide (W-73, W-74, L-128)."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from orchestra import outbox
from orchestra.database import utcnow
from orchestra.domain import dead_jobs, execution, machine, machine_steps, operations, projects
from orchestra.domain.execution import Runner
from orchestra.domain.markup import gist_of
from orchestra.models import (
    Attempt,
    Channel,
    Message,
    MessageState,
    Task,
    Tick,
    Worker,
    WorkflowVersion,
)
from orchestra.outbox import Job, OutboxMessage
from tests.builders import step

LONG_AGO = timedelta(hours=2)


def failing(slug="crawl", function="fail_for_good", **keys):
    return step(slug, human=False, execution_function={"path": f"tests.steps.{function}"}, **keys)


@pytest.fixture
def fail(session, make):
    """A project whose first step has failed for good."""

    def failed(version, project_data=None):
        project = make.project(version=version, project_data=project_data)
        lease = machine.claim(session, project.id, "crawl", Runner("host", 42))
        machine.record(session, lease, execution.call(lease))
        session.flush()
        return project

    return failed


@pytest.fixture
def admin(make):
    return make.actor(make.admin())


def set_all(session, model, **values):
    session.execute(
        sa.update(model).values(**values), execution_options={"synchronize_session": False}
    )
    session.flush()
    session.expire_all()


def queue(session, name):
    return {found.name: found for found in operations.queues(session)}[name]


# --- Queues -----------------------------------------------------------------------------------


def test_a_queue_tells_what_waits_in_it_and_since_when(make, session):
    for _ in range(2):
        make.project(step("crawl", human=False, queue="gpu"), step("rate"))
    set_all(session, OutboxMessage, created_at=utcnow() - timedelta(minutes=4))
    found = queue(session, "gpu")
    assert (found.steps, found.jobs, found.overdue, found.is_slow) == (2, 2, 0, False)
    assert found.oldest_step_at == found.oldest_job_at


def test_a_queue_is_slow_when_a_step_has_waited_for_five_minutes(make, session):
    """L-128"""
    make.project(step("crawl", human=False))
    set_all(session, OutboxMessage, created_at=utcnow() - timedelta(minutes=6))
    assert queue(session, "machine").is_slow


def test_a_step_that_rests_before_its_next_attempt_does_not_wait_in_the_queue(make, session):
    make.project(step("crawl", human=False))
    set_all(session, Task, next_attempt_at=utcnow() + timedelta(minutes=6))
    set_all(session, OutboxMessage, created_at=utcnow() - timedelta(minutes=6))
    assert (queue(session, "machine").steps, queue(session, "machine").jobs) == (0, 1)


def test_steps_of_paused_projects_do_not_wait_in_the_queue(make, session, admin):
    project = make.project(step("crawl", human=False))
    projects.pause(session, admin, project.id)
    session.flush()
    assert queue(session, "machine").steps == 0


def test_a_queue_in_which_nothing_waits_is_there_when_a_version_names_it(make, session):
    make.version(step("crawl", human=False, queue="gpu"))
    assert [found.name for found in operations.queues(session)] == ["gpu"]


def test_jobs_that_nobody_sent_again_are_overdue(make, session):
    make.project(step("crawl", human=False))
    set_all(session, OutboxMessage, resend_at=utcnow() - timedelta(minutes=6))
    assert queue(session, "machine").overdue == 1


# --- Scheduler --------------------------------------------------------------------------------


def sweep_of(session):
    return {job.job: job for job in operations.scheduled_jobs(session)}[Job.SWEEP]


def test_the_sweep_of_a_new_system_is_not_late(make, session):
    make.worker()
    assert (sweep_of(session).at, sweep_of(session).is_late) == (None, False)


def test_a_sweep_that_never_ran_is_late_in_an_older_system(make, session):
    make.worker()
    set_all(session, Worker, created_at=utcnow() - LONG_AGO)
    assert sweep_of(session).is_late


def test_the_age_of_a_system_is_that_of_its_first_workflow_too(make, session):
    make.worker()
    make.version(step("rate"))
    set_all(session, WorkflowVersion, loaded_at=utcnow() - LONG_AGO)
    assert not operations.is_new(session)


@pytest.mark.parametrize(("intervals", "is_late"), [(2, False), (4, True)])
def test_a_tick_is_late_after_three_intervals(session, app, intervals, is_late):
    seconds = app.config["SETTINGS"].sweep_interval_seconds
    session.add(Tick(job=Job.SWEEP, at=utcnow() - timedelta(seconds=intervals * seconds)))
    session.flush()
    assert sweep_of(session).is_late is is_late


# --- Worker processes and integrations --------------------------------------------------------


def test_worker_processes_are_seen_in_their_attempts(make, session):
    done, _running = (make.project(step("crawl", human=False)) for _ in range(2))
    lease = machine.claim(session, done.id, "crawl", Runner("one", 1))
    machine.record(session, lease, execution.call(lease))
    set_all(session, Attempt, started_at=utcnow() - LONG_AGO, ended_at=utcnow() - LONG_AGO)
    machine.claim(session, _running.id, "crawl", Runner("two", 2))
    (seen,) = operations.worker_processes(session)
    assert (seen.host, seen.process, seen.running) == ("two", 2, 1)
    set_all(session, Attempt, ended_at=utcnow() - timedelta(minutes=1))
    assert {one.host for one in operations.worker_processes(session)} == {"one", "two"}


def test_a_lost_process_is_not_seen(make, session):
    project = make.project(step("crawl", human=False))
    machine.claim(session, project.id, "crawl", Runner("gone", 1))
    set_all(session, Task, lease_until=utcnow() - timedelta(seconds=1))
    machine.reclaim(session, make.task(project, "crawl").id)
    session.flush()
    assert operations.worker_processes(session) == []


def test_integrations_tell_backend_and_last_error(session, change_settings, make):
    change_settings(mail_backend="smtp")
    worker = make.worker()
    for number, state in enumerate((MessageState.DEAD, MessageState.SENT)):
        session.add(
            Message(
                kind="offer",
                channel=Channel.MAIL,
                worker_id=worker.id,
                dedupe_key=str(number),
                subject="…",
                text="…",
                state=state,
                last_error=f"refused {number}",
            )
        )
    session.flush()
    mail, chat, files = operations.integrations(session)
    assert (mail.backend, mail.is_on, mail.error) == ("smtp", True, "refused 0")
    assert (chat.is_on, chat.error, files.backend) == (False, None, "local")
    session.execute(sa.update(Message).values(channel=Channel.PROJECT_CHANNEL))
    mail, chat, _ = operations.integrations(session)
    assert (mail.error, chat.error) == (None, "refused 0")


# --- Machine steps ----------------------------------------------------------------------------


def test_running_steps_show_lease_attempt_and_process(make, session):
    """W-73"""
    project = make.project(step("crawl", human=False))
    machine.claim(session, project.id, "crawl", Runner("host", 42))
    session.flush()
    (found,) = machine_steps.running(session).rows
    assert (found.host, found.process, found.attempts, found.most_attempts) == ("host", 42, 1, 3)
    assert found.lease_until > utcnow()
    assert not found.has_lost_lease
    set_all(session, Task, lease_until=utcnow() - timedelta(seconds=1))
    assert machine_steps.running(session).rows[0].has_lost_lease


def test_failed_steps_are_grouped_by_version_and_step(make, session, admin, fail):
    first, second = make.version(failing()), make.version(failing())
    for version in (first, first, first, first, second):
        project = fail(version)
    projects.pause(session, admin, project.id)
    session.flush()
    large, small = machine_steps.failed_groups(session)
    assert (large.version_id, large.slug, large.total, large.paused) == (first.id, "crawl", 4, 0)
    assert len(large.steps) == machine_steps.SHOWN_OF_A_GROUP
    assert (small.total, small.paused, small.decidable) == (1, 1, 0)
    assert small.steps[0].gist == "PermanentFailure: there is no such page"
    assert "Traceback" in small.steps[0].traceback
    assert machine_steps.failed_task_ids(session, second.id, "crawl") == []
    group, page = machine_steps.failed_group(session, first.id, "crawl")
    assert (group.total, len(page.rows), page.pages) == (4, 4, 1)


@pytest.mark.parametrize(
    ("error", "gist"),
    [
        (
            "ValueError: The service said no:\n  code 7\ntry later",
            "ValueError: The service said no:",
        ),
        ("", ""),
        (
            'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\n    ^^^\n'
            "KeyError: 1\n\nDuring handling of the above exception, another exception occurred:\n\n"
            'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    raise Bad\n'
            "Bad: no page\nof this name",
            "Bad: no page",
        ),
    ],
)
def test_of_an_error_the_line_is_told_that_says_what_was_wrong(error, gist):
    """W-73, N-20"""
    assert gist_of(error) == gist


# --- Jobs that were given up ------------------------------------------------------------------


@pytest.fixture
def dead(make, session):
    """The job of a step, given up."""

    def given_up():
        project = make.project(step("crawl", human=False))
        key = f"step:{project.id}:crawl"
        for _ in range(outbox.LAST_FAILURE):
            outbox.record_failure(session, key, "Traceback …\nKeyError: 'url'")
        session.expire_all()
        (job,) = dead_jobs.dead(session).rows
        return job

    return given_up


def test_a_dead_job_shows_its_error_and_its_step(dead):
    job = dead()
    assert (job.gist, job.project) == ("KeyError: 'url'", "A project")
    assert (job.message.failures, job.message.resend_at) == (outbox.LAST_FAILURE, None)


def test_a_dead_job_is_sent_again_as_if_it_had_never_failed(
    session, act, admin, dead, last_event, app
):
    """W-74"""
    job = dead()
    app.extensions["published"].clear()
    act(dead_jobs.send_again, admin, job.message.id)
    event = last_event("dead_letter_decided")
    assert event.after == {"decision": "send_again"}
    assert (event.actor, event.project_id) == (admin.name, job.project_id)
    (waiting,) = dead_jobs.waiting(session).rows
    session.refresh(waiting.message)
    assert (waiting.message.failures, waiting.message.id) == (0, job.message.id)
    assert dead_jobs.dead(session).total == 0


def test_a_job_whose_step_no_longer_waits_can_be_discarded(session, act, admin, dead, last_event):
    """W-74"""
    job = dead()
    projects.pause(session, admin, job.project_id)
    act(dead_jobs.discard, admin, job.message.id)
    assert last_event("dead_letter_decided").after == {"decision": "discard"}
    assert session.scalar(sa.select(sa.func.count()).select_from(OutboxMessage)) == 0


def test_a_job_that_the_sweep_would_ask_for_again_is_not_discarded(refused, admin, dead):
    job = dead()
    error = refused("conflict", dead_jobs.discard, admin, job.message.id)
    assert "skip the step with data" in error.message


@pytest.mark.parametrize("decide", [dead_jobs.send_again, dead_jobs.discard])
def test_only_what_was_given_up_is_decided(make, session, refused, admin, decide):
    make.project(step("crawl", human=False))
    message_id = session.scalar(sa.select(OutboxMessage.id))
    refused("conflict", decide, admin, message_id)
    refused("not_found", decide, admin, message_id + 1)


def test_workers_decide_nothing(refused, make, dead):
    worker = make.actor(make.worker())
    refused("forbidden", dead_jobs.send_again, worker, dead().message.id)


def test_a_job_that_this_system_does_not_know_can_only_be_discarded(session, act, refused, admin):
    message = OutboxMessage(job="old.job", dedupe_key="x", kwargs={"id": 1}, queue="engine")
    session.add(message)
    session.flush()
    refused("conflict", dead_jobs.send_again, admin, message.id)
    act(dead_jobs.discard, admin, message.id)
    assert dead_jobs.dead(session).total == 0


def test_lists_are_read_in_pages(session):
    """N-21"""
    for number in range(machine_steps.PER_PAGE + 1):
        session.add(OutboxMessage(job="old.job", dedupe_key=f"{number}", kwargs={}, queue="engine"))
    session.flush()
    first, second = dead_jobs.dead(session), dead_jobs.dead(session, 2)
    assert (first.total, first.pages, len(second.rows)) == (51, 2, 1)
