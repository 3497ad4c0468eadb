"""Where the content of files is kept: a protocol, and the two stores that need no service (I-1)."""

import os
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol

from orchestra.config import Settings
from orchestra.errors import NotFound, TooLarge, Unavailable

FILE_ID = re.compile(r"[0-9a-f]{32}")
PIECE_BYTES = 256 * 1024


class FileStore(Protocol):
    """Keeps contents under ids that the caller draws at random."""

    def put(self, file_id: str, content: BinaryIO, *, at_most_bytes: int) -> int:
        """Keep the content from where it stands, and return its size in bytes.

        :raises TooLarge: there is more than that; nothing is kept.
        """

    def open(self, file_id: str) -> BinaryIO:
        """:raises NotFound: nothing is kept under the id."""

    def delete(self, file_id: str) -> None:
        """Forget the content; it is no fault if there is none."""


class LocalFiles:
    """Files of a folder, named by their ids and by nothing that a person typed (I-30)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, file_id: str, content: BinaryIO, *, at_most_bytes: int) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(file_id)
        unfinished = path.with_suffix(".unfinished")
        try:
            with unfinished.open("xb") as file:
                for piece in pieces(content, at_most_bytes):
                    file.write(piece)
                size_bytes = file.tell()
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
        return size_bytes

    def open(self, file_id: str) -> BinaryIO:
        try:
            return self._path(file_id).open("rb")
        except FileNotFoundError as error:
            raise _missing(file_id) from error

    def delete(self, file_id: str) -> None:
        self._path(file_id).unlink(missing_ok=True)

    def _path(self, file_id: str) -> Path:
        if not FILE_ID.fullmatch(file_id):
            raise _missing(file_id)
        return self._folder / file_id


class FilesInMemory:
    """For tests and for trying things out; gone with the process."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def put(self, file_id: str, content: BinaryIO, *, at_most_bytes: int) -> int:
        self._contents[file_id] = b"".join(pieces(content, at_most_bytes))
        return len(self._contents[file_id])

    def open(self, file_id: str) -> BinaryIO:
        if file_id not in self._contents:
            raise _missing(file_id)
        return BytesIO(self._contents[file_id])

    def delete(self, file_id: str) -> None:
        self._contents.pop(file_id, None)


def store_of(settings: Settings) -> FileStore:
    """The store that the settings choose.

    :raises Unavailable: it is one that this release cannot use yet.
    """
    backend = settings.file_backend or ("google_drive" if settings.google_apps else "local")
    if backend != "local":
        raise Unavailable(
            f"Files cannot be kept in {backend!r} yet. Set ORCHESTRA_FILE_BACKEND to local."
        )
    return LocalFiles(settings.data_dir / "files")


def pieces(content: BinaryIO, at_most_bytes: int) -> Iterator[bytes]:
    """:raises TooLarge: there is more than that."""
    read_bytes = 0
    while piece := content.read(PIECE_BYTES):
        read_bytes += len(piece)
        if read_bytes > at_most_bytes:
            raise TooLarge(f"This file is larger than {in_megabytes(at_most_bytes)}.")
        yield piece


def in_megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:.3g} MB" if size_bytes >= 100_000 else f"{size_bytes} bytes"


def _missing(file_id: str) -> NotFound:
    return NotFound(f"The content of file {file_id} is not there.")
