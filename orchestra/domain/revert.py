"""Take a task back to an earlier iteration, with a report of what that changes (L-90 to L-101)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import utcnow
from orchestra.domain import audit, notices, projects, sharing, staffing_requests
from orchestra.domain.audit import Actor, require_manager
from orchestra.domain.locking import LockedTask, gate, lock_task
from orchestra.errors import Invalid, InvalidRevert, NotFound
from orchestra.models import (
    Assignment,
    AssignmentStatus,
    Iteration,
    IterationStatus,
    ProjectStatus,
    Task,
    TaskStatus,
    Verb,
)

Data = dict[str, Any]


@dataclass
class Plan:
    """What a revert does to each assignment and iteration in force."""

    iterations: dict[int, list[Iteration]]  # by assignment, in order
    reopened: Iteration | None
    discarded: set[int]  # ids of iterations
    new_status: TaskStatus
    changes_nothing: bool = False

    def remaining(self, assignment: Assignment) -> list[Iteration]:
        return [i for i in self.iterations[assignment.id] if i.id not in self.discarded]

    def change_of_iteration(self, iteration: Iteration) -> str:
        if iteration.id in self.discarded:
            return "discarded"
        reopens = iteration is self.reopened and not self.changes_nothing
        return "reverted" if reopens else "unchanged"

    def change_of_assignment(self, assignment: Assignment) -> str:
        remaining = self.remaining(assignment)
        if not remaining:
            return "discarded"
        changes = {self.change_of_iteration(i) for i in self.iterations[assignment.id]}
        return "unchanged" if changes == {"unchanged"} else "reverted"


def revert_task(
    session: Session,
    actor: Actor,
    task_id: int,
    *,
    iteration_id: int | None,
    revert_before: bool = False,
    commit: bool = False,
) -> Data:
    """Re-open an iteration, or discard it and all later ones; without ``commit`` only report.

    :raises InvalidRevert: this revert is not possible; the message says why.
    :raises NotFound: the iteration is not one in force of this task.
    """
    require_manager(actor)
    locked = lock_task(session, task_id)
    gate(locked.project, while_paused=True, while_completed=True)
    if locked.task.status in {TaskStatus.ABORTED, TaskStatus.SKIPPED}:
        raise InvalidRevert(
            f"Task {task_id} is {locked.task.status.label} and has nothing to revert."
        )
    iterations = _iterations(session, locked)
    chosen = _chosen(iterations, iteration_id, revert_before=revert_before)
    _require_possible(locked, iterations, chosen, revert_before=revert_before)
    plan = _planned(locked, iterations, chosen, revert_before=revert_before)
    report = _report(session, locked, plan)
    if commit and not plan.changes_nothing:
        _carry_out(session, actor, locked, plan)
    return report


def _iterations(session: Session, locked: LockedTask) -> list[Iteration]:
    """Iterations in force; what an unassigned worker handed over before is so no more."""
    in_force = sa.select(Iteration).where(
        Iteration.assignment_id.in_([assignment.id for assignment in locked.assignments]),
        Iteration.discarded_at.is_(None),
    )
    return list(session.scalars(in_force.order_by(Iteration.number)))


def _chosen(
    iterations: list[Iteration], iteration_id: int | None, *, revert_before: bool
) -> Iteration | None:
    if iteration_id is None:
        if not revert_before:
            fields = {"iteration_id": ["Name the iteration to go back to."]}
            raise Invalid("No iteration is named.", fields=fields)
        return iterations[0] if iterations else None
    by_id = {iteration.id: iteration for iteration in iterations}
    if iteration_id not in by_id:
        raise NotFound(f"There is no iteration {iteration_id} in force on this task.")
    return by_id[iteration_id]


def _require_possible(
    locked: LockedTask,
    iterations: list[Iteration],
    chosen: Iteration | None,
    *,
    revert_before: bool,
) -> None:
    if chosen is not None and revert_before:
        same = [i for i in iterations if i.assignment_id == chosen.assignment_id]
        if same[0] is not chosen:
            raise InvalidRevert(
                "Only the first iteration of an assignment can be reverted with all before it."
            )
    if not locked.task.is_human:
        if not revert_before:
            raise InvalidRevert("A machine step can only be reverted to before it ran.")
        if locked.task.lease_until is not None:
            raise InvalidRevert("The machine step is running now. Wait until it has ended.")


def _planned(
    locked: LockedTask,
    iterations: list[Iteration],
    chosen: Iteration | None,
    *,
    revert_before: bool,
) -> Plan:
    by_assignment: dict[int, list[Iteration]] = {a.id: [] for a in locked.assignments}
    for iteration in iterations:
        by_assignment[iteration.assignment_id].append(iteration)
    first = chosen.number if chosen else 0
    discarded = {i.id for i in iterations if i.number > first or (revert_before and i is chosen)}
    reopened = None if revert_before else chosen
    plan = Plan(by_assignment, reopened, discarded, locked.task.status)
    plan.changes_nothing = reopened is not None and reopened is locked.open_iteration
    if not plan.changes_nothing:
        plan.new_status = _new_status(locked, plan)
    return plan


def _new_status(locked: LockedTask, plan: Plan) -> TaskStatus:
    """Specification L-94."""
    live = [a for a in locked.assignments if plan.remaining(a)]
    if not live:
        return TaskStatus.AWAITING_PROCESSING
    if plan.reopened is None:
        return TaskStatus.PENDING_REVIEW
    levels = {a.id: a.level for a in live}
    level, highest = levels[plan.reopened.assignment_id], max(levels.values())
    if level < highest:
        return TaskStatus.POST_REVIEW_PROCESSING
    return TaskStatus.REVIEWING if level else TaskStatus.PROCESSING


def _report(session: Session, locked: LockedTask, plan: Plan) -> Data:
    later = [step.slug for step in locked.graph.descendants(locked.task.step)]
    rows = session.execute(
        sa.select(Task.id, Task.step, Task.status)
        .where(Task.project_id == locked.project.id, Task.step.in_(later))
        .order_by(Task.id)
    )
    return {
        "task": locked.task.id,
        "status": locked.task.status.label,
        "new_status": plan.new_status.label,
        "assignments": [
            {
                "assignment": assignment.id,
                "change": plan.change_of_assignment(assignment),
                "iterations": [
                    {"iteration": i.id, "change": plan.change_of_iteration(i)}
                    for i in plan.iterations[assignment.id]
                ],
            }
            for assignment in locked.assignments
        ],
        "later_tasks": [
            {"task": row.id, "step": row.step, "status": row.status.label} for row in rows
        ],
    }


def _carry_out(session: Session, actor: Actor, locked: LockedTask, plan: Plan) -> None:
    task, now = locked.task, utcnow()
    before = _replaced(locked, plan)
    _reopen_project(session, actor, locked)
    for assignment in locked.assignments:
        _discard(assignment, plan, now)
    session.flush()  # the iteration that is open now is discarded before another one opens
    for assignment in locked.assignments:
        _restore(assignment, plan)
    if plan.new_status is not task.status:
        task.move_to(plan.new_status)
    task.result = task.ended_at = task.skip_note = None
    task.kept_drafts = {}
    audit.record(
        session,
        actor,
        Verb.TASK_REVERTED,
        task,
        project_id=locked.project.id,
        before=before,
        after={"status": task.status.value},
    )
    staffing_requests.cancel(session, actor, locked, "reverted")
    notices.reverted(session, actor, locked)
    sharing.follow(session, locked.project.id)
    locked.assignments = [a for a in locked.assignments if a.discarded_at is None]
    locked.open_iteration = plan.reopened
    if not task.is_human:
        task.attempts, task.next_attempt_at, task.last_error = 0, None, None
    session.flush()
    if task.status in {TaskStatus.AWAITING_PROCESSING, TaskStatus.PENDING_REVIEW}:
        projects.start_again(session, locked)


def _replaced(locked: LockedTask, plan: Plan) -> Data:
    """All that is in no row any more, once the work goes on: for the audit."""
    before: Data = {
        "status": locked.task.status.value,
        "result": locked.task.result,
        "data": {str(a.id): a.data for a in locked.assignments},
    }
    if plan.reopened is not None:
        before["reopened"] = {
            "iteration": plan.reopened.id,
            "submitted_data": plan.reopened.submitted_data,
            "comment": plan.reopened.comment,
        }
    return before


def _reopen_project(session: Session, actor: Actor, locked: LockedTask) -> None:
    project = locked.project
    if project.status is ProjectStatus.COMPLETED:
        project.status, project.ended_at = ProjectStatus.ACTIVE, None
        audit.record(session, actor, Verb.PROJECT_REOPENED, project, project_id=project.id)
        notices.project_reopened(session, project)


def _discard(assignment: Assignment, plan: Plan, now: datetime) -> None:
    for iteration in plan.iterations[assignment.id]:
        if iteration.id in plan.discarded:
            iteration.discarded_at = now
    if not plan.remaining(assignment):
        assignment.discarded_at = now


def _restore(assignment: Assignment, plan: Plan) -> None:
    remaining = plan.remaining(assignment)
    if not remaining:
        return
    last, assignment.status = remaining[-1], AssignmentStatus.SUBMITTED
    if last is plan.reopened:
        assignment.status = AssignmentStatus.PROCESSING
        assignment.data, assignment.revision = last.submitted_data, assignment.revision + 1
        last.status, last.submitted_data = IterationStatus.PROCESSING, {}
        last.ended_at = last.comment = None
    elif len(remaining) < len(plan.iterations[assignment.id]):
        assignment.data, assignment.revision = last.submitted_data, assignment.revision + 1
