"""A document and its history as their pages show them, in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra.domain import documents
from orchestra.models import DocumentRevision, Project, StoredFile, Task, Worker

MOST_ENTRIES = 200


@dataclass(frozen=True, kw_only=True)
class DocumentView:
    """A document with its newest text."""

    document: StoredFile
    project: Project
    newest: DocumentRevision | None  # None: nothing was ever written
    a_task_id: int | None  # whatever task of the project; pictures are sent for one

    @property
    def text(self) -> str:
        return self.newest.text if self.newest else ""

    @property
    def may_edit(self) -> bool:
        return not self.project.status.is_closed


def document_view(session: Session, worker: Worker, document_id: str) -> DocumentView:
    """:raises NotFound: there is no such document, or the worker is not on its project."""
    document = documents.get_document(session, worker, document_id)
    newest = session.scalar(_entries(document_id).limit(1))
    first_task = sa.select(sa.func.min(Task.id)).where(Task.project_id == Project.id)
    found = sa.select(Project, first_task.scalar_subquery())
    project, a_task_id = session.execute(found.where(Project.id == document.project_id)).one()
    return DocumentView(document=document, project=project, newest=newest, a_task_id=a_task_id)


def history(session: Session, document_id: str) -> Sequence[DocumentRevision]:
    """The newest first."""
    return session.scalars(_entries(document_id).limit(MOST_ENTRIES)).all()


def get_pair(
    session: Session, document_id: str, number: int, against: int | None
) -> tuple[DocumentRevision, DocumentRevision | None]:
    """A revision, and the one to compare it with: the one that is named, or the one before.

    :raises NotFound: there is no such revision.
    """
    entry = documents.get_revision(session, document_id, number)
    if against is not None:
        return entry, documents.get_revision(session, document_id, against)
    before = _entries(document_id).where(DocumentRevision.revision < number)
    return entry, session.scalar(before.limit(1))


def _entries(document_id: str) -> sa.Select[DocumentRevision]:
    return (
        sa.select(DocumentRevision)
        .where(DocumentRevision.document_id == document_id)
        .options(joinedload(DocumentRevision.written_by))
        .order_by(DocumentRevision.revision.desc())
    )
