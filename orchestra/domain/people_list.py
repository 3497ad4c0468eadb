"""The list of workers, and the page of one (specification P-62, P-63)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra.domain import certifications
from orchestra.domain.dashboard import role_word
from orchestra.domain.versions import graph_of, load_graphs
from orchestra.errors import NotFound
from orchestra.models import (
    TERMINAL,
    Assignment,
    AssignmentStatus,
    Certification,
    Message,
    MessageState,
    Project,
    ProjectStatus,
    Role,
    Task,
    Worker,
    WorkerCertification,
    Workflow,
    WorkflowVersion,
)

PER_PAGE = 50


class Kind(StrEnum):
    """Which accounts to show."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    PROJECT_ADMINS = "project_admins"
    ADMINISTRATORS = "administrators"


@dataclass(frozen=True, kw_only=True)
class Filter:
    """What the reader looks for; the rest of the workers is left out."""

    text: str = ""
    certification_id: int | None = None
    role: Role | None = None  # in which any certification, or that one, is held
    kind: Kind | None = None


@dataclass(frozen=True, kw_only=True)
class Person:
    """One row of the list."""

    worker: Worker
    holdings: Sequence[WorkerCertification]
    in_progress: int
    last_activity_at: datetime | None


@dataclass(frozen=True)
class People:
    total: int
    rows: Sequence[Person]
    page: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PER_PAGE))


