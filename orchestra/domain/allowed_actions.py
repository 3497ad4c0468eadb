"""What a project admin may do with a project, a task and a check now (specification N-16, N-18).

The statuses named here are those that the rules check; tests/domain/test_allowed_actions.py tries
every rule in every status and compares.
"""

from enum import StrEnum

from orchestra.models import POOL, ProjectCheck, ProjectStatus, Task, TaskStatus

_ACTIVE = frozenset({ProjectStatus.ACTIVE})
_PAUSED = frozenset({ProjectStatus.PAUSED})
_OPEN = _ACTIVE | _PAUSED
_NOT_ABORTED = _OPEN | {ProjectStatus.COMPLETED}


class ProjectAction(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"
    EDIT = "edit"
    CREATE_SUBSEQUENT_TASKS = "create_subsequent_tasks"
    MESSAGE_TEAM = "message_team"


class TaskAction(StrEnum):
    ASSIGN = "assign"
    REASSIGN = "reassign"
    UNASSIGN = "unassign"
    STAFF = "staff"
    RESTAFF = "restaff"
    WHY = "why"
    SKIP = "skip"
    UNSKIP = "unskip"
    RETRY = "retry"  # also with other project data
    SKIP_WITH_DATA = "skip_with_data"
    REVERT = "revert"


class CheckAction(StrEnum):
    MUTE = "mute"
    UNMUTE = "unmute"
    SNOOZE = "snooze"
    WAKE = "wake"
    RESOLVE = "resolve"
    TAKE_UP = "take_up"


_IN_STATUS = {
    ProjectAction.PAUSE: _ACTIVE,
    ProjectAction.RESUME: _PAUSED,
    ProjectAction.EDIT: _NOT_ABORTED,
    ProjectAction.CREATE_SUBSEQUENT_TASKS: _ACTIVE,
    ProjectAction.MESSAGE_TEAM: _NOT_ABORTED,
    ProjectAction.ABORT: _OPEN,
}

# The project gate of each operation (L-19).
_GATES = {
    TaskAction.ASSIGN: _OPEN,
    TaskAction.REASSIGN: _OPEN,
    TaskAction.UNASSIGN: _OPEN,
    TaskAction.STAFF: _ACTIVE,
    TaskAction.RESTAFF: _ACTIVE,
    TaskAction.WHY: _OPEN,
    TaskAction.SKIP: _ACTIVE,
    TaskAction.UNSKIP: _ACTIVE,
    TaskAction.RETRY: _ACTIVE,
    TaskAction.SKIP_WITH_DATA: _ACTIVE,
    TaskAction.REVERT: _NOT_ABORTED,
}


def on_project(status: ProjectStatus) -> list[ProjectAction]:
    return [action for action, allowed in _IN_STATUS.items() if status in allowed]


def on_check(
    status: ProjectStatus, check: ProjectCheck | None, *, is_snoozed: bool
) -> list[CheckAction]:
    """:param check: None: it found nothing yet, and nobody decided about it."""
    if status not in _OPEN:
        return []
    is_muted, is_found, is_resolved = (
        check is not None and at is not None
        for at in (
            check and check.muted_at,
            check and check.found_at,
            check and check.resolved_at,
        )
    )
    actions = [CheckAction.UNMUTE if is_muted else CheckAction.MUTE]
    actions.append(CheckAction.WAKE if is_snoozed else CheckAction.SNOOZE)
    if is_found:
        actions.append(CheckAction.TAKE_UP if is_resolved else CheckAction.RESOLVE)
    return actions


def on_task(status: ProjectStatus, task: Task, *, is_held: bool) -> list[TaskAction]:
    """Actions on a task, in the order in which they are offered.

    :param status: of the project.
    :param is_held: whether the task has an assignment in force.
    """
    fitting = _for_human(task, is_held) if task.is_human else _for_machine(task, is_held)
    return [action for action, gate in _GATES.items() if action in fitting and status in gate]


def _for_human(task: Task, is_held: bool) -> set[TaskAction]:
    fitting = _for_any(task, is_held)
    if task.status.is_terminal:
        return fitting
    fitting |= {TaskAction.SKIP, TaskAction.WHY}
    if task.status in POOL:
        fitting |= {TaskAction.ASSIGN, TaskAction.STAFF}
    if task.status in {TaskStatus.PROCESSING, TaskStatus.REVIEWING}:
        fitting.add(TaskAction.UNASSIGN)
    if is_held:
        fitting |= {TaskAction.REASSIGN, TaskAction.RESTAFF}
    return fitting


def _for_machine(task: Task, is_held: bool) -> set[TaskAction]:
    fitting = _for_any(task, is_held)
    if task.status is TaskStatus.FAILED:
        fitting |= {TaskAction.RETRY, TaskAction.SKIP_WITH_DATA}
    if task.status is TaskStatus.AWAITING_PROCESSING:
        fitting.add(TaskAction.SKIP_WITH_DATA)
    if task.lease_until is not None:
        fitting.discard(TaskAction.REVERT)
    return fitting


def _for_any(task: Task, is_held: bool) -> set[TaskAction]:
    if task.status is TaskStatus.SKIPPED:
        return {TaskAction.UNSKIP}
    # Without work in force there is something to take back only where the task was skipped.
    has_something = is_held or task.status is TaskStatus.COMPLETE
    if has_something and task.status is not TaskStatus.ABORTED:
        return {TaskAction.REVERT}
    return set()
