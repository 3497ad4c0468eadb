"""Who may hold which task at which level (specification P-29 to P-34)."""

from collections.abc import Iterable, Set

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from orchestra.domain.graph import Step
from orchestra.errors import NotCertified
from orchestra.models import (
    Certification,
    Project,
    Role,
    StepRequirement,
    Task,
    TaskClass,
    Worker,
    WorkerCertification,
    WorkflowVersion,
)

WorkerId = int | sa.BindParameter[int]  # the latter in a statement that is made once for everybody


def role_for(level: int) -> Role:
    return Role.ENTRY_LEVEL if level == 0 else Role.REVIEWER


def covering(task_class: TaskClass) -> list[TaskClass]:
    """Classes of certifications that cover a project's class: real covers both."""
    return [TaskClass.REAL] if task_class is TaskClass.REAL else list(TaskClass)


def require_certified(
    session: Session, worker: Worker, project: Project, step: Step, level: int
) -> None:
    """:raises NotCertified: naming what the worker lacks."""
    needed = step.required_certifications
    if not needed and level == 0:
        return
    held = set(_held(session, worker.id, project, role_for(level)))
    certifies = bool(needed or held) or defines_certifications(session, project.version.workflow_id)
    reason = why_not_certified(worker, project, step, level, held=held, certifies=certifies)
    if reason:
        raise NotCertified(reason)


def why_not_certified(
    worker: Worker,
    project: Project,
    step: Step,
    level: int,
    *,
    held: Set[str],
    certifies: bool,
) -> str | None:
    """What the worker lacks, in words; None if nothing (P-30 to P-32).

    :param held: slugs of the workflow held in the role of the level for the project's class.
    :param certifies: whether the workflow defines certifications at all.
    """
    needed = step.required_certifications
    missing = [slug for slug in needed if slug not in held]
    if missing:
        return _lacks(worker, role_for(level), missing)
    if level and not needed and not held and certifies:
        return (
            f"{worker.username} holds no reviewer certification of this workflow for "
            f"{project.task_class} projects."
        )
    return None


def _lacks(worker: Worker, role: Role, missing: Iterable[str]) -> str:
    words = "as reviewer" if role is Role.REVIEWER else "at entry level"
    return f"{worker.username} lacks the certification {words}: {', '.join(missing)}."


def _held(session: Session, worker_id: int, project: Project, role: Role) -> list[str]:
    return list(
        session.scalars(
            sa.select(Certification.slug)
            .join(WorkerCertification)
            .where(
                WorkerCertification.worker_id == worker_id,
                WorkerCertification.role == role,
                WorkerCertification.task_class.in_(covering(project.task_class)),
                Certification.workflow_id == project.version.workflow_id,
            )
        )
    )


def defines_certifications(session: Session, workflow_id: int) -> bool:
    """Whether a workflow has any: in one that has none, any active worker may do the steps."""
    exists = sa.exists().where(Certification.workflow_id == workflow_id)
    return bool(session.scalar(sa.select(exists)))


def certified_for_task(worker_id: WorkerId, role: Role) -> sa.ColumnElement[bool]:
    """The certification rule as a condition on a query over ``Task`` and ``Project``."""
    needed = sa.and_(
        StepRequirement.version_id == Project.version_id, StepRequirement.step == Task.step
    )
    requires = sa.select(StepRequirement.step).where(needed).correlate(Project, Task)
    holds_all = ~requires.where(~_holds_required(worker_id, role)).exists()
    if role is Role.ENTRY_LEVEL:
        return holds_all
    workflow = (
        sa.select(WorkflowVersion.workflow_id)
        .where(WorkflowVersion.id == Project.version_id)
        .correlate(Project)
        .scalar_subquery()
    )
    defined = aliased(Certification)
    nothing_defined = (
        ~sa.select(defined.id).where(defined.workflow_id == workflow).correlate(Project).exists()
    )
    holds_any = _holds_any_of(workflow, worker_id, role)
    return sa.and_(holds_all, sa.or_(requires.exists(), holds_any, nothing_defined))


def _holds_required(worker_id: WorkerId, role: Role) -> sa.ColumnElement[bool]:
    held = aliased(WorkerCertification)
    return (
        sa.select(held.id)
        .where(
            held.certification_id == StepRequirement.certification_id,
            _covers(held, worker_id, role),
        )
        .correlate(Project, StepRequirement)
        .exists()
    )


def _holds_any_of(
    workflow: sa.ScalarSelect[int], worker_id: WorkerId, role: Role
) -> sa.ColumnElement[bool]:
    held, certification = aliased(WorkerCertification), aliased(Certification)
    return (
        sa.select(held.id)
        .join(certification, certification.id == held.certification_id)
        .where(certification.workflow_id == workflow, _covers(held, worker_id, role))
        .correlate(Project)
        .exists()
    )


def _covers(
    row: type[WorkerCertification], worker_id: WorkerId, role: Role
) -> sa.ColumnElement[bool]:
    """The condition of :func:`covering`, on a row that the worker holds in the role."""
    return sa.and_(
        row.worker_id == worker_id,
        row.role == role,
        sa.or_(row.task_class == TaskClass.REAL, Project.task_class == TaskClass.TRAINING),
    )
