"""Built-in checks, what people decide about checks, and what a tick costs."""

from datetime import timedelta
from functools import partial
from time import sleep

import pytest
import sqlalchemy as sa

from orchestra.domain import (
    audit,
    projects,
    sanity,
    sanity_built_in,
    sanity_decisions,
    sanity_list,
    story,
)
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.errors import Conflict, Forbidden, NotFound, ProjectClosed
from orchestra.models import (
    Assignment,
    AuditEvent,
    Iteration,
    Project,
    ProjectCheck,
    Role,
    Task,
    TaskClass,
    TaskStatus,
)
from tests.builders import reviewed, step
from tests.check_functions import DAY, built_in, checks, project

STALE, UNANSWERED, IDLE = "stale_task", "review_unanswered", "project_idle"
NOBODY = "nobody_eligible"
HELD = (TaskStatus.PROCESSING, TaskStatus.REVIEWING, TaskStatus.POST_REVIEW_PROCESSING)


def found(session, of):
    session.flush()
    return sorted(sanity_built_in.find(session, [of])[of.id])


def let_pass(session, of, seconds):
    """As if all of it had happened so much earlier."""
    session.flush()
    earlier = timedelta(seconds=seconds)
    tasks = sa.select(Task.id).where(Task.project_id == of.id).scalar_subquery()
    for model, times, condition in (
        (Assignment, ("created_at", "saved_at"), Assignment.task_id.in_(tasks)),
        (Iteration, ("started_at", "ended_at"), Iteration.task_id.in_(tasks)),
        (Project, ("started_at",), Project.id == of.id),
    ):
        for row in session.scalars(sa.select(model).where(condition)):
            for name in times:
                if getattr(row, name):
                    setattr(row, name, getattr(row, name) - earlier)
    session.flush()


def work_with(make, limits, status=TaskStatus.AWAITING_PROCESSING, **keys):
    return make.work(status, checks=built_in(limits[0], **limits[1]), **keys)


# --- Built-in checks --------------------------------------------------------------------------


@pytest.mark.parametrize("status", HELD)
def test_a_task_that_somebody_holds_and_does_not_touch_is_stale(session, make, status):
    work = work_with(make, (STALE, {"seconds": DAY}), status)
    let_pass(session, work.project, DAY - 60)
    assert found(session, work.project) == []

    let_pass(session, work.project, 60)
    assert found(session, work.project) == [STALE]
    held = work.at(1 if status is TaskStatus.REVIEWING else 0)
    held.saved_at = held.created_at + timedelta(days=2)
    assert found(session, work.project) == []


@pytest.mark.parametrize("status", [TaskStatus.PENDING_REVIEW, TaskStatus.AWAITING_PROCESSING])
def test_a_task_that_nobody_holds_is_not_stale(session, make, status):
    work = work_with(make, (STALE, {"seconds": DAY}), status)
    let_pass(session, work.project, 2 * DAY)

    assert found(session, work.project) == []


def test_checks_of_tasks_look_at_the_named_steps_only(session, make):
    limits = {"seconds": DAY, "steps": ["other"]}
    work = work_with(make, (STALE, limits), TaskStatus.PROCESSING)
    let_pass(session, work.project, 2 * DAY)
    assert found(session, work.project) == []

    limits["steps"].append("write")
    work = work_with(make, (STALE, limits), TaskStatus.PROCESSING)
    let_pass(session, work.project, 2 * DAY)
    assert found(session, work.project) == [STALE]


def test_a_review_that_nobody_takes_is_unanswered(session, make):
    work = work_with(make, (UNANSWERED, {"seconds": DAY}), TaskStatus.PENDING_REVIEW)
    let_pass(session, work.project, DAY - 60)
    assert found(session, work.project) == []

    let_pass(session, work.project, 60)
    assert found(session, work.project) == [UNANSWERED]
    work.assign(work.reviewer)
    assert found(session, work.project) == []


