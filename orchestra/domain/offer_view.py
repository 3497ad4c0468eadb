"""An offer as the one who was asked sees it (specification S-28, S-34, S-38, W-63)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from orchestra.database import utcnow
from orchestra.domain import offers
from orchestra.domain.graph import Step
from orchestra.domain.versions import load_graphs, step_of
from orchestra.models import (
    Offer,
    OfferState,
    Project,
    ProjectStatus,
    RequestState,
    StaffingRequest,
    Task,
    Worker,
    Workflow,
)


class Standing(StrEnum):
    """What can become of an offer, or became of it."""

    OPEN = "open"  # it can be answered
    PAUSED = "paused"  # it can be accepted when the project goes on
    ACCEPTED = "accepted"
    DECLINED = "declined"  # it can still be accepted
    TAKEN = "taken"  # somebody else was faster
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"  # nobody is looked for any more

    @property
    def is_closed(self) -> bool:
        return self in {Standing.TAKEN, Standing.EXPIRED, Standing.WITHDRAWN}


@dataclass(frozen=True, kw_only=True)
class OfferView:
    offer: Offer
    step: Step
    looked_at: datetime

    @property
    def request(self) -> StaffingRequest:
        return self.offer.request

    @property
    def task(self) -> Task:
        return self.request.task

    @property
    def project(self) -> Project:
        return self.task.project

    @property
    def workflow(self) -> Workflow:
        return self.project.version.workflow

    @property
    def is_review(self) -> bool:
        return self.request.level > 0

    @property
    def standing(self) -> Standing:
        state = self.offer.state
        if state is OfferState.ACCEPTED:
            return Standing.ACCEPTED
        if self.request.state is RequestState.FILLED:
            return Standing.TAKEN
        if state is OfferState.EXPIRED or self._has_run_out:
            return Standing.EXPIRED
        if not self.request.state.is_live or state is OfferState.LOST:
            return Standing.WITHDRAWN
        if state is OfferState.DECLINED:
            return Standing.DECLINED
        return Standing.PAUSED if self._is_paused else Standing.OPEN

    @property
    def _is_paused(self) -> bool:
        return self.project.status is ProjectStatus.PAUSED

    @property
    def _has_run_out(self) -> bool:
        """Its time is over, and no job has noted that yet; a pause does not count (S-25)."""
        is_over = self.offer.expires_at is not None and self.offer.expires_at <= self.looked_at
        return self.offer.state is OfferState.SENT and is_over and not self._is_paused

    @property
    def closed_at(self) -> datetime | None:
        """When it could not be answered any more."""
        if self.standing is Standing.EXPIRED:
            return self.offer.expires_at
        return self.request.closed_at


def offer_view(session: Session, worker: Worker, token: str) -> OfferView:
    """:raises NotFound: there is no such offer for the worker (S-33)."""
    offer = offers.find(session, worker, token)
    task = offer.request.task
    load_graphs(session, [task.project.version])
    return OfferView(offer=offer, step=step_of(task.project, task), looked_at=utcnow())
