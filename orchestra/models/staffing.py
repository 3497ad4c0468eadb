"""Who is asked to take a task, in which batches, and what they answered (S-1, S-15, S-26)."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestra.database import Base, Json, seconds_from_now, text_enum
from orchestra.models.people import Worker
from orchestra.models.projects import Assignment, Task


class RequestCause(StrEnum):
    """Why somebody is looked for."""

    USER = "user"
    TASK_POLICY = "task_policy"
    RESTAFF = "restaff"


class RequestState(StrEnum):
    OPEN = "open"
    EXHAUSTED = "exhausted"  # everybody eligible was asked; offers can still be accepted
    FILLED = "filled"
    CANCELLED = "cancelled"

    @property
    def is_live(self) -> bool:
        return self in LIVE_REQUEST


LIVE_REQUEST = frozenset({RequestState.OPEN, RequestState.EXHAUSTED})
_IS_LIVE = sa.text("state IN ('open', 'exhausted')")
_IS_SENT = sa.text("state = 'sent'")


class StaffingRequest(Base):
    """StaffBot looks for somebody for one level of a task."""

    __tablename__ = "staffing_request"
    __table_args__ = (
        sa.Index(
            "uq_staffing_request_live",
            "task_id",
            "level",
            unique=True,
            sqlite_where=_IS_LIVE,
            postgresql_where=_IS_LIVE,
        ),
        sa.Index("ix_staffing_request_task", "task_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("task.id"))
    level: Mapped[int]
    cause: Mapped[RequestCause] = mapped_column(text_enum(RequestCause))
    requested_by: Mapped[str]  # a username, "system" or "key:<key id>"
    state: Mapped[RequestState] = mapped_column(text_enum(RequestState), default=RequestState.OPEN)
    replaces_id: Mapped[int | None] = mapped_column(sa.ForeignKey("assignment.id"))
    seed: Mapped[int]  # of the order among workers of equal priority
    opened_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    last_batch_at: Mapped[datetime | None]
    warned_at: Mapped[datetime | None]
    detail_problem: Mapped[str | None]  # why offers went out without their detail (S-29)
    closed_at: Mapped[datetime | None]
    closed_reason: Mapped[str | None]

    task: Mapped[Task] = relationship()
    replaces: Mapped[Assignment | None] = relationship()
    offers: Mapped[list["Offer"]] = relationship(back_populates="request", order_by="Offer.id")


# The states are written out as in the index of live requests, which is used only then.
IS_LIVE_REQUEST = StaffingRequest.state.in_(
    [sa.literal_column("'open'"), sa.literal_column("'exhausted'")]
)


class Verdict(StrEnum):
    """What was found about a worker when a batch was made, in the order of checking (S-14)."""

    NOT_CERTIFIED = "not_certified"
    STAFFBOT_DISABLED = "staffbot_disabled"
    ALREADY_ON_TASK = "already_on_task"
    ALREADY_ASKED = "already_asked"
    RETURNED_WORK = "returned_work"
    LIMIT_REACHED = "limit_reached"
    OFFERS_MUTED = "offers_muted"
    OFFERED = "offered"
    WAITING = "waiting"  # eligible; comes in a later batch


class StaffingBatch(Base):
    """The verdict on every active worker at one time: verdict → ids of workers."""

    __tablename__ = "staffing_batch"
    __table_args__ = (
        sa.UniqueConstraint("request_id", "number"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(sa.ForeignKey("staffing_request.id"))
    number: Mapped[int]
    at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    verdicts: Mapped[Json]


class OfferState(StrEnum):
    SENT = "sent"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    LOST = "lost"  # somebody else was faster, or nobody is wanted any more


class Offer(Base):
    """A worker is asked to take a task, once per request."""

    __tablename__ = "offer"
    __table_args__ = (
        sa.UniqueConstraint("request_id", "worker_id"),
        sa.Index("ix_offer_worker", "worker_id", "id"),
        sa.Index(
            "ix_offer_sent",
            "worker_id",
            sqlite_where=_IS_SENT,
            postgresql_where=_IS_SENT,
        ),
        sa.Index(
            "ix_offer_expires",
            "expires_at",
            sqlite_where=_IS_SENT,
            postgresql_where=_IS_SENT,
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(sa.ForeignKey("staffing_request.id"))
    worker_id: Mapped[int] = mapped_column(sa.ForeignKey("worker.id"))
    batch: Mapped[int]  # number of the batch
    state: Mapped[OfferState] = mapped_column(text_enum(OfferState), default=OfferState.SENT)
    sent_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    answered_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]  # None: never
    detail: Mapped[str | None]  # what the step's function says about this task

    request: Mapped[StaffingRequest] = relationship(back_populates="offers")
    worker: Mapped[Worker] = relationship()
