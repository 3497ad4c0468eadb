"""What a file is, found from its content and never from what is said of it (I-27, I-28)."""

import unicodedata
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

PICTURES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
ENDINGS = {
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/gif": (".gif",),
    "image/webp": (".webp",),
}
BEGINNINGS = {b"%PDF-": "application/pdf", b"PK\x03\x04": "application/zip"}
TEXT = "text/plain"
UNKNOWN = "application/octet-stream"
BEGINNING_BYTES = 4096
LONGEST_CHARACTER_BYTES = 4
PLAIN_CONTROLS = frozenset("\t\n\r\f")
NOT_A_PICTURE = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
    OSError,
    SyntaxError,
    ValueError,
)


def content_type(content: BinaryIO) -> str:
    """One of a few types; everything that is not known is only bytes. Reads from the start, and
    leaves the content at its start."""
    content.seek(0)
    beginning = content.read(BEGINNING_BYTES)
    found = _picture_type(content) or _type_of(beginning)
    content.seek(0)
    return found


def is_picture(type_: str) -> bool:
    """Whether it may be shown within a page."""
    return type_ in ENDINGS


def _picture_type(content: BinaryIO) -> str | None:
    content.seek(0)
    try:
        with Image.open(content, formats=list(PICTURES)) as image:
            image.verify()
            return PICTURES.get(image.format or "")
    except NOT_A_PICTURE:
        return None


def _type_of(beginning: bytes) -> str:
    known = (type_ for start, type_ in BEGINNINGS.items() if beginning.startswith(start))
    return next(known, TEXT if _is_text(beginning) else UNKNOWN)


def _is_text(beginning: bytes) -> bool:
    try:
        text = beginning.decode("utf-8")
    except UnicodeDecodeError as error:
        was_cut = len(beginning) == BEGINNING_BYTES
        if not was_cut or error.start < BEGINNING_BYTES - LONGEST_CHARACTER_BYTES:
            return False
        text = beginning[: error.start].decode("utf-8")
    return not any(unicodedata.category(c) == "Cc" for c in set(text) - PLAIN_CONTROLS)
