"""Projects that change while the worker processes are at work on them."""

from orchestra.domain import projects
from orchestra.domain.audit import SYSTEM
from orchestra.models import ProjectStatus, TaskStatus
from tests.faults.kit import machine
from tests.faults.oracle import all_is_well

ROUNDS = 15


def test_the_last_two_dependencies_end_together_and_the_join_fires_once(system, many):
    """R-3: both pool processes work on the two sides of many joins at the same moment."""
    kind = system.version(machine("left"), machine("right"), machine("join", "left", "right"))
    started = [system.create(kind) for _ in range(ROUNDS * many)]

    all_is_well(system, many)
    for project in started:
        for slug in ("left", "right", "join"):
            assert system.outcomes(project, slug) == ["complete"]
            assert system.runs(project, slug) == 1


def test_an_abort_wins_over_a_running_step_and_its_result_is_kept(system):
    """L-104, L-119, R-9."""
    project = system.run(machine("work", run="held"), machine("report", "work"))
    system.wait_for_run(project, "work")
    with system.transaction() as session:
        projects.abort(session, SYSTEM, project)
    system.let_go(project, "work")

    all_is_well(system)
    assert system.task(project, "work").status is TaskStatus.ABORTED
    assert system.task(project, "work").result is None
    (attempt,) = system.attempts(project, "work")
    assert (attempt.outcome.value, attempt.result) == ("refused", {"run": 1})
    assert system.task(project, "report") is None


def test_a_pause_holds_what_follows_a_running_step_until_it_is_resumed(system):
    """L-118, R-10."""
    project = system.run(machine("work", run="held"), machine("report", "work"))
    system.wait_for_run(project, "work")
    with system.transaction() as session:
        projects.pause(session, SYSTEM, project)
    system.let_go(project, "work")
    done = TaskStatus.COMPLETE
    system.wait_until(lambda: system.task(project, "work").status is done, "the step is done")
    assert system.task(project, "report") is None
    with system.transaction() as session:
        projects.resume(session, SYSTEM, project)

    all_is_well(system)
    with system.reading() as session:
        status = session.get(projects.Project, project).status
    assert status is ProjectStatus.COMPLETED
    assert system.runs(project, "work") == system.runs(project, "report") == 1
