"""Files, folders and documents of a project: rows of ours, and what the store keeps for them.

The store is never called while a transaction is open; each method opens short ones of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, TypeVar, cast
from urllib.parse import quote

from flask import current_app

from orchestra.config import Settings
from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import documents, file_types, files, folders, preparing
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.file_names import clean_name, with_ending
from orchestra.domain.folders import DOCUMENTS, FOLDERS, Wanted
from orchestra.errors import NotFound
from orchestra.integrations.files import DirectUploads, Entry, FileStore, Stored, store_of
from orchestra.models import FileKind, Project, StoredFile

FILES = "/orchestra/files"
Made = TypeVar("Made")


def settings() -> Settings:
    return cast(Settings, current_app.config["SETTINGS"])


def store() -> FileStore:
    """The store of this process; made with the first file."""
    found: FileStore | None = current_app.extensions.get("orchestra_files")
    if found is None:
        found = current_app.extensions["orchestra_files"] = store_of(settings())
    return found


def direct_store() -> DirectUploads | None:
    """The store of this process, if browsers may send contents to it themselves."""
    if not settings().s3_direct_uploads:
        return None
    found = store()
    return found if isinstance(found, DirectUploads) else None


def address_of(file: StoredFile) -> str:
    """Where a file is served. The name is for people, and for programs that look at endings."""
    return f"{FILES}/{file.id}/{quote(file.name)}"


def page_of(row: StoredFile) -> str:
    """Where people find it here: the file itself, or the page of the folder or document."""
    if row.kind is FileKind.FILE:
        return address_of(row)
    return f"{FOLDERS if row.kind is FileKind.FOLDER else DOCUMENTS}/{row.id}/"


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """Something that lies in a folder."""

    id: str
    name: str
    kind: FileKind
    content_type: str
    size_bytes: int  # 0: nothing, or not there yet
    key: str | None = None  # that it was made under; what people put there has none


class ProjectFiles:
    """What one project keeps. Making something under a key that was used gives the first one.

    :raises NotFound: the project has nothing of this kind under the id.
    :raises ProjectClosed: the project has ended, and nothing of it can change.
    :raises ServiceUnreachable: trying again later may help.
    """

    def __init__(self, project_id: int, actor: Actor = SYSTEM) -> None:
        self._project_id = project_id
        self._actor = actor
        self._store = store()

    @property
    def folder(self) -> str:
        """The id of the project's own folder."""
        row = self._own_folder()
        self._place_of(row)
        return row.id

    def make_folder(self, name: str, *, key: str, folder: str | None = None) -> str:
        """Return the id of the folder."""
        row = self._reserved(FileKind.FOLDER, key, name, folder)
        self._place_of(row)
        return row.id

    def make_document(
        self,
        name: str,
        text: str,
        *,
        key: str,
        folder: str | None = None,
        template: str | None = None,
    ) -> str:
        """Return the id of a document that begins with the Markdown ``text``, or as a copy of the
        document ``template``: the id of one of ours, or of a document at the service."""
        row = self._found(key) or self._new_document(name, text, key, folder, template)
        if self._store.has_own_pages and row.place is None:
            self._make_at_service(row, text, template)
        return row.id

    def read_document(self, id: str) -> str:
        """The Markdown of a document."""
        row = self._get(id, FileKind.DOCUMENT)
        if self._store.has_own_pages:
            return self._store.read_document(self._place_of(row))
        with reading() as session:
            return documents.text_of(session, row.id)

    def write_document(self, id: str, text: str) -> None:
        """Replace the text of a document; what was there stays in its history."""
        row = self._get(id, FileKind.DOCUMENT)
        if self._store.has_own_pages:
            self._store.write_document(self._place_of(row), text)
        else:
            _write(self._actor, id, text)

    def list_folder(self, folder: str) -> list[FileEntry]:
        """What lies in a folder, the newest last; at a service also what people put there."""
        row = self._get(folder, FileKind.FOLDER)
        if self._store.has_own_pages:
            self._adopt(row)
        with reading() as session:
            parent_id = folders.parent_of(session, self._project_id, folder)
            found = folders.contents(session, self._project_id, parent_id)
        return [
            FileEntry(
                id=one.id,
                name=one.name,
                kind=one.kind,
                content_type=one.content_type,
                size_bytes=one.size_bytes,
                key=one.key,
            )
            for one in found
        ]

    def download(self, id: str) -> BinaryIO:
        """The content of a file, to be used in a ``with`` statement."""
        return self._store.open(self._place_of(self._get(id, FileKind.FILE)))

    def upload(self, name: str, content: BinaryIO, *, key: str, folder: str | None = None) -> str:
        """Keep a file and return its id; a key that was used keeps the first content."""
        type_ = file_types.content_type(content)
        name = with_ending(clean_name(name), type_)
        row = self._reserved(FileKind.FILE, key, name, folder, type_)
        if row.place is None:
            self._put(row, content)
        return row.id

    def link(self, id: str) -> str:
        """Where people find it: the file itself, or the page of the folder or document, which
        may be one of the service."""
        row = self._get(id, *FileKind)
        if row.kind is not FileKind.FILE and self._store.has_own_pages:
            return self._store.address(self._place_of(row)) or ""
        return page_of(row)

    def document_link(self, id: str) -> str:
        """Where people read and write a document."""
        self._get(id, FileKind.DOCUMENT)
        return self.link(id)

    def delete(self, id: str) -> None:
        """Take a file or a document away; it is kept for a while (I-29)."""
        self._get(id, FileKind.FILE, FileKind.DOCUMENT)
        _hide(self._actor, id)

    def place_of_folder(self, folder: str) -> str | None:
        """Where the store is to put what goes into a folder, by its id or name."""
        if not self._store.has_own_pages:
            return None
        return self._place_of(_called(self._actor, self._project_id, folder) or self._own_folder())

    def _own_folder(self) -> StoredFile:
        row = self._found(folders.PROJECT_FOLDER)
        return row or _own_folder(self._actor, self._project_id)

    def _found(self, key: str) -> StoredFile | None:
        with reading() as session:
            return folders.find(session, self._project_id, key)

    def _get(self, id: str, *kinds: FileKind) -> StoredFile:
        with reading() as session:
            return folders.get(session, self._project_id, id, *kinds)

    def _reserved(
        self, kind: FileKind, key: str, name: str, folder: str | None, content_type: str = ""
    ) -> StoredFile:
        wanted = Wanted(kind=kind, key=key, name=name, folder_id=folder, content_type=content_type)
        return self._found(key) or _reserve(self._actor, self._project_id, wanted)

    def _new_document(
        self, name: str, text: str, key: str, folder: str | None, template: str | None
    ) -> StoredFile:
        wanted = Wanted(
            kind=FileKind.DOCUMENT,
            key=key,
            name=name,
            folder_id=folder,
            content_type=documents.MARKDOWN,
        )
        if self._store.has_own_pages:
            return _reserve(self._actor, self._project_id, wanted)
        return _reserve_document(self._actor, self._project_id, wanted, text, template)

    def _make_at_service(self, row: StoredFile, text: str, template: str | None) -> None:
        key, copied = folders.store_key(row.project_id, row.id), _place_of_template(template)
        place = self._within(
            row,
            lambda folder: self._store.make_document(key, row.name, folder, text, template=copied),
        )
        _placed(row, place)

    def _put(self, row: StoredFile, content: BinaryIO) -> None:
        key, begins_at = folders.store_key(row.project_id, row.id), content.tell()
        limit = settings().max_upload_bytes

        def put(folder: str | None) -> Stored:
            content.seek(begins_at)
            return self._store.put(
                key, row.name, folder, content, row.content_type, at_most_bytes=limit
            )

        stored = self._within(row, put)
        _placed(row, stored.place, stored.size_bytes)

    def _place_of(self, row: StoredFile) -> str:
        """Where the store has it; a folder that is not there yet is made.

        :raises NotFound: it is something else, and is not there yet.
        """
        if row.place is not None:
            return row.place
        if row.kind is not FileKind.FOLDER:
            raise NotFound(f"{row.name} is not in the store of files yet.")
        if not self._store.has_own_pages:
            return row.id
        key = folders.store_key(row.project_id, row.id)
        place = self._within(row, lambda folder: self._store.make_folder(key, row.name, folder))
        _placed(row, place)
        return place

    def _within(self, row: StoredFile, make: Callable[[str | None], Made]) -> Made:
        """Make something in the folder that it lies in, which is made anew if somebody deleted it
        at the service (I-35)."""
        if not self._store.has_own_pages:
            return make(None)
        if row.key == folders.PROJECT_FOLDER:
            return make(_client_folder(row.project_id))
        folder = self._folder_around(row)
        place = self._place_of(folder)
        try:
            return make(place)
        except NotFound:
            if self._is_there(place):
                raise
        _lost(folder)
        return make(self._place_of(self._folder_around(row)))

    def _folder_around(self, row: StoredFile) -> StoredFile:
        if row.parent_id is None:
            return self._own_folder()
        return self._get(row.parent_id, FileKind.FOLDER)

    def _is_there(self, folder: str) -> bool:
        try:
            self._store.entries(folder)
        except NotFound:
            return False
        return True

    def _adopt(self, folder: StoredFile) -> None:
        """Give rows to what people put into a folder at the service."""
        try:
            entries = self._store.entries(self._place_of(folder))
        except NotFound:
            _lost(folder)
            entries = []
        _adopt(self._project_id, folder.id, entries)


