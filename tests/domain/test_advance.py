"""Creating the tasks that are due (L-27 to L-39)."""

import pytest
import sqlalchemy as sa

from orchestra.database import seconds_from_now
from orchestra.domain import advancing, interventions, projects
from orchestra.domain.locking import LockedProject
from orchestra.models import CreationProblem, ProjectStatus, TaskStatus
from orchestra.outbox import Job
from tests import steps
from tests.builders import own, step

AWAITING, SKIPPED, COMPLETE = (
    TaskStatus.AWAITING_PROCESSING,
    TaskStatus.SKIPPED,
    TaskStatus.COMPLETE,
)


def policy(name):
    return {"creation_policy": {"policy_function": {"path": f"tests.steps.{name}"}}}


@pytest.fixture
def admin(make):
    return make.actor(make.admin())


@pytest.fixture
def finish(act, make, admin):
    """Complete the human task of a step."""
    return lambda project, slug: act(interventions.skip_task, admin, make.task(project, slug).id)


@pytest.fixture
def statuses(session):
    def found(project):
        session.expire(project, ["tasks"])
        return {task.step: task.status for task in project.tasks}

    return found


def test_steps_without_dependencies_are_due_at_once(make, statuses):
    """L-29"""
    project = make.project(step("a"), step("b"), step("c", "a"))
    assert statuses(project) == {"a": AWAITING, "b": AWAITING}


def test_a_join_is_due_when_the_last_dependency_is_finished(make, statuses, finish):
    project = make.project(step("a"), step("b"), step("join", "a", "b"))
    finish(project, "a")
    assert "join" not in statuses(project)
    finish(project, "b")
    assert statuses(project)["join"] is AWAITING


def test_a_skipped_dependency_counts_as_finished(make, statuses, finish):
    project = make.project(step("a"), step("b", **policy("want_not")), step("join", "a", "b"))
    finish(project, "a")
    assert statuses(project) == {"a": COMPLETE, "b": SKIPPED, "join": AWAITING}


def test_an_unwanted_step_is_skipped_with_its_reason(make, last_event):
    """L-31, L-145"""
    project = make.project(step("a", **policy("want_not")), step("b"))
    task = make.task(project, "a")
    assert (task.status, task.skip_note) == (SKIPPED, "creation policy")
    assert task.ended_at


def test_a_step_is_skipped_unasked_when_all_before_it_were(make, statuses):
    """L-30"""
    steps.calls.clear()
    project = make.project(
        step("a", **policy("want_not")), step("b", "a", **policy("want")), step("open")
    )
    assert statuses(project) == {"a": SKIPPED, "b": SKIPPED, "open": AWAITING}
    assert steps.calls == []


def test_a_project_of_which_nothing_is_wanted_is_completed(make, statuses):
    """L-37"""
    project = make.project(step("a", **policy("want_not")), step("b", "a"))
    assert project.status is ProjectStatus.COMPLETED


def test_skipping_reaches_through_the_graph_whatever_the_order_of_definition(make, statuses):
    """L-28"""
    project = make.project(
        step("c", "b"), step("b", "a"), step("a", **policy("want_not")), step("open")
    )
    assert statuses(project) == {"a": SKIPPED, "b": SKIPPED, "c": SKIPPED, "open": AWAITING}


def test_a_creation_policy_is_told_what_came_before(make, act, finish):
    """D-33, L-135"""
    steps.calls.clear()
    project = make.project(
        step("a"), step("b", "a"), step("c", "b", **policy("want")), project_data={"x": 1}
    )
    finish(project, "a")
    finish(project, "b")
    ((before, data),) = steps.calls
    assert (before, own(data)) == ({"a": {}, "b": {}}, {"x": 1})


def test_a_creation_policy_gets_copies(make):
    """D-40"""
    project = make.project(
        step("a", **policy("want_and_spoil")), project_data={"deep": {"value": "kept"}}
    )
    assert own(project.project_data) == {"deep": {"value": "kept"}}


