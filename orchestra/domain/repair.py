"""What a person does for a machine step: try it again, or complete it by hand (L-123)."""

from typing import Any

from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.domain import advancing, audit, dispatching, projects
from orchestra.domain.audit import Actor, require_manager
from orchestra.domain.execution import accepted
from orchestra.domain.locking import LockedTask, gate, lock_task
from orchestra.domain.machine import close_assignment
from orchestra.errors import Invalid, WrongStatus
from orchestra.models import Task, TaskStatus, Verb

Data = dict[str, Any]


def retry_task(
    session: Session,
    actor: Actor,
    task_id: int,
    *,
    project_data: Data | None = None,
    revision: int | None = None,
) -> Task:
    """Try a Failed step again from attempt 0, if wanted with other project data (L-123).

    :raises WrongStatus: the task is not Failed.
    """
    locked = _locked_for_person(session, actor, task_id, {TaskStatus.FAILED})
    if project_data is not None:
        if revision is None:
            fields = {"revision": ["Give the revision of the project that you changed."]}
            raise Invalid("The revision of the project is missing.", fields=fields)
        changes = {"project_data": project_data}
        projects.edit_project(session, actor, locked.project.id, revision=revision, changes=changes)
    task = locked.task
    task.attempts, task.last_error, task.next_attempt_at = 0, None, None
    task.move_to(TaskStatus.AWAITING_PROCESSING)
    audit.record(session, actor, Verb.MACHINE_RETRIED, task, project_id=locked.project.id)
    session.flush()
    projects.start_again(session, locked)
    return task


def skip_with_data(
    session: Session, actor: Actor, task_id: int, data: Data, note: str | None = None
) -> Task:
    """Complete a step that failed, or waits, with a result given by hand (L-123).

    :raises Invalid: the data are not a JSON object, or the note is too long.
    """
    note = audit.explained(note)
    allowed = {TaskStatus.FAILED, TaskStatus.AWAITING_PROCESSING}
    locked = _locked_for_person(session, actor, task_id, allowed)
    outcome = accepted(data)
    if outcome.result is None:
        problem = outcome.error or "Give a JSON object."
        raise Invalid("The data cannot be a result.", fields={"data": [problem]})
    task = locked.task
    task.skip_note, task.next_attempt_at = note, None
    if locked.assignments:
        close_assignment(locked, data)
    audit.record(
        session,
        actor,
        Verb.TASK_SKIPPED,
        task,
        project_id=locked.project.id,
        before={"status": task.status.value},
        after={"result": data},
        note=note,
    )
    outbox.done(session, dispatching.key_of(locked.project.id, task.step))
    advancing.finish_task(session, locked, data)
    return task


def _locked_for_person(
    session: Session, actor: Actor, task_id: int, allowed: set[TaskStatus]
) -> LockedTask:
    require_manager(actor)
    locked = lock_task(session, task_id)
    gate(locked.project)
    locked.require_machine()
    if locked.task.status not in allowed:
        names = " or ".join(sorted(status.label for status in allowed))
        raise WrongStatus(f"Task {task_id} is {locked.task.status.label}, not {names}.")
    return locked
