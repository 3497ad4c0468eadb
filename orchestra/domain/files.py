"""Files of projects: who may see and change them, and what they are called (I-27 to I-30).

The content lies in a file store; it is put there before the row is made, and never while a
transaction is open. A row that is not made leaves content that nobody can ask for.
"""

import secrets
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra.database import utcnow
from orchestra.domain import audit
from orchestra.domain.audit import Actor
from orchestra.domain.file_types import ENDINGS
from orchestra.domain.locking import gate, lock_project
from orchestra.errors import NotFound
from orchestra.models import Assignment, Project, StoredFile, Task, Verb, Worker

LONGEST_NAME = 120  # characters; in bytes still a file name that every system takes
NAMELESS = "file"
KEPT_HIDDEN = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file whose content the store has already, under the id."""

    id: str
    name: str  # as the person called it
    content_type: str  # found from the content
    size_bytes: int
    folder: str = ""


def new_id() -> str:
    return secrets.token_hex(16)


def project_of_task(session: Session, worker: Worker, task_id: int) -> int:
    """The project of a task, for whom may see its files.

    :raises NotFound: there is no such task, or the worker is not on its project.
    """
    project_id = session.scalar(sa.select(Task.project_id).where(Task.id == task_id))
    if project_id is None or not _may_see(
        session, project_id, worker.id, is_manager=worker.is_project_admin
    ):
        raise NotFound(f"There is no task {task_id}.")
    return project_id


def files_of(session: Session, project_id: int, folder: str | None = None) -> Sequence[StoredFile]:
    """The files of a project, or of one folder of it, the newest last."""
    shown = sa.select(StoredFile).where(
        StoredFile.project_id == project_id, StoredFile.deleted_at.is_(None)
    )
    if folder is not None:
        shown = shown.where(StoredFile.folder == clean_name(folder, nameless=""))
    shown = shown.order_by(StoredFile.created_at, StoredFile.name)
    return session.scalars(shown.options(joinedload(StoredFile.uploaded_by))).all()


def get_file(session: Session, worker: Worker, file_id: str) -> StoredFile:
    """:raises NotFound: there is no such file, or the worker is not on its project (I-30)."""
    file = session.get(StoredFile, file_id)
    if (
        file is None
        or file.deleted_at is not None
        or not _may_see(session, file.project_id, worker.id, is_manager=worker.is_project_admin)
    ):
        raise NotFound(f"There is no file {file_id}.")
    return file


def add(session: Session, actor: Actor, task_id: int, upload: Upload) -> StoredFile:
    """Give an upload to the project of a task; a name that is taken gets a number.

    :raises NotFound: there is no such task, or the actor is not on its project.
    :raises ProjectClosed: the project has ended.
    """
    project_id = session.scalar(sa.select(Task.project_id).where(Task.id == task_id))
    project = _locked_for_change(session, actor, project_id, f"There is no task {task_id}.")
    folder = clean_name(upload.folder, nameless="")
    taken = {file.name for file in files_of(session, project.id, folder)}
    file = StoredFile(
        id=upload.id,
        project_id=project.id,
        folder=folder,
        name=free_name(with_ending(clean_name(upload.name), upload.content_type), taken),
        content_type=upload.content_type,
        size_bytes=upload.size_bytes,
        uploaded_by_id=actor.worker_id,
    )
    session.add(file)
    session.flush()
    _record(session, actor, file, after={"file": file.id, "name": file.name, "folder": folder})
    return file


def hide(session: Session, actor: Actor, file_id: str) -> None:
    """Take a file away; its content is kept for a while (I-29).

    :raises NotFound: there is no such file, or the actor is not on its project.
    :raises ProjectClosed: the project has ended.
    """
    message = f"There is no file {file_id}."
    project_id = session.scalar(sa.select(StoredFile.project_id).where(StoredFile.id == file_id))
    _locked_for_change(session, actor, project_id, message)
    file = session.get_one(StoredFile, file_id, populate_existing=True)
    if file.deleted_at is not None:
        raise NotFound(message)
    file.deleted_at = utcnow()
    session.flush()
    _record(session, actor, file, before={"file": file.id, "name": file.name})


def hidden_long_ago(session: Session, limit: int) -> list[str]:
    """Ids of files that need not be kept any longer (I-29)."""
    found = sa.select(StoredFile.id).where(StoredFile.deleted_at < utcnow() - KEPT_HIDDEN)
    return list(session.scalars(found.limit(limit)))


def forget(session: Session, file_id: str) -> None:
    """Delete the row of a hidden file whose content is gone."""
    session.execute(
        sa.delete(StoredFile).where(StoredFile.id == file_id, StoredFile.deleted_at.is_not(None)),
        execution_options={"synchronize_session": False},
    )


def clean_name(name: str, *, nameless: str = NAMELESS) -> str:
    """Without folders and invisible characters, and not too long; the ending is kept."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    visible = "".join(c for c in last if not unicodedata.category(c).startswith("C"))
    tidy = " ".join(visible.split())
    if tidy.strip(".") == "":
        return nameless
    ending = PurePosixPath(tidy).suffix[:LONGEST_NAME]
    return tidy if len(tidy) <= LONGEST_NAME else tidy[: LONGEST_NAME - len(ending)] + ending


def with_ending(name: str, content_type: str) -> str:
    """A picture is called like one, so that pages and machine steps know it by its address."""
    endings = ENDINGS.get(content_type, ())
    if not endings or name.lower().endswith(tuple(e for all_ in ENDINGS.values() for e in all_)):
        return name
    return f"{name}{endings[0]}"


def free_name(name: str, taken: Collection[str]) -> str:
    """``plan.pdf``, or ``plan (2).pdf`` if that is taken, and so on."""
    path = PurePosixPath(name)
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{path.stem} ({number}){path.suffix}"
    return free


def _locked_for_change(
    session: Session, actor: Actor, project_id: int | None, message: str
) -> Project:
    if project_id is None or not _may_see(
        session, project_id, actor.worker_id, is_manager=actor.may_manage
    ):
        raise NotFound(message)
    project = lock_project(session, project_id)
    gate(project, while_paused=True)
    return project


def _may_see(session: Session, project_id: int, worker_id: int | None, *, is_manager: bool) -> bool:
    if is_manager:
        return True
    is_on_it = (
        sa.exists()
        .where(Task.project_id == project_id)
        .where(Assignment.task_id == Task.id)
        .where(Assignment.worker_id == worker_id, Assignment.discarded_at.is_(None))
    )
    return worker_id is not None and bool(session.scalar(sa.select(is_on_it)))


def _record(
    session: Session,
    actor: Actor,
    file: StoredFile,
    *,
    before: dict[str, str] | None = None,
    after: dict[str, str] | None = None,
) -> None:
    """About the project: files have ids that are no numbers."""
    project = session.get_one(Project, file.project_id)
    audit.record(
        session,
        actor,
        Verb.FILE_CHANGED,
        project,
        project_id=project.id,
        before=before,
        after=after,
    )