@pytest.mark.parametrize(
    "function",
    [
        "want_if_told",
        "exit_instead_of_answering",
        "fail_with_anything",
        "fail_without_words",
        "give_what_cannot_be_looked_at",
    ],
)
def test_a_creation_policy_that_raises_undoes_nothing(make, finish, function, session, last_event):
    """L-33"""
    project = make.project(step("a"), step("b", "a", **policy(function)))

    finish(project, "a")

    assert make.task(project, "a").status is COMPLETE
    assert project.status is ProjectStatus.ACTIVE
    problem = session.scalars(sa.select(CreationProblem)).one()
    assert (problem.project_id, problem.step) == (project.id, "b")
    assert function in problem.error
    assert last_event("creation_failed").after["step"] == "b"


def test_a_creation_policy_that_raised_is_asked_again_with_every_run(
    make, act, admin, session, statuses
):
    """L-33, L-32"""
    project = make.project(step("b", **policy("want_if_told")))
    assert statuses(project) == {}
    act(
        projects.edit_project,
        admin,
        project.id,
        revision=1,
        changes={"project_data": {"wanted": True}},
    )

    act(advancing.advance, LockedProject.of(project))

    assert statuses(project) == {"b": AWAITING}
    assert session.scalars(sa.select(CreationProblem)).all() == []


def test_the_answer_of_a_creation_policy_is_final(make, act, admin, statuses):
    """L-32"""
    project = make.project(
        step("a", **policy("want_if_told")), step("open"), project_data={"wanted": False}
    )
    changes = {"project_data": {"wanted": True}}
    act(projects.edit_project, admin, project.id, revision=1, changes=changes)
    act(advancing.advance, LockedProject.of(project))
    assert statuses(project) == {"a": SKIPPED, "open": AWAITING}


def test_advancing_twice_creates_nothing_twice(make, act, stored):
    """L-38"""
    project = make.project(step("a"), step("b", human=False))
    before = stored()
    act(advancing.advance, LockedProject.of(project))
    assert stored() == before


def test_an_aborted_task_satisfies_no_dependency(make, act, session, statuses):
    """L-35"""
    project = make.project(step("a"), step("b"), step("c", "a"))
    make.task(project, "a").status = TaskStatus.ABORTED
    session.flush()
    act(advancing.advance, LockedProject.of(project))
    assert "c" not in statuses(project)


def test_no_task_is_created_while_the_ending_step_is_complete(make, act, admin, session, statuses):
    """L-36, in a project that a revert opened again"""
    project = make.project(
        step("end", completion_ends_project=True), step("a", "end"), step("open")
    )
    make.task(project, "end").status = COMPLETE
    session.flush()

    act(advancing.advance, LockedProject.of(project))
    assert statuses(project) == {"end": COMPLETE, "open": AWAITING}

    act(interventions.skip_task, admin, make.task(project, "open").id)
    assert project.status is ProjectStatus.COMPLETED


@pytest.mark.parametrize("status", ["paused", "aborted", "completed"])
def test_nothing_is_created_in_a_project_that_is_not_active(make, act, session, status, statuses):
    """L-19, first row"""
    project = make.project(step("a"), step("b", "a"))
    make.task(project, "a").status = COMPLETE
    project.status = ProjectStatus(status)
    session.flush()
    act(advancing.advance, LockedProject.of(project))
    assert "b" not in statuses(project)


def test_a_new_machine_task_asks_for_its_job_with_those_that_follow_alone(app, make, session):
    """L-34, L-125"""
    make.project(
        step("a", human=False),
        step("b", "a", human=False),
        step("c", "b", human=False),
        step("d", "c"),
    )
    session.commit()
    (run,) = session.info["dispatches"]
    assert (run.job, run.kwargs["step"]) == (Job.RUN_STEP, "a")
    assert [link.kwargs["step"] for link in run.then] == ["b", "c"]


def test_the_sweep_finds_projects_that_nothing_moves(make, act, session, admin):
    """L-39"""
    healthy = make.project(step("a"))
    waits = make.project(step("a", **policy("want_if_told")))
    stopped = make.project(step("a"), step("b", "a"))
    make.task(stopped, "a").status = COMPLETE
    session.flush()
    assert advancing.stuck(session, 10) == [stopped.id]

    long_ago = sa.update(CreationProblem).values(at=seconds_from_now(-3601))
    session.execute(long_ago, execution_options={"synchronize_session": False})
    assert advancing.stuck(session, 10) == [waits.id, stopped.id]
    assert healthy.id not in advancing.stuck(session, 10)
