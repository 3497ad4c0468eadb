"""Certifications of workers: granted by the rules, and copied between workflows (P-22 to P-28)."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra.database import lock
from orchestra.domain import audit
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.definitions.shapes import SLUG_PATTERN, UNSTORABLE
from orchestra.errors import Conflict, Invalid, NotCertified, NotFound
from orchestra.models import (
    Certification,
    Role,
    TaskClass,
    Verb,
    Worker,
    WorkerCertification,
    Workflow,
)

LONGEST_NAME, LONGEST_TEXT = 200, 1000
Key = tuple[int, Role, TaskClass]  # of a certification, held in this role for this class


class Grant(NamedTuple):
    """What a worker is to be certified for."""

    certification: Certification
    role: Role
    task_class: TaskClass

    @classmethod
    def of(cls, holding: WorkerCertification) -> Self:
        return cls(holding.certification, holding.role, holding.task_class)

    def __str__(self) -> str:
        role = "reviewer" if self.role is Role.REVIEWER else "entry level"
        return f"{self.certification.slug} ({role}, {self.task_class})"


@dataclass(frozen=True, kw_only=True)
class NewCertification:
    """A certification as an administrator typed it."""

    slug: str
    name: str
    description: str
    required: tuple[str, ...] = ()  # slugs

    def problems(self, workflow: Workflow) -> dict[str, list[str]]:
        """What cannot be taken, as sentences by field."""
        known = {c.slug for c in workflow.certifications if c.retired_at is None}
        found = {}
        if not re.fullmatch(SLUG_PATTERN.strip("^$"), self.slug):
            found["slug"] = ["Use 1 to 64 small letters, digits, - and _, beginning without those."]
        if not 1 <= len(self.name) <= LONGEST_NAME or UNSTORABLE.search(self.name):
            found["name"] = [f"Use 1 to {LONGEST_NAME} characters."]
        if len(self.description) > LONGEST_TEXT or UNSTORABLE.search(self.description):
            found["description"] = [f"Use at most {LONGEST_TEXT} characters."]
        if missing := [slug for slug in self.required if slug not in known]:
            found["required"] = [f"This workflow has no {', '.join(missing)}."]
        return found


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
    lock(session, Worker, worker.id)
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
    after = _told(worker, wanted)
    audit.record(session, actor, Verb.CERTIFICATION_GRANTED, holding, after=after)
    return True


def revoke(
    session: Session, worker: Worker, holdings: Collection[WorkerCertification], *, actor: Actor
) -> None:
    """Take certifications away, all together; tasks already held stay (P-26).

    :raises Conflict: others that the worker keeps build on them; the message lists these (P-25).
    """
    lock(session, Worker, worker.id)
    revoked = {holding.id for holding in holdings}
    before = holdings_of(session, worker)
    kept = [holding for holding in before if holding.id not in revoked]
    in_the_air = [
        str(Grant.of(holding))
        for holding in kept
        if _missing(Grant.of(holding), _keys(kept)) != _missing(Grant.of(holding), _keys(before))
    ]
    if in_the_air:
        raise Conflict(
            f"{worker.username} holds what builds on this: {', '.join(in_the_air)}. "
            "Revoke these together with it."
        )
    for holding in before:
        if holding.id in revoked:
            before_it = _told(worker, Grant.of(holding))
            audit.record(session, actor, Verb.CERTIFICATION_REVOKED, holding, before=before_it)
            session.delete(holding)
    session.flush()


def set_staffing(
    session: Session,
    holding: WorkerCertification,
    *,
    actor: Actor,
    staffbot_enabled: bool,
    staffing_priority: int,
) -> bool:
    """Say whether and how early StaffBot asks the worker (P-22); return whether that is new."""
    wanted = {"staffbot_enabled": staffbot_enabled, "staffing_priority": staffing_priority}
    before = {name: getattr(holding, name) for name in wanted}
    if before == wanted:
        return False
    holding.staffbot_enabled, holding.staffing_priority = staffbot_enabled, staffing_priority
    audit.record(session, actor, Verb.ACCOUNT_CHANGED, holding, before=before, after=wanted)
    return True


def get_holding(
    session: Session, worker: Worker, workflow_slug: str, slug: str, held: tuple[Role, TaskClass]
) -> WorkerCertification:
    """:raises NotFound: the worker does not hold this; the certification may be retired."""
    role, task_class = held
    found = session.scalars(
        sa.select(WorkerCertification)
        .join(Certification, Certification.id == WorkerCertification.certification_id)
        .join(Workflow, Workflow.id == Certification.workflow_id)
        .where(
            WorkerCertification.worker_id == worker.id,
            WorkerCertification.role == role,
            WorkerCertification.task_class == task_class,
            Certification.slug == slug,
            Workflow.slug == workflow_slug,
        )
    ).one_or_none()
    if found is None:
        raise NotFound(f"{worker.username} does not hold {slug!r} of {workflow_slug!r} this way.")
    return found


def holdings_of(session: Session, worker: Worker) -> list[WorkerCertification]:
    """What the worker holds, with what it builds on, by workflow and name."""
    certification = joinedload(WorkerCertification.certification, innerjoin=True)
    statement = (
        sa.select(WorkerCertification)
        .join(Certification, Certification.id == WorkerCertification.certification_id)
        .join(Workflow, Workflow.id == Certification.workflow_id)
        .where(WorkerCertification.worker_id == worker.id)
        .options(
            certification.joinedload(Certification.workflow, innerjoin=True),
            certification.selectinload(Certification.required),
        )
        .order_by(
            Workflow.name,
            Certification.name,
            WorkerCertification.task_class,
            WorkerCertification.role,
        )
        .execution_options(populate_existing=True)
    )
    return list(session.scalars(statement))


def add(
    session: Session, workflow: Workflow, wanted: NewCertification, *, actor: Actor
) -> Certification:
    """Add a certification that is in no file; a file that names it takes it over (P-28).

    :raises Invalid: ``fields`` says what cannot be taken.
    :raises Conflict: the workflow has one of this slug, perhaps a retired one.
    """
    lock(session, Workflow, workflow.id)
    if problems := wanted.problems(workflow):
        raise Invalid("Some fields need another look.", fields=problems)
    if any(c.slug == wanted.slug for c in workflow.certifications):
        raise Conflict(f"There is a certification {wanted.slug!r} already. Choose another slug.")
    certification = Certification(
        workflow_id=workflow.id,
        slug=wanted.slug,
        name=wanted.name,
        description=wanted.description,
        is_manual=True,
    )
    certification.required = [c for c in workflow.certifications if c.slug in wanted.required]
    session.add(certification)
    session.flush()
    audit.record(
        session,
        actor,
        Verb.VERSION_LOADED,
        certification,
        after={"workflow": workflow.slug, "certification": wanted.slug},
        note="A certification was added by hand.",
    )
    return certification


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


def _told(worker: Worker, grant: Grant) -> dict[str, str]:
    """A grant as the audit tells it."""
    certification, role, task_class = grant
    return {
        "worker": worker.username,
        "workflow": certification.workflow.slug,
        "certification": certification.slug,
        "role": role,
        "task_class": task_class,
    }


def _held_by(session: Session, worker: Worker) -> set[Key]:
    held = WorkerCertification
    statement = sa.select(held.certification_id, held.role, held.task_class)
    rows = session.execute(statement.where(held.worker_id == worker.id))
    return {(certification_id, role, task_class) for certification_id, role, task_class in rows}


def _keys(holdings: Collection[WorkerCertification]) -> set[Key]:
    return {(h.certification_id, h.role, h.task_class) for h in holdings}


def _refuse_uncertified(worker: Worker, wanted: Grant, held: set[Key]) -> None:
    missing = _missing(wanted, held)
    if missing:
        raise NotCertified(
            f"{worker.username} first needs at entry level, for {wanted.task_class} projects: "
            f"{', '.join(missing)}."
        )


def _missing(wanted: Grant, held: set[Key]) -> list[str]:
    """Slugs of what a certification builds on and is not held, in order."""
    needed = list(wanted.certification.required)
    if wanted.role is Role.REVIEWER:
        needed.insert(0, wanted.certification)
    covering = (TaskClass.REAL, wanted.task_class)  # real covers both (P-24)
    entry_level = {
        certification_id
        for certification_id, role, task_class in held
        if role is Role.ENTRY_LEVEL and task_class in covering
    }
    return [c.slug for c in needed if c.id not in entry_level]
