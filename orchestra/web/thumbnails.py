"""Small copies of pictures, for lists of many."""

from io import BytesIO
from typing import BinaryIO

from PIL import Image, ImageOps

from orchestra.domain.file_types import NOT_A_PICTURE, PICTURES
from orchestra.errors import NotFound

SIZE = (320, 240)
MOST_PIXELS = 60_000_000  # of a picture that is unpacked as a whole, in memory
QUALITY = 80


def thumbnail(content: BinaryIO) -> bytes:
    """A JPEG that fits into :data:`SIZE`, upright.

    :raises NotFound: it is no picture, is broken, or is too large to be unpacked here.
    """
    try:
        with Image.open(content, formats=list(PICTURES)) as image:
            image.draft("RGB", SIZE)  # a JPEG is unpacked at an eighth of its size
            if image.width * image.height > MOST_PIXELS:
                raise NotFound("This picture is too large for a small copy.")
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail(SIZE)
            return _as_jpeg(upright)
    except NOT_A_PICTURE as error:
        raise NotFound("There is no small copy of this.") from error


def _as_jpeg(image: Image.Image) -> bytes:
    """What shines through a picture is white."""
    flat = Image.new("RGB", image.size, "white")
    visible = image.convert("RGBA")
    flat.paste(visible, mask=visible)
    kept = BytesIO()
    flat.save(kept, "JPEG", quality=QUALITY)
    return kept.getvalue()
