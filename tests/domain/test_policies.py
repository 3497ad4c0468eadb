"""Assignment policies (L-40 to L-45, D-36, D-38)."""

import logging

import pytest

from orchestra.domain import interventions, lifecycle, projects
from orchestra.models import TaskStatus
from tests import steps
from tests.builders import own, step

S = TaskStatus


def policy(path, level="entry_level", **kwargs):
    path = path if "." in path else f"tests.steps.{path}"
    return {"assignment_policy": {"policy_function": {level: {"path": path, "kwargs": kwargs}}}}


SPECIFIED = "orchestra.assignment_policies.specified_worker"
PREVIOUS = "orchestra.assignment_policies.previously_completed_steps"
POOL = "orchestra.assignment_policies.anyone_certified"


@pytest.fixture
def admin(make):
    return make.actor(make.admin())


def test_anyone_certified_leaves_the_task_in_the_pool(make):
    """L-41"""
    work = make.work(**policy(POOL))
    assert work.task.status is S.AWAITING_PROCESSING
    assert work.task.policy_problem is None


def test_a_specified_worker_gets_the_task(make, last_event):
    """L-42, L-43"""
    make.worker("ann")
    work = make.work(S.PROCESSING, **policy(SPECIFIED, username="ANN"))
    assert work.at(0).worker.username == "ann"
    event = last_event("task_assigned")
    assert (event.actor, event.note) == ("system", "policy")


def test_limits_do_not_apply_to_policies(make, change_settings):
    """L-43"""
    change_settings(max_in_progress_tasks=1)
    make.worker("ann")
    for _ in range(2):
        assert make.work(S.PROCESSING, **policy(SPECIFIED, username="ann")).at(0)


def test_who_did_an_earlier_step_is_asked_in_the_order_of_the_list(make, act, admin):
    """L-42"""
    project = make.project(
        step("a"),
        step("b"),
        step("c", "a", "b", **policy(PREVIOUS, related_steps=["b", "a"])),
    )
    workers = {"a": make.worker("ann"), "b": make.worker("bob", is_active=True)}
    for slug, worker in workers.items():
        task = make.task(project, slug)
        act(lifecycle.assign_task, admin, task.id, worker)
    workers["b"].is_active = False
    for slug in workers:
        act(interventions.skip_task, admin, make.task(project, slug).id)

    task = make.task(project, "c")
    assert task.status is S.PROCESSING
    assert [a.worker.username for a in task.assignments] == ["ann"]


def test_the_reviewer_policy_runs_with_every_new_review(make):
    """L-40, L-61"""
    make.worker("ann")
    work = make.work(S.PROCESSING, **policy(SPECIFIED, "reviewer", username="ann"))
    work.hand_over(work.writer)
    assert work.task.status is S.REVIEWING
    assert work.at(1).worker.username == "ann"


def test_the_policy_runs_again_when_a_task_is_put_back(make, act):
    """L-40"""
    make.worker("ann")
    work = make.work(S.PROCESSING, **policy(SPECIFIED, username="ann"))
    first = work.at(0)
    act(interventions.unassign, work.admin, first.id)
    assert work.task.status is S.PROCESSING
    assert work.at(0).id != first.id


def test_an_authors_policy_is_told_the_task_and_may_name_several(make):
    """D-38"""
    make.worker("ann", is_active=False)
    make.worker("bob")
    steps.calls.clear()
    work = make.work(S.PROCESSING, **policy("name", names=["nobody", "ann", "bob"]))
    assert work.at(0).worker.username == "bob"
    (task,) = steps.calls
    assert (task.id, task.step, task.level) == (work.task.id, "write", 0)
    assert task.project["short_description"] == "A project"
    assert task.as_dict()["prerequisites"] == {}


@pytest.mark.parametrize(
    ("function", "kwargs", "problem"),
    [
        ("fail_to_name", {}, "the list of experts is empty"),
        ("exit_instead_of_answering", {}, "SystemExit"),
        ("name", {"names": 7}, "gave 7"),
        ("name", {"names": {"ann": 1}}, "gave {'ann': 1}"),
        ("name", {"names": ["ann", 7]}, "gave ['ann', 7]"),
        ("fail_with_anything", {}, "the list \\0 of \\ud800 experts"),
        ("fail_without_words", {}, "no words"),
        ("give_what_cannot_be_looked_at", {}, "gave <Undecided"),
        ("name", {"names": ["x\0\ud800", "nobody"]}, "nobody: There is no such worker."),
        ("name", {"names": ["nobody"]}, "nobody: There is no such worker."),
        (SPECIFIED, {"username": "nobody"}, "nobody: There is no such worker."),
    ],
)
def test_a_policy_that_fails_undoes_nothing(make, last_event, caplog, function, kwargs, problem):
    """L-44"""
    caplog.set_level(logging.CRITICAL)  # no report can carry half a character to its reader
    work = make.work(**policy(function, **kwargs))
    assert work.task.status is S.AWAITING_PROCESSING
    assert problem in work.task.policy_problem
    assert problem in last_event("policy_failed").after["problem"]


def test_a_submission_stands_when_the_reviewer_policy_fails(make):
    """L-44"""
    work = make.work(S.PENDING_REVIEW, **policy("fail_to_name", "reviewer"))
    assert work.at(0).status == "submitted"
    assert "the list of experts is empty" in work.task.policy_problem


def test_nothing_is_no_problem(make, verbs):
    work = make.work(**policy("name", names=None))
    assert work.task.policy_problem is None
    assert "policy_failed" not in verbs()


def test_the_problem_is_gone_with_the_next_assignment(make):
    work = make.work(**policy("fail_to_name"))
    work.assign(work.writer)
    assert work.task.policy_problem is None


def test_the_writer_is_not_their_own_reviewer(make):
    """L-73"""
    writer = make.worker("ann")
    work = make.work(**policy(SPECIFIED, "reviewer", username="ann"))
    work.workers["ann"] = writer
    ann = make.actor(writer)
    work.assign(ann)
    work.hand_over(ann)
    assert work.task.status is S.PENDING_REVIEW
    assert "already" in work.task.policy_problem


def test_a_policy_gets_copies(make):
    """D-40"""
    project = make.project(
        step("a", **policy("name_and_spoil")), project_data={"deep": {"value": "kept"}}
    )
    assert own(project.project_data) == {"deep": {"value": "kept"}}


def test_a_policy_missed_in_a_pause_runs_at_resume(make, act):
    """L-45"""
    make.worker("ann")
    work = make.work(S.PROCESSING, **policy(SPECIFIED, username="ann"))
    act(projects.pause, work.admin, work.project.id)
    act(interventions.unassign, work.admin, work.at(0).id)
    assert work.task.status is S.AWAITING_PROCESSING

    act(projects.resume, work.admin, work.project.id)

    assert work.task.status is S.PROCESSING
    assert work.at(0).worker.username == "ann"
