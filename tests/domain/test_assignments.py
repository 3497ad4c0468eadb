"""Assigning, reassigning and putting back (L-46 to L-50, L-83 to L-89)."""

import pytest
import sqlalchemy as sa

from orchestra.domain import assignments, interventions, lifecycle, projects
from orchestra.domain.audit import Actor
from orchestra.domain.locking import lock_task
from orchestra.errors import AlreadyTaken
from orchestra.models import Assignment, Iteration, Role, TaskStatus
from tests.builders import step

S = TaskStatus


# --- Assign -----------------------------------------------------------------------------------


def test_assigning_opens_an_iteration_and_starts_the_work(make, verbs, last_event):
    """L-48, L-49"""
    work = make.work()
    verbs()

    assignment = work.assign(work.writer)

    assert work.task.status is S.PROCESSING
    assert (assignment.level, assignment.revision, assignment.data) == (0, 1, {})
    assert assignment.status == "processing"
    (iteration,) = assignment.iterations
    assert (iteration.number, iteration.status, iteration.submitted_data) == (1, "processing", {})
    assert iteration.ended_at is None
    assert verbs() == ["task_assigned"]
    assert last_event("task_assigned").note == "admin"


def test_a_reviewer_starts_from_the_work_handed_over(make):
    work = make.work(S.PENDING_REVIEW)

    assignment = work.assign(work.reviewer)

    assert work.task.status is S.REVIEWING
    assert (assignment.level, assignment.data) == (1, {"by": work.writer.name})
    assert assignment.iterations[0].number == 2


def test_a_client_system_may_assign_but_not_while_paused(act, refused, make, last_event):
    """L-19, L-50"""
    work = make.work()
    key, worker = Actor.of_key("client"), make.worker()
    act(projects.pause, work.admin, work.project.id)
    refused("project_paused", lifecycle.assign_task, key, work.task.id, worker)
    act(projects.resume, work.admin, work.project.id)
    act(lifecycle.assign_task, key, work.task.id, worker)
    assert last_event("task_assigned").note == "api"


@pytest.mark.parametrize(
    "status", [S.PROCESSING, S.REVIEWING, S.POST_REVIEW_PROCESSING, S.COMPLETE]
)
def test_only_tasks_of_the_pool_can_be_assigned(make, refused, status):
    work = make.work(status)
    error = refused("wrong_status", lifecycle.assign_task, work.admin, work.task.id, make.worker())
    assert status.label in error.message


def test_a_task_that_was_just_taken_says_so_to_who_was_slower(make, session):
    """L-47: pick-up and offers"""
    work = make.work(S.PROCESSING)
    with pytest.raises(AlreadyTaken):
        assignments.require_in_pool(lock_task(session, work.task.id), raced=True)


def test_refusals_of_an_assignment_come_in_their_order(make, act, refused, session):
    """L-47: each step of the way lifts the first refusal, and meets the next."""
    work = make.work(S.PENDING_REVIEW, after=[step("machine", human=False)])
    stranger, holder = make.worker(is_active=False), work.workers[work.writer.name]
    workers = Actor.of(stranger)
    machine = make.task(work.project, "machine")

    refused("not_found", lifecycle.assign_task, work.admin, 999, None)
    refused("forbidden", lifecycle.assign_task, workers, 999, None)
    act(projects.abort, work.admin, make.work(S.PROCESSING).project.id)
    refused("wrong_step_kind", lifecycle.assign_task, work.admin, machine.id, None)
    refused("not_found", lifecycle.assign_task, work.admin, work.task.id, None)
    refused("worker_inactive", lifecycle.assign_task, work.admin, work.task.id, stranger)
    holder.is_active = False
    refused("worker_inactive", lifecycle.assign_task, work.admin, work.task.id, holder)
    holder.is_active = True
    refused("already_on_task", lifecycle.assign_task, work.admin, work.task.id, holder)