@dataclass(frozen=True, kw_only=True)
class Work:
    """A task that a worker holds or held."""

    assignment: Assignment
    task: Task
    project: Project
    step: str  # name
    workflow: str  # name

    @property
    def role(self) -> str:
        return role_word(self.assignment.level)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What project admins see of a worker."""

    worker: Worker
    holdings: Sequence[WorkerCertification]
    granted_by: Mapping[int, Worker] = field(default_factory=dict)
    current: Sequence[Work]
    past: Sequence[Work]  # the last PER_PAGE
    undelivered: Sequence[Message]


def people(session: Session, wanted: Filter, page: int) -> People:
    """One page of the workers, by username."""
    condition = _condition(wanted)
    total = session.scalar(sa.select(sa.func.count()).select_from(Worker).where(condition)) or 0
    workers = session.scalars(
        sa.select(Worker)
        .where(condition)
        .order_by(sa.func.lower(Worker.username))
        .limit(PER_PAGE)
        .offset((page - 1) * PER_PAGE)
    ).all()
    ids = [worker.id for worker in workers]
    held, seen = _holdings(session, ids), _activity(session, ids)
    rows = [
        Person(
            worker=worker,
            holdings=held.get(worker.id, []),
            in_progress=seen[worker.id][0] if worker.id in seen else 0,
            last_activity_at=_later(worker.last_login_at, seen.get(worker.id, (0, None))[1]),
        )
        for worker in workers
    ]
    return People(total, rows, page)


def _condition(wanted: Filter) -> sa.ColumnElement[bool]:
    conditions: list[sa.ColumnElement[bool]] = [sa.true()]
    full_name = Worker.first_name + " " + Worker.last_name
    for word in wanted.text.lower().split():
        texts = (Worker.username, Worker.email, full_name)
        found = (sa.func.lower(text).contains(word, autoescape=True) for text in texts)
        conditions.append(sa.or_(*found))
    if wanted.certification_id or wanted.role:
        conditions.append(_holds(wanted))
    kinds: dict[Kind | None, sa.ColumnElement[bool]] = {
        Kind.ACTIVE: Worker.is_active.is_(True),
        Kind.INACTIVE: Worker.is_active.is_(False),
        Kind.PROJECT_ADMINS: sa.or_(Worker.is_in_project_admins, Worker.is_administrator),
        Kind.ADMINISTRATORS: Worker.is_administrator.is_(True),
    }
    return sa.and_(*conditions, kinds.get(wanted.kind, sa.true()))


def _holds(wanted: Filter) -> sa.ColumnElement[bool]:
    held = [WorkerCertification.worker_id == Worker.id]
    if wanted.certification_id:
        held.append(WorkerCertification.certification_id == wanted.certification_id)
    if wanted.role:
        held.append(WorkerCertification.role == wanted.role)
    return sa.exists().where(*held)


def _holdings(session: Session, worker_ids: Sequence[int]) -> dict[int, list[WorkerCertification]]:
    rows = session.scalars(
        sa.select(WorkerCertification)
        .where(WorkerCertification.worker_id.in_(worker_ids))
        .join(Certification, Certification.id == WorkerCertification.certification_id)
        .order_by(Certification.name, WorkerCertification.role)
    )
    found: dict[int, list[WorkerCertification]] = {}
    for row in rows:
        found.setdefault(row.worker_id, []).append(row)
    return found


def _activity(
    session: Session, worker_ids: Sequence[int]
) -> dict[int, tuple[int, datetime | None]]:
    """Tasks in progress (P-38), and when work was taken or saved last."""
    is_in_progress = sa.and_(
        Assignment.status == AssignmentStatus.PROCESSING,
        Task.status.not_in(TERMINAL),
        Project.status == ProjectStatus.ACTIVE,
    )
    rows = session.execute(
        sa.select(
            Assignment.worker_id,
            sa.func.sum(sa.case((is_in_progress, 1), else_=0)),
            sa.func.max(sa.func.coalesce(Assignment.saved_at, Assignment.created_at)),
        )
        .join(Task, Task.id == Assignment.task_id)
        .join(Project, Project.id == Task.project_id)
        .where(Assignment.worker_id.in_(worker_ids), Assignment.discarded_at.is_(None))
        .group_by(Assignment.worker_id)
    )
    return {worker_id: (in_progress, at) for worker_id, in_progress, at in rows}


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at), default=None)


def grantable(session: Session) -> dict[str, list[Certification]]:
    """Certifications that are not retired, by the name of their workflow."""
    rows = session.scalars(
        sa.select(Certification)
        .join(Workflow, Workflow.id == Certification.workflow_id)
        .where(Certification.retired_at.is_(None))
        .options(joinedload(Certification.workflow, innerjoin=True))
        .order_by(Workflow.name, Certification.name)
    )
    found: dict[str, list[Certification]] = {}
    for certification in rows:
        found.setdefault(certification.workflow.name, []).append(certification)
    return found


def get_person(session: Session, worker_id: int) -> Worker:
    """:raises NotFound: there is no such account."""
    worker = session.get(Worker, worker_id)
    if worker is None:
        raise NotFound(f"There is no worker {worker_id}.")
    return worker


def profile(session: Session, worker_id: int) -> Profile:
    """:raises NotFound: there is no such account."""
    worker = get_person(session, worker_id)
    holdings = certifications.holdings_of(session, worker)
    granters = {holding.granted_by_id for holding in holdings if holding.granted_by_id}
    granted_by = session.scalars(sa.select(Worker).where(Worker.id.in_(granters)))
    current, past = _work(session, worker)
    undelivered = session.scalars(
        sa.select(Message)
        .where(Message.worker_id == worker.id, Message.state == MessageState.DEAD)
        .order_by(Message.id.desc())
        .limit(PER_PAGE)
    )
    return Profile(
        worker=worker,
        holdings=holdings,
        granted_by={granter.id: granter for granter in granted_by},
        current=current,
        past=past,
        undelivered=undelivered.all(),
    )


def _work(session: Session, worker: Worker) -> tuple[list[Work], list[Work]]:
    """Open tasks of open projects, oldest first, and what is over, newest first."""
    is_over = sa.or_(
        Task.status.in_(TERMINAL),
        Project.status.in_([ProjectStatus.COMPLETED, ProjectStatus.ABORTED]),
    )
    current = works(session, Assignment.worker_id == worker.id, ~is_over)
    past = works(session, Assignment.worker_id == worker.id, is_over, newest_first=True)
    return current, past


def held_by_inactive(session: Session) -> list[Work]:
    """Work that nobody goes on with, because its holder's account is deactivated (P-15)."""
    gone = sa.select(Worker.id).where(~Worker.is_active)
    return works(
        session,
        Assignment.worker_id.in_(gone),
        Assignment.status == AssignmentStatus.PROCESSING,
        Task.status.not_in(TERMINAL),
        Project.status == ProjectStatus.ACTIVE,
    )


def works(
    session: Session, *conditions: sa.ColumnElement[bool], newest_first: bool = False
) -> list[Work]:
    """At most PER_PAGE live assignments that meet the conditions."""
    place = Assignment.id.desc() if newest_first else Assignment.id
    rows = session.execute(
        sa.select(Assignment, Task, Project, WorkflowVersion)
        .join(Task, Task.id == Assignment.task_id)
        .join(Project, Project.id == Task.project_id)
        .join(WorkflowVersion, WorkflowVersion.id == Project.version_id)
        .where(Assignment.discarded_at.is_(None), *conditions)
        .options(joinedload(Assignment.worker))
        .order_by(place)
        .limit(PER_PAGE)
    ).all()
    load_graphs(session, [version for *_, version in rows])
    return [
        Work(
            assignment=assignment,
            task=task,
            project=project,
            step=graph_of(version).by_slug[task.step].name,
            workflow=version.workflow.name,
        )
        for assignment, task, project, version in rows
    ]