# Each change of rows is a transaction of its own, tried again by itself.


@retry_deadlocks
def _reserve(actor: Actor, project_id: int, wanted: Wanted) -> StoredFile:
    with transaction() as session:
        return folders.reserve(session, actor, project_id, wanted)


@retry_deadlocks
def _reserve_document(
    actor: Actor, project_id: int, wanted: Wanted, text: str, template: str | None
) -> StoredFile:
    with transaction() as session:
        if template:
            text = documents.text_of(session, documents.any_document(session, template).id)
        return documents.reserve(session, actor, project_id, wanted, text)


@retry_deadlocks
def _own_folder(actor: Actor, project_id: int) -> StoredFile:
    with transaction() as session:
        return preparing.own_folder(session, actor, project_id)


@retry_deadlocks
def _called(actor: Actor, project_id: int, folder: str) -> StoredFile | None:
    with transaction() as session:
        parent_id = folders.parent_called(session, actor, project_id, folder)
        return session.get(StoredFile, parent_id) if parent_id else None


@retry_deadlocks
def _placed(row: StoredFile, place: str, size_bytes: int = 0) -> None:
    with transaction() as session:
        folders.placed(session, row.id, place, size_bytes)
    row.place, row.size_bytes = place, size_bytes


@retry_deadlocks
def _lost(folder: StoredFile) -> None:
    with transaction() as session:
        preparing.lost(session, folder)


@retry_deadlocks
def _write(actor: Actor, document_id: str, text: str) -> None:
    with transaction() as session:
        document = documents.lock(session, actor, document_id)
        documents.write(session, actor, document, text)


@retry_deadlocks
def _hide(actor: Actor, file_id: str) -> None:
    with transaction() as session:
        files.hide(session, actor, file_id, FileKind.FILE, FileKind.DOCUMENT)


@retry_deadlocks
def _adopt(project_id: int, folder_id: str, entries: list[Entry]) -> None:
    found = [
        folders.Found(
            place=entry.place,
            name=entry.name,
            kind=FileKind(entry.kind.value),
            content_type=entry.content_type,
            size_bytes=entry.size_bytes,
        )
        for entry in entries
    ]
    with transaction() as session:
        folders.adopt(session, project_id, folder_id, found)


def _place_of_template(template: str | None) -> str | None:
    """A document of ours by its id, or one of the service by its own."""
    if not template:
        return None
    with reading() as session:
        row = session.get(StoredFile, template)
        return row.place if row is not None and row.place else template


def _client_folder(project_id: int) -> str | None:
    with reading() as session:
        found = session.get_one(Project, project_id).project_data.get("client_folder_id")
    return found if isinstance(found, str) and found else None
