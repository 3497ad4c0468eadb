"""Projects, their tasks, and who worked on them in which rounds."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestra.database import Base, Json, seconds_from_now, text_enum
from orchestra.errors import WrongStatus
from orchestra.models.definitions import WorkflowVersion
from orchestra.models.people import TaskClass, Worker


class Status(StrEnum):
    """A status that is stored as its code and shown as its label (specification C-11)."""

    @property
    def label(self) -> str:
        return _LABELS.get(self.value, self.value.replace("_", " ").title())


_LABELS = {"post_review_processing": "Post-review Processing"}


class ProjectStatus(Status):
    ACTIVE = "active"
    ABORTED = "aborted"
    PAUSED = "paused"
    COMPLETED = "completed"

    @property
    def is_closed(self) -> bool:
        return self in {ProjectStatus.COMPLETED, ProjectStatus.ABORTED}


class TaskStatus(Status):
    AWAITING_PROCESSING = "awaiting_processing"
    PROCESSING = "processing"
    PENDING_REVIEW = "pending_review"
    REVIEWING = "reviewing"
    POST_REVIEW_PROCESSING = "post_review_processing"
    COMPLETE = "complete"
    ABORTED = "aborted"
    SKIPPED = "skipped"
    FAILED = "failed"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL


class AssignmentStatus(Status):
    PROCESSING = "processing"
    SUBMITTED = "submitted"
    FAILED = "failed"


class IterationStatus(Status):
    PROCESSING = "processing"
    REQUESTED_REVIEW = "requested_review"
    PROVIDED_REVIEW = "provided_review"


_S = TaskStatus
TERMINAL = frozenset({_S.COMPLETE, _S.ABORTED, _S.SKIPPED})
FINISHED = frozenset({_S.COMPLETE, _S.SKIPPED})  # satisfies a dependency
POOL = frozenset({_S.AWAITING_PROCESSING, _S.PENDING_REVIEW})

# What the tables of lifecycle.md (L-74, L-109) and a revert (L-94) allow.
_REVERTED = {
    _S.AWAITING_PROCESSING,
    _S.PROCESSING,
    _S.PENDING_REVIEW,
    _S.REVIEWING,
    _S.POST_REVIEW_PROCESSING,
}
NEXT_STATUSES: dict[TaskStatus, set[TaskStatus]] = {
    _S.AWAITING_PROCESSING: {_S.PROCESSING, _S.COMPLETE, _S.ABORTED},
    _S.PROCESSING: {_S.PENDING_REVIEW, _S.COMPLETE, _S.ABORTED, _S.FAILED} | _REVERTED,
    _S.PENDING_REVIEW: {_S.REVIEWING, _S.COMPLETE, _S.ABORTED} | _REVERTED,
    _S.REVIEWING: {_S.COMPLETE, _S.ABORTED} | _REVERTED,
    _S.POST_REVIEW_PROCESSING: {_S.REVIEWING, _S.COMPLETE, _S.ABORTED} | _REVERTED,
    _S.COMPLETE: _REVERTED,
    _S.SKIPPED: {_S.AWAITING_PROCESSING},
    _S.FAILED: {_S.AWAITING_PROCESSING, _S.COMPLETE, _S.ABORTED},
    _S.ABORTED: set(),
}


class Project(Base):
    """One run of a workflow version."""

    __tablename__ = "project"
    __table_args__ = (
        sa.Index("ix_project_status", "status"),
        sa.Index(
            "ix_project_unprepared",
            "id",
            sqlite_where=sa.text("prepared_at IS NULL"),
            postgresql_where=sa.text("prepared_at IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(sa.ForeignKey("workflow_version.id"), index=True)
    short_description: Mapped[str]
    priority: Mapped[int]  # larger is more urgent
    task_class: Mapped[TaskClass] = mapped_column(text_enum(TaskClass))
    project_data: Mapped[Json]
    revision: Mapped[int] = mapped_column(default=1)
    # How often finished work was opened again: what was read of it before may have changed.
    reopenings: Mapped[int] = mapped_column(default=0, server_default="0")
    status: Mapped[ProjectStatus] = mapped_column(
        text_enum(ProjectStatus), default=ProjectStatus.ACTIVE
    )
    started_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    ended_at: Mapped[datetime | None]
    team_messages_url: Mapped[str | None]
    project_folder_url: Mapped[str | None]
    prepared_at: Mapped[datetime | None]  # when its folder was there
    preparation_problem: Mapped[str | None]  # why it is not, after the last try
    channel_id: Mapped[str | None]
    created_by: Mapped[str]  # a username, "system" or "key:<key id>"
    paused_at: Mapped[datetime | None]
    paused_by: Mapped[str | None]
    pause_reason: Mapped[str | None]

    version: Mapped[WorkflowVersion] = relationship()
    tasks: Mapped[list["Task"]] = relationship(back_populates="project", order_by="Task.id")


class CreationProblem(Base):
    """A creation policy that raised: the step has no task until it answers (L-33)."""

    __tablename__ = "creation_problem"

    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"), primary_key=True)
    step: Mapped[str] = mapped_column(primary_key=True)
    error: Mapped[str]
    at: Mapped[datetime] = mapped_column(default=seconds_from_now(0), onupdate=seconds_from_now(0))


class Task(Base):
    """One step of a workflow, to be done once in one project."""

    __tablename__ = "task"
    __table_args__ = (
        sa.UniqueConstraint("project_id", "step"),
        sa.Index(
            "ix_task_lease_until",
            "lease_until",
            sqlite_where=sa.text("lease_until IS NOT NULL"),
            postgresql_where=sa.text("lease_until IS NOT NULL"),
        ),
        sa.Index(
            "ix_task_pool",
            "status",
            "is_human",
            sqlite_where=sa.text("status IN ('awaiting_processing', 'pending_review')"),
            postgresql_where=sa.text("status IN ('awaiting_processing', 'pending_review')"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"))
    step: Mapped[str]  # slug of the step in the workflow version
    is_human: Mapped[bool]
    status: Mapped[TaskStatus] = mapped_column(text_enum(TaskStatus))
    result: Mapped[Json | None] = mapped_column(sa.JSON(none_as_null=True))  # only when Complete
    created_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    ended_at: Mapped[datetime | None]
    skip_note: Mapped[str | None]
    kept_drafts: Mapped[Json] = mapped_column(default=dict)  # level as text → data, by unassign
    policy_missed: Mapped[bool] = mapped_column(default=False)  # paused when it was due (L-45)
    policy_problem: Mapped[str | None]

    # machine steps only
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None]
    lease_holder: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    fencing_number: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None]

    project: Mapped[Project] = relationship(back_populates="tasks")
    assignments: Mapped[list["Assignment"]] = relationship(
        back_populates="task",
        order_by="(Assignment.level, Assignment.id)",
        primaryjoin="and_(Assignment.task_id == Task.id, Assignment.discarded_at.is_(None))",
        viewonly=True,
    )

    def move_to(self, status: TaskStatus) -> None:
        """Change the status along the tables of the specification, and not otherwise.

        :raises WrongStatus: the change is in no table.
        """
        if status not in NEXT_STATUSES[self.status]:
            raise WrongStatus(f"Task {self.id} is {self.status.label}, not to be {status.label}.")
        if self.status in FINISHED:
            self.project.reopenings += 1
        self.status = status


class Assignment(Base):
    """A worker, or the machine, holding a task at one level."""

    __tablename__ = "assignment"
    __table_args__ = (
        sa.Index(
            "uq_assignment_live_level",
            "task_id",
            "level",
            unique=True,
            sqlite_where=sa.text("discarded_at IS NULL"),
            postgresql_where=sa.text("discarded_at IS NULL"),
        ),
        sa.Index(
            "uq_assignment_live_worker",
            "task_id",
            "worker_id",
            unique=True,
            sqlite_where=sa.text("discarded_at IS NULL"),
            postgresql_where=sa.text("discarded_at IS NULL"),
        ),
        sa.Index(
            "ix_assignment_worker_status",
            "worker_id",
            "status",
            sqlite_where=sa.text("discarded_at IS NULL"),
            postgresql_where=sa.text("discarded_at IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("task.id"))
    level: Mapped[int]
    worker_id: Mapped[int | None] = mapped_column(sa.ForeignKey("worker.id"))  # None: machine
    status: Mapped[AssignmentStatus] = mapped_column(
        text_enum(AssignmentStatus), default=AssignmentStatus.PROCESSING
    )
    data: Mapped[Json] = mapped_column(default=dict)
    revision: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    saved_at: Mapped[datetime | None]
    saved_by: Mapped[str | None]
    discarded_at: Mapped[datetime | None]

    task: Mapped[Task] = relationship()
    worker: Mapped[Worker | None] = relationship()
    iterations: Mapped[list["Iteration"]] = relationship(
        back_populates="assignment", order_by="Iteration.number"
    )


class Iteration(Base):
    """One stretch of work on an assignment, from getting the task to handing it on."""

    __tablename__ = "iteration"
    __table_args__ = (
        sa.UniqueConstraint("task_id", "number"),
        sa.Index(
            "uq_iteration_open",
            "task_id",
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL AND discarded_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL AND discarded_at IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("task.id"))
    assignment_id: Mapped[int] = mapped_column(sa.ForeignKey("assignment.id"), index=True)
    number: Mapped[int]  # 1, 2, … in the task: the order of iterations
    worker_id: Mapped[int | None] = mapped_column(sa.ForeignKey("worker.id"))
    status: Mapped[IterationStatus] = mapped_column(
        text_enum(IterationStatus), default=IterationStatus.PROCESSING
    )
    submitted_data: Mapped[Json] = mapped_column(default=dict)
    comment: Mapped[str | None]
    started_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    ended_at: Mapped[datetime | None]
    discarded_at: Mapped[datetime | None]

    assignment: Mapped[Assignment] = relationship(back_populates="iterations")
    worker: Mapped[Worker | None] = relationship()
