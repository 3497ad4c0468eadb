"""All staffing requests, for who looks after them (specification W-69)."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra.domain.graph import Step
from orchestra.domain.information import LARGEST_ID
from orchestra.domain.versions import load_graphs, step_of
from orchestra.models import (
    IS_LIVE_REQUEST,
    Offer,
    OfferState,
    Project,
    RequestState,
    StaffingRequest,
    Task,
    WorkflowVersion,
)

PER_PAGE = 50


@dataclass(frozen=True)
class Listed:
    """A request, and how many were asked and what they answered."""

    request: StaffingRequest  # with its task, project, version and workflow
    step: Step
    offers: dict[OfferState, int]

    @property
    def asked(self) -> int:
        return sum(self.offers.values())

    @property
    def declined(self) -> int:
        return self.offers.get(OfferState.DECLINED, 0)


@dataclass(frozen=True)
class Page:
    requests: Sequence[Listed]
    total: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PER_PAGE))


def requests(
    session: Session,
    *,
    state: RequestState | None = None,
    is_live: bool = False,
    project_id: int | None = None,
    text: str = "",
    page: int = 1,
) -> Page:
    """One page of requests, the newest first, in a fixed number of queries.

    :param is_live: only those by which somebody is looked for still.
    :param text: words of the description of the project or of the slug of the step; also the id
        of a task.
    """
    conditions = []
    if state is not None:
        conditions.append(StaffingRequest.state == state)
    if is_live:
        conditions.append(IS_LIVE_REQUEST)
    if project_id is not None:
        conditions.append(Task.project_id == project_id)
    conditions += [_has_word(word) for word in text.split()]
    chosen = sa.select(StaffingRequest).join(Task, Task.id == StaffingRequest.task_id)
    chosen = chosen.join(Project, Project.id == Task.project_id).where(*conditions)
    total = session.scalar(sa.select(sa.func.count()).select_from(chosen.subquery())) or 0
    project = joinedload(StaffingRequest.task).joinedload(Task.project, innerjoin=True)
    version = project.joinedload(Project.version, innerjoin=True)
    rows = session.scalars(
        chosen.options(version.joinedload(WorkflowVersion.workflow, innerjoin=True))
        .order_by(StaffingRequest.id.desc())
        .limit(PER_PAGE)
        .offset((page - 1) * PER_PAGE)
    ).all()
    load_graphs(session, {row.task.project.version for row in rows})
    offers = _offers(session, [row.id for row in rows])
    listed = [Listed(r, step_of(r.task.project, r.task), offers.get(r.id, {})) for r in rows]
    return Page(listed, total)


@dataclass(frozen=True)
class Asked:
    """One offer to a worker."""

    offer: Offer  # with its request, task, project, version and workflow
    step: Step


def offers_to(session: Session, worker_id: int) -> list[Asked]:
    """What a worker was asked lately, the newest first, in a fixed number of queries (P-63)."""
    task = joinedload(Offer.request, innerjoin=True).joinedload(StaffingRequest.task)
    project = task.joinedload(Task.project, innerjoin=True)
    version = project.joinedload(Project.version, innerjoin=True)
    offers = session.scalars(
        sa.select(Offer)
        .where(Offer.worker_id == worker_id)
        .options(version.joinedload(WorkflowVersion.workflow, innerjoin=True))
        .order_by(Offer.id.desc())
        .limit(PER_PAGE)
    ).all()
    load_graphs(session, {offer.request.task.project.version for offer in offers})
    tasks = [offer.request.task for offer in offers]
    return [
        Asked(offer, step_of(task.project, task)) for offer, task in zip(offers, tasks, strict=True)
    ]


def _has_word(word: str) -> sa.ColumnElement[bool]:
    texts = (Project.short_description, Task.step)
    found = [text.icontains(word, autoescape=True) for text in texts]
    number = word.removeprefix("#")
    if number.isascii() and number.isdigit() and int(number[:12]) <= LARGEST_ID:
        found.append(Task.id == int(number[:12]))
    return sa.or_(*found)


def _offers(session: Session, request_ids: Sequence[int]) -> dict[int, dict[OfferState, int]]:
    rows = session.execute(
        sa.select(Offer.request_id, Offer.state, sa.func.count())
        .where(Offer.request_id.in_(request_ids))
        .group_by(Offer.request_id, Offer.state)
    )
    counted: dict[int, dict[OfferState, int]] = {}
    for request_id, state, number in rows:
        counted.setdefault(request_id, {})[state] = number
    return counted
