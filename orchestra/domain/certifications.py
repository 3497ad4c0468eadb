"""Certifications of workers: granted by the rules, and copied between workflows (P-22 to P-27)."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra.domain import audit
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.errors import NotCertified, NotFound
from orchestra.models import (
    Certification,
    Role,
    TaskClass,
    Verb,
    Worker,
    WorkerCertification,
    Workflow,
)


class Grant(NamedTuple):
    """What a worker is to be certified for."""

    certification: Certification
    role: Role
    task_class: TaskClass


@dataclass
class Copies:
    """What became of the certifications of one workflow in another."""

    copied: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def get_certification(session: Session, workflow_slug: str, slug: str) -> Certification:
    """:raises NotFound: the workflow has no such certification, or it is retired."""
    found = _grantable(session, workflow_slug).get(slug)
    if found is None:
        raise NotFound(f"The workflow {workflow_slug!r} has no certification {slug!r} to grant.")
    return found


def grant(session: Session, worker: Worker, wanted: Grant, *, actor: Actor) -> bool:
    """Certify a worker, and say whether that was new.

    :raises NotFound: the certification is retired.
    :raises NotCertified: the worker lacks what this certification builds on (P-23).
    """
    certification, role, task_class = wanted
    if certification.retired_at is not None:
        raise NotFound(f"The certification {certification.slug!r} is retired.")
    held = _held_by(session, worker)
    if (certification.id, role, task_class) in held:
        return False
    _refuse_uncertified(worker, wanted, held)
    holding = WorkerCertification(
        worker_id=worker.id,
        certification_id=certification.id,
        role=role,
        task_class=task_class,
        granted_by_id=actor.worker_id,
    )
    session.add(holding)
    session.flush()
    granted = {"certification": certification.slug, "role": role, "task_class": task_class}
    after = {"worker": worker.username, "workflow": certification.workflow.slug} | granted
    audit.record(session, actor, Verb.CERTIFICATION_GRANTED, holding, after=after)
    return True


def copy(
    session: Session,
    from_workflow: str,
    to_workflow: str,
    *,
    only: Collection[str] = (),
    actor: Actor = SYSTEM,
) -> Copies:
    """Grant in one workflow what workers hold in another, by certifications of the same slug.

    :raises NotFound: one of the workflows is not loaded.
    """
    sources, targets = _grantable(session, from_workflow), _grantable(session, to_workflow)
    wanted = list(only) or sorted({*sources, *targets})
    copies = Copies()
    for workflow, found in ((from_workflow, sources), (to_workflow, targets)):
        missing = [slug for slug in wanted if slug not in found]
        copies.skipped += [f"{slug}: not a certification of {workflow}" for slug in missing]
    both = [slug for slug in wanted if slug in sources and slug in targets]
    for holding in _holdings(session, [sources[slug].id for slug in both]):
        copied = Grant(targets[holding.certification.slug], holding.role, holding.task_class)
        told = f"{holding.certification.slug}: {holding.worker.username}, {', '.join(copied[1:])}"
        try:
            if grant(session, holding.worker, copied, actor=actor):
                copies.copied.append(told)
        except NotCertified as error:
            copies.skipped.append(f"{told}: {error}")
    return copies


def _grantable(session: Session, workflow_slug: str) -> dict[str, Certification]:
    """Certifications of a workflow that are not retired, by slug."""
    statement = sa.select(Workflow).where(Workflow.slug == workflow_slug)
    workflow = session.scalars(statement).one_or_none()
    if workflow is None:
        raise NotFound(f"No workflow {workflow_slug!r} is loaded.")
    return {c.slug: c for c in workflow.certifications if c.retired_at is None}


def _holdings(session: Session, certification_ids: list[int]) -> list[WorkerCertification]:
    """Who holds the certifications, entry level before reviewer, in the order they were granted."""
    statement = (
        sa.select(WorkerCertification)
        .where(WorkerCertification.certification_id.in_(certification_ids))
        .options(joinedload(WorkerCertification.worker))
        .order_by(WorkerCertification.role, WorkerCertification.id)
    )
    return list(session.scalars(statement))


def _held_by(session: Session, worker: Worker) -> set[tuple[int, Role, TaskClass]]:
    held = WorkerCertification
    statement = sa.select(held.certification_id, held.role, held.task_class)
    rows = session.execute(statement.where(held.worker_id == worker.id))
    return {(certification_id, role, task_class) for certification_id, role, task_class in rows}


def _refuse_uncertified(
    worker: Worker, wanted: Grant, held: set[tuple[int, Role, TaskClass]]
) -> None:
    needed = list(wanted.certification.required)
    if wanted.role is Role.REVIEWER:
        needed.insert(0, wanted.certification)
    covering = (TaskClass.REAL, wanted.task_class)  # real covers both (P-24)
    entry_level = {
        certification_id
        for certification_id, role, task_class in held
        if role is Role.ENTRY_LEVEL and task_class in covering
    }
    missing = [c.slug for c in needed if c.id not in entry_level]
    if missing:
        raise NotCertified(
            f"{worker.username} first needs at entry level, for {wanted.task_class} projects: "
            f"{', '.join(missing)}."
        )
