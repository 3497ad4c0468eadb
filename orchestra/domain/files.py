"""Files of projects: who may see and change them, and what they are called (I-27 to I-30).

The content lies in a file store; it is put there before the row is made, and never while a
transaction is open. A row that is not made leaves content that nobody can ask for.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra.database import utcnow
from orchestra.domain import folders
from orchestra.domain.audit import Actor
from orchestra.domain.file_names import clean_name, free_name, with_ending
from orchestra.domain.locking import gate, lock_project
from orchestra.errors import Conflict, NotFound
from orchestra.models import (
    Assignment,
    DocumentRevision,
    FileKind,
    Project,
    StoredFile,
    Task,
    Worker,
)

KEPT_HIDDEN = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file whose content the store has already."""

    id: str
    place: str
    name: str  # as the person called it
    content_type: str  # found from the content
    size_bytes: int
    folder: str = ""  # its id or name; nothing: the project's own


def project_of_task(session: Session, worker: Worker, task_id: int) -> int:
    """The project of a task, for whom may see its files.

    :raises NotFound: there is no such task, or the worker is not on its project.
    """
    project_id = session.scalar(sa.select(Task.project_id).where(Task.id == task_id))
    if project_id is None or not may_see(
        session, project_id, worker.id, is_manager=worker.is_project_admin
    ):
        raise NotFound(f"There is no task {task_id}.")
    return project_id


def files_of(session: Session, project_id: int, folder: str | None = None) -> Sequence[StoredFile]:
    """The files of a project, or of one folder of it by id or name, the newest last."""
    shown = sa.select(StoredFile).where(
        StoredFile.project_id == project_id,
        StoredFile.kind == FileKind.FILE,
        StoredFile.place.is_not(None),
        StoredFile.deleted_at.is_(None),
    )
    if folder is not None:
        parent_id, is_there = folders.find_parent(session, project_id, folder)
        if not is_there:
            return []
        shown = shown.where(StoredFile.parent_id.is_not_distinct_from(parent_id))
    shown = shown.order_by(StoredFile.created_at, StoredFile.name)
    return session.scalars(
        shown.options(joinedload(StoredFile.uploaded_by), joinedload(StoredFile.parent))
    ).all()


def by_id(session: Session, project_id: int, ids: Collection[str]) -> dict[str, StoredFile]:
    """Files, folders and documents of a project; those that are not there are left out."""
    rows = session.scalars(
        sa.select(StoredFile).where(
            StoredFile.id.in_(ids),
            StoredFile.project_id == project_id,
            StoredFile.deleted_at.is_(None),
            sa.or_(StoredFile.kind != FileKind.FILE, StoredFile.place.is_not(None)),
        )
    )
    return {row.id: row for row in rows}


def get_file(session: Session, worker: Worker, file_id: str) -> StoredFile:
    """:raises NotFound: there is no such file, or the worker is not on its project (I-30)."""
    file = get_visible(session, worker, file_id, FileKind.FILE)
    if file.place is None:
        raise _missing(file_id, FileKind.FILE)
    return file


def get_visible(session: Session, worker: Worker, id_: str, kind: FileKind) -> StoredFile:
    """:raises NotFound: there is nothing of this kind, or the worker is not on its project."""
    row = session.get(StoredFile, id_)
    if (
        row is None
        or row.kind is not kind
        or row.deleted_at is not None
        or not may_see(session, row.project_id, worker.id, is_manager=worker.is_project_admin)
    ):
        raise _missing(id_, kind)
    return row


def _missing(id_: str, kind: FileKind) -> NotFound:
    return NotFound(f"There is no {kind.value} {id_}.")


def add(session: Session, actor: Actor, task_id: int, upload: Upload) -> StoredFile:
    """Give an upload to the project of a task; a name that is taken gets a number.

    :raises NotFound: there is no such task, or the actor is not on its project.
    :raises ProjectClosed: the project has ended.
    :raises Conflict: it was given in this moment by another request.
    """
    project_id = session.scalar(sa.select(Task.project_id).where(Task.id == task_id))
    project = _locked_for_change(session, actor, project_id, f"There is no task {task_id}.")
    return _add(session, actor, project, upload)


