"""Where contents, folders and documents of projects are kept (specification I-24, I-25)."""

import hashlib
import os
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from orchestra.config import Settings
from orchestra.errors import BadConfiguration, NotFound, TooLarge

PLACE = re.compile(r"[0-9a-f]{32}")
PIECE_BYTES = 256 * 1024
MARKDOWN = "text/markdown"
UNKNOWN = "application/octet-stream"
NEEDED = {
    "google_drive": {
        "google_service_account_json": "GOOGLE_SERVICE_ACCOUNT_JSON",
        "google_project_root_id": "GOOGLE_PROJECT_ROOT_ID",
    },
    "s3": {"s3_bucket": "ORCHESTRA_S3_BUCKET"},
}
CLASSES = {"google_drive": ("drive", "DriveFiles"), "s3": ("s3", "S3Files")}


class Kind(StrEnum):
    FILE = "file"
    FOLDER = "folder"
    DOCUMENT = "document"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Something that lies in a folder of the store, whoever put it there."""

    place: str
    name: str
    kind: Kind
    content_type: str
    size_bytes: int


@dataclass(frozen=True)
class Stored:
    """Where a content went, and how much of it there was."""

    place: str
    size_bytes: int


@dataclass(frozen=True)
class UploadForm:
    """What a browser posts as ``multipart/form-data``: the fields, then the content as ``file``."""

    address: str
    fields: dict[str, str]


class FileStore(Protocol):
    """Keeps files, folders and documents at *places*: texts that only the store understands.

    A *key* is path-like text, unique in the instance. Making something again under the same key
    gives the first thing, and never a second one.

    :raises NotFound: there is nothing at the place.
    :raises TooLarge: the content is larger than was allowed; nothing is kept.
    :raises ServiceUnreachable: trying again later may help.
    :raises RefusedByService: it will not.
    """

    @property
    def has_own_pages(self) -> bool:
        """Whether people open folders and documents at the service itself. Else folders are
        names only, documents are Markdown that is edited in the app, and nothing is shared."""

    def make_folder(self, key: str, name: str, parent: str | None) -> str:
        """Return the place of the folder; without a parent it lies under the root."""

    def entries(self, folder: str) -> list[Entry]:
        """What lies in the folder, also what people put there past the app; nothing where they
        cannot."""

    def make_document(
        self, key: str, name: str, folder: str | None, text: str, *, template: str | None = None
    ) -> str:
        """Return the place of a document that begins with the text, or as a copy of the document
        at the place ``template``."""

    def read_document(self, place: str) -> str: ...

    def write_document(self, place: str, text: str) -> None: ...

    def put(
        self,
        key: str,
        name: str,
        folder: str | None,
        content: BinaryIO,
        content_type: str,
        *,
        at_most_bytes: int,
    ) -> Stored:
        """Keep the content from where it stands."""

    def open(self, place: str) -> BinaryIO:
        """The content, to be closed by the caller; seekable."""

    def share(self, place: str, addresses: Collection[str]) -> dict[str, str]:
        """Let these people write; the addresses that were refused, and why (I-33)."""

    def unshare(self, place: str, addresses: Collection[str]) -> None: ...

    def address(self, place: str, *, download_as: str | None = None) -> str | None:
        """Where the browser of a person may go instead of us: the page of the service, or a
        signed address for a few minutes. None: it must come to us."""

    def delete(self, place: str) -> None:
        """Forget what is there; it is no fault if there is nothing."""

    def check(self) -> str:
        """Ask for nothing but an answer, and say in a few words what answered (I-8)."""


class DirectUploads(ABC):
    """What a store can besides that browsers may send contents to, past us."""

    @property
    @abstractmethod
    def upload_address(self) -> str:
        """Where all its forms lead."""

    @abstractmethod
    def upload_form(self, key: str, *, at_most_bytes: int) -> UploadForm:
        """For sending one content within a few minutes. The key is its place until it is kept."""

    @abstractmethod
    def keep_sent(self, sent: str, key: str, *, at_most_bytes: int) -> Stored:
        """Copy what was sent with the form for ``sent`` to where no form leads.

        :raises NotFound: nothing was sent.
        :raises TooLarge: it is larger than was allowed; the copy is not kept.
        """

    @abstractmethod
    def takes_uploads_from(self, origin: str) -> bool:
        """Whether the service lets the pages of an origin use its forms."""


def place_of(key: str) -> str:
    """A name that holds nothing that a person typed (I-30)."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


