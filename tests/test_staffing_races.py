"""Many who answer, ask and decide at the same moment: one has the task, all hear the truth."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from orchestra.database import utcnow
from orchestra.domain import lifecycle, offers, pickup, projects, staffing
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.message_texts import Kind
from orchestra.errors import (
    Forbidden,
    NotCertified,
    NotFound,
    OfferClosed,
    ProjectPaused,
    WrongStatus,
)
from orchestra.models import (
    Assignment,
    AuditEvent,
    Channel,
    Message,
    Offer,
    OfferState,
    Project,
    ProjectStatus,
    RequestCause,
    RequestState,
    Role,
    StaffingBatch,
    StaffingRequest,
    Task,
    TaskStatus,
    Tick,
    Verb,
    Worker,
    WorkerCertification,
)
from orchestra.outbox import Job
from orchestra.tasks.staffing import (
    TOGETHER,
    remind_workers_about_available_tasks,
    send_staffing_requests,
    warn_staffing_team_about_unstaffed_tasks,
)
from tests.builders import reviewed, step
from tests.faults.oracle import broken_invariants, doubled_effects

CROWD, ROUNDS = 50, 2


@pytest.fixture
def asked(session, make, change_settings):
    """A task that is offered to so many workers; gives its request and their offers."""

    crowd = []  # who is asked again in the next round

    def prepared(number, *, restaff=False, **keys):
        change_settings(staffbot_worker_batch_size=2 * CROWD, max_in_progress_tasks=0)
        project = make.project(step("write", review_policy=reviewed(), **keys), step("other"))
        task = make.task(project, "write")
        if restaff:
            holder = make.worker()
            lifecycle.assign_task(session, SYSTEM, task.id, holder)
            session.flush()
        crowd.extend(make.worker() for _ in range(number - len(crowd)))
        if restaff:
            request = staffing.restaff(session, SYSTEM, task.id, holder.username)
        else:
            request = staffing.staff(session, SYSTEM, task.id)
        session.commit()
        send_staffing_requests.run()
        mine = Offer.worker_id.in_([worker.id for worker in crowd])
        found = session.scalars(sa.select(Offer).where(Offer.request_id == request.id, mine)).all()
        session.commit()
        assert len(found) == number
        return request, found

    return prepared


def accept(offer):
    return lambda session: offers.accept(session, actor_of(session, offer), offer.id)


def actor_of(session, offer):
    return Actor.of(session.get_one(Worker, offer.worker_id))


def errors(results):
    return [result for result in results if isinstance(result, Exception)]


def one(session, model, row_id):
    return session.get_one(model, row_id, populate_existing=True)


def count(session, model, *conditions):
    return session.scalar(sa.select(sa.func.count()).select_from(model).where(*conditions))


def assert_intact(session):
    session.rollback()
    session.expire_all()
    assert broken_invariants(session) == []
    assert doubled_effects(session) == []
    live = {RequestState.OPEN, RequestState.EXHAUSTED}
    hanging = sa.select(Offer.id).join(StaffingRequest, StaffingRequest.id == Offer.request_id)
    is_hanging = (Offer.state == OfferState.SENT, StaffingRequest.state.not_in(live))
    assert session.scalars(hanging.where(*is_hanging)).all() == []
    session.commit()


@pytest.mark.timeout(1800)
def test_of_fifty_who_accept_at_once_one_has_the_task_and_the_others_hear_so(
    session, asked, at_once, is_long
):
    """R-2, S-39: one assignment, one set of messages, 49 honest answers, again and again."""
    for _ in range(200 if is_long else 2):
        request, crowd = asked(CROWD)

        results = at_once(*(accept(offer) for offer in crowd))

        refused = errors(results)
        assert len(refused) == CROWD - 1
        assert {type(error) for error in refused} == {OfferClosed}
        assert all("already taken" in str(error) for error in refused)
        assert count(session, Assignment, Assignment.task_id == request.task_id) == 1
        of_request = Offer.request_id == request.id
        assert count(session, Offer, of_request, Offer.state == OfferState.ACCEPTED) == 1
        told = (Message.task_id == request.task_id, Message.channel == Channel.INBOX)
        assert count(session, Message, *told, Message.kind == Kind.TASK_PICKED_UP) == 1
        is_mine = (AuditEvent.object_id == request.task_id, AuditEvent.object_kind == "task")
        assert count(session, AuditEvent, AuditEvent.verb == Verb.TASK_ASSIGNED, *is_mine) == 1
        assert one(session, StaffingRequest, request.id).state is RequestState.FILLED
        session.commit()
        projects.abort(session, SYSTEM, one(session, Task, request.task_id).project_id)
        session.commit()
    assert_intact(session)


@pytest.mark.timeout(1800)
def test_of_a_crowd_that_accepts_picks_up_and_is_assigned_one_gets_the_task(
    session, make, asked, at_once, is_long
):
    """R-2, P-42: 50 people come to one task by three ways, and each loser is told by their own."""
    admin, elsewhere = Actor.of(make.admin()), make.worker()
    for _ in range(200 if is_long else 1):
        request, crowd = asked(CROWD)
        project_id = one(session, Task, request.task_id).project_id
        make.hold(session.get_one(Project, project_id), "other", elsewhere)
        session.commit()
        ways = (accept, pick_up, assign_by(admin, request.task_id))

        results = at_once(*(ways[n % 3](offer) for n, offer in enumerate(crowd)))

        assert len(errors(results)) == CROWD - 1
        for way, refusal in enumerate((OfferClosed, NotFound, WrongStatus)):
            assert {type(error) for error in errors(results[way::3])} == {refusal}
        assert count(session, Assignment, Assignment.task_id == request.task_id) == 1
        told = (Message.task_id == request.task_id, Message.channel == Channel.INBOX)
        assert count(session, Message, *told, Message.kind == Kind.TASK_PICKED_UP) == 1
        assert one(session, StaffingRequest, request.id).state is RequestState.FILLED
        session.commit()
        projects.abort(session, SYSTEM, project_id)
        session.commit()
    assert_intact(session)


def pick_up(offer):
    return lambda session: pickup.pick_up(session, actor_of(session, offer), Role.ENTRY_LEVEL)


def assign_by(admin, task_id):
    def assign(offer):
        return lambda session: lifecycle.assign_task(
            session, admin, task_id, session.get_one(Worker, offer.worker_id)
        )

    return assign


@pytest.mark.parametrize("round", range(ROUNDS))
def test_accepting_and_asking_again_agree_on_who_is_asked(session, asked, at_once, round):
    """S-6, S-36: the task has a holder, or everybody is asked anew and the old offers are lost."""
    request, [offer, _] = asked(2)

    accepted, again = at_once(
        accept(offer), lambda session: staffing.staff(session, SYSTEM, request.task_id)
    )

    task = one(session, Task, request.task_id)
    if isinstance(accepted, OfferClosed):
        assert task.status is TaskStatus.AWAITING_PROCESSING
        assert one(session, StaffingRequest, again.id).state is RequestState.OPEN
    else:
        assert isinstance(again, WrongStatus)
        assert task.status is TaskStatus.PROCESSING
    assert_intact(session)


@pytest.mark.parametrize("round", range(ROUNDS))
def test_accepting_and_restaffing_agree_on_who_is_replaced(session, asked, at_once, round):
    """S-8, S-36"""
    request, [offer, other] = asked(2, restaff=True)
    newcomer = session.get_one(Worker, offer.worker_id).username
    session.commit()

    accepted, restaffed = at_once(
        accept(offer),
        lambda session: staffing.restaff(session, SYSTEM, request.task_id, newcomer),
    )

    assert not isinstance(accepted, Exception)
    if not isinstance(restaffed, Exception):  # the newcomer had it already, and is to be replaced
        assert one(session, StaffingRequest, restaffed.id).state is RequestState.OPEN
    assert one(session, Offer, other.id).state is OfferState.LOST
    assert_intact(session)


@pytest.mark.parametrize("round", range(ROUNDS))
def test_accepting_and_aborting_leave_a_task_that_is_aborted(session, asked, at_once, round):
    """S-11, L-104"""
    request, [offer] = asked(1)
    project_id = one(session, Task, request.task_id).project_id
    session.commit()

    accepted, aborted = at_once(
        accept(offer), lambda session: projects.abort(session, SYSTEM, project_id)
    )

    assert not isinstance(aborted, Exception)
    assert one(session, Task, request.task_id).status is TaskStatus.ABORTED
    held = count(session, Assignment, Assignment.task_id == request.task_id)
    assert held == (0 if isinstance(accepted, OfferClosed) else 1)
    assert_intact(session)


@pytest.mark.parametrize("round", range(ROUNDS))
def test_accepting_and_pausing_leave_the_offer_or_the_work_waiting(session, asked, at_once, round):
    """L-19, L-102, S-37"""
    request, [offer] = asked(1)
    project_id = one(session, Task, request.task_id).project_id
    session.commit()

    accepted, _ = at_once(
        accept(offer), lambda session: projects.pause(session, SYSTEM, project_id)
    )

    assert one(session, Project, project_id).status is ProjectStatus.PAUSED
    waits = isinstance(accepted, ProjectPaused)
    state = OfferState.SENT if waits else OfferState.ACCEPTED
    assert one(session, Offer, offer.id).state is state
    assert_intact(session)


@pytest.mark.parametrize("round", range(ROUNDS))
def test_accepting_and_losing_the_certification_do_not_both_have_their_way_unseen(
    session, make, at_once, round
):
    """P-26, S-35: whoever has the task had the certification when it was given."""
    version = make.version(
        step("write", required_certifications=["words"]), step("other"), certifications=["words"]
    )
    task = make.task(make.project(version=version), "write")
    worker = make.worker()
    held = make.grant(worker, version.workflow.certifications[0])
    request = staffing.staff(session, SYSTEM, task.id)
    session.commit()
    send_staffing_requests.run()
    offer = session.scalars(sa.select(Offer).where(Offer.request_id == request.id)).one()
    session.commit()

    accepted, revoked = at_once(
        accept(offer),
        lambda session: (
            session.execute(
                sa.delete(WorkerCertification).where(WorkerCertification.id == held.id)
            ).rowcount
        ),
    )

    assert revoked == 1
    is_refused = isinstance(accepted, NotCertified)
    assert is_refused or not isinstance(accepted, Exception)
    assert one(session, Offer, offer.id).state is (
        OfferState.SENT if is_refused else OfferState.ACCEPTED
    )
    assert_intact(session)


@pytest.mark.parametrize("round", range(ROUNDS))
def test_a_replacement_and_a_submit_each_stand_if_they_come_first(session, asked, at_once, round):
    """S-47"""
    request, [offer] = asked(1, restaff=True)
    replaced = session.get_one(Assignment, request.replaces_id)
    former, revision = Actor.of(replaced.worker), replaced.revision
    session.commit()

    def submit(session):
        return lifecycle.hand_over(
            session, former, request.task_id, "submit", data={"by": "former"}, revision=revision
        )

    accepted, submitted = at_once(accept(offer), submit)

    assert not isinstance(accepted, Exception)
    assert one(session, Assignment, replaced.id).worker_id == offer.worker_id
    status = one(session, Task, request.task_id).status
    if isinstance(submitted, Exception):
        assert isinstance(submitted, Forbidden)
        assert status is TaskStatus.PROCESSING
    else:
        assert status is TaskStatus.PENDING_REVIEW
    assert_intact(session)


def test_answers_of_one_worker_in_many_tabs_have_one_effect(session, asked, at_once):
    """S-35, S-40"""
    request, [offer] = asked(1)

    at_once(*[accept(offer)] * 4, *[decline(offer)] * 4)

    assert count(session, Assignment, Assignment.task_id == request.task_id) == 1
    assert one(session, Offer, offer.id).state is OfferState.ACCEPTED
    assert_intact(session)


def decline(offer):
    return lambda session: offers.decline(session, actor_of(session, offer), offer.id)


@pytest.fixture
def ticks(app):
    """Run a job in so many threads at the same moment; what each gave."""

    def run(job, number=4):
        start = threading.Barrier(number)

        def tick(_):
            with app.app_context():
                start.wait(10)
                return job.run()

        with ThreadPoolExecutor(number) as threads:
            return list(threads.map(tick, range(number)))

    return run


def test_schedulers_at_once_ask_everybody_once(session, make, ticks, change_settings):
    """S-21, S-50: three beats, and one more."""
    change_settings(staffbot_worker_batch_size=3)
    for _ in range(3):
        task = make.task(make.project(step("write")), "write")
        staffing.staff(session, SYSTEM, task.id)
    for _ in range(12):
        make.worker()
    session.commit()

    asked = sum(ticks(send_staffing_requests))

    assert asked == count(session, Offer) == 9
    assert count(session, StaffingBatch) == 3
    told = (Message.kind == Kind.OFFER, Message.channel == Channel.INBOX)
    assert count(session, Message, *told) == 9
    assert_intact(session)


def test_schedulers_at_once_ask_once_for_more_requests_than_are_done_together(
    session, make, ticks, change_settings
):
    """S-21, S-24, S-50: several tasks of each project, some of them to be taken over."""
    change_settings(staffbot_worker_batch_size=3, max_in_progress_tasks=0)
    projects_of_two = TOGETHER // 2 + 2
    holder = make.worker()
    for number in range(projects_of_two):
        project = make.project(step("write"), step("other"))
        task = make.task(project, "write")
        staffing.staff(session, SYSTEM, make.task(project, "other").id)
        if number % 3:
            staffing.staff(session, SYSTEM, task.id)
        else:
            lifecycle.assign_task(session, SYSTEM, task.id, holder)
            session.flush()
            staffing.restaff(session, SYSTEM, task.id, holder.username)
    for _ in range(6):
        make.worker()
    session.commit()

    asked = sum(ticks(send_staffing_requests))

    requests = 2 * projects_of_two
    assert asked == count(session, Offer) == 3 * requests
    assert count(session, StaffingBatch) == requests
    told = (Message.kind == Kind.OFFER, Message.channel == Channel.INBOX)
    assert count(session, Message, *told) == 3 * requests
    of_holder = (Offer.worker_id == holder.id, StaffingRequest.cause == RequestCause.RESTAFF)
    taken_over = sa.select(Offer).join(StaffingRequest).where(*of_holder)
    assert session.scalars(taken_over).all() == []
    assert session.get_one(Tick, Job.SEND_STAFFING_REQUESTS).failures == 0
    assert_intact(session)


def test_workers_are_reminded_and_tasks_warned_about_once_however_many_ask(
    session, make, ticks, change_settings
):
    """S-50, S-51, S-53"""
    change_settings(staffbot_staffing_min_time=timedelta(0), reminder_interval=timedelta(hours=1))
    admin = make.admin()
    for _ in range(3):
        task = make.task(make.project(step("write")), "write")
        staffing.staff(session, SYSTEM, task.id)
        make.worker()
    session.commit()
    send_staffing_requests.run()
    session.execute(sa.update(Offer).values(sent_at=utcnow() - timedelta(hours=2)))
    session.commit()

    reminded = sum(ticks(remind_workers_about_available_tasks))
    warned = sum(ticks(warn_staffing_team_about_unstaffed_tasks))

    of_inbox = Message.channel == Channel.INBOX
    assert reminded == count(session, Message, of_inbox, Message.kind == Kind.OFFER_REMINDER) == 4
    is_warning = Message.kind == Kind.UNSTAFFED_WARNING
    to_admin = Message.worker_id == admin.id
    assert warned == count(session, Message, of_inbox, is_warning, to_admin) == 3
    assert_intact(session)
