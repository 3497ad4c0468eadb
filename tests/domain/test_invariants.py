"""Whatever people and machines do in whatever order, the tables of the specification hold."""

from random import Random

import pytest
import sqlalchemy as sa

from orchestra.database import seconds_from_now
from orchestra.domain import lifecycle, machine, pickup, projects, repair, revert
from orchestra.domain.execution import Outcome, Runner
from orchestra.errors import OrchestraError
from orchestra.models import (
    Assignment,
    Attempt,
    AuditEvent,
    Iteration,
    ProjectStatus,
    Role,
    Task,
    TaskStatus,
)
from tests.builders import reviewed, step

S = TaskStatus
STEPS = 60
COMMANDS = ("submit", "accept", "accept", "return")


class Walk:
    """Operations on one project, chosen at random; many are refused."""

    def __init__(self, session, make, seed):
        self.session, self.random = session, Random(seed)
        unwanted = {"policy_function": {"path": "tests.steps.want_not"}}
        self.project = make.project(
            step("write", review_policy=reviewed(0.7, 2)),
            step("crawl", human=False, retry_policy={"max_attempts": 2}),
            step("unwanted", creation_policy=unwanted),
            step("check", "write", "crawl", review_policy=reviewed(1, 1)),
            step("publish", "check", human=False),
        )
        self.workers = [make.worker() for _ in range(4)]
        self.actors = [make.actor(worker) for worker in self.workers]
        self.admin = make.actor(make.admin())
        self.leases = []

    # Something to operate on, existing or not.

    def _task(self):
        query = sa.select(Task.id).where(Task.project_id == self.project.id)
        return self.random.choice(self.session.scalars(query).all())

    def _assignment(self):
        found = self.session.scalars(sa.select(Assignment.id)).all()
        return self.random.choice([*found, 999])

    def _iteration(self):
        found = self.session.scalars(sa.select(Iteration.id)).all()
        return self.random.choice([*found, None])

    def _held(self):
        query = sa.select(Assignment).where(
            Assignment.worker_id.is_not(None), Assignment.discarded_at.is_(None)
        )
        return self.random.choice([*self.session.scalars(query), None])

    def _data(self):
        return {"number": self.random.randrange(100)}

    def _actor_of(self, assignment):
        return next(actor for actor in self.actors if actor.worker_id == assignment.worker_id)

    # Operations.

    def assign(self):
        worker = self.random.choice(self.workers)
        lifecycle.assign_task(self.session, self.admin, self._task(), worker)

    def pick_up(self):
        role = self.random.choice(list(Role))
        pickup.pick_up(self.session, self.random.choice(self.actors), role)

    def save(self):
        held = self._held()
        if held:
            actor = self._actor_of(held)
            lifecycle.save_draft(self.session, actor, held.task_id, self._data(), held.revision)

    def hand_over(self):
        held = self._held()
        if held:
            lifecycle.hand_over(
                self.session,
                self._actor_of(held),
                held.task_id,
                self.random.choice(COMMANDS),
                data=self._data(),
                revision=held.revision,
            )

    def skip(self):
        lifecycle.skip_task(self.session, self.admin, self._task())

    def unskip(self):
        lifecycle.unskip_task(self.session, self.admin, self._task())

    def reassign(self):
        worker = self.random.choice(self.workers)
        lifecycle.reassign(self.session, self.admin, self._assignment(), worker)

    def unassign(self):
        lifecycle.unassign(self.session, self.admin, self._assignment())

    def revert(self):
        revert.revert_task(
            self.session,
            self.admin,
            self._task(),
            iteration_id=self._iteration(),
            revert_before=self.random.random() < 0.5,
            commit=self.random.random() < 0.8,
        )

    def pause(self):
        projects.pause(self.session, self.admin, self.project.id)

    def resume(self):
        projects.resume(self.session, self.admin, self.project.id)

    def abort(self):
        if self.random.random() < 0.05:
            projects.abort(self.session, self.admin, self.project.id)

    def claim(self):
        slug = self.random.choice(["crawl", "publish", "write"])
        lease = machine.claim(self.session, self.project.id, slug, Runner("host", 1))
        if lease:
            self.leases.append(lease)

    def record(self):
        if self.leases:
            outcome = Outcome(result={}) if self.random.random() < 0.6 else Outcome(error="no")
            machine.record(self.session, self.random.choice(self.leases), outcome)

    def lose(self):
        expired = sa.update(Task).where(Task.lease_until.is_not(None))
        self.session.execute(
            expired.values(lease_until=seconds_from_now(-1)),
            execution_options={"synchronize_session": False},
        )
        for task_id in machine.expired_leases(self.session, 10):
            machine.reclaim(self.session, task_id)

    def wait(self):
        self.session.execute(
            sa.update(Task).values(next_attempt_at=None),
            execution_options={"synchronize_session": False},
        )

    def retry(self):
        repair.retry_task(self.session, self.admin, self._task())

    def skip_machine(self):
        repair.skip_with_data(self.session, self.admin, self._task(), self._data())

    OPERATIONS = (
        *(assign, pick_up, save, skip, unskip, reassign, unassign, revert, pause, abort),
        *(claim, record, lose, wait, retry, skip_machine),
        *(hand_over,) * 4,
        *(resume,) * 2,
        *(assign,) * 2,
    )

    def go_one_step(self):
        """Whether the operation was allowed."""
        operation = self.random.choice(self.OPERATIONS)
        try:
            operation(self)
        except OrchestraError:
            return False
        return True


