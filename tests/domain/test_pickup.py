"""A worker takes a task out of the pool (P-35 to P-44, L-47)."""

import pytest

from orchestra.domain import lifecycle, pickup, projects
from orchestra.models import Role, TaskClass, TaskStatus
from tests.builders import reviewed, step

CORE, REVIEW = Role.ENTRY_LEVEL, Role.REVIEWER
S = TaskStatus


@pytest.fixture
def ann(make):
    return make.worker("ann")


@pytest.fixture
def pick_up(act, make):
    return lambda worker, role=CORE: act(pickup.pick_up, make.actor(worker), role)


@pytest.fixture
def waiting(session):
    return lambda worker: pickup.waiting(session, worker)


def test_a_worker_gets_the_task_to_work_on(make, ann, pick_up, verbs, last_event):
    """L-49, P-44"""
    project = make.project(step("a"))
    verbs()
    assignment = pick_up(ann)
    assert assignment.task.id == make.task(project, "a").id
    assert assignment.task.status is S.PROCESSING
    assert verbs() == ["task_assigned"]
    event = last_event("task_assigned")
    assert (event.actor, event.note) == ("ann", "pick-up")


def test_the_most_urgent_project_comes_first_then_the_oldest(make, ann, pick_up, change_settings):
    """P-39"""
    change_settings(max_in_progress_tasks=0)
    first, second = make.project(step("a"), step("b")), make.project(step("a"))
    urgent = make.project(step("a"), priority=5)
    order = [pick_up(ann).task for _ in range(4)]
    projects_in_order = [task.project_id for task in order]
    assert projects_in_order == [urgent.id, first.id, first.id, second.id]
    assert [task.step for task in order[1:3]] == ["a", "b"]


def test_reviews_and_deliveries_are_picked_up_apart(make, ann, pick_up, refused, waiting):
    work = make.work(S.PENDING_REVIEW)
    assert waiting(ann) == {CORE: 1, REVIEW: 1}  # the other task of the project is a delivery
    assert pick_up(ann, REVIEW).level == 1
    assert work.task.status is S.REVIEWING
    assert waiting(ann) == {CORE: 1, REVIEW: 0}


def test_nobody_picks_up_the_review_of_their_own_work(make, refused, waiting):
    """L-73, P-29"""
    work = make.work(S.PENDING_REVIEW)
    writer = work.workers[work.writer.name]
    assert waiting(writer)[REVIEW] == 0
    refused("not_found", pickup.pick_up, work.writer, REVIEW)


@pytest.mark.parametrize("operation", [projects.pause, projects.abort])
def test_only_tasks_of_active_projects_are_in_the_pool(make, ann, act, refused, operation):
    project = make.project(step("a"), step("machine", human=False))
    act(operation, make.actor(make.admin()), project.id)
    refused("not_found", pickup.pick_up, make.actor(ann), CORE)


def test_machine_steps_are_not_picked_up(make, ann, refused):
    make.project(step("machine", human=False))
    refused("not_found", pickup.pick_up, make.actor(ann), CORE)


def test_an_empty_pool_and_a_pool_for_others_are_told_apart(make, ann, refused):
    """P-41"""
    error = refused("not_found", pickup.pick_up, make.actor(ann), CORE)
    assert error.message == "No task is waiting at the moment."
    needs = step("a", required_certifications=["writing"])
    make.project(needs, certifications=["writing"])
    error = refused("not_found", pickup.pick_up, make.actor(ann), CORE)
    assert "none for your certifications" in error.message


def test_without_the_buttons_nothing_is_picked_up(make, ann, refused, change_settings):
    """P-36"""
    change_settings(enable_new_task_buttons=False)
    make.project(step("a"))
    refused("forbidden", pickup.pick_up, make.actor(ann), CORE)


def test_returned_work_comes_first(make, refused, session, act, change_settings):
    """P-36, P-37"""
    work = make.work(S.POST_REVIEW_PROCESSING)
    writer = work.workers[work.writer.name]
    refused("returned_work_first", pickup.pick_up, work.writer, CORE)
    assert pickup.blocked(session, writer).kind == "returned_work_first"
    act(projects.pause, work.admin, work.project.id)
    assert pickup.blocked(session, writer) is None
    act(projects.resume, work.admin, work.project.id)
    change_settings(enforce_no_new_tasks_during_review=False)
    act(pickup.pick_up, work.writer, CORE)


def test_there_is_a_most_of_tasks_in_progress(make, ann, pick_up, refused, act, change_settings):
    """P-36, P-38: only what is worked on, in an active project, counts."""
    change_settings(max_in_progress_tasks=2)
    admin = make.actor(make.admin())
    for _ in range(5):
        make.project(step("a", review_policy=reviewed()))
    first, second = pick_up(ann), pick_up(ann)
    assert "2" in refused("limit_reached", pickup.pick_up, make.actor(ann), CORE).message
    act(projects.pause, admin, first.task.project_id)
    third = pick_up(ann)
    data = {"data": {}, "revision": 1}
    act(lifecycle.hand_over, make.actor(ann), third.task_id, "submit", **data)
    pick_up(ann)
    refused("limit_reached", pickup.pick_up, make.actor(ann), CORE)
    change_settings(max_in_progress_tasks=0)
    pick_up(ann)
    assert second.status == "processing"


def test_the_refusals_of_a_pick_up_come_in_their_order(make, refused, change_settings):
    """P-36"""
    change_settings(max_in_progress_tasks=1)
    work = make.work(S.POST_REVIEW_PROCESSING)
    refused("returned_work_first", pickup.pick_up, work.writer, CORE)
    change_settings(enable_new_task_buttons=False)
    refused("forbidden", pickup.pick_up, work.writer, CORE)


def test_n_workers_get_n_different_tasks(make, pick_up):
    """P-43"""
    for _ in range(3):
        make.project(step("a"))
    taken = {pick_up(make.worker()).task.id for _ in range(3)}
    assert len(taken) == 3


def test_a_training_certification_opens_training_projects_only(make, ann, pick_up, waiting):
    """P-24"""
    version = make.version(
        step("a", required_certifications=["writing"]), certifications=["writing"]
    )
    make.project(version=version, priority=9)
    training = make.project(version=version, task_class=TaskClass.TRAINING)
    make.grant(ann, version.workflow.certifications[0], task_class=TaskClass.TRAINING)
    assert waiting(ann)[CORE] == 1
    assert pick_up(ann).task.project_id == training.id
