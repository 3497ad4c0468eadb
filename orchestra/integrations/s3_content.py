"""The content of an object in S3, read on from wherever it is asked for."""

from collections.abc import Mapping
from io import SEEK_CUR, SEEK_END, SEEK_SET, BufferedReader, RawIOBase
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from orchestra.integrations.s3 import S3Files

PIECE_BYTES = 256 * 1024


def content_of(files: "S3Files", place: str, answer: Mapping[str, Any]) -> BinaryIO:
    """To be closed by the caller, which closes the connection.

    :param answer: of the service, when it was asked for the object.
    """
    return cast(BinaryIO, BufferedReader(_Content(files, place, answer), PIECE_BYTES))


class _Content(RawIOBase):
    """An object, read on from wherever it is asked for: one request, until somebody jumps."""

    def __init__(self, files: "S3Files", place: str, answer: Mapping[str, Any]) -> None:
        super().__init__()
        self._files, self._place = files, place
        self._position = self._body_position = 0
        self._body, self._size_bytes = answer["Body"], int(answer["ContentLength"])

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        start = {SEEK_SET: 0, SEEK_CUR: self._position, SEEK_END: self._size_bytes}
        if start[whence] + offset < 0:
            raise ValueError("There is nothing before the beginning.")
        self._position = start[whence] + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        if self._position >= self._size_bytes:
            return 0
        if self._position != self._body_position:
            self._jump()
        room = memoryview(buffer)
        read = self._files.guarded(lambda: self._body.read(len(room)))
        room[: len(read)] = read
        self._position = self._body_position = self._position + len(read)
        return len(read)

    def _jump(self) -> None:
        self._body.close()
        since = f"bytes={self._position}-"
        self._body = self._files.ask("get_object", Key=self._place, Range=since)["Body"]
        self._body_position = self._position

    def close(self) -> None:
        if not self.closed:
            self._body.close()
        super().close()
