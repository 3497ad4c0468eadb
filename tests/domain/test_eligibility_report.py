"""Why somebody may, or may not, hold a task (P-29 to P-34, P-64)."""

import pytest

from orchestra.domain import lifecycle
from orchestra.domain.assignments import require_assignable
from orchestra.domain.audit import Actor
from orchestra.domain.eligibility_report import eligibility_report
from orchestra.domain.locking import lock_task
from orchestra.domain.people import get_worker
from orchestra.errors import Invalid, NotFound, OrchestraError, WrongStepKind
from orchestra.models import Role, TaskClass, TaskStatus
from tests.builders import reviewed, step


@pytest.fixture
def version(make):
    return make.version(
        step("write", required_certifications=["writing"], review_policy=reviewed()),
        step("crawl", human=False),
        certifications=["writing"],
    )


@pytest.fixture
def task(make, version):
    return make.task(make.project(version=version), "write")


def answers(session, task_id, level=None):
    report = eligibility_report(session, task_id, level)
    return {one.worker.username: one.reason for one in report.candidates}


def test_eligible_workers_come_first_by_name(session, make, version, task):
    certification = version.workflow.certifications[0]
    for name in ("zoe", "ben", "ana"):
        make.worker(name, first_name=name.title())
    for name in ("zoe", "ben"):
        make.grant(get_worker(session, name), certification)

    report = eligibility_report(session, task.id)

    assert [one.worker.username for one in report.candidates] == ["ben", "zoe", "ana"]
    assert [one.is_eligible for one in report.candidates] == [True, True, False]


def test_the_first_rule_that_fails_is_named(session, make, version, task):
    """P-34"""
    make.worker("ana")
    make.worker("gone", is_active=False)
    assert answers(session, task.id) == {
        "ana": "ana lacks the certification at entry level: writing."
    }
    assert answers(session, task.id, 0)["ana"].endswith("writing.")


def test_who_holds_the_task_is_on_it_already(session, make):
    work = make.work(TaskStatus.PENDING_REVIEW)
    writer = work.writer.name
    assert answers(session, work.task.id)[writer] == f"{writer} is on task {work.task.id} already."


@pytest.mark.parametrize(
    ("status", "level"),
    [
        (TaskStatus.AWAITING_PROCESSING, 0),
        (TaskStatus.PROCESSING, 0),
        (TaskStatus.PENDING_REVIEW, 1),
        (TaskStatus.REVIEWING, 1),
        (TaskStatus.POST_REVIEW_PROCESSING, 0),
        (TaskStatus.COMPLETE, 1),
    ],
)
def test_without_a_level_the_one_in_question_is_meant(session, make, status, level):
    """L-48: the one to be filled; or that of the work in progress."""
    work = make.work(status)
    assert eligibility_report(session, work.task.id).level == level


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("task_class", list(TaskClass))
@pytest.mark.parametrize("required", [["writing"], []])
def test_the_report_and_an_assignment_agree(session, make, level, task_class, required):
    """N-18, P-30 to P-32: for every mix of role and class."""
    version = make.version(
        step("write", required_certifications=required, review_policy=reviewed()),
        certifications=["editing", "writing"],
    )
    task = make.task(make.project(version=version, task_class=task_class), "write")
    for certification in version.workflow.certifications:
        for role in Role:
            for held in TaskClass:
                make.grant(make.worker(), certification, role, held)
    make.worker()
    if level:
        hand_in(session, make, version, task)
    locked = lock_task(session, task.id)

    report = eligibility_report(session, task.id)

    assert (report.level, len(report.candidates)) == (level, 9 + 2 * level)
    for one in report.candidates:
        assert one.reason == refusal_of(session, locked, one.worker, level)


def hand_in(session, make, version, task):
    """Bring a task to Pending Review."""
    writer = make.worker()
    make.grant(writer, version.workflow.certifications[-1])
    lifecycle.assign_task(session, Actor.of(make.admin()), task.id, writer)
    lifecycle.hand_over(session, Actor.of(writer), task.id, "submit", data={}, revision=1)
    session.flush()


def refusal_of(session, locked, worker, level):
    try:
        require_assignable(session, locked, worker, level)
    except OrchestraError as error:
        return error.message
    return None


def test_unknown_tasks_machine_steps_and_levels_are_refused(session, make, task):
    with pytest.raises(NotFound):
        eligibility_report(session, 4711)
    with pytest.raises(WrongStepKind):
        eligibility_report(session, make.task(task.project, "crawl").id)
    with pytest.raises(Invalid, match="this level"):
        eligibility_report(session, task.id, 1)


def test_many_workers_cost_as_many_queries_as_few(session, make, version, task, statements):
    """P-33"""
    certification = version.workflow.certifications[0]
    counts = []
    for _ in range(2):
        for _ in range(20):
            make.grant(make.worker(), certification)
        session.flush()
        session.expire_all()
        with statements() as seen:
            eligibility_report(session, task.id)
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 6