def test_a_project_in_which_nothing_happens_is_idle(session, make):
    """What SanityBot and StaffBot do by themselves is nothing that happens."""
    work = work_with(make, (IDLE, {"seconds": DAY}))
    assert found(session, work.project) == []

    last = session.scalars(sa.select(sa.func.max(AuditEvent.at))).one()
    wanted = sanity_built_in.SwitchedOn([work.project], {work.project.id: {"seconds": DAY}})
    for verb in ("sanity_handled", "sanity_muted", "offer_sent"):
        audit.record(session, SYSTEM, verb, work.project, project_id=work.project.id)
    sleep(0.01)
    session.flush()
    assert session.scalars(sa.select(sa.func.max(AuditEvent.at))).one() > last
    idle = partial(sanity_built_in.idle_projects, session, wanted)
    assert idle(last + timedelta(seconds=DAY)) == {work.project.id}
    assert idle(last + timedelta(seconds=DAY - 1)) == set()


def holding(make, version, role=Role.ENTRY_LEVEL, task_class=TaskClass.REAL, **columns):
    worker = make.worker(**columns)
    make.grant(worker, version.workflow.certifications[0], role, task_class)
    return worker


def test_a_task_for_which_nobody_is_certified_is_found(session, make):
    """P-30 to P-33: as for who may pick it up."""
    write = step("write", required_certifications=["editor"], review_policy=reviewed())
    version = make.version(write, certifications=["editor"], sanity_checks=built_in(NOBODY))
    session.refresh(version.workflow)
    of = make.project(version=version)
    assert found(session, of) == [NOBODY]

    holding(make, version, Role.REVIEWER)
    holding(make, version, task_class=TaskClass.TRAINING)
    holding(make, version, is_active=False)
    assert found(session, of) == [NOBODY]
    assert found(session, make.project(version=version, task_class=TaskClass.TRAINING)) == []
    holding(make, version)
    assert found(session, of) == []


def test_who_is_on_a_task_cannot_review_it(session, make):
    work = work_with(make, (NOBODY, {"steps": ["write"]}), TaskStatus.PENDING_REVIEW)
    assert found(session, work.project) == []

    for worker in work.workers.values():
        worker.is_active = worker.username == work.writer.name
    assert found(session, work.project) == [NOBODY]


def test_without_required_certifications_a_reviewer_holds_any_of_the_workflow(session, make):
    """P-32"""
    keys = {"certifications": ["editor"], "sanity_checks": built_in(NOBODY)}
    version = make.version(step("write", review_policy=reviewed()), **keys)
    session.refresh(version.workflow)
    of = make.project(version=version)
    make.hold(of, "write", make.worker())
    make.task(of, "write").status = TaskStatus.PENDING_REVIEW
    make.worker()
    assert found(session, of) == [NOBODY]

    holding(make, version, Role.REVIEWER)
    assert found(session, of) == []


# --- Costs ------------------------------------------------------------------------------------


def every_check():
    wanted = checks("late", repetition=DAY)
    limits = {"seconds": DAY}
    wanted["built_in"] = {STALE: limits, UNANSWERED: limits, IDLE: limits, NOBODY: {}}
    handled = wanted["check_configurations"]["late"]
    return wanted | {
        "check_configurations": dict.fromkeys(["late", *wanted["built_in"]], handled),
    }


def test_looking_at_projects_takes_as_many_statements_whatever_their_number(
    session, make, statements
):
    """SB-8: also of several versions."""
    costs = {}
    for number in (1, 12):
        ids = [project(make, every_check()).id for _ in range(number)]
        session.commit()
        session.expire_all()
        with statements() as seen:
            candidates = sanity.to_be_checked(session)
            examined = sanity.examine(session, [one.project_id for one in candidates])
        assert set(ids) <= {one.project_id for one in examined}
        costs[number] = len(seen)
        session.commit()
    assert costs[12] <= costs[1] <= 20


def test_a_project_in_order_is_not_even_locked(session, make):
    """Most are, at most ticks."""
    of = project(make, checks(repetition=DAY))
    session.flush()
    (examined,) = sanity.examine(session, [of.id])

    assert examined.changes_nothing(examined.result(sanity.Answer()))
    assert not examined.changes_nothing(examined.result(sanity.Answer(slugs=["late"])))
    assert not examined.changes_nothing(examined.result(sanity.Answer(error="it failed")))


