"""Links of offers, and what is answered to them (S-31 to S-46)."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from orchestra.domain import interventions, offer_links, offers, projects, staffing
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.message_texts import Kind
from orchestra.errors import NotFound
from orchestra.models import (
    Channel,
    Message,
    OfferState,
    RequestState,
    TaskStatus,
    Verb,
    Worker,
)
from tests.builders import step
from tests.staffers import HOUR, let_pass, offer_to, offers_of, send_batches, staff


@pytest.fixture
def offered(session, make):
    """Work whose level is offered to everybody; gives it with the request."""

    def prepared(status=TaskStatus.AWAITING_PROCESSING, **keys):
        work = make.work(status, **keys)
        return work, staff(session, work.task.id)

    return prepared


def actor_of(session, offer):
    return Actor.of(session.get(Worker, offer.worker_id))


# --- Links ------------------------------------------------------------------------------------


def test_a_link_finds_the_offer_for_the_one_who_was_asked(session, app, offered):
    """S-31, S-33"""
    _, request = offered()
    offer, other = offers_of(session, request)[:2]
    settings = app.config["SETTINGS"]
    token = offer_links.token_of(settings, offer.id)
    worker, stranger = session.get(Worker, offer.worker_id), session.get(Worker, other.worker_id)

    assert offers.find(session, worker, token) is offer
    changed = token[:-1] + ("A" if token[-1] != "A" else "B")
    foreign = offer_links.token_of(settings, other.id)
    for seen_by, wrong in [
        (stranger, token),
        (worker, changed),
        (worker, f"{offer.id}-{foreign.partition('-')[2]}"),
        (worker, foreign),
        *(
            (worker, text)
            for text in ("", "-", str(offer.id), f"{offer.id}-", "x-y", "¹-é", "9" * 400)
        ),
    ]:
        with pytest.raises(NotFound):
            offers.find(session, seen_by, wrong)


def test_the_signature_of_a_link_has_128_bits_and_depends_on_the_secret(app):
    """S-31"""
    settings = app.config["SETTINGS"]
    token = offer_links.token_of(settings, 17)
    assert len(token.partition("-")[2]) == 22
    other = replace(settings, secret_key="another secret key that is long enough")
    assert offer_links.token_of(other, 17) != token


# --- Accept -----------------------------------------------------------------------------------


def test_who_accepts_gets_the_task_and_the_others_have_lost(session, offered, act, verbs):
    """S-35, S-36, S-37"""
    work, request = offered()
    offer = offer_to(session, request, work.workers[work.writer.name])
    verbs()

    act(offers.accept, work.writer, offer.id)

    assert work.at(0).worker_id == work.writer.worker_id
    assert (request.state, request.closed_reason) == (RequestState.FILLED, "offer")
    assert sorted(o.state for o in offers_of(session, request)) == ["accepted", "lost", "lost"]
    assert verbs() == [Verb.TASK_ASSIGNED, Verb.STAFFING_CLOSED, Verb.OFFER_ANSWERED]


def test_accepting_twice_is_the_same_success(session, offered, act, verbs):
    """S-35"""
    work, request = offered()
    offer = offer_to(session, request, work.workers[work.writer.name])
    act(offers.accept, work.writer, offer.id)
    verbs()

    assert act(offers.accept, work.writer, offer.id).state is OfferState.ACCEPTED
    assert verbs() == []


def test_who_comes_too_late_hears_since_when(session, offered, act, refused):
    """S-38"""
    work, request = offered()
    mine = offer_to(session, request, work.workers[work.writer.name])
    late = offer_to(session, request, work.workers[work.reviewer.name])
    act(offers.accept, work.writer, mine.id)

    error = refused("offer_closed", offers.accept, work.reviewer, late.id)

    assert "already taken" in str(error)
    assert work.writer.name not in str(error)
    assert error.details["since"] == request.closed_at


@pytest.fixture
def certified(session, make):
    """A worker whose certification brought them an offer: actor, offer, certificate, project."""
    version = make.version(
        step("write", required_certifications=["words"]), step("other"), certifications=["words"]
    )
    project = make.project(version=version)
    worker = make.worker()
    held = make.grant(worker, version.workflow.certifications[0])
    [offer] = offers_of(session, staff(session, make.task(project, "write").id))
    return Actor.of(worker), offer, held, project


def test_refusals_of_accepting_for_what_the_offer_is_come_in_their_order(
    session, make, certified, act, refused
):
    """S-35: whatever comes first in the list is said, though what follows fits as well."""
    me, offer, held, project = certified
    act(offers.decline, me, offer.id)
    session.delete(held)
    session.flush()

    refused("not_found", offers.accept, Actor.of(make.admin()), offer.id)
    refused("not_found", offers.accept, me, 999)
    act(projects.pause, SYSTEM, project.id)
    refused("project_paused", offers.accept, me, offer.id)
    act(projects.resume, SYSTEM, project.id)
    refused("not_certified", offers.accept, me, offer.id)
    act(staffing.cancel, SYSTEM, offer.request_id)
    error = refused("offer_closed", offers.accept, me, offer.id)
    assert "This offer was withdrawn" in str(error)
    act(projects.abort, SYSTEM, project.id)
    refused("project_closed", offers.accept, me, offer.id)


def test_refusals_of_accepting_for_what_the_worker_has_come_in_their_order(
    session, make, certified, refused, change_settings
):
    """S-35, P-36: a lost certification, work in progress, returned work."""
    change_settings(max_in_progress_tasks=1)
    me, offer, held, _ = certified
    occupied = make.work()
    occupied.workers[me.name] = session.get(Worker, me.worker_id)
    occupied.assign(me)

    refused("limit_reached", offers.accept, me, offer.id)
    occupied.hand_over(me)
    occupied.assign(occupied.reviewer)
    occupied.hand_over(occupied.reviewer, "return")
    refused("returned_work_first", offers.accept, me, offer.id)
    session.delete(held)
    session.flush()
    refused("not_certified", offers.accept, me, offer.id)


def test_a_refused_answer_leaves_the_offer_as_it_was(session, offered, refused):
    """S-37"""
    work, request = offered()
    other = work.workers[work.writer.name]
    offer = offer_to(session, request, other)
    work.workers[work.writer.name].is_active = False
    session.flush()

    refused("worker_inactive", offers.accept, work.writer, offer.id)

    assert offer_to(session, request, other).state is OfferState.SENT


def test_an_accepted_replacement_takes_the_work_over_as_it_is(session, make, act, verbs):
    """S-45, L-83 to L-86"""
    work = make.work(TaskStatus.REVIEWING)
    before = work.at(1)
    revision, data = before.revision, dict(before.data)
    request = staffing.restaff(session, work.admin, work.task.id, work.reviewer.name)
    newcomer = make.worker()
    send_batches(session)
    verbs()

    act(offers.accept, Actor.of(newcomer), offer_to(session, request, newcomer).id)

    after = work.at(1)
    assert (after.id, after.worker_id) == (before.id, newcomer.id)
    assert (after.revision, after.data, work.task.status) == (revision, data, TaskStatus.REVIEWING)
    assert verbs() == [Verb.TASK_REASSIGNED, Verb.STAFFING_CLOSED, Verb.OFFER_ANSWERED]
    assert inbox_of(session, work.reviewer.worker_id, Kind.REASSIGNED_AWAY)


def inbox_of(session, worker_id, kind):
    session.flush()
    query = sa.select(Message).where(
        Message.worker_id == worker_id, Message.kind == kind, Message.channel == Channel.INBOX
    )
    return list(session.scalars(query))


def test_work_that_was_submitted_meanwhile_is_taken_over_too(session, make, act):
    """S-47, L-85"""
    work = make.work(TaskStatus.PROCESSING)
    request = staffing.restaff(session, work.admin, work.task.id, work.writer.name)
    send_batches(session)
    work.hand_over(work.writer)

    act(offers.accept, work.reviewer, offer_to(session, request, find(work, work.reviewer)).id)

    assert work.at(0).worker_id == work.reviewer.worker_id
    assert work.task.status is TaskStatus.PENDING_REVIEW


def find(work, actor):
    return work.workers[actor.name]


def test_work_of_a_task_that_is_complete_cannot_be_taken_over(session, make, act, refused):
    """S-11, S-47"""
    work = make.work(TaskStatus.PROCESSING)
    request = staffing.restaff(session, work.admin, work.task.id, work.writer.name)
    send_batches(session)
    act(interventions.skip_task, work.admin, work.task.id)

    offer = offer_to(session, request, find(work, work.reviewer))
    refused("offer_closed", offers.accept, work.reviewer, offer.id)


# --- Decline ----------------------------------------------------------------------------------


def test_a_declined_offer_can_still_be_accepted(session, offered, act):
    """S-40, S-41"""
    work, request = offered()
    offer = offer_to(session, request, find(work, work.writer))
    for _ in range(2):
        assert act(offers.decline, work.writer, offer.id).state is OfferState.DECLINED

    act(offers.accept, work.writer, offer.id)

    assert work.at(0).worker_id == work.writer.worker_id


def test_what_was_accepted_is_not_declined(session, offered, act, refused):
    """S-40"""
    work, request = offered()
    mine = offer_to(session, request, find(work, work.writer))
    other = offer_to(session, request, find(work, work.reviewer))
    act(offers.accept, work.writer, mine.id)

    assert "project admin" in str(refused("conflict", offers.decline, work.writer, mine.id))
    refused("offer_closed", offers.decline, work.reviewer, other.id)
    refused("not_found", offers.decline, work.writer, other.id)


def test_an_offer_can_be_declined_in_a_pause(session, offered, act):
    """L-19"""
    work, request = offered()
    act(projects.pause, work.admin, work.project.id)
    offer = offer_to(session, request, find(work, work.writer))

    assert act(offers.decline, work.writer, offer.id).state is OfferState.DECLINED


# --- Time -------------------------------------------------------------------------------------


def test_an_old_offer_cannot_be_accepted_before_and_after_the_sweep(
    session, offered, refused, change_settings
):
    """S-32, S-35, L-136: the worker counts as asked."""
    change_settings(staffbot_offer_seconds=HOUR)
    work, request = offered()
    let_pass(session, request, 2 * HOUR)
    offer = offer_to(session, request, find(work, work.writer))

    refused("offer_closed", offers.accept, work.writer, offer.id)
    offers.expire_old(session)
    assert {o.state for o in offers_of(session, request)} == {OfferState.EXPIRED}
    error = refused("offer_closed", offers.accept, work.writer, offer.id)
    assert error.details["since"] == offer.expires_at
    assert send_batches(session) == 0


def test_an_offer_does_not_expire_in_a_pause(session, offered, act, refused, change_settings):
    """S-25"""
    change_settings(staffbot_offer_seconds=HOUR)
    work, request = offered()
    act(projects.pause, work.admin, work.project.id)
    let_pass(session, request, 2 * HOUR)
    offer = offer_to(session, request, find(work, work.writer))

    offers.expire_old(session)
    refused("project_paused", offers.accept, work.writer, offer.id)
    assert offer_to(session, request, find(work, work.writer)).state is OfferState.SENT


# --- Available tasks --------------------------------------------------------------------------


def test_available_are_offers_that_can_be_accepted_now(
    session, make, act, statements, change_settings
):
    """S-44: by priority, then by age; in a constant number of queries."""
    change_settings(staffbot_worker_batch_size=50)
    worker = make.worker()
    me = Actor.of(worker)
    works = {name: make.work() for name in ("old", "new", "declined", "paused", "filled", "urgent")}
    works["urgent"].project.priority = 5
    requests = {name: staff(session, work.task.id) for name, work in works.items()}
    let_pass(session, requests["old"])
    act(offers.decline, me, offer_to(session, requests["declined"], worker).id)
    act(projects.pause, SYSTEM, works["paused"].project.id)
    works["filled"].assign(works["filled"].writer)

    found = offers.available(session, worker.id)

    wanted = [works[name].task.id for name in ("urgent", "old", "new")]
    assert [offer.task_id for offer in found] == wanted
    assert offers.count_available(session, worker.id) == 3
    assert offers.find(session, worker, found[0].token).id == found[0].id
    session.expire_all()
    with statements() as seen:
        offers.available(session, worker.id)
    assert len(seen) <= 3
