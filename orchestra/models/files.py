"""Files, folders and documents of projects, and the people that folders are shared with."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestra.database import Base, seconds_from_now, text_enum
from orchestra.models.people import Worker
from orchestra.models.projects import Project


class FileKind(StrEnum):
    FILE = "file"
    FOLDER = "folder"
    DOCUMENT = "document"


class StoredFile(Base):
    """A file, a folder or a document of a project. What it holds lies in the store of files."""

    __tablename__ = "stored_file"
    __table_args__ = (
        sa.UniqueConstraint("project_id", "key"),
        sa.Index(
            "ix_stored_file_deleted",
            "deleted_at",
            sqlite_where=sa.text("deleted_at IS NOT NULL"),
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)  # random, never what a person typed (I-30)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"), index=True)
    kind: Mapped[FileKind] = mapped_column(
        text_enum(FileKind), default=FileKind.FILE, server_default=FileKind.FILE.value
    )
    key: Mapped[str | None]  # what its maker calls it, who may make it twice and gets one (I-24)
    # The folder that it lies in; none: the project's own.
    parent_id: Mapped[str | None] = mapped_column(sa.ForeignKey("stored_file.id"), index=True)
    name: Mapped[str]
    content_type: Mapped[str]  # found from the content (I-27)
    size_bytes: Mapped[int]
    place: Mapped[str | None]  # in the store; none: it is not there yet
    revision: Mapped[int] = mapped_column(default=0, server_default="0")  # of a document
    uploaded_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("worker.id"))
    created_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    deleted_at: Mapped[datetime | None]

    project: Mapped[Project] = relationship()
    uploaded_by: Mapped[Worker | None] = relationship()
    parent: Mapped["StoredFile | None"] = relationship(remote_side=[id])


class DocumentRevision(Base):
    """What a document said at some time, and who wrote it. Saves of one person that follow one
    another closely are one row, with the last text and the last number."""

    __tablename__ = "document_revision"
    __table_args__ = (
        sa.UniqueConstraint("document_id", "revision"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("stored_file.id"))
    revision: Mapped[int]
    text: Mapped[str]
    written_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("worker.id"))
    began_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    written_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    restored_from: Mapped[int | None]  # the revision that was brought back by this one

    written_by: Mapped[Worker | None] = relationship()


class FolderShare(Base):
    """The address that the folder of a project was shared with for a person (I-32), or why the
    service refused it (I-33)."""

    __tablename__ = "folder_share"

    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"), primary_key=True)
    worker_id: Mapped[int] = mapped_column(sa.ForeignKey("worker.id"), primary_key=True)
    address: Mapped[str]
    refused: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(default=seconds_from_now(0), onupdate=seconds_from_now(0))

    worker: Mapped[Worker] = relationship()
