"""Worker processes that are killed, frozen, or asked to stop in the middle of a step."""

import os
import signal

from orchestra.domain import repair
from orchestra.domain.audit import SYSTEM
from orchestra.models import TaskStatus
from tests.faults.kit import SWEEP_SECONDS, machine
from tests.faults.oracle import all_is_well

PREPARE = machine("prepare")
WORK = machine("work", "prepare", run="held")
REPORT = machine("report", "work")


def test_a_killed_pool_process_costs_one_attempt_and_the_step_runs_again(system):
    """L-121, R-6."""
    project = system.run(PREPARE, WORK, REPORT)
    os.kill(system.wait_for_run(project, "work"), signal.SIGKILL)

    all_is_well(system)
    assert system.outcomes(project, "work") == ["lost", "complete"]
    assert system.task(project, "work").result == {"run": 2}
    assert system.runs(project, "prepare") == system.runs(project, "report") == 1


def test_a_killed_worker_loses_neither_the_running_nor_the_waiting_steps(system):
    """R-6: two steps run in its pool, two more wait in it and in the broker."""
    kind = system.version(PREPARE, WORK, REPORT)
    projects = [system.create(kind) for _ in range(4)]
    system.wait_until(lambda: _running(system, projects) == 2, "both pool processes are busy")
    system.kill("worker")
    lost = [p for p in projects if system.runs(p, "work")]
    for project in projects:
        if system.task(project, "work"):
            system.let_go(project, "work")
    system.start_worker()
    system.wait_until(lambda: all(_let_go(system, p) for p in projects), "all steps were let go")

    all_is_well(system)
    for project in projects:
        expected = ["lost", "complete"] if project in lost else ["complete"]
        assert system.outcomes(project, "work") == expected


def _running(system, projects):
    return sum(system.runs(project, "work") for project in projects)


def _let_go(system, project):
    if system.task(project, "work") is None:
        return False
    system.let_go(project, "work")
    return True


def test_a_frozen_process_wakes_up_too_late_and_its_result_is_refused(system):
    """L-112, L-117, R-7."""
    project = system.run(PREPARE, WORK, REPORT)
    frozen = system.wait_for_run(project, "work")
    os.kill(frozen, signal.SIGSTOP)
    try:
        again = system.wait_for_run(project, "work", 2)
        assert again != frozen
        done = TaskStatus.COMPLETE
        system.wait_until(lambda: system.task(project, "work").status is done, "it is done")
        result = system.task(project, "work").result
        system.let_go(project, "work")
    finally:
        os.kill(frozen, signal.SIGCONT)

    all_is_well(system)
    system.wait_until(lambda: _is_idle(system, frozen), "the frozen process has seen it")
    first, second = system.outcomes(project, "work")
    assert first in {"lost", "refused"}
    assert second == "complete"
    assert system.task(project, "work").result == result == {"run": 2}


def _is_idle(system, process):
    """Whether a pool process does other steps again (or has ended)."""
    project = system.run(machine("next"))
    done = TaskStatus.COMPLETE
    system.wait_until(lambda: system.task(project, "next").status is done, "it is done")
    gone = not os.path.exists(f"/proc/{process}")
    return gone or system.attempts(project, "next")[0].process == process


def test_a_pool_process_that_is_asked_to_stop_gives_its_step_back_uncounted(system):
    """L-124."""
    project = system.run(PREPARE, WORK, REPORT)
    os.kill(system.wait_for_run(project, "work"), signal.SIGTERM)

    all_is_well(system)
    assert system.outcomes(project, "work") == ["released", "complete"]
    assert [attempt.number for attempt in system.attempts(project, "work")] == [1, 1]
    assert system.task(project, "work").attempts == 1


def test_a_worker_that_is_asked_to_stop_finishes_short_steps_and_gives_long_ones_back(system):
    """L-124: the attempt is not counted, and the step does not wait for the lease to run out."""
    short = system.run(PREPARE, machine("work", "prepare", run="two_seconds"), REPORT)
    long = system.run(PREPARE, WORK, REPORT)
    system.wait_for_run(short, "work")
    system.wait_for_run(long, "work")
    assert system.terminate("worker") < 20
    assert system.outcomes(short, "work") == ["complete"]
    assert system.outcomes(long, "work") == ["released"]
    assert system.task(long, "work").status is TaskStatus.AWAITING_PROCESSING
    assert system.task(long, "work").attempts == 0
    system.start_worker()

    all_is_well(system)
    assert system.outcomes(long, "work") == ["released", "complete"]
    assert system.runs(short, "work") == 1


def test_a_failed_attempt_comes_back_after_its_pause_and_carries_its_chain(system):
    """L-120: the job waits in the broker for its time; nobody has to look for it."""
    work = machine("work", "prepare", run="fail_once", backoff_seconds=2)
    project = system.run(PREPARE, work, REPORT)

    all_is_well(system)
    first, second = system.attempts(project, "work")
    assert (first.outcome.value, second.outcome.value) == ("failed", "complete")
    assert first.error == "ValueError: not yet"
    assert 1.6 <= (second.started_at - first.ended_at).total_seconds() < 2.4 + 3 * SWEEP_SECONDS


def test_a_step_over_its_time_limit_is_stopped_and_fails_after_its_attempts(system):
    """L-113, R-8; the worker process goes on with other steps."""
    project = system.run(machine("work", run="hang", max_attempts=2, time_limit_seconds=1))
    other = system.run(machine("other"))
    _fails(system, project, "time limit of 1 seconds exceeded")

    assert system.outcomes(project, "work") == ["failed", "failed"]
    assert system.outcomes(other, "other") == ["complete"]
    _skipped_it_ends(system, project)


def test_a_step_that_ignores_its_interruption_loses_its_process(system):
    """L-113: every attempt can be stopped from outside."""
    project = system.run(machine("work", run="stubborn", max_attempts=1, time_limit_seconds=1))
    process = system.wait_for_run(project, "work")
    _fails(system, project, "time limit of 1 seconds exceeded")

    gone = f"/proc/{process}"
    system.wait_until(lambda: not os.path.exists(gone), "its process has ended")
    assert system.outcomes(project, "work") == ["failed"]
    _skipped_it_ends(system, project)


def test_a_step_that_ends_its_process_cannot_do_so_for_ever(system):
    """L-122, R-8."""
    project = system.run(machine("work", run="leave", max_attempts=2))
    _fails(system, project, "worker process lost")

    assert system.outcomes(project, "work") == ["lost", "lost"]
    assert system.runs(project, "work") == 2
    _skipped_it_ends(system, project)


def _fails(system, project, error):
    failed = TaskStatus.FAILED
    system.wait_until(lambda: system.task(project, "work").status is failed, "the step has failed")
    assert error in system.task(project, "work").last_error


def _skipped_it_ends(system, project):
    with system.transaction() as session:
        task_id = system.task(project, "work").id
        repair.skip_with_data(session, SYSTEM, task_id, {}, "it does not work")
    all_is_well(system)
