"""The author's policies: is a step wanted, and who shall do it. They may fail, and harm nothing."""

import logging
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from reprlib import repr as shortened  # also of what cannot say what it is
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.domain import assignments, audit, execution, notices, staffing_requests
from orchestra.domain.audit import SYSTEM
from orchestra.domain.definitions.functions import STAFFBOT_AUTOASSIGN, resolve
from orchestra.domain.eligibility import role_for
from orchestra.domain.graph import FunctionReference, Step
from orchestra.domain.locking import LockedTask
from orchestra.domain.people import find_worker
from orchestra.domain.prerequisites import prerequisites
from orchestra.errors import OrchestraError
from orchestra.models import Assignment, ProjectStatus, RequestCause, Task, Verb, Worker

logger = logging.getLogger(__name__)
Data = dict[str, Any]


class PolicyFailed(OrchestraError):
    """The author's function raised or gave something that no policy may give."""


def is_wanted(step: Step, before: dict[str, Data], project_data: Data) -> bool:
    """Ask the creation policy of a step.

    :raises PolicyFailed: it raised.
    """
    if step.creation_policy is None:
        return True
    policy = step.creation_policy
    answer = call(policy, deepcopy(before), deepcopy(project_data))
    try:
        return bool(answer)
    except Exception as error:
        raise _failed(policy, error) from error


def call(reference: FunctionReference, *arguments: Any) -> Any:
    """What an author's function gives.

    :raises PolicyFailed: it raised.
    """
    try:
        return resolve(reference.path)(*arguments, **reference.kwargs)
    except (Exception, SystemExit) as error:
        raise _failed(reference, error) from error


def _failed(reference: FunctionReference, error: BaseException) -> PolicyFailed:
    return PolicyFailed(f"{reference.path}: {execution.failure(error).error}")


@dataclass(frozen=True)
class TaskDescription:
    """What an assignment policy is told of the task: copies, not rows (D-38, D-40)."""

    id: int
    step: str
    level: int
    project: Data
    prerequisites: Data
    workers: Data = field(default_factory=dict)  # step → level → username

    def as_dict(self) -> Data:
        return asdict(self)


def assign_by_policy(session: Session, locked: LockedTask) -> None:
    """Run the assignment policy of a task that has just come into the pool.

    A policy that raises, or names nobody who can be assigned, leaves the task in the pool with
    the reason, and never undoes what led here (specification L-40 to L-45).
    """
    level = assignments.next_level(locked)
    reference = locked.step.assignment_policy.get(role_for(level).value)
    if reference is None:
        return
    if locked.project.status is ProjectStatus.PAUSED:
        locked.task.policy_missed = True
        return
    locked.task.policy_missed = False
    if reference.path == STAFFBOT_AUTOASSIGN:
        staffing_requests.open_request(
            session, SYSTEM, locked, level, cause=RequestCause.TASK_POLICY
        )
        return
    try:
        names = _proposals(session, locked, level, reference)
        problem = _first_assignable(session, locked, level, names)
    except PolicyFailed as error:
        logger.warning("assignment policy failed", extra={"task": locked.task.id}, exc_info=error)
        problem = str(error)
    if problem:
        _note(session, locked, level, problem)


def _note(session: Session, locked: LockedTask, level: int, problem: str) -> None:
    locked.task.policy_problem = problem
    audit.record(
        session,
        SYSTEM,
        Verb.POLICY_FAILED,
        locked.task,
        project_id=locked.project.id,
        after={"level": level, "problem": problem},
    )
    notices.policy_problem(session, locked, level, problem)


def _first_assignable(
    session: Session, locked: LockedTask, level: int, names: list[str]
) -> str | None:
    """Assign the first who can be assigned; otherwise say why nobody could."""
    reasons = []
    for name in names:
        try:
            worker = find_worker(session, name)
            worker = assignments.require_assignable(session, locked, worker, level)
        except OrchestraError as refusal:
            reasons.append(f"{name}: {refusal}")
        else:
            assignments.give(session, SYSTEM, locked, worker, "policy")
            return None
    return " ".join(reasons) or None


def _proposals(
    session: Session, locked: LockedTask, level: int, reference: FunctionReference
) -> list[str]:
    built_in = _BUILT_IN.get(reference.path)
    if built_in is not None:
        return built_in(session, locked, dict(reference.kwargs))
    answer = call(reference, _described(session, locked, level))
    names = [answer] if isinstance(answer, str) else [] if answer is None else answer
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        gave = execution.storable(shortened(answer))
        raise PolicyFailed(f"{reference.path} gave {gave}; usernames are allowed, or nothing.")
    return [execution.storable(name) for name in names]


def _described(session: Session, locked: LockedTask, level: int) -> TaskDescription:
    project, task = locked.project, locked.task
    workers: Data = {}
    for step, at_level, username in _workers(session, project.id):
        workers.setdefault(step, {})[at_level] = username
    return TaskDescription(
        id=task.id,
        step=task.step,
        level=level,
        project={
            "id": project.id,
            "short_description": project.short_description,
            "project_data": deepcopy(project.project_data),
        },
        prerequisites=prerequisites(session, project.id, locked.graph, task.step),
        workers=workers,
    )


def _workers(session: Session, project_id: int) -> list[tuple[str, int, str]]:
    rows = session.execute(
        sa.select(Task.step, Assignment.level, Worker.username)
        .join(Assignment, Assignment.task_id == Task.id)
        .join(Worker, Worker.id == Assignment.worker_id)
        .where(Task.project_id == project_id, Assignment.discarded_at.is_(None))
    )
    return [(row.step, row.level, row.username) for row in rows]


def _specified_worker(_session: Session, _locked: LockedTask, kwargs: Data) -> list[str]:
    return [kwargs["username"]]


def _previously_completed_steps(session: Session, locked: LockedTask, kwargs: Data) -> list[str]:
    holders = {
        step: name for step, level, name in _workers(session, locked.project.id) if not level
    }
    return [holders[step] for step in kwargs["related_steps"] if step in holders]


def _nobody(_session: Session, _locked: LockedTask, _kwargs: Data) -> list[str]:
    return []


_BUILT_IN: dict[str, Callable[[Session, LockedTask, Data], list[str]]] = {
    "orchestra.assignment_policies.anyone_certified": _nobody,
    "orchestra.assignment_policies.specified_worker": _specified_worker,
    "orchestra.assignment_policies.previously_completed_steps": _previously_completed_steps,
}
