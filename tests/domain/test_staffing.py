"""Requests: opened by hand, by policy, and closed by whatever makes them needless (S-1 to S-12)."""

import pytest
import sqlalchemy as sa

from orchestra.domain import interventions, lifecycle, pickup, projects, revert, staffing
from orchestra.domain.audit import SYSTEM
from orchestra.models import (
    AuditEvent,
    OfferState,
    RequestCause,
    RequestState,
    Role,
    StaffingRequest,
    TaskStatus,
    Verb,
)
from orchestra.outbox import Job
from tests.builders import step
from tests.staffers import offers_of, send_batches, staff

AUTOASSIGN = {"path": "orchestra.bots.assignment_policies.staffbot_autoassign"}
P, R = TaskStatus.PROCESSING, TaskStatus.REVIEWING


def requests_of(session, task):
    session.flush()
    query = sa.select(StaffingRequest).where(StaffingRequest.task_id == task.id)
    return list(session.scalars(query.order_by(StaffingRequest.id)))


def test_staffing_a_task_looks_for_the_level_that_is_free(session, make, act, jobs):
    """S-5, S-6, L-48"""
    work = make.work(TaskStatus.PENDING_REVIEW)

    request = act(staffing.staff, work.admin, work.task.id)

    assert (request.level, request.state) == (1, RequestState.OPEN)
    assert (request.cause, request.requested_by) == (RequestCause.USER, work.admin.name)
    assert (Job.SEND_FIRST_BATCH, {"request_id": request.id}) in jobs()


def test_refusals_of_staffing_come_in_their_order(session, make, act, refused):
    """S-5, L-19, P-20"""
    work = make.work(TaskStatus.PROCESSING, after=[step("print", human=False)])
    machine = make.task(work.project, "print")

    refused("forbidden", staffing.staff, work.writer, 999)
    refused("not_found", staffing.staff, work.admin, 999)
    refused("wrong_step_kind", staffing.staff, work.admin, machine.id)
    error = refused("wrong_status", staffing.staff, work.admin, work.task.id)
    for words in ("Processing", work.writer.name, "restaff"):
        assert words in str(error)
    act(projects.pause, work.admin, work.project.id)
    refused("project_paused", staffing.staff, work.admin, work.task.id)
    act(projects.abort, work.admin, work.project.id)
    refused("project_closed", staffing.staff, work.admin, work.task.id)


def test_asking_again_asks_everybody_anew(session, make):
    """S-6, S-7, S-4"""
    work = make.work()
    before = staff(session, work.task.id)

    after = staff(session, work.task.id)

    assert (before.state, before.closed_reason) == (RequestState.CANCELLED, "asked again")
    assert {offer.state for offer in offers_of(session, before)} == {OfferState.LOST}
    assert {offer.state for offer in offers_of(session, after)} == {OfferState.SENT}
    assert len(offers_of(session, after)) == len(offers_of(session, before)) == 3


def test_restaffing_looks_for_somebody_instead_of_who_has_the_task(session, make, act):
    """S-8, S-9"""
    work = make.work(TaskStatus.REVIEWING)

    request = act(staffing.restaff, work.admin, work.task.id, work.reviewer.name)

    assert (request.level, request.cause) == (1, RequestCause.RESTAFF)
    assert request.replaces_id == work.at(1).id
    assert work.at(1).worker_id == work.reviewer.worker_id


def test_refusals_of_restaffing_come_in_their_order(session, make, act, refused):
    """S-8"""
    work = make.work(TaskStatus.PROCESSING, after=[step("print", human=False)])
    machine = make.task(work.project, "print")
    name = work.writer.name

    refused("forbidden", staffing.restaff, work.writer, 999, name)
    refused("not_found", staffing.restaff, work.admin, 999, name)
    refused("wrong_step_kind", staffing.restaff, work.admin, machine.id, name)
    refused("not_found", staffing.restaff, work.admin, work.task.id, "nobody")
    error = refused("not_found", staffing.restaff, work.admin, work.task.id, work.reviewer.name)
    assert work.writer.name in str(error)
    act(interventions.skip_task, work.admin, work.task.id)
    refused("wrong_status", staffing.restaff, work.admin, work.task.id, name)


@pytest.mark.parametrize("name", ["Writer", "@writer", "pen", "@Pen", "<@U017>", "<@U017|pen>"])
def test_who_is_replaced_is_named_by_username_slack_name_or_mention(session, make, name):
    """S-8, S-60"""
    writer = make.worker("writer", slack_name="@pen", slack_user_id="U017")
    make.worker("other", slack_name="brush")

    assert staffing.named(session, name) is writer


def test_a_slack_name_of_several_is_refused_with_the_list_of_usernames(session, make, refused):
    """S-10; a username is nobody else's."""
    for username in ("ann", "bea"):
        make.worker(username, slack_name="sunny")
    make.worker("sunshine", slack_name="ann")

    error = refused("invalid", staffing.named, "sunny")
    assert "ann, bea" in str(error)
    assert staffing.named(session, "ann").username == "ann"


def skip(act, work):
    act(interventions.skip_task, work.admin, work.task.id)