class ContentsOnly(FileStore, ABC):
    """What stores have in common that know contents only: a folder is but a name, and a document
    is Markdown."""

    has_own_pages = False

    @abstractmethod
    def replace(self, place: str, content: bytes, content_type: str) -> None:
        """Put another content where there is one.

        :raises NotFound: there is nothing at the place.
        """

    def make_folder(self, key: str, name: str, parent: str | None) -> str:
        return place_of(key)

    def entries(self, folder: str) -> list[Entry]:
        return []

    def make_document(
        self, key: str, name: str, folder: str | None, text: str, *, template: str | None = None
    ) -> str:
        content = (self.read_document(template) if template else text).encode()
        kept = self.put(
            key, name, folder, BytesIO(content), MARKDOWN, at_most_bytes=max(len(content), 1)
        )
        return kept.place

    def read_document(self, place: str) -> str:
        with self.open(place) as content:
            return content.read().decode()

    def write_document(self, place: str, text: str) -> None:
        self.replace(place, text.encode(), MARKDOWN)

    def share(self, place: str, addresses: Collection[str]) -> dict[str, str]:
        return {}

    def unshare(self, place: str, addresses: Collection[str]) -> None:
        pass

    def address(self, place: str, *, download_as: str | None = None) -> str | None:
        return None


class LocalFiles(ContentsOnly):
    """Files of a folder, named by their places and by nothing that a person typed (I-30)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(
        self,
        key: str,
        name: str,
        folder: str | None,
        content: BinaryIO,
        content_type: str,
        *,
        at_most_bytes: int,
    ) -> Stored:
        place = place_of(key)
        path = self._path(place)
        if not path.exists():
            self._write(path, pieces(content, at_most_bytes))
        return Stored(place, path.stat().st_size)

    def replace(self, place: str, content: bytes, content_type: str) -> None:
        path = self._path(place)
        if not path.exists():
            raise _missing(place)
        self._write(path, [content])

    def open(self, place: str) -> BinaryIO:
        try:
            return self._path(place).open("rb")
        except FileNotFoundError as error:
            raise _missing(place) from error

    def delete(self, place: str) -> None:
        self._path(place).unlink(missing_ok=True)

    def check(self) -> str:
        key = f"check/{secrets.token_hex(8)}"
        stored = self.put(key, "check", None, BytesIO(b"-"), UNKNOWN, at_most_bytes=1)
        self.delete(stored.place)
        return f"files are kept in {self._folder}"

    def _write(self, path: Path, content: Iterable[bytes]) -> None:
        """A file is there as a whole or not at all, whoever else writes it, and after a crash."""
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{secrets.token_hex(8)}")
        try:
            with unfinished.open("xb") as file:
                file.writelines(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    def _path(self, place: str) -> Path:
        if not PLACE.fullmatch(place):
            raise _missing(place)
        return self._folder / place


class FilesInMemory(ContentsOnly):
    """For tests and for trying things out; gone with the process."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def put(
        self,
        key: str,
        name: str,
        folder: str | None,
        content: BinaryIO,
        content_type: str,
        *,
        at_most_bytes: int,
    ) -> Stored:
        place = place_of(key)
        if place not in self._contents:
            self._contents[place] = b"".join(pieces(content, at_most_bytes))
        return Stored(place, len(self._contents[place]))

    def replace(self, place: str, content: bytes, content_type: str) -> None:
        if place not in self._contents:
            raise _missing(place)
        self._contents[place] = content

    def open(self, place: str) -> BinaryIO:
        if place not in self._contents:
            raise _missing(place)
        return BytesIO(self._contents[place])

    def delete(self, place: str) -> None:
        self._contents.pop(place, None)

    def check(self) -> str:
        return "files are kept in memory"


def store_of(settings: Settings) -> FileStore:
    """The store that the settings choose; its client is loaded only now.

    :raises BadConfiguration: a setting that it needs is missing.
    """
    backend = settings.file_backend or ("google_drive" if settings.google_apps else "local")
    if backend == "local":
        return LocalFiles(settings.data_dir / "files")
    problems = [
        f"{variable}: must be set when files are kept in {backend}."
        for name, variable in NEEDED[backend].items()
        if not getattr(settings, name)
    ]
    if problems:
        raise BadConfiguration(problems)
    module, class_name = CLASSES[backend]
    chosen: Any = getattr(import_module(f"orchestra.integrations.{module}"), class_name)
    return cast(FileStore, chosen.from_settings(settings))


def pieces(content: BinaryIO, at_most_bytes: int) -> Iterator[bytes]:
    """:raises TooLarge: there is more than that."""
    read_bytes = 0
    while piece := content.read(PIECE_BYTES):
        read_bytes += len(piece)
        refuse_larger(read_bytes, at_most_bytes)
        yield piece


def refuse_larger(size_bytes: int, at_most_bytes: int) -> None:
    """:raises TooLarge: it is more than that."""
    if size_bytes > at_most_bytes:
        raise TooLarge(f"This file is larger than {in_megabytes(at_most_bytes)}.")


def in_megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:.3g} MB" if size_bytes >= 100_000 else f"{size_bytes} bytes"


def _missing(place: str) -> NotFound:
    return NotFound(f"There is nothing at {place!r} in the store of files.")
