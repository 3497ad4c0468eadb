"""Files of projects."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestra.database import Base, seconds_from_now
from orchestra.models.people import Worker
from orchestra.models.projects import Project


class StoredFile(Base):
    """A file of a project. Its content lies in the file store under the id of the row."""

    __tablename__ = "stored_file"
    __table_args__ = (
        sa.Index(
            "ix_stored_file_deleted",
            "deleted_at",
            sqlite_where=sa.text("deleted_at IS NOT NULL"),
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)  # random, never what a person typed (I-30)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"), index=True)
    folder: Mapped[str] = mapped_column(default="")
    name: Mapped[str]
    content_type: Mapped[str]  # found from the content (I-27)
    size_bytes: Mapped[int]
    uploaded_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("worker.id"))
    created_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    deleted_at: Mapped[datetime | None]

    project: Mapped[Project] = relationship()
    uploaded_by: Mapped[Worker | None] = relationship()