# --- Decisions --------------------------------------------------------------------------------


@pytest.fixture
def mia(make):
    return Actor.of(make.admin("mia", first_name="Mia"))


@pytest.fixture
def checked(session, make):
    of = project(make, checks("late"))
    session.flush()
    return of


def only(session, of):
    session.flush()
    return session.scalars(sa.select(ProjectCheck).filter_by(project_id=of.id)).one_or_none()


def find(session, of):
    sanity.handle(session, sanity.Result(of.id, ["late"]))
    session.flush()


def decide(session, actor, of, what, slug="late"):
    acts = {
        "mute": lambda *about: sanity_decisions.mute(*about, is_muted=True),
        "unmute": lambda *about: sanity_decisions.mute(*about, is_muted=False),
        "snooze": lambda *about: sanity_decisions.snooze(*about, seconds=3600),
        "wake": lambda *about: sanity_decisions.snooze(*about, seconds=None),
        "resolve": lambda *about: sanity_decisions.resolve(*about, is_resolved=True),
        "take_up": lambda *about: sanity_decisions.resolve(*about, is_resolved=False),
    }
    return acts[what](session, actor, of.id, slug)


def test_every_decision_is_kept_taken_back_and_told(session, checked, mia):
    """SB-16: what is offered is what can be done (N-18); twice is once, but for a new snooze."""
    find(session, checked)
    for what in ("mute", "unmute", "snooze", "wake", "resolve", "take_up"):
        (shown,) = sanity_list.of_project(session, checked).checks
        assert what in shown.allowed
        decide(session, mia, checked, what)
        decide(session, mia, checked, what)
        session.flush()
        (shown,) = sanity_list.of_project(session, checked).checks
        assert what not in shown.allowed or what == "snooze"
    told = [event.text for event in story.history(session, checked.id).events]
    told = [text for text in reversed(told) if "late" in text]
    until = told[3].removeprefix("Mia put the check late off until ")
    assert until.endswith(" UTC.")
    assert told == [
        "The system found something by the check late.",
        "Mia muted the check late.",
        "Mia unmuted the check late.",
        told[3],
        told[4],
        "Mia wants to hear of the check late again.",
        "Mia resolved the check late.",
        "Mia opened the check late again.",
    ]


def test_a_check_can_be_muted_before_it_finds_anything(session, checked, mia):
    decide(session, mia, checked, "mute")
    find(session, checked)

    assert only(session, checked).muted_by == "mia"
    assert only(session, checked).times_handled == 1


def test_decisions_that_make_no_sense_are_refused(session, make, checked, mia):
    with pytest.raises(Conflict, match="finds nothing any more"):
        decide(session, mia, checked, "resolve")
    with pytest.raises(NotFound, match="no check 'lost'"):
        decide(session, mia, checked, "mute", "lost")
    with pytest.raises(NotFound, match="no check 'late'"):
        decide(session, mia, make.project(step("write")), "mute")
    with pytest.raises(Forbidden):
        decide(session, Actor.of(make.worker()), checked, "mute")
    projects.pause(session, SYSTEM, checked.id)
    decide(session, mia, checked, "mute")
    projects.abort(session, SYSTEM, checked.id)
    with pytest.raises(ProjectClosed):
        decide(session, mia, checked, "unmute")
    (shown,) = sanity_list.of_project(session, checked).checks
    assert shown.allowed == []


def test_snoozing_takes_up_again_what_was_resolved(session, checked, mia):
    find(session, checked)
    decide(session, mia, checked, "resolve")
    decide(session, mia, checked, "snooze")

    assert only(session, checked).resolved_at is None


def test_a_check_that_left_the_workflow_stays_in_the_list(session, checked):
    session.add(ProjectCheck(project_id=checked.id, slug="former", times_handled=2))
    session.flush()

    late, former = sanity_list.of_project(session, checked).checks
    assert (late.slug, late.row, former.slug, former.check) == ("late", None, "former", None)
    assert (former.allowed, former.row.times_handled) == ([], 2)