@pytest.mark.parametrize("seed", range(4))
def test_the_tables_hold_after_every_operation(session, make, stored, seed):
    """L-76, L-77, and L-17 for those that are refused"""
    walk = Walk(session, make, seed)
    before = stored()
    for _ in range(STEPS):
        allowed = walk.go_one_step()
        after = stored()
        assert allowed or after == before
        session.expire_all()
        check_project(walk.project, session)
        before = after


def check_project(project, session):
    query = sa.select(Task).where(Task.project_id == project.id)
    tasks = session.scalars(query.execution_options(populate_existing=True)).all()
    for task in tasks:
        check_task(task, session)
    is_open = any(not task.status.is_terminal for task in tasks)
    if project.status is ProjectStatus.ACTIVE:
        assert is_open
    if project.status.is_closed:
        assert not is_open
        assert project.ended_at
    last = session.scalar(sa.select(sa.func.max(AuditEvent.id)))
    assert last == session.scalar(sa.select(sa.func.count()).select_from(AuditEvent))


def check_task(task, session):
    held = list(task.assignments)
    assert [assignment.level for assignment in held] == list(range(len(held)))
    assert (task.result is not None) == (task.status is S.COMPLETE)
    assert (task.ended_at is not None) == task.status.is_terminal
    assert (task.lease_until is not None) == (not task.is_human and task.status is S.PROCESSING)
    if task.status in {S.ABORTED, S.SKIPPED}:
        return
    if task.is_human:
        check_human(task, held, _last_iteration(held))
    else:
        check_machine(task, held, session)


def _last_iteration(held):
    live = [i for a in held for i in a.iterations if i.discarded_at is None]
    return max(live, key=lambda iteration: iteration.number, default=None)


def check_human(task, held, last):
    """The table of L-76."""
    count = len(held)
    processing = [a.level for a in held if a.status == "processing"]
    where = (held_level(held, last), last and last.status)
    match task.status:
        case S.AWAITING_PROCESSING:
            assert (count, last) == (0, None)
        case S.PROCESSING:
            assert (count, processing, where) == (1, [0], (0, "processing"))
        case S.PENDING_REVIEW:
            assert count >= 1
            assert (processing, where) == ([], (count - 1, "requested_review"))
        case S.REVIEWING:
            assert count >= 2
            assert (processing, where) == ([count - 1], (count - 1, "processing"))
        case S.POST_REVIEW_PROCESSING:
            assert count >= 2
            assert (processing, where) == ([count - 2], (count - 2, "processing"))
        case S.COMPLETE:
            assert processing == []
            assert last is None or last.status == "requested_review"
        case _:
            pytest.fail(f"a human task is never {task.status}")  # L-10


def held_level(held, iteration):
    levels = {a.id: a.level for a in held}
    return iteration and levels[iteration.assignment_id]


def check_machine(task, held, session):
    """L-10, L-109, L-110"""
    assert task.status in {S.AWAITING_PROCESSING, S.PROCESSING, S.COMPLETE, S.FAILED}
    assert len(held) <= 1
    running = sa.select(Attempt).where(Attempt.task_id == task.id, Attempt.outcome == "running")
    attempts = session.scalars(running).all()
    if task.status is S.PROCESSING:
        assert [attempt.fencing_number for attempt in attempts] == [task.fencing_number]
        assert held[0].status == "processing"
    else:
        assert attempts == []
    if task.status is S.COMPLETE:
        assert all(assignment.status == "submitted" for assignment in held)
