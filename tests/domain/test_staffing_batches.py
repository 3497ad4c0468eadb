"""Whom StaffBot asks, in which order and when (S-13 to S-25, S-29)."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from orchestra.domain import (
    lifecycle,
    offers,
    preferences,
    staffing,
    staffing_batches,
)
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.message_texts import Kind, Preference
from orchestra.domain.preferences import Way
from orchestra.models import (
    Certification,
    Message,
    Offer,
    RequestState,
    Role,
    TaskClass,
    TaskStatus,
    Verdict,
    Worker,
    WorkflowVersion,
)
from tests.builders import reviewed, step
from tests.staffers import (
    HOUR,
    batches_of,
    let_pass,
    offer_to,
    offers_of,
    send_batches,
    staff,
)

V = Verdict


def verdicts(session, request):
    """verdict → names, of the last batch."""
    return {
        Verdict(verdict): sorted(ids)
        for verdict, ids in batches_of(session, request)[-1].verdicts.items()
    }


@pytest.fixture
def certified(session, make):
    """A project whose task needs a certification; gives its task and a way to grant it."""

    def prepared(*, level=0, **more):
        keys = {"required_certifications": ["words"], "review_policy": reviewed()}
        version = make.version(step("write", **keys), certifications=["words", "unneeded"])
        project = make.project(version=version, **more)
        words = session.scalars(sa.select(Certification).where(Certification.slug == "words")).one()

        def grant(worker, role=Role.ENTRY_LEVEL, task_class=TaskClass.REAL, **columns):
            held = make.grant(worker, words, role, task_class)
            for name, value in columns.items():
                setattr(held, name, value)
            session.flush()
            return worker

        return make.task(project, "write"), grant

    return prepared


def test_every_active_worker_gets_the_first_verdict_that_fits(
    session, make, certified, change_settings
):
    """S-13, S-14"""
    change_settings(max_in_progress_tasks=1, staffbot_worker_batch_size=1)
    task, grant = certified()
    make.worker(is_active=False)
    outsider = make.worker()
    disabled = grant(make.worker(), staffbot_enabled=False)
    busy, returned, muted = (grant(make.worker()) for _ in range(3))
    first = grant(make.worker(), staffing_priority=2)
    second = grant(make.worker(), staffing_priority=1)
    hold(make, busy, TaskStatus.PROCESSING)
    hold(make, returned, TaskStatus.POST_REVIEW_PROCESSING)
    mute(session, muted, Way.MAIL, Way.SLACK)
    mute(session, second, Way.MAIL)
    others = set(session.scalars(sa.select(Worker.id).where(Worker.is_active)))

    request = staff(session, task.id)

    found = verdicts(session, request)
    assert found[V.NOT_CERTIFIED] == sorted(
        others - {w.id for w in (disabled, busy, returned, muted, first, second)}
    )
    assert outsider.id in found[V.NOT_CERTIFIED]
    assert {verdict: found[verdict] for verdict in set(V) & found.keys() - {V.NOT_CERTIFIED}} == {
        V.STAFFBOT_DISABLED: [disabled.id],
        V.RETURNED_WORK: [returned.id],
        V.LIMIT_REACHED: [busy.id],
        V.OFFERS_MUTED: [muted.id],
        V.OFFERED: [first.id],
        V.WAITING: [second.id],
    }
    let_pass(session, request)
    send_batches(session)
    assert verdicts(session, request)[V.ALREADY_ASKED] == [first.id]


def hold(make, worker, status):
    """Give the worker a task in this status, in a project of its own."""
    work = make.work()
    actor = Actor.of(worker)
    work.workers[actor.name] = worker
    work.writer = actor
    work.assign(actor)
    if status is TaskStatus.POST_REVIEW_PROCESSING:
        work.hand_over(actor)
        work.assign(work.reviewer)
        work.hand_over(work.reviewer, "return")


def mute(session, worker, *ways):
    wanted = {(Preference.NEW_TASK_AVAILABLE, way): False for way in ways}
    preferences.choose(session, Actor.of(worker), worker.id, wanted)
    session.flush()


def test_returned_work_keeps_nobody_from_offers_when_it_does_not_block_new_work(
    session, make, change_settings
):
    """S-14, E-30"""
    change_settings(
        enforce_no_new_tasks_during_review=False,
        max_in_progress_tasks=0,
        staffbot_worker_batch_size=50,
    )
    work = make.work()
    hold(make, work.workers[work.writer.name], TaskStatus.POST_REVIEW_PROCESSING)

    request = staff(session, work.task.id)

    assert offer_to(session, request, work.workers[work.writer.name])


def test_who_is_on_the_task_is_not_asked_to_review_or_to_take_it_over(session, make):
    """S-14, S-46, L-73"""
    work = make.work(TaskStatus.PENDING_REVIEW)
    review = staff(session, work.task.id)
    work.assign(work.reviewer)
    instead = staffing.restaff(session, SYSTEM, work.task.id, work.reviewer.name)
    send_batches(session)

    assert verdicts(session, review)[V.ALREADY_ON_TASK] == [work.writer.worker_id]
    both = sorted([work.writer.worker_id, work.reviewer.worker_id])
    assert verdicts(session, instead)[V.ALREADY_ON_TASK] == both


@pytest.mark.parametrize(
    ("task_class", "held_for", "is_asked"),
    [
        (TaskClass.REAL, TaskClass.REAL, True),
        (TaskClass.REAL, TaskClass.TRAINING, False),
        (TaskClass.TRAINING, TaskClass.TRAINING, True),
        (TaskClass.TRAINING, TaskClass.REAL, True),
    ],
)
def test_a_certification_has_to_cover_the_class_of_the_project(
    session, make, certified, task_class, held_for, is_asked
):
    """P-24, P-30"""
    task, grant = certified(task_class=task_class)
    grant(make.worker(), task_class=held_for)

    request = staff(session, task.id)

    assert bool(offers_of(session, request)) is is_asked


def test_a_review_needs_the_role_of_a_reviewer(session, make, certified):
    """P-30, P-32: without required certifications any reviewer certification of the workflow."""
    task, grant = certified()
    both = grant(grant(make.worker()), Role.REVIEWER)
    grant(make.worker())
    writer = grant(make.worker())
    free = make.project(version=free_of_requirements(session, make, task))
    for each in (task, make.task(free, "write")):
        review_of(session, make, each, writer)
        request = staff(session, each.id)
        assert [offer.worker_id for offer in offers_of(session, request)] == [both.id]


def free_of_requirements(session, make, task):
    """Another version of the workflow, whose step needs nothing."""
    workflow = task.project.version.workflow
    entry = step("write", review_policy=reviewed())
    version = WorkflowVersion(
        workflow=workflow,
        slug="v2",
        name="Two",
        description="…",
        definition={"slug": "v2", "name": "Two", "description": "…", "steps": [entry]},
        checksum="two",
    )
    session.add(version)
    session.flush()
    return version


def review_of(session, make, task, writer):
    lifecycle.assign_task(session, SYSTEM, task.id, writer)
    session.flush()
    actor = Actor.of(writer)
    lifecycle.hand_over(session, actor, task.id, "submit", data={}, revision=1)
    session.flush()


def test_of_two_certifications_each_may_switch_offers_off_and_the_higher_priority_counts(
    session, make
):
    """S-14, S-17"""
    needed = ["words", "pictures"]
    version = make.version(step("write", required_certifications=needed), certifications=needed)
    task = make.task(make.project(version=version), "write")
    rows = {c.slug: c for c in session.scalars(sa.select(Certification))}
    low, high, off = make.worker(), make.worker(), make.worker()
    for worker, priorities in ((low, (1, 0)), (high, (0, 2)), (off, (9, 9))):
        for slug, priority in zip(needed, priorities, strict=True):
            make.grant(worker, rows[slug]).staffing_priority = priority
    session.flush()
    off.certifications[1].staffbot_enabled = False
    session.flush()

    request = staff(session, task.id)

    assert [offer.worker_id for offer in offers_of(session, request)] == [high.id, low.id]
    assert verdicts(session, request)[V.STAFFBOT_DISABLED] == [off.id]


def test_a_step_that_needs_no_certification_is_offered_to_all_as_equals(
    session, make, change_settings
):
    """S-16: what holds for a certification of the workflow says nothing about such a step."""
    change_settings(staffbot_worker_batch_size=9)
    version = make.version(step("write"), step("other"), certifications=["words"])
    task = make.task(make.project(version=version), "write")
    off, urgent, plain = (make.worker() for _ in range(3))
    for worker, is_enabled, priority in ((off, False, 0), (urgent, True, 9)):
        held = make.grant(worker, version.workflow.certifications[0])
        held.staffbot_enabled, held.staffing_priority = is_enabled, priority
    orders = set()
    for seed in range(8):
        request = staffing.staff(session, SYSTEM, task.id)
        request.seed = seed
        send_batches(session)
        orders.add(tuple(offer.worker_id for offer in offers_of(session, request)))
    assert {frozenset(order) for order in orders} == {frozenset((off.id, urgent.id, plain.id))}
    assert len({order[0] for order in orders}) > 1  # nobody comes first for their priority


def test_a_worker_has_one_offer_of_a_request(session, make):
    """S-26: the database sees to it."""
    request = staff(session, make.work().task.id)
    (first, *_) = offers_of(session, request)
    session.add(Offer(request_id=request.id, worker_id=first.worker_id, batch=2))
    with pytest.raises(sa.exc.IntegrityError):
        session.flush()


def test_equals_are_asked_in_an_order_that_the_seed_repeats(session, make, change_settings):
    """S-17: whoever else is there, and differently for another seed."""
    change_settings(staffbot_worker_batch_size=4)
    work = make.work()
    for _ in range(9):
        make.worker()
    orders = []
    for seed in (7, 7, 8):
        request = staffing.staff(session, SYSTEM, work.task.id)
        request.seed = seed
        send_batches(session)
        orders.append([offer.worker_id for offer in offers_of(session, request)])

    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != sorted(orders[0]) or orders[2] != sorted(orders[2])


def test_batches_follow_one_another_until_everybody_was_asked(session, make, change_settings):
    """S-19, S-22, S-3: the channel and the admins are told once."""
    change_settings(staffbot_worker_batch_size=2)
    work = make.work()
    request = staff(session, work.task.id)

    assert send_batches(session) == 0  # not due yet
    assert request.state is RequestState.OPEN
    let_pass(session, request, timedelta(seconds=121))
    assert send_batches(session) == 1
    assert request.state is RequestState.EXHAUSTED
    for _ in range(2):
        assert send_batches(session) == 0

    assert [batch.number for batch in batches_of(session, request)] == [1, 2, 3]
    assert told(session, Kind.STAFFING_EXHAUSTED) == [work.admin.worker_id]


def told(session, kind):
    """Ids of the workers in whose inboxes such a message is."""
    session.flush()
    query = sa.select(Message.worker_id).where(Message.kind == kind, Message.channel == "inbox")
    return list(session.scalars(query.order_by(Message.worker_id)))


def test_a_run_that_finds_what_the_last_one_found_stores_nothing(session, make):
    """S-15, S-23"""
    request = staff(session, make.work().task.id)
    for _ in range(3):
        send_batches(session)

    # The second one says that everybody was asked already.
    assert len(batches_of(session, request)) == 2


def test_what_runs_without_a_batch_find_is_kept_in_one_row(session, make, certified):
    """S-15, S-18: the last of them, however many there were."""
    task, grant = certified()
    request = staff(session, task.id)
    for _ in range(3):
        newcomer = make.worker()
        send_batches(session)
    [batch] = batches_of(session, request)
    assert newcomer.id in batch.verdicts[V.NOT_CERTIFIED]

    grant(newcomer)
    send_batches(session)
    make.worker()
    send_batches(session)

    found = [sorted(batch.verdicts) for batch in batches_of(session, request)]
    assert found == [
        ["not_certified"],
        ["not_certified", "offered"],
        ["already_asked", "not_certified"],
    ]


def test_who_becomes_eligible_later_is_asked(session, make, certified):
    """S-23, S-3"""
    task, grant = certified()
    worker = make.worker()
    request = staff(session, task.id)
    assert request.state is RequestState.EXHAUSTED
    assert told(session, Kind.STAFFING_DECLINED) == []

    grant(worker)
    assert send_batches(session) == 1

    assert [offer.worker_id for offer in offers_of(session, request)] == [worker.id]


def test_a_newly_eligible_crowd_opens_the_request_again(session, make, certified, change_settings):
    """S-3, S-23"""
    change_settings(staffbot_worker_batch_size=1)
    task, grant = certified()
    request = staff(session, task.id)
    for _ in range(2):
        grant(make.worker())

    send_batches(session)

    assert request.state is RequestState.OPEN


def test_when_everybody_declined_the_admins_are_told_once(session, make):
    """S-42"""
    work = make.work()
    request = staff(session, work.task.id)
    for offer in offers_of(session, request):
        assert told(session, Kind.STAFFING_DECLINED) == []
        actor = Actor.of(session.get(Worker, offer.worker_id))
        offers.decline(session, actor, offer.id)
        session.flush()
    send_batches(session)

    assert told(session, Kind.STAFFING_DECLINED) == [work.admin.worker_id]


def test_urgent_projects_and_old_requests_come_first(session, make):
    """S-20"""
    projects_made = [make.project(step("write"), priority=p) for p in (1, 5, 5)]
    tasks = [make.task(project, "write") for project in projects_made]
    requests = [staffing.staff(session, SYSTEM, task.id) for task in reversed(tasks)]
    session.flush()
    requests[0].opened_at += HOUR
    session.flush()

    low, middle, high = requests[2], requests[0], requests[1]
    assert staffing_batches.due(session) == [high.id, middle.id, low.id]
