"""Pictures of people: made small and square, and shown where their names stand."""

import hashlib
import struct
from io import BytesIO

import sqlalchemy as sa
from PIL import Image, ImageOps
from sqlalchemy.orm import Session

from orchestra.database import lock
from orchestra.domain import accounts, audit, file_types
from orchestra.domain.audit import Actor
from orchestra.errors import Invalid, NotFound
from orchestra.models import Verb, Worker, WorkerPicture

SIDE = 256  # pixels
LARGEST_BYTES = 4 * 1024 * 1024
MOST_PIXELS = 50_000_000  # more than any telephone takes, and quickly unpacked
CONTENT_TYPE = "image/webp"
NOT_A_PICTURE = (*file_types.NOT_A_PICTURE, EOFError, struct.error)
FIELD = "picture"


def made_square(content: bytes) -> bytes:
    """The middle of a picture in WebP, without what a camera noted, such as the place.

    It may take a second, so it is not for within a transaction.

    :raises Invalid: it is no picture of a kind that we take, or it is too large.
    """
    if not content:
        raise _refusal("Choose a picture first.")
    if len(content) > LARGEST_BYTES:
        raise _refusal("This picture is larger than 4 MB. Choose a smaller one.")
    try:
        with Image.open(BytesIO(content), formats=list(file_types.PICTURES)) as image:
            return _square(image)
    except NOT_A_PICTURE as error:
        raise _refusal("This is no picture. Choose a PNG, JPEG, GIF or WebP file.") from error


def _square(image: Image.Image) -> bytes:
    if image.width * image.height > MOST_PIXELS:
        raise _refusal("This picture has too many pixels. Choose one of at most 50 megapixels.")
    image.draft("RGB", (2 * SIDE, 2 * SIDE))  # of a large JPEG only as much as is needed
    small = ImageOps.fit(_upright(image), (SIDE, SIDE), Image.Resampling.LANCZOS)
    small.info.clear()
    file = BytesIO()
    small.save(file, "WEBP", quality=85)
    return file.getvalue()


def _upright(image: Image.Image) -> Image.Image:
    """Turned as the camera was held, with its colours and what is transparent."""
    return ImageOps.exif_transpose(image).convert("RGBA" if image.has_transparency_data else "RGB")


def _refusal(sentence: str) -> Invalid:
    return Invalid(accounts.WRONG, fields={FIELD: [sentence]})


def change(session: Session, actor: Actor, worker_id: int, content: bytes) -> None:
    """Show this picture, which :func:`made_square` made, for the worker from now on."""
    worker = lock(session, Worker, worker_id)
    picture_hash = hashlib.sha256(content).hexdigest()[:32]
    if worker.picture_hash == picture_hash:
        return
    session.merge(WorkerPicture(worker_id=worker_id, content=content))
    _store(session, actor, worker, picture_hash)


def remove(session: Session, actor: Actor, worker_id: int) -> None:
    """Show the initials of the worker again."""
    worker = lock(session, Worker, worker_id)
    if worker.picture_hash is None:
        return
    session.execute(sa.delete(WorkerPicture).where(WorkerPicture.worker_id == worker_id))
    _store(session, actor, worker, None)


def _store(session: Session, actor: Actor, worker: Worker, picture_hash: str | None) -> None:
    before, after = {"picture": worker.picture_hash}, {"picture": picture_hash}
    worker.picture_hash = picture_hash
    audit.record(session, actor, Verb.ACCOUNT_CHANGED, worker, before=before, after=after)


def get_picture(session: Session, worker_id: int, picture_hash: str) -> bytes:
    """:raises NotFound: the worker has no picture, or another one now."""
    found = session.scalar(
        sa.select(WorkerPicture.content)
        .join(Worker, Worker.id == WorkerPicture.worker_id)
        .where(Worker.id == worker_id, Worker.picture_hash == picture_hash)
    )
    if found is None:
        raise NotFound("There is no such picture any more.")
    return found
