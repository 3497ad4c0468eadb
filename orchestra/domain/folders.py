"""Folders of projects, and what is made under a key: once, however often it is asked for (I-24).

A row is reserved first; the store is called outside of transactions, under a key made of the id of
the row, and then the row learns its place. Whoever is killed in between goes on where they were.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.config import Settings
from orchestra.domain import audit
from orchestra.domain.audit import Actor
from orchestra.domain.file_names import clean_name, free_name
from orchestra.domain.locking import gate, lock_project
from orchestra.errors import NotFound
from orchestra.models import FileKind, Project, StoredFile, Verb

ID = re.compile(r"[0-9a-f]{32}")
PROJECT_FOLDER = "folder"  # the key of a project's own folder
TEAM_MESSAGES = "team-messages"
FOLDERS = "/orchestra/folders"  # where the pages of folders and documents are
DOCUMENTS = "/orchestra/documents"
NAMED = "named/"  # begins the keys of folders that people know by their names


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Something that is to be there under a key of its project."""

    kind: FileKind
    key: str
    name: str
    folder_id: str | None = None
    content_type: str = ""


@dataclass(frozen=True, kw_only=True)
class Found:
    """Something that people put into a folder at the service."""

    place: str
    name: str
    kind: FileKind
    content_type: str
    size_bytes: int


def are_at_service(settings: Settings) -> bool:
    """Whether folders are more than rows of ours."""
    return settings.file_backend == "google_drive"


def new_id() -> str:
    return secrets.token_hex(16)


def store_key(project_id: int, id_: str) -> str:
    """What the store knows a thing by."""
    return f"projects/{project_id}/{id_}"


def sent_key(project_id: int, id_: str) -> str:
    """What the store knows a content by that a browser sent, until it is kept as a file. They begin
    alike, so that one rule of the store removes what nobody asks for any more."""
    return f"projects/incoming/{project_id}/{id_}"


def find(session: Session, project_id: int, key: str) -> StoredFile | None:
    under_key = sa.select(StoredFile).where(
        StoredFile.project_id == project_id, StoredFile.key == key
    )
    return session.scalar(under_key)


def get(session: Session, project_id: int, id_: str, *kinds: FileKind) -> StoredFile:
    """:raises NotFound: the project has nothing of these kinds under the id."""
    row = session.get(StoredFile, id_)
    is_there = row is not None and row.project_id == project_id and row.deleted_at is None
    if row is None or not is_there or row.kind not in kinds:
        raise NotFound(f"There is no {' or '.join(kinds)} {id_}.")
    return row


def reserve(session: Session, actor: Actor, project_id: int, wanted: Wanted) -> StoredFile:
    """The thing under the key, which need not be in the store yet; it is made if it is new.

    :raises NotFound: there is no such project, or no such folder in it.
    :raises ProjectClosed: the project has ended.
    """
    found = find(session, project_id, wanted.key)
    if found is not None:
        return found
    project = lock_project(session, project_id)
    found = find(session, project_id, wanted.key)
    if found is not None:
        return found
    gate(project, while_paused=True)
    parent_id = parent_of(session, project_id, wanted.folder_id)
    row = StoredFile(
        id=new_id(),
        project_id=project_id,
        kind=wanted.kind,
        key=wanted.key,
        parent_id=parent_id,
        name=free_name(clean_name(wanted.name), names_in(session, project_id, parent_id)),
        content_type=wanted.content_type,
        size_bytes=0,
        uploaded_by_id=actor.worker_id,
    )
    session.add(row)
    session.flush()
    record(session, actor, row, after={"file": row.id, "name": row.name, "kind": row.kind.value})
    return row


def placed(session: Session, id_: str, place: str, size_bytes: int = 0) -> None:
    """The store has it now."""
    session.execute(
        sa.update(StoredFile)
        .where(StoredFile.id == id_, StoredFile.place.is_(None))
        .values(place=place, size_bytes=size_bytes),
        execution_options={"synchronize_session": False},
    )


def adopt(session: Session, project_id: int, folder_id: str, found: Sequence[Found]) -> None:
    """Give rows to what people put into a folder, and their new names to what they renamed."""
    lock_project(session, project_id)
    parent_id = parent_of(session, project_id, folder_id)
    known = sa.select(StoredFile).where(
        StoredFile.project_id == project_id,
        StoredFile.place.in_([one.place for one in found]),
    )
    rows = {row.place: row for row in session.scalars(known)}
    for one in found:
        row = rows.get(one.place)
        if row is None:
            row = StoredFile(
                id=new_id(), project_id=project_id, kind=one.kind, place=one.place, size_bytes=0
            )
            row.parent_id, row.content_type = parent_id, one.content_type
            session.add(row)
        row.name, row.size_bytes = clean_name(one.name), one.size_bytes
    session.flush()


def parent_of(session: Session, project_id: int, folder_id: str | None) -> str | None:
    """What rows in the folder hold; those in the project's own folder hold nothing.

    :raises NotFound: the project has no such folder.
    """
    if not folder_id:
        return None
    folder = get(session, project_id, folder_id, FileKind.FOLDER)
    return None if folder.key == PROJECT_FOLDER else folder.id


def parent_called(session: Session, actor: Actor, project_id: int, folder: str) -> str | None:
    """As :func:`parent_of`, of a folder by its id or by its name; a new name makes a folder."""
    name = clean_name(folder, nameless="")
    if not name:
        return None
    if ID.fullmatch(name):
        return parent_of(session, project_id, name)
    wanted = Wanted(kind=FileKind.FOLDER, key=NAMED + name, name=name)
    return reserve(session, actor, project_id, wanted).id


def find_parent(session: Session, project_id: int, folder: str) -> tuple[str | None, bool]:
    """As :func:`parent_called`, making nothing; and whether there is such a folder."""
    name = clean_name(folder, nameless="")
    if not name:
        return None, True
    if ID.fullmatch(name):
        try:
            return parent_of(session, project_id, name), True
        except NotFound:
            return None, False
    found = find(session, project_id, NAMED + name)
    return (found.id, True) if found else (None, False)


def names_in(session: Session, project_id: int, parent_id: str | None) -> set[str]:
    named = sa.select(StoredFile.name).where(*_lies_in(project_id, parent_id))
    return set(session.scalars(named))


def contents(session: Session, project_id: int, parent_id: str | None) -> Sequence[StoredFile]:
    """What lies in a folder and is there already, the newest last."""
    lying = sa.select(StoredFile).where(
        *_lies_in(project_id, parent_id),
        sa.or_(StoredFile.kind != FileKind.FILE, StoredFile.place.is_not(None)),
    )
    return session.scalars(lying.order_by(StoredFile.created_at, StoredFile.name)).all()


def _lies_in(project_id: int, parent_id: str | None) -> tuple[sa.ColumnElement[bool], ...]:
    is_its_own = sa.func.coalesce(StoredFile.key, "") == PROJECT_FOLDER
    return (
        StoredFile.project_id == project_id,
        StoredFile.parent_id.is_(None) if parent_id is None else StoredFile.parent_id == parent_id,
        StoredFile.deleted_at.is_(None),
        sa.not_(is_its_own),
    )


def record(
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
