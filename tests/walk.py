"""Operations on one project, chosen at random; and what must hold whatever was chosen."""

import pytest
import sqlalchemy as sa

from orchestra.database import seconds_from_now
from orchestra.domain import (
    interventions,
    lifecycle,
    machine,
    offers,
    onward,
    pickup,
    projects,
    repair,
    revert,
    staffing,
    staffing_batches,
)
from orchestra.domain.audit import Actor
from orchestra.domain.execution import Outcome, Runner
from orchestra.domain.locking import lock_project
from orchestra.models import (
    Assignment,
    Attempt,
    Iteration,
    Offer,
    OfferState,
    Project,
    ProjectStatus,
    RequestCause,
    RequestState,
    Role,
    StaffingRequest,
    Task,
    TaskStatus,
    Worker,
)
from tests.builders import reviewed, step

S = TaskStatus
COMMANDS = ("submit", "accept", "accept", "return")
RUNNER = Runner("host", 1)
STEPS = (
    step("write", review_policy=reviewed(0.7, 2)),
    step("crawl", human=False, retry_policy={"max_attempts": 2}),
    step("unwanted", creation_policy={"policy_function": {"path": "tests.steps.want_not"}}),
    step("check", "write", "crawl", review_policy=reviewed(1, 1)),
    step("publish", "check", human=False),
)


class Walk:
    """Chooses operations of people and processes on a project; many of them will be refused.

    Each method looks around in ``session`` and returns the operation as a call that takes the
    session of its own transaction: nothing is decided on what was seen before.
    """

    def __init__(self, project, workers, admin, random, leases):
        self.project_id, self.random, self.leases = project.id, random, leases
        self.workers = [worker.id for worker in workers]
        self.actors = {worker.id: Actor.of(worker) for worker in workers}
        self.admin = Actor.of(admin)
        self.slugs = [s["slug"] for s in project.version.definition["steps"]]

    def choose(self, session, operations):
        """An operation: its name, and the call."""
        operation = self.random.choice(operations)
        return operation.__name__, operation(self, session)

    # Something to operate on, existing or not.

    def _task(self, session):
        query = sa.select(Task.id).where(Task.project_id == self.project_id).order_by(Task.id)
        return self.random.choice(session.scalars(query).all())

    def _assignment(self, session):
        ids = sa.select(Assignment.id).order_by(Assignment.id)
        live = session.scalars(ids.where(Assignment.discarded_at.is_(None))).all()
        return self.random.choice([*live, *session.scalars(ids).all()[-2:], 999_999])

    def _iteration(self, session, task_id):
        query = sa.select(Iteration.id).where(Iteration.task_id == task_id)
        found = session.scalars(query.order_by(Iteration.id)).all()
        return self.random.choice([*found[-5:], None])

    def _held(self, session):
        query = sa.select(Assignment.worker_id, Assignment.task_id, Assignment.revision).where(
            Assignment.worker_id.is_not(None), Assignment.discarded_at.is_(None)
        )
        return self.random.choice([*session.execute(query.order_by(Assignment.id)), None])

    def _lease(self):
        return self.random.choice(self.leases[-6:]) if self.leases else None

    def _data(self):
        return {"number": self.random.randrange(100)}

    # People.

    def assign(self, session):
        task_id, worker_id = self._task(session), self.random.choice(self.workers)
        return lambda s: lifecycle.assign_task(s, self.admin, task_id, s.get_one(Worker, worker_id))

    def pick_up(self, session):
        actor = self.actors[self.random.choice(self.workers)]
        role = self.random.choice(list(Role))
        return lambda s: pickup.pick_up(s, actor, role)

    def save(self, session):
        held, data = self._held(session), self._data()
        return held and (
            lambda s: lifecycle.save_draft(
                s, self.actors[held.worker_id], held.task_id, data, held.revision
            )
        )

    def hand_over(self, session):
        held, data, command = self._held(session), self._data(), self.random.choice(COMMANDS)
        return held and (
            lambda s: lifecycle.hand_over(
                s,
                self.actors[held.worker_id],
                held.task_id,
                command,
                data=data,
                revision=held.revision,
            )
        )

    def skip(self, session):
        task_id = self._task(session)
        return lambda s: interventions.skip_task(s, self.admin, task_id)

    def unskip(self, session):
        task_id = self._task(session)
        return lambda s: interventions.unskip_task(s, self.admin, task_id)

    def reassign(self, session):
        assignment_id, worker_id = self._assignment(session), self.random.choice(self.workers)
        return lambda s: interventions.reassign(
            s, self.admin, assignment_id, s.get_one(Worker, worker_id)
        )

    def unassign(self, session):
        assignment_id = self._assignment(session)
        return lambda s: interventions.unassign(s, self.admin, assignment_id)

    def revert(self, session):
        task_id = self._task(session)
        choice = {
            "iteration_id": self._iteration(session, task_id),
            "revert_before": self.random.random() < 0.5,
            "commit": self.random.random() < 0.8,
        }
        return lambda s: revert.revert_task(s, self.admin, task_id, **choice)

    def pause(self, _session):
        return lambda s: projects.pause(s, self.admin, self.project_id)

    def resume(self, _session):
        return lambda s: projects.resume(s, self.admin, self.project_id)

    def abort(self, _session):
        return lambda s: projects.abort(s, self.admin, self.project_id)

    def abort_rarely(self, session):
        return self.random.random() < 0.05 and self.abort(session)

    def edit(self, session):
        revision = session.scalar(sa.select(Project.revision).where(Project.id == self.project_id))
        changes = {"project_data": self._data(), "priority": self.random.randrange(9)}
        return lambda s: projects.edit_project(
            s, self.admin, self.project_id, revision=revision, changes=changes
        )

    def retry(self, session):
        task_id = self._task(session)
        return lambda s: repair.retry_task(s, self.admin, task_id)

    def skip_machine(self, session):
        task_id, data = self._task(session), self._data()
        return lambda s: repair.skip_with_data(s, self.admin, task_id, data)

    # People who are looked for.

    def staff(self, session):
        task_id = self._task(session)
        return lambda s: staffing.staff(s, self.admin, task_id)

    def restaff(self, session):
        held = self._held(session)
        name = held and self.actors[held.worker_id].name
        return held and (lambda s: staffing.restaff(s, self.admin, held.task_id, name))

    def cancel_request(self, session):
        ids = session.scalars(sa.select(StaffingRequest.id).order_by(StaffingRequest.id)).all()
        request_id = self.random.choice([*ids[-3:], 999_999])
        return lambda s: staffing.cancel(s, self.admin, request_id)

    def ask(self, session):
        """One tick: workers are looked at now, and asked in a transaction of its own."""
        plans = staffing_batches.plans(session, staffing_batches.due(session))
        plans = self.random.sample(plans, self.random.randint(0, min(3, len(plans))))
        return plans and (lambda s: staffing_batches.send(s, plans))

    def accept(self, session):
        offer = self._offer(session)
        return offer and (lambda s: offers.accept(s, self.actors[offer.worker_id], offer.id))

    def decline(self, session):
        offer = self._offer(session)
        return offer and (lambda s: offers.decline(s, self.actors[offer.worker_id], offer.id))

    def _offer(self, session):
        mine = sa.select(Offer.id, Offer.worker_id).where(Offer.worker_id.in_(self.workers))
        newest = session.execute(mine.order_by(Offer.id.desc()).limit(8)).all()
        return self.random.choice([*newest, None])

    # Processes.

    def claim(self, _session):
        slug = self.random.choice(self.slugs)
        return lambda s: self._keep(machine.claim(s, self.project_id, slug, RUNNER))

    def _keep(self, lease):
        if lease:
            self.leases.append(lease)

    def record(self, _session):
        lease = self._lease()
        outcome = Outcome(result={}) if self.random.random() < 0.6 else Outcome(error="no")
        return lease and (lambda s: machine.record(s, lease, outcome))

    def carry_on(self, _session):
        lease = self._lease()
        return lease and (
            lambda s: self._keep(onward.record_and_go_on(s, lease, {}, lambda _: RUNNER).lease)
        )

    def extend(self, _session):
        lease = self._lease()
        return lease and (lambda s: machine.extend(s, lease))

    def release(self, _session):
        lease = self._lease()
        return lease and (lambda s: machine.release(s, lease))

    def lose(self, _session):
        """A process is not heard of any more, and the sweep finds out."""

        def call(session):
            self._change_tasks(session, lease_until=seconds_from_now(-1))
            for task_id in machine.expired_leases(session, 10):
                machine.reclaim(session, task_id)

        return call

    def wait(self, _session):
        """Pauses between attempts are over."""
        return lambda s: self._change_tasks(s, next_attempt_at=None)

    def _change_tasks(self, session, **values):
        lock_project(session, self.project_id)
        (name,) = values
        is_set = sa.and_(Task.project_id == self.project_id, getattr(Task, name).is_not(None))
        session.execute(
            sa.update(Task).where(is_set).values(values),
            execution_options={"synchronize_session": False},
        )

    OPERATIONS = (
        *(assign, pick_up, save, skip, unskip, reassign, unassign, revert, pause, abort_rarely),
        *(claim, record, lose, wait, retry, skip_machine),
        *(staff, restaff, cancel_request, ask, ask, accept, accept, decline),
        *(hand_over,) * 4,
        *(resume,) * 2,
        *(assign,) * 2,
    )
    STORM = (
        *(assign, pick_up, save, reassign, unassign, hand_over, claim, record, carry_on) * 3,
        *(unskip, revert, resume, claim, hand_over) * 2,
        *(staff, restaff, ask, accept, accept, decline, cancel_request),
        *(skip, pause, edit, extend, release, lose, wait, retry, skip_machine),
    )


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


