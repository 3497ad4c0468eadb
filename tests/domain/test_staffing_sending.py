"""A batch that is sent: under the lock, once, and with what the offers say (S-21 to S-32)."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from orchestra.domain import projects, staffing, staffing_batches
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.message_texts import Kind
from orchestra.models import (
    AuditEvent,
    Message,
    OfferState,
    RequestState,
    StaffingBatch,
    StaffingRequest,
    Task,
    TaskStatus,
    Verb,
)
from tests.builders import step
from tests.staffers import HOUR, let_pass, offer_to, offers_of, send_batches, staff


def test_nothing_is_sent_in_a_pause_and_its_time_does_not_count(session, make, change_settings):
    """S-25, R-10"""
    change_settings(staffbot_worker_batch_size=1)
    work = make.work()
    request = staff(session, work.task.id)
    [offer] = offers_of(session, request)
    sent_at, expires_at = request.last_batch_at, offer.expires_at
    projects.pause(session, work.admin, work.project.id)
    let_pass(session, request)
    work.project.paused_at -= HOUR
    assert send_batches(session) == 0

    projects.resume(session, work.admin, work.project.id)

    assert send_batches(session) == 0
    [offer] = offers_of(session, request)
    session.refresh(request)
    assert abs(request.last_batch_at - sent_at) < timedelta(minutes=1)
    assert abs(offer.expires_at - expires_at) < timedelta(minutes=1)


def test_of_two_schedulers_with_the_same_plan_one_sends_it(session, make):
    """S-21"""
    work = make.work()
    request = staffing.staff(session, SYSTEM, work.task.id)
    session.flush()
    [plan] = staffing_batches.plans(session, [request.id])
    session.expunge(plan.request)

    assert staffing_batches.send(session, [plan]).asked == 3
    session.flush()
    assert staffing_batches.send(session, [plan]).asked == 0
    assert len(offers_of(session, request)) == 3


def test_a_plan_is_not_sent_when_somebody_took_the_task_meanwhile(session, make):
    """S-20, S-21"""
    work = make.work()
    request = staffing.staff(session, SYSTEM, work.task.id)
    session.flush()
    [plan] = staffing_batches.plans(session, [request.id])
    session.expunge(plan.request)
    work.assign(work.writer)

    assert staffing_batches.send(session, [plan]).asked == 0


@pytest.mark.parametrize("state", [RequestState.FILLED, RequestState.CANCELLED])
def test_a_request_that_was_closed_since_it_was_due_stays_closed(session, make, state):
    """S-3, S-11: between the look at what is due and the look at the workers somebody took it."""
    work = make.work()
    request = staffing.staff(session, SYSTEM, work.task.id)
    session.flush()
    request_ids = staffing_batches.due(session)
    if state is RequestState.FILLED:
        work.assign(work.writer)
    else:
        staffing.cancel(session, work.admin, request.id)

    session.flush()
    staffing_batches.send(session, staffing_batches.plans(session, request_ids))

    session.refresh(request)
    assert request.state is state


def test_a_batch_that_another_process_sent_since_it_was_due_is_not_followed_at_once(
    session, make, change_settings
):
    """S-19, S-21: the first batch and a tick that wanted it as well."""
    change_settings(staffbot_worker_batch_size=1)
    request = staffing.staff(session, SYSTEM, make.work().task.id)
    session.flush()
    request_ids = staffing_batches.due(session)
    assert send_batches(session) == 1

    assert staffing_batches.plans(session, request_ids) == []
    let_pass(session, request)
    assert len(staffing_batches.plans(session, request_ids)) == 1


@pytest.fixture
def group(session, make):
    """Plans for three requests, two of them of one project, and these requests.

    The first looks for a reviewer and the second for a replacement on the same task.
    """
    work = make.work(TaskStatus.PENDING_REVIEW)
    requests = [
        staffing.staff(session, SYSTEM, work.task.id),
        staffing.restaff(session, SYSTEM, work.task.id, work.writer.name),
        staffing.staff(session, SYSTEM, make.task(make.project(step("a")), "a").id),
    ]
    session.flush()
    plans = staffing_batches.plans(session, [request.id for request in requests])
    session.expunge_all()
    return plans, requests


def asked_by(session, requests):
    """Who got an offer of each request, and who was told of it how often, by request."""
    found = []
    for request in requests:
        offers = offers_of(session, request)
        causes = [f"offer:{offer.id}" for offer in offers]
        told = session.execute(
            sa.select(Message.worker_id).where(
                Message.cause.in_(causes), Message.channel == "inbox"
            )
        )
        found.append(([offer.worker_id for offer in offers], sorted(told.scalars())))
    return found


def test_requests_that_are_sent_together_are_asked_each_for_itself(session, group):
    """S-21, S-26, S-46, M-2: a worker has an offer of each, and is told of each once."""
    plans, requests = group

    assert staffing_batches.send(session, plans).asked == sum(len(p.judged.chosen) for p in plans)

    found = asked_by(session, requests)
    assert [offered for offered, _ in found] == [list(plan.judged.chosen) for plan in plans]
    assert all(sorted(offered) == told for offered, told in found)
    to_all = set.intersection(*(set(offered) for offered, _ in found))
    assert len(to_all) >= 2
    batches = session.execute(sa.select(StaffingBatch.request_id, StaffingBatch.verdicts)).all()
    assert dict(map(tuple, batches)) == {
        plan.request.id: dict(plan.judged.verdicts) for plan in plans
    }
    events = sa.select(AuditEvent.object_id, AuditEvent.project_id, AuditEvent.after)
    for plan, row in zip(
        plans, session.execute(events.where(AuditEvent.verb == Verb.OFFER_SENT)), strict=True
    ):
        assert row.object_id == plan.request.id
        assert row.after["worker_ids"] == list(plan.judged.chosen)
    assert all(session.get(StaffingRequest, r.id).last_batch_at for r in requests)


def test_of_requests_that_are_sent_together_only_what_changed_is_left_out(session, make, group):
    """S-21, S-25: a pause, and an end of the search, since the workers were looked at."""
    plans, requests = group
    staffing.cancel(session, Actor.of(make.admin()), requests[1].id)
    projects.pause(session, SYSTEM, session.get(Task, requests[2].task_id).project_id)
    session.flush()
    session.expunge_all()

    assert staffing_batches.send(session, plans).asked == len(plans[0].judged.chosen)
    assert [bool(offered) for offered, _ in asked_by(session, requests)] == [True, False, False]


def test_an_offer_says_what_is_offered_to_whom(session, make):
    """S-27, S-28, S-30"""
    work = make.work(
        TaskStatus.PENDING_REVIEW,
        name="Write <it>",
        description="Write a\nstory.",
        detailed_description_function={"path": "tests.steps.describe", "kwargs": {"by": "noon"}},
    )
    work.workers[work.reviewer.name].first_name = "Rita"
    session.flush()

    request = staff(session, work.task.id)

    offer = offer_to(session, request, work.workers[work.reviewer.name])
    message = session.scalars(
        sa.select(Message).where(
            Message.kind == Kind.OFFER,
            Message.worker_id == work.reviewer.worker_id,
            Message.channel == "inbox",
        )
    ).one()
    assert message.subject == "Review of Write <it> waits for you: A project"
    assert message.url.startswith(f"/orchestra/communication/offers/{offer.id}-")
    for words in (
        "Hello Rita,",
        "Review of Write <it>: Write a story.",
        "Project: A project",
        f"Task: {work.task.id}",
        "Level 1 of write, by noon",
        message.url,
        "/orchestra/communication/available_staffing_requests/",
        "/orchestra/accounts/communication_preference_settings/",
    ):
        assert words in message.text
    assert offer.detail == "Level 1 of write, by noon"


@pytest.mark.parametrize(
    "path",
    [
        "tests.steps.fail_to_name",
        "tests.steps.fail_with_anything",
        "tests.steps.fail_without_words",
        "tests.steps.give_what_cannot_be_looked_at",
        "tests.steps.describe_by_number",
        "tests.steps.gone",
    ],
)
def test_an_offer_goes_out_without_a_description_that_fails(session, make, path):
    """S-29: project admins see why."""
    work = make.work(detailed_description_function={"path": path})

    request = staff(session, work.task.id)

    assert {offer.detail for offer in offers_of(session, request)} == {None}
    assert path in request.detail_problem
    event = session.scalars(sa.select(AuditEvent).where(AuditEvent.verb == Verb.OFFER_SENT)).one()
    assert path in event.after["problem"]


def test_a_description_may_hold_what_no_database_takes(session, make):
    """S-24, S-29: otherwise one author's text would keep back all offers, at every tick."""
    path = "tests.steps.describe_with_anything"
    work = make.work(detailed_description_function={"path": path})

    request = staff(session, work.task.id)

    assert {offer.detail for offer in offers_of(session, request)} == {"by\\0 \\ud800noon"}


def test_an_offer_is_good_for_as_long_as_the_settings_say(session, make, change_settings):
    """S-32"""
    change_settings(staffbot_offer_seconds=timedelta(0))
    request = staff(session, make.work().task.id)
    assert {offer.expires_at for offer in offers_of(session, request)} == {None}

    change_settings(staffbot_offer_seconds=HOUR)
    request = staff(session, request.task_id)
    for offer in offers_of(session, request):
        assert abs(offer.expires_at - offer.sent_at - HOUR) < timedelta(seconds=1)
    assert {offer.state for offer in offers_of(session, request)} == {OfferState.SENT}
