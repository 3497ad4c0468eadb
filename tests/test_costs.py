"""What operations cost, in statements: a cost that grows with the data is a bug."""

import pytest
import sqlalchemy as sa

from orchestra.database import db, transaction
from orchestra.domain import interventions, lifecycle, machine, projects, staffing
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.execution import Outcome, Runner
from orchestra.models import Assignment, Task, TaskClass
from orchestra.tasks.staffing import TOGETHER, send_staffing_requests
from tests.builders import reviewed, step

LARGE = 500


@pytest.fixture
def commits(app):
    """Count commits."""
    seen = []
    note = seen.append
    sa.event.listen(db.engine, "commit", note)
    yield seen
    sa.event.remove(db.engine, "commit", note)


def _create(session, version):
    return projects.create_project(
        session,
        SYSTEM,
        workflow_slug=version.workflow.slug,
        version_slug=version.slug,
        short_description="A project",
        priority=1,
        task_class=TaskClass.REAL,
        project_data={},
    )


def test_creating_a_project_takes_twelve_statements_and_one_commit(
    make, session, statements, commits
):
    version = make.version(step("crawl", human=False), step("rate"))
    session.commit()
    commits.clear()
    with statements() as seen, transaction() as opened:
        _create(opened, version)
    assert len(seen) <= 12
    assert len(commits) == 1


def test_a_whole_review_takes_eighty_five_statements(make, session, statements):
    """Six times people are told: one statement records it, another one the jobs of the mails."""
    version = make.version(
        step("write", review_policy=reviewed()), step("check", "write", human=False)
    )
    admin, writer, reviewer = make.admin(), make.worker(), make.worker()
    session.commit()
    with transaction() as opened:
        task_id = _create(opened, version).tasks[0].id
    boss = Actor.of(admin)

    def call(rule, *arguments, **named):
        with transaction() as opened:
            rule(opened, *arguments, **named)

    def hand_over(worker, command, revision):
        named = {"data": {"by": worker.username, "to": command}, "revision": revision}
        call(lifecycle.hand_over, Actor.of(worker), task_id, command, **named)

    with statements() as seen:
        call(lifecycle.assign_task, boss, task_id, writer)
        call(lifecycle.save_draft, Actor.of(writer), task_id, {"draft": 1}, 1)
        hand_over(writer, "submit", 2)
        call(lifecycle.assign_task, boss, task_id, reviewer)
        hand_over(reviewer, "return", 1)
        hand_over(writer, "submit", 4)
        hand_over(reviewer, "accept", 3)
    assert len(seen) <= 85, len(seen)
    with transaction() as opened:
        assert opened.get(Task, task_id).status == "complete"
        assert opened.scalar(sa.select(sa.func.count()).select_from(Assignment)) == 2


def chain(size):
    return [step("s0"), *(step(f"s{n}", f"s{n - 1}") for n in range(1, size))]


def fan(size):
    """One step, many machine steps at once behind it, and their join."""
    middle = [step(f"s{n}", "s0", human=False) for n in range(1, size)]
    return [step("s0"), *middle, step("join", *(entry["slug"] for entry in middle))]


def skipped(size):
    """A chain of which nothing is wanted after the first step."""
    unwanted = {"policy_function": {"path": "tests.steps.want_not"}}
    first, second, *rest = chain(size)
    return [first, second | {"creation_policy": unwanted}, *rest]


@pytest.mark.parametrize("shape", [chain, fan, skipped])
def test_advancing_costs_the_same_whatever_the_size(make, session, statements, shape):
    counts = {}
    for size in (5, LARGE):
        project = make.project(*shape(size))
        session.commit()
        with statements() as seen, transaction() as opened:
            interventions.skip_task(opened, SYSTEM, make.task(project, "s0").id)
        counts[size] = len(seen)
    assert counts[LARGE] == counts[5]


def wide(size):
    """Steps that are all due at once, some for people and some not wanted."""
    unwanted = {"policy_function": {"path": "tests.steps.want_not"}}
    kinds = ({}, {"human": False}, {"creation_policy": unwanted})
    return [step(f"s{n}", **kinds[n % 3]) for n in range(size)]


@pytest.mark.parametrize("shape", [chain, wide])
def test_creating_and_ending_a_large_project_costs_no_more(make, session, statements, shape):
    counts = {}
    for size in (5, LARGE):
        version = make.version(*shape(size))
        session.commit()
        with statements() as seen:
            with transaction() as opened:
                project = _create(opened, version)
            with transaction() as opened:
                projects.abort(opened, SYSTEM, project.id)
        counts[size] = len(seen)
    assert counts[LARGE] == counts[5]


def test_claim_and_record_cost_the_same_whatever_the_size(make, session, statements):
    counts = {}
    for size in (5, LARGE):
        line = [step("s0", human=False)]
        line += [step(f"s{n}", f"s{n - 1}", human=False) for n in range(1, size)]
        project = make.project(*line)
        session.commit()
        with statements() as seen:
            with transaction() as opened:
                lease = machine.claim(opened, project.id, "s0", Runner("host", 1))
            with transaction() as opened:
                machine.record(opened, lease, Outcome(result={}))
        counts[size] = len(seen)
    assert counts[LARGE] == counts[5]
    assert counts[5] <= 25


def test_a_staffing_tick_takes_twenty_statements_and_some_for_twenty_requests(
    make, session, statements
):
    """S-21: twelve in each transaction, which on SQLite are fifteen with its BEGIN."""
    version = make.version(step("write"))
    for _ in range(20):
        make.worker()
    session.commit()

    def tick(requests):
        for _ in range(requests):
            staffing.staff(session, SYSTEM, make.task(make.project(version=version), "write").id)
        session.commit()
        with statements() as seen:
            assert send_staffing_requests.run() == 5 * requests
        return len(seen)

    tick(2)  # fills caches
    few, many, more = tick(2), tick(TOGETHER), tick(3 * TOGETHER)
    for_twenty = (more - many) / 2
    assert few == many
    assert for_twenty <= (15 if session.get_bind().dialect.name == "sqlite" else 12), for_twenty
    assert few - for_twenty <= 20, few


def test_a_staffing_tick_with_nobody_to_ask_takes_twenty_statements(make, session, statements):
    """S-15, S-23"""
    needed = {"required_certifications": ["words"]}
    version = make.version(step("write", **needed), certifications=["words"])
    for _ in range(20):
        make.worker()
        staffing.staff(session, SYSTEM, make.task(make.project(version=version), "write").id)
    session.commit()
    assert send_staffing_requests.run() == 0
    with statements() as seen:
        assert send_staffing_requests.run() == 0
    assert len(seen) <= 20
