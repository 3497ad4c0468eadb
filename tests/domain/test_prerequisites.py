"""What the steps before produced (L-131 to L-135)."""

import pytest

from orchestra.domain import interventions, lifecycle, revert
from orchestra.domain.prerequisites import prerequisites
from orchestra.domain.versions import graph_of
from orchestra.models import TaskStatus
from tests.builders import step

UNWANTED = {"creation_policy": {"policy_function": {"path": "tests.steps.want_not"}}}


@pytest.fixture
def before(session):
    def found(project, slug):
        return prerequisites(session, project.id, graph_of(project.version), slug)

    return found


@pytest.fixture
def finish(make, act, session):
    def finished(project, slug, result):
        task = make.task(project, slug)
        task.status, task.result = TaskStatus.COMPLETE, result
        session.flush()

    return finished


def test_all_ancestors_give_their_results_and_nobody_else(make, before, finish):
    """L-131, L-132"""
    project = make.project(step("a"), step("b", "a"), step("c", "b"), step("beside"))
    finish(project, "a", {"x": 1})
    assert before(project, "c") == {"a": {"x": 1}}
    assert before(project, "b") == {"a": {"x": 1}}
    assert before(project, "a") == {}


def test_a_skipped_ancestor_is_absent_and_those_before_it_are_not(make, act, before):
    """L-133"""
    project = make.project(step("a"), step("b", "a", **UNWANTED), step("c", "b"))
    admin = make.actor(make.admin())
    act(interventions.skip_task, admin, make.task(project, "a").id)
    assert make.task(project, "b").status is TaskStatus.SKIPPED
    assert before(project, "c") == {"a": {}}


def test_an_aborted_ancestor_is_absent(make, before, session):
    project = make.project(step("a"), step("b", "a"))
    make.task(project, "a").status = TaskStatus.ABORTED
    session.flush()
    assert before(project, "b") == {}


def test_a_reopened_ancestor_gives_the_data_of_its_highest_level(make, act, before, session):
    """L-132"""
    work = make.work(TaskStatus.COMPLETE, after=[step("b", "write")])
    last = work.at(1).iterations[-1]
    act(revert.revert_task, work.admin, work.task.id, iteration_id=last.id, commit=True)
    act(lifecycle.save_draft, work.reviewer, work.task.id, {"draft": "new"}, work.at(1).revision)
    assert before(work.project, "b") == {"write": {"draft": "new"}}

    act(
        revert.revert_task,
        work.admin,
        work.task.id,
        iteration_id=None,
        revert_before=True,
        commit=True,
    )
    assert before(work.project, "b") == {"write": {}}


@pytest.mark.parametrize("size", [3, 60])
def test_the_number_of_queries_does_not_depend_on_the_size(make, before, statements, size):
    """L-134"""
    chain = [step(f"s{n}", *([f"s{n - 1}"] if n else [])) for n in range(size)]
    project = make.project(*chain)
    before(project, "s1")
    with statements() as seen:
        before(project, f"s{size - 1}")
    assert len(seen) <= 2