def add_to(session: Session, actor: Actor, project_id: int, upload: Upload) -> StoredFile:
    """As :func:`add`, where there is no task."""
    project = _locked_for_change(session, actor, project_id, f"There is no project {project_id}.")
    return _add(session, actor, project, upload)


def _add(session: Session, actor: Actor, project: Project, upload: Upload) -> StoredFile:
    if session.get(StoredFile, upload.id) is not None:
        raise Conflict(
            "This file is being added by another request. Ask again in a moment.",
            retry_after_seconds=1,
        )
    parent_id = folders.parent_called(session, actor, project.id, upload.folder)
    taken = folders.names_in(session, project.id, parent_id)
    file = StoredFile(
        id=upload.id,
        place=upload.place,
        project_id=project.id,
        kind=FileKind.FILE,
        parent_id=parent_id,
        name=free_name(with_ending(clean_name(upload.name), upload.content_type), taken),
        content_type=upload.content_type,
        size_bytes=upload.size_bytes,
        uploaded_by_id=actor.worker_id,
    )
    session.add(file)
    session.flush()
    added = {"file": file.id, "name": file.name, "folder": upload.folder}
    folders.record(session, actor, file, after=added)
    return file


def hide(session: Session, actor: Actor, file_id: str, *kinds: FileKind) -> None:
    """Take a file away; its content is kept for a while (I-29).

    :param kinds: what it may be; a file when nothing is said.
    :raises NotFound: there is no such file, or the actor is not on its project.
    :raises ProjectClosed: the project has ended.
    """
    message = f"There is no file {file_id}."
    project_id = session.scalar(sa.select(StoredFile.project_id).where(StoredFile.id == file_id))
    _locked_for_change(session, actor, project_id, message)
    file = session.get_one(StoredFile, file_id, populate_existing=True)
    if file.deleted_at is not None or file.kind not in (kinds or {FileKind.FILE}):
        raise NotFound(message)
    file.deleted_at, file.key = utcnow(), None  # what is made under the key again is another file
    session.flush()
    removed = {"file": file.id, "name": file.name, "kind": file.kind.value}
    folders.record(session, actor, file, before=removed)


def hidden_long_ago(session: Session, limit: int) -> list[tuple[str, str | None]]:
    """Ids and places of files that need not be kept any longer (I-29)."""
    found = sa.select(StoredFile.id, StoredFile.place).where(
        StoredFile.deleted_at < utcnow() - KEPT_HIDDEN
    )
    return [(id_, place) for id_, place in session.execute(found.limit(limit))]


def forget(session: Session, file_id: str) -> None:
    """Delete the rows of a hidden file whose content is gone."""
    is_hidden = sa.select(StoredFile.id).where(
        StoredFile.id == file_id, StoredFile.deleted_at.is_not(None)
    )
    session.execute(
        sa.delete(DocumentRevision).where(DocumentRevision.document_id.in_(is_hidden)),
        execution_options={"synchronize_session": False},
    )
    session.execute(
        sa.delete(StoredFile).where(StoredFile.id == file_id, StoredFile.deleted_at.is_not(None)),
        execution_options={"synchronize_session": False},
    )


def _locked_for_change(
    session: Session, actor: Actor, project_id: int | None, message: str
) -> Project:
    if project_id is None or not may_see(
        session, project_id, actor.worker_id, is_manager=actor.may_manage
    ):
        raise NotFound(message)
    project = lock_project(session, project_id)
    gate(project, while_paused=True)
    return project


def may_see(session: Session, project_id: int, worker_id: int | None, *, is_manager: bool) -> bool:
    if is_manager:
        return True
    is_on_it = (
        sa.exists()
        .where(Task.project_id == project_id)
        .where(Assignment.task_id == Task.id)
        .where(Assignment.worker_id == worker_id, Assignment.discarded_at.is_(None))
    )
    return worker_id is not None and bool(session.scalar(sa.select(is_on_it)))