def check_task(task, session):
    held = list(task.assignments)
    check_requests(task, held, session)
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


def check_requests(task, held, session):
    """S-11: somebody is looked for only where somebody is wanted, and no other offer is open."""
    query = sa.select(StaffingRequest).where(StaffingRequest.task_id == task.id)
    for request in session.scalars(query.execution_options(populate_existing=True)):
        if request.state.is_live and request.cause is RequestCause.RESTAFF:
            assert not task.status.is_terminal
            assert request.replaces_id in {assignment.id for assignment in held}
        elif request.state.is_live:
            assert task.status in {S.AWAITING_PROCESSING, S.PENDING_REVIEW}
            assert request.level == len(held)
        offered = sa.select(Offer.state).where(Offer.request_id == request.id)
        states = list(session.scalars(offered))
        assert request.state.is_live or OfferState.SENT not in states
        assert states.count(OfferState.ACCEPTED) <= (request.state is RequestState.FILLED)


def _last_iteration(held):
    live = [i for a in held for i in a.iterations if i.discarded_at is None]
    return max(live, key=lambda iteration: iteration.number, default=None)


def check_human(task, held, last):
    """The table of L-76."""
    count = len(held)
    processing = [a.level for a in held if a.status == "processing"]
    where = (_held_level(held, last), last and last.status)
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


def _held_level(held, iteration):
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
