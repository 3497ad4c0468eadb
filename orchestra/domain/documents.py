"""Documents that are edited in the app: Markdown, with a history (I-31).

The database holds every text; the store of files gets a copy of the newest one, by a job.
"""

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.database import settings_of, utcnow
from orchestra.domain import files, folders
from orchestra.domain.audit import Actor
from orchestra.domain.folders import Wanted
from orchestra.domain.locking import gate, lock_project
from orchestra.errors import Invalid, NotFound, StaleRevision, TooLarge
from orchestra.models import DocumentRevision, FileKind, StoredFile, Worker
from orchestra.outbox import Dispatch, Job

ONE_SITTING = timedelta(minutes=10)  # saves of one person within it are one entry of the history
MARKDOWN = "text/markdown"


def get_document(session: Session, worker: Worker, document_id: str) -> StoredFile:
    """:raises NotFound: there is no such document, or the worker is not on its project."""
    return files.get_visible(session, worker, document_id, FileKind.DOCUMENT)


def any_document(session: Session, document_id: str) -> StoredFile:
    """A document of whatever project, for authors' functions.

    :raises NotFound: there is none.
    """
    document = session.get(StoredFile, document_id)
    if document is None or document.kind is not FileKind.DOCUMENT or document.deleted_at:
        raise _missing(document_id)
    return document


def text_of(session: Session, document_id: str) -> str:
    """What the document says now."""
    newest = newest_revision(session, document_id)
    return newest.text if newest else ""


def newest_revision(session: Session, document_id: str) -> DocumentRevision | None:
    newest = sa.select(DocumentRevision).where(DocumentRevision.document_id == document_id)
    return session.scalar(newest.order_by(DocumentRevision.revision.desc()).limit(1))


def reserve(
    session: Session, actor: Actor, project_id: int, wanted: Wanted, text: str
) -> StoredFile:
    """The document under the key; it is made, with the text, if it is new."""
    document = folders.reserve(session, actor, project_id, wanted)
    if document.revision == 0 and text:
        write(session, actor, document, text)
    return document


def write(
    session: Session,
    actor: Actor,
    document: StoredFile,
    text: str,
    *,
    restored_from: int | None = None,
) -> None:
    """Replace the text; the project is locked.

    :raises TooLarge: it is larger than task data may be.
    """
    text = _plain(session, text)
    newest = newest_revision(session, document.id)
    if text == (newest.text if newest else ""):
        return
    document.revision += 1
    document.size_bytes = len(text.encode())
    if newest is not None and restored_from is None and _is_same_sitting(newest, actor):
        newest.text, newest.revision, newest.written_at = text, document.revision, utcnow()
    else:
        _begin_entry(session, actor, document, text, restored_from)
    session.flush()
    outbox.enqueue(session, copying_of(document.id))


def _is_same_sitting(newest: DocumentRevision, actor: Actor) -> bool:
    began_lately = newest.began_at > utcnow() - ONE_SITTING
    return began_lately and newest.written_by_id == actor.worker_id and not newest.restored_from


def _begin_entry(
    session: Session, actor: Actor, document: StoredFile, text: str, restored_from: int | None
) -> None:
    session.add(
        DocumentRevision(
            document_id=document.id,
            revision=document.revision,
            text=text,
            written_by_id=actor.worker_id,
            restored_from=restored_from,
        )
    )
    changed = {"file": document.id, "name": document.name, "revision": str(document.revision)}
    folders.record(session, actor, document, after=changed)


def _plain(session: Session, text: str) -> str:
    """As it is kept: lines end alike, and there is nothing that no database takes."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    limit = settings_of(session).max_task_data_bytes
    if len(plain.encode("utf-8", "surrogatepass")) > limit:
        raise TooLarge(f"The text is larger than {limit} bytes. Make a second document.")
    if any("\ud800" <= character <= "\udfff" for character in plain):
        raise Invalid("The text has characters that are none.", fields={"text": ["Remove them."]})
    return plain


def lock(session: Session, actor: Actor, document_id: str) -> StoredFile:
    """The document as it is now, for a change of it.

    :raises NotFound: there is no such document, or the actor is not on its project.
    :raises ProjectClosed: the project has ended.
    """
    project_id = session.scalar(
        sa.select(StoredFile.project_id).where(
            StoredFile.id == document_id, StoredFile.kind == FileKind.DOCUMENT
        )
    )
    if project_id is None or not files.may_see(
        session, project_id, actor.worker_id, is_manager=actor.may_manage
    ):
        raise _missing(document_id)
    gate(lock_project(session, project_id), while_paused=True)
    document = session.get_one(StoredFile, document_id, populate_existing=True)
    if document.deleted_at is not None:
        raise _missing(document_id)
    return document


def save(
    session: Session, actor: Actor, document_id: str, *, revision: int, text: str
) -> StoredFile:
    """Replace the text that had this revision.

    :raises StaleRevision: somebody saved since; ``details`` holds the newer text.
    """
    document = lock(session, actor, document_id)
    if revision > document.revision:
        raise Invalid("This revision does not exist yet.", fields={"revision": ["Reload."]})
    if revision < document.revision:
        raise _stale(session, document)
    write(session, actor, document, text)
    return document


def restore(session: Session, actor: Actor, document_id: str, number: int) -> StoredFile:
    """Let the document say again what it said in a revision; what it says now is kept too.

    :raises NotFound: there is no such revision.
    """
    document = lock(session, actor, document_id)
    old = get_revision(session, document_id, number)
    write(session, actor, document, old.text, restored_from=number)
    return document


def get_revision(session: Session, document_id: str, number: int) -> DocumentRevision:
    """:raises NotFound: there is no such revision."""
    found = session.scalar(
        sa.select(DocumentRevision).where(
            DocumentRevision.document_id == document_id, DocumentRevision.revision == number
        )
    )
    if found is None:
        raise NotFound(f"The document has no revision {number}.")
    return found


def copying_of(document_id: str) -> Dispatch:
    """The job that gives the store the newest text."""
    return Dispatch(
        Job.COPY_DOCUMENT,
        {"document_id": document_id},
        f"copy_document:{document_id}",
        "messages",
    )


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A text on its way to the store."""

    document_id: str
    place: str | None
    key: str
    name: str
    text: str
    revision: int


def copy_of(session: Session, document_id: str) -> Copy | None:
    """What the store is to be given; nothing if the document is gone."""
    document = session.get(StoredFile, document_id)
    if document is None:
        return None
    return Copy(
        document_id=document_id,
        place=document.place,
        key=folders.store_key(document.project_id, document_id),
        name=document.name,
        text=text_of(session, document_id),
        revision=document.revision,
    )


def _stale(session: Session, document: StoredFile) -> StaleRevision:
    newest = newest_revision(session, document.id)
    return StaleRevision(
        "Somebody else changed the document meanwhile. Compare both versions and choose.",
        details={
            "revision": document.revision,
            "data": {"text": newest.text if newest else ""},
            "saved_at": newest.written_at if newest else document.created_at,
            "saved_by": newest.written_by.username if newest and newest.written_by else "system",
        },
    )


def _missing(document_id: str) -> NotFound:
    return NotFound(f"There is no document {document_id}.")
