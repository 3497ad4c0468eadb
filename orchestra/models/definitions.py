"""Workflows, their versions, and the certifications that they name."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestra.database import Base, Json, seconds_from_now


class Workflow(Base):
    """A kind of project."""

    __tablename__ = "workflow"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    description: Mapped[str]
    definition: Mapped[Json] = mapped_column(deferred=True)  # workflow.json as loaded

    versions: Mapped[list["WorkflowVersion"]] = relationship(
        back_populates="workflow", order_by="WorkflowVersion.id"
    )
    certifications: Mapped[list["Certification"]] = relationship(
        back_populates="workflow", order_by="Certification.slug"
    )


class WorkflowVersion(Base):
    """One stored definition of the steps of a workflow."""

    __tablename__ = "workflow_version"
    __table_args__ = (
        sa.UniqueConstraint("workflow_id", "slug"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    workflow_id: Mapped[int] = mapped_column(sa.ForeignKey("workflow.id"))
    slug: Mapped[str]
    name: Mapped[str]
    description: Mapped[str]
    definition: Mapped[Json] = mapped_column(deferred=True)  # version.json as loaded
    checksum: Mapped[str]  # SHA-256 of the canonical JSON of both files
    loaded_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))

    workflow: Mapped[Workflow] = relationship(back_populates="versions", lazy="joined")


certification_requirement = sa.Table(
    "certification_requirement",
    Base.metadata,
    sa.Column("certification_id", sa.ForeignKey("certification.id"), primary_key=True),
    sa.Column("required_id", sa.ForeignKey("certification.id"), primary_key=True),
)


class Certification(Base):
    """A named ability of a workflow."""

    __tablename__ = "certification"
    __table_args__ = (
        sa.UniqueConstraint("workflow_id", "slug"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    workflow_id: Mapped[int] = mapped_column(sa.ForeignKey("workflow.id"))
    slug: Mapped[str]
    name: Mapped[str]
    description: Mapped[str]
    retired_at: Mapped[datetime | None]  # left the file: not grantable, still honoured
    is_manual: Mapped[bool] = mapped_column(default=False)

    workflow: Mapped[Workflow] = relationship(back_populates="certifications")
    required: Mapped[list["Certification"]] = relationship(
        secondary=certification_requirement,
        primaryjoin=lambda: Certification.id == certification_requirement.c.certification_id,
        secondaryjoin=lambda: Certification.id == certification_requirement.c.required_id,
    )


class StepRequirement(Base):
    """A certification that a human step of a version needs, for queries over many tasks."""

    __tablename__ = "step_requirement"

    version_id: Mapped[int] = mapped_column(sa.ForeignKey("workflow_version.id"), primary_key=True)
    step: Mapped[str] = mapped_column(primary_key=True)
    certification_id: Mapped[int] = mapped_column(
        sa.ForeignKey("certification.id"), primary_key=True
    )
