"""The content of a file in Drive, fetched in ranges as it is read."""

import os
from collections.abc import Callable
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, BinaryIO, cast

from orchestra.errors import ServiceUnreachable
from orchestra.integrations.drive_connection import Connection

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PIECE_BYTES = 1024 * 1024


def content_of(drive: Connection, place: str, size_bytes: int) -> BinaryIO:
    """To be closed by the caller, which closes the connection."""
    ranges = RangedContent(lambda begin, end: _range(drive, place, begin, end), size_bytes)
    ranges.on_close = drive.close
    return cast(BinaryIO, BufferedReader(ranges, PIECE_BYTES))


def _range(drive: Connection, place: str, begin: int, end: int) -> bytes:
    request = drive.files.get_media(fileId=place, supportsAllDrives=True)
    request.headers["range"] = f"bytes={begin}-{end - 1}"
    request.headers["accept-encoding"] = "identity"  # of what is compressed, ranges are others
    piece = drive.content(request)
    if len(piece) != end - begin:
        raise ServiceUnreachable("The file in Google Drive was changed while it was read.")
    return piece


class RangedContent(RawIOBase):
    """A file of known size, of which each range is fetched when it is read."""

    def __init__(self, fetch: Callable[[int, int], bytes], size_bytes: int) -> None:
        self._fetch, self._size_bytes, self._position = fetch, size_bytes, 0
        self.on_close: Callable[[], None] = lambda: None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size_bytes}[whence]
        if base + offset < 0:
            raise ValueError("There is nothing before the beginning.")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        piece = self._next(len(view))
        view[: len(piece)] = piece
        return len(piece)

    def readall(self) -> bytes:
        return b"".join(iter(lambda: self._next(PIECE_BYTES), b""))

    def close(self) -> None:
        if not self.closed:
            self.on_close()
        super().close()

    def _next(self, most_bytes: int) -> bytes:
        end = min(self._position + most_bytes, self._size_bytes)
        if end <= self._position:
            return b""
        piece = self._fetch(self._position, end)
        self._position = end
        return piece