def test_a_closed_project_refuses_before_anything_else(make, act, refused):
    """L-19"""
    work = make.work(S.PROCESSING, after=[step("machine", human=False)])
    act(projects.abort, work.admin, work.project.id)
    for slug in ("machine", "write"):
        task = make.task(work.project, slug)
        refused("project_closed", lifecycle.assign_task, work.admin, task.id, None)


def test_who_lacks_the_certification_is_refused_by_its_name(make, act, refused):
    version = make.version(
        step("write", required_certifications=["writing"]), certifications=["writing"]
    )
    project, worker = make.project(version=version), make.worker()
    admin, task = make.actor(make.admin()), make.task(project, "write")
    error = refused("not_certified", lifecycle.assign_task, admin, task.id, worker)
    assert "writing" in error.message
    make.grant(worker, version.workflow.certifications[0], Role.ENTRY_LEVEL)
    act(lifecycle.assign_task, admin, task.id, worker)


def test_the_database_keeps_one_live_assignment_for_each_level(make, session):
    """L-5"""
    work = make.work(S.PROCESSING)
    session.add(Assignment(task_id=work.task.id, level=0, worker_id=make.worker().id))
    with pytest.raises(sa.exc.IntegrityError):
        session.flush()


def test_the_database_keeps_one_open_iteration_for_each_task(make, session):
    """L-5"""
    work = make.work(S.PROCESSING)
    session.add(Iteration(task_id=work.task.id, assignment_id=work.at(0).id, number=9))
    with pytest.raises(sa.exc.IntegrityError):
        session.flush()


# --- Reassign ---------------------------------------------------------------------------------


def test_reassigning_moves_the_work_as_it_is(make, act, session, verbs, last_event):
    """L-84"""
    work = make.work(S.POST_REVIEW_PROCESSING)
    assignment, successor = work.at(0), make.worker()
    revision, data = assignment.revision, assignment.data
    verbs()

    act(interventions.reassign, work.admin, assignment.id, successor)

    assert (assignment.worker_id, assignment.revision) == (successor.id, revision)
    assert (assignment.status, assignment.data) == ("processing", data)
    assert work.task.status is S.POST_REVIEW_PROCESSING
    session.refresh(assignment)
    closed, still_open = assignment.iterations
    assert closed.worker_id == work.writer.worker_id
    assert still_open.worker_id == successor.id
    assert verbs() == ["task_reassigned"]
    assert last_event("task_reassigned").before == {"worker_id": work.writer.worker_id}


def test_a_submitted_assignment_can_be_reassigned_and_gets_what_is_returned(make, act):
    """L-85"""
    work = make.work(S.REVIEWING)
    successor = make.worker()
    act(interventions.reassign, work.admin, work.at(0).id, successor)
    work.hand_over(work.reviewer, "return")
    assert work.at(0).worker_id == successor.id
    assert work.at(0).status == "processing"


@pytest.mark.parametrize("status", [S.PROCESSING, S.POST_REVIEW_PROCESSING])
def test_who_was_replaced_is_forbidden_to_go_on(make, act, refused, status):
    """L-86, also before their first hand-over"""
    work = make.work(status)
    revision = work.at(0).revision
    act(interventions.reassign, work.admin, work.at(0).id, make.worker())
    refused("forbidden", lifecycle.save_draft, work.writer, work.task.id, {}, revision)
    refused(
        "forbidden",
        lifecycle.hand_over,
        work.writer,
        work.task.id,
        "submit",
        data={},
        revision=revision,
    )


