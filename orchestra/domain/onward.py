"""Record a step and begin the next one in the same transaction: how a job carries on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from orchestra.domain import advancing, attempts, machine
from orchestra.domain.advancing import NewTask
from orchestra.domain.attempts import Claimable
from orchestra.domain.execution import Lease, Outcome, Runner
from orchestra.domain.graph import Step
from orchestra.domain.machine import Held
from orchestra.domain.task_rows import before_claim
from orchestra.models import TaskStatus
from orchestra.outbox import Dispatch

Data = dict[str, Any]
_NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Waiting:
    """A step that is due, and whose job was asked for but not published.

    :param given: what the steps before it produced, as long as the project has seen so many
        ``reopenings`` and no more; None: it is to be read.
    """

    task: NewTask
    job: Dispatch
    given: dict[str, Data] | None = None
    reopenings: int | None = None

    @property
    def slug(self) -> str:
        return self.task.step.slug


@dataclass(frozen=True)
class Onward:
    """How a process that recorded a result goes on.

    :param lease: of the next step, which it claimed in the same transaction.
    :param held: further steps, for it to run or to publish their jobs.
    """

    lease: Lease | None = None
    held: Sequence[Waiting] = ()


def record_and_go_on(
    session: Session,
    lease: Lease,
    result: Data,
    runner_for: Callable[[Step], Runner],
    *,
    carried: frozenset[str] = _NOBODY,
    waiting: Waiting | None = None,
) -> Onward:
    """Store a result, and in the same transaction claim one step of the same queue.

    That is one that became due by it, or else the one that is waiting. Nothing is dispatched for
    it: should this process die, its lease runs out.

    :param runner_for: how the next attempt names this process.
    :param carried: steps whose job follows in the same chain.
    """
    also = [waiting.slug] if waiting else []
    held = machine.hold(session, lease, Outcome(result=result), also=also)
    if held is None:
        return Onward()
    return _GoingOn(session, held, lease, result, runner_for).run(carried, waiting)


@dataclass(frozen=True)
class _GoingOn:
    session: Session
    held: Held
    lease: Lease
    result: Data
    runner_for: Callable[[Step], Runner]

    def run(self, carried: frozenset[str], waiting: Waiting | None) -> Onward:
        due = advancing.due_after(self.held.project, self.held.statuses, self.lease.step)
        mine = [s for s in due or () if not s.is_human and s.queue == self.lease.step.queue]
        if due and mine:
            links = [step for step in mine if step.slug in carried]
            return self._begin((links or mine)[0], carried, is_alone=len(due) == 1)
        if due == [] and waiting is not None and self._is_as_it_was(waiting):
            return Onward(self._take(waiting))
        return self._look_for_more(carried, waiting)

    def _begin(self, step: Step, carried: frozenset[str], *, is_alone: bool) -> Onward:
        """Begin the task of a step in the statement that creates it."""
        project, runner = self.held.project, self.runner_for(step)
        task_id = attempts.complete_and_begin(
            self.session, self.lease, self.result, step.slug, runner
        )
        others = () if is_alone else self._let_follow(carried, {step.slug: TaskStatus.PROCESSING})
        if self._knows_what_is_given_to(step):
            return Onward(self._lease(NewTask(task_id, step), runner, self._given), others)
        read = before_claim(self.session, project, step)
        claimed = Claimable(task_id, step)
        return Onward(machine.lease_of(self.session, project, claimed, read, runner), others)

    def _let_follow(
        self, carried: frozenset[str], begun: dict[str, TaskStatus]
    ) -> Sequence[Waiting]:
        done = advancing.go_on(
            self.session,
            self.held.project,
            self.held.statuses | begun,
            self.lease.step,
            carried=carried,
            hold_queue=self.lease.step.queue,
        )
        return [
            Waiting(task, job, self._given, self.lease.reopenings)
            if self._knows_what_is_given_to(task.step)
            else Waiting(task, job)
            for task, job in done.held
        ]

    def _is_as_it_was(self, waiting: Waiting) -> bool:
        """Whether nobody has begun the step, and what it is given has not changed."""
        row = self.held.rows.get(waiting.slug)
        return (
            row is not None
            and row.status is TaskStatus.AWAITING_PROCESSING
            and row.fencing_number == 0
            and waiting.given is not None
            and waiting.reopenings == self.held.project.reopenings
        )

    def _take(self, waiting: Waiting) -> Lease:
        runner = self.runner_for(waiting.task.step)
        task = Claimable(waiting.task.id, waiting.task.step)
        attempts.complete_and_take(self.session, self.lease, self.result, task, runner)
        return self._lease(waiting.task, runner, waiting.given or {})

    def _look_for_more(self, carried: frozenset[str], waiting: Waiting | None) -> Onward:
        attempts.complete(self.session, self.lease, self.result)
        held = self._let_follow(carried, {})
        following = held[0] if held else waiting
        self.session.flush()  # the end of the project may just have aborted what waited
        project = self.held.project
        if following is None or not project.is_active:
            return Onward(held=held)
        task = machine.claimable(self.session, project, following.task.step)
        if task is None:
            return Onward(held=held)
        runner = self.runner_for(following.task.step)
        lease = machine.take(self.session, project, following.task.step, task, runner)
        return Onward(lease, [other for other in held if other is not following])

    @property
    def _given(self) -> dict[str, Data]:
        """What a step is given that depends on this one alone."""
        return self.lease.prerequisites | {self.lease.step.slug: self.result}

    def _knows_what_is_given_to(self, step: Step) -> bool:
        """Whether what the lease was given of the steps before it is what stands there now."""
        return (
            step.creation_depends_on == (self.lease.step.slug,)
            and self.lease.reopenings == self.held.project.reopenings
        )

    def _lease(self, task: NewTask, runner: Runner, given: dict[str, Data]) -> Lease:
        return Lease(
            task_id=task.id,
            project_id=self.held.project.id,
            step=task.step,
            attempt=1,
            fencing_number=1,
            runner=runner,
            project_data=self.held.project.data | {"project_id": self.held.project.id},
            prerequisites=given,
            seconds=self.lease.seconds,
            reopenings=self.lease.reopenings,
        )