def assign(act, work):
    act(lifecycle.assign_task, work.admin, work.task.id, work.workers[work.writer.name])


def pick_up(act, work):
    act(pickup.pick_up, work.writer, Role.ENTRY_LEVEL)


def abort(act, work):
    act(projects.abort, work.admin, work.project.id)


@pytest.mark.parametrize(
    ("end", "state", "reason"),
    [
        (skip, RequestState.CANCELLED, "complete"),
        (assign, RequestState.FILLED, "admin"),
        (pick_up, RequestState.FILLED, "pick-up"),
        (abort, RequestState.CANCELLED, "aborted"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_request_ends_with_what_makes_it_needless(session, make, act, end, state, reason):
    """S-11, L-49, L-79, L-104, P-42: in the same transaction, and its offers are lost."""
    work = make.work()
    request = staff(session, work.task.id)

    end(act, work)

    assert (request.state, request.closed_reason) == (state, reason)
    assert request.closed_at is not None
    assert {offer.state for offer in offers_of(session, request)} == {OfferState.LOST}


def test_a_request_for_a_replacement_outlives_a_submit(session, make, act):
    """S-9, S-11, S-47: it ends when the work is reassigned."""
    work = make.work(TaskStatus.PROCESSING)
    act(staffing.restaff, work.admin, work.task.id, work.writer.name)

    work.hand_over(work.writer)
    work.assign(work.reviewer)
    assert requests_of(session, work.task)[0].state is RequestState.OPEN

    act(interventions.reassign, work.admin, work.at(0).id, make.worker())
    [request] = requests_of(session, work.task)
    assert (request.state, request.closed_reason) == (RequestState.FILLED, "admin")


def test_putting_a_task_back_ends_the_search_for_a_replacement(session, make, act):
    """L-88"""
    work = make.work(TaskStatus.PROCESSING)
    request = act(staffing.restaff, work.admin, work.task.id, work.writer.name)

    act(interventions.unassign, work.admin, work.at(0).id)

    assert (request.state, request.closed_reason) == (RequestState.CANCELLED, "unassigned")


def test_a_revert_ends_every_search_of_the_task(session, make, act):
    """L-97"""
    work = make.work(TaskStatus.REVIEWING)
    before = [
        act(staffing.restaff, work.admin, work.task.id, actor.name)
        for actor in (work.writer, work.reviewer)
    ]

    act(
        revert.revert_task,
        work.admin,
        work.task.id,
        iteration_id=None,
        revert_before=True,
        commit=True,
    )

    assert {request.closed_reason for request in before} == {"reverted"}


def test_a_request_can_be_cancelled_once(session, make, act, refused):
    """S-12, S-3"""
    work = make.work()
    request = staff(session, work.task.id)

    refused("forbidden", staffing.cancel, work.writer, request.id)
    refused("not_found", staffing.cancel, work.admin, 999)
    act(staffing.cancel, work.admin, request.id)
    refused("wrong_status", staffing.cancel, work.admin, request.id)

    assert request.state is RequestState.CANCELLED
    assert {offer.state for offer in offers_of(session, request)} == {OfferState.LOST}


def test_the_policy_looks_for_entry_level_and_for_a_reviewer(session, make):
    """L-42, D-36: when the task is created, and when it waits for its review."""
    policy = {"policy_function": {"entry_level": AUTOASSIGN, "reviewer": AUTOASSIGN}}
    work = make.work(TaskStatus.PENDING_REVIEW, assignment_policy=policy)

    first, second = requests_of(session, work.task)

    assert (first.cause, first.level, first.state) == (
        RequestCause.TASK_POLICY,
        0,
        RequestState.FILLED,
    )
    assert (second.cause, second.level, second.state) == (
        RequestCause.TASK_POLICY,
        1,
        RequestState.OPEN,
    )


def test_a_policy_that_was_missed_in_a_pause_looks_when_the_project_goes_on(session, make, act):
    """L-45, L-103"""
    policy = {"policy_function": {"reviewer": AUTOASSIGN}}
    work = make.work(TaskStatus.REVIEWING, assignment_policy=policy)
    act(projects.pause, work.admin, work.project.id)
    act(interventions.unassign, work.admin, work.at(1).id)
    assert len(requests_of(session, work.task)) == 1

    act(projects.resume, work.admin, work.project.id)

    assert [r.state for r in requests_of(session, work.task)][1:] == [RequestState.OPEN]


def test_requests_and_their_ends_are_events(session, make, act, verbs):
    """P-57, L-16"""
    work = make.work()
    verbs()

    request = act(staffing.staff, work.admin, work.task.id)
    send_batches(session)
    act(staffing.cancel, work.admin, request.id)

    assert verbs() == [Verb.STAFFING_OPENED, Verb.OFFER_SENT, Verb.STAFFING_CLOSED]
    events = session.scalars(sa.select(AuditEvent).where(AuditEvent.verb == Verb.OFFER_SENT))
    [sent] = events
    assert (sent.actor, sent.after["task"]) == (SYSTEM.name, work.task.id)
