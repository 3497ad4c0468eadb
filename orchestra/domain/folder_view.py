"""A folder of a project as its page and the panels of tasks show it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.domain import files, folders
from orchestra.domain.file_types import is_picture
from orchestra.models import FileKind, Project, StoredFile, Worker


@dataclass(frozen=True, kw_only=True)
class FolderView:
    """A folder, what lies in it, and the folders around it from the outermost."""

    folder: StoredFile
    project: Project
    entries: Sequence[StoredFile]
    around: Sequence[StoredFile] = ()

    @property
    def may_change(self) -> bool:
        return not self.project.status.is_closed

    @property
    def pictures(self) -> list[StoredFile]:
        return [entry for entry in self.entries if is_picture(entry.content_type)]

    @property
    def others(self) -> list[StoredFile]:
        return [entry for entry in self.entries if not is_picture(entry.content_type)]


def get_folder(session: Session, worker: Worker, folder_id: str) -> StoredFile:
    """:raises NotFound: there is no such folder, or the worker is not on its project."""
    return files.get_visible(session, worker, folder_id, FileKind.FOLDER)


def folder_view(session: Session, worker: Worker, folder_id: str) -> FolderView:
    """:raises NotFound: there is no such folder, or the worker is not on its project."""
    folder = get_folder(session, worker, folder_id)
    parent_id = folders.parent_of(session, folder.project_id, folder.id)
    return FolderView(
        folder=folder,
        project=session.get_one(Project, folder.project_id),
        entries=folders.contents(session, folder.project_id, parent_id),
        around=list(_around(session, folder))[::-1],
    )


def _around(session: Session, folder: StoredFile) -> Iterator[StoredFile]:
    """In one query, however deep the folder lies."""
    all_folders = sa.select(StoredFile).where(
        StoredFile.project_id == folder.project_id, StoredFile.kind == FileKind.FOLDER
    )
    by_id = {one.id: one for one in session.scalars(all_folders)}
    own = next((one for one in by_id.values() if one.key == folders.PROJECT_FOLDER), None)
    parent = by_id.get(folder.parent_id or "")
    while parent is not None:
        yield parent
        parent = by_id.get(parent.parent_id or "")
    if own is not None and own.id != folder.id:
        yield own
