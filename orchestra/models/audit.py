"""Audit events: who changed what, when and through what. Append-only."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from orchestra.database import Base, Json, seconds_from_now, text_enum


class Source(StrEnum):
    WEB = "web"
    API = "api"
    SLACK = "slack"
    JOB = "job"
    CLI = "cli"


class Verb(StrEnum):
    """The closed list of what can be audited (specification P-57)."""

    PROJECT_CREATED = "project_created"
    TASK_CREATED = "task_created"
    TASK_ASSIGNED = "task_assigned"
    DRAFT_SAVED = "draft_saved"
    TASK_SUBMITTED = "task_submitted"
    TASK_ACCEPTED = "task_accepted"
    TASK_RETURNED = "task_returned"
    TASK_COMPLETED = "task_completed"
    TASK_SKIPPED = "task_skipped"
    TASK_UNSKIPPED = "task_unskipped"
    TASK_REVERTED = "task_reverted"
    TASK_REASSIGNED = "task_reassigned"
    TASK_UNASSIGNED = "task_unassigned"
    TASK_ABORTED = "task_aborted"
    MACHINE_CLAIMED = "machine_claimed"
    MACHINE_FAILED = "machine_failed"
    MACHINE_RETRIED = "machine_retried"
    PROJECT_PAUSED = "project_paused"
    PROJECT_RESUMED = "project_resumed"
    PROJECT_ABORTED = "project_aborted"
    PROJECT_COMPLETED = "project_completed"
    PROJECT_REOPENED = "project_reopened"
    PROJECT_EDITED = "project_edited"
    PROJECT_PREPARED = "project_prepared"
    REVIEW_DRAWN = "review_drawn"
    REMARK_RESOLVED = "remark_resolved"
    POLICY_FAILED = "policy_failed"
    CREATION_FAILED = "creation_failed"
    STAFFING_OPENED = "staffing_opened"
    STAFFING_CLOSED = "staffing_closed"
    OFFER_SENT = "offer_sent"
    OFFER_ANSWERED = "offer_answered"
    CERTIFICATION_GRANTED = "certification_granted"
    CERTIFICATION_REVOKED = "certification_revoked"
    ACCOUNT_CHANGED = "account_changed"
    ACTING_STARTED = "acting_started"
    ACTING_STOPPED = "acting_stopped"
    PREFERENCES_CHANGED = "preferences_changed"
    FILE_CHANGED = "file_changed"
    MESSAGE_SENT_BY_CLIENT = "message_sent_by_client"
    KEY_CREATED = "key_created"
    KEY_REVOKED = "key_revoked"
    VERSION_LOADED = "version_loaded"
    CHANNEL_CHANGED = "channel_changed"
    DEAD_LETTER_DECIDED = "dead_letter_decided"
    SANITY_HANDLED = "sanity_handled"
    SANITY_MUTED = "sanity_muted"
    SANITY_SNOOZED = "sanity_snoozed"
    SANITY_RESOLVED = "sanity_resolved"
    TIMER_CHANGED = "timer_changed"
    TIME_ENTRY_CHANGED = "time_entry_changed"
    TIME_WEEK_CHANGED = "time_week_changed"


class AuditEvent(Base):
    """One change of state. The database refuses to update or delete it (trigger)."""

    __tablename__ = "audit_event"
    __table_args__ = (
        sa.Index("ix_audit_event_project", "project_id", "id"),
        sa.Index("ix_audit_event_object", "object_kind", "object_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    actor: Mapped[str]  # a username, "system" or "key:<key id>"
    acting_as: Mapped[str | None]
    source: Mapped[Source] = mapped_column(text_enum(Source))
    verb: Mapped[str]  # a Verb; text, so that the list can grow without a migration
    object_kind: Mapped[str]
    object_id: Mapped[int | None]
    project_id: Mapped[int | None]
    before: Mapped[Json | None] = mapped_column(sa.JSON(none_as_null=True))
    after: Mapped[Json | None] = mapped_column(sa.JSON(none_as_null=True))
    note: Mapped[str | None]
    request_id: Mapped[str | None]