def test_refusals_of_a_reassignment_come_in_their_order(make, act, refused):
    """L-83, L-141"""
    work = make.work(S.REVIEWING)
    held, disabled = work.at(1), make.worker(is_active=False)
    reviewer, writer = (work.workers[actor.name] for actor in (work.reviewer, work.writer))
    refused("not_found", interventions.reassign, work.admin, 999, None)
    refused("forbidden", interventions.reassign, work.reviewer, held.id, disabled)
    refused("not_found", interventions.reassign, work.admin, held.id, None)
    refused("worker_inactive", interventions.reassign, work.admin, held.id, disabled)
    refused("already_on_task", interventions.reassign, work.admin, held.id, reviewer)
    refused("already_on_task", interventions.reassign, work.admin, held.id, writer)
    work.hand_over(work.reviewer, "accept")
    refused("wrong_status", interventions.reassign, work.admin, held.id, None)


def test_the_holder_whose_account_was_disabled_is_refused_as_inactive(make, refused, session):
    """L-83: the account comes before the assignment"""
    work = make.work(S.PROCESSING)
    holder = work.workers[work.writer.name]
    holder.is_active = False
    session.flush()
    refused("worker_inactive", interventions.reassign, work.admin, work.at(0).id, holder)


def test_a_discarded_assignment_is_not_found(make, act, refused):
    work = make.work(S.PROCESSING)
    held = work.at(0)
    act(interventions.unassign, work.admin, held.id)
    refused("not_found", interventions.reassign, work.admin, held.id, make.worker())
    refused("not_found", interventions.unassign, work.admin, held.id)


def test_a_successor_must_be_eligible_for_the_level(make, act, refused):
    version = make.version(
        step("write", required_certifications=["writing"]), certifications=["writing"]
    )
    project, worker, other = make.project(version=version), make.worker(), make.worker()
    make.grant(worker, version.workflow.certifications[0])
    admin = make.actor(make.admin())
    task = make.task(project, "write")
    held = act(lifecycle.assign_task, admin, task.id, worker)
    refused("not_certified", interventions.reassign, admin, held.id, other)


# --- Unassign ---------------------------------------------------------------------------------


def test_an_unassigned_task_keeps_its_draft_for_the_next_worker(make, act, verbs, session):
    """L-88, L-49"""
    work = make.work(S.PROCESSING)
    act(lifecycle.save_draft, work.writer, work.task.id, {"half": "done"}, 1)
    held = work.at(0)
    verbs()

    act(interventions.unassign, work.admin, held.id)

    assert work.task.status is S.AWAITING_PROCESSING
    assert held.discarded_at
    session.refresh(held)
    assert [iteration.discarded_at is not None for iteration in held.iterations] == [True]
    assert verbs() == ["task_unassigned"]
    assert work.assign(work.reviewer).data == {"half": "done"}


def test_the_kept_draft_is_given_once_and_at_its_level_only(make, act):
    work = make.work(S.REVIEWING)
    act(lifecycle.save_draft, work.reviewer, work.task.id, {"opinion": "good"}, 1)
    act(interventions.unassign, work.admin, work.at(1).id)
    assert work.task.status is S.PENDING_REVIEW

    assert work.assign(work.reviewer).data == {"opinion": "good"}
    assert work.task.kept_drafts == {}


def test_an_unassigned_worker_may_get_the_task_again(make, act):
    work = make.work(S.PROCESSING)
    act(interventions.unassign, work.admin, work.at(0).id)
    again = work.assign(work.writer)
    assert again.iterations[0].number == 2


@pytest.mark.parametrize("status", [S.PENDING_REVIEW, S.POST_REVIEW_PROCESSING, S.COMPLETE])
def test_work_that_is_handed_over_or_returned_cannot_be_put_back(make, refused, status):
    """L-87"""
    work = make.work(status)
    refused("wrong_status", interventions.unassign, work.admin, work.at(0).id)


def test_only_the_assignment_in_processing_can_be_put_back(make, refused):
    work = make.work(S.REVIEWING)
    refused("wrong_status", interventions.unassign, work.admin, work.at(0).id)


def test_only_a_project_admin_puts_back(make, refused):
    work = make.work(S.PROCESSING)
    refused("forbidden", interventions.unassign, work.writer, work.at(0).id)
