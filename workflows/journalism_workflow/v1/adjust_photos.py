"""The machine step that makes photos fit for the newspaper: upright, grey and not too large."""

import shutil
import struct
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from PIL import Image, ImageChops, ImageOps, UnidentifiedImageError

from orchestra.workflow_kit import PermanentFailure, files, logger

# What they take in memory stays near 600 MiB; only JPEG files are never in it as a whole.
LARGEST_PIXELS = 32_000_000
LARGEST_JPEG_PIXELS = 64_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000")
MOVING = ("GIF", "PNG", "WEBP", "AVIF")  # several frames of the others are no animation
JPEGS = (".jpg", ".jpeg")
QUALITY = 88
COPY_BYTES = 1024 * 1024
HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
# What Pillow raises when it is given rubbish; reading and writing files of ours is not among it.
DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    LookupError,
    RuntimeError,
    EOFError,
    struct.error,
    zlib.error,
)
TOO_LARGE = (Image.DecompressionBombError, Image.DecompressionBombWarning)

log = logger(__name__)


class Unusable(Exception):
    """No photo can be made of this file; the text says why, to the people who put it there."""


@dataclass(frozen=True)
class Variant:
    """A size that each photo is made in, and the folder of the project for it."""

    folder: str
    key: str
    side: int  # in pixels, at most


PROCESSED = Variant("Processed Photos", "processed-photos", 2000)
SMALL = Variant("Small Photos", "small-photos", 640)
VARIANTS = (PROCESSED, SMALL)


def autoadjust_photos(
    project_data: dict[str, Any], prerequisites: dict[str, Any]
) -> dict[str, Any]:
    """Make grey, upright JPEG files of all images in the folder of raw photos, which stay there.

    What cannot be used is listed with the reason, and keeps nobody else's photo back. Run again,
    it goes on with those that are missing, and makes no doubles.
    """
    project = files()
    raw_folder = prerequisites.get("document_creation", {}).get("raw_photo_folder")
    if not raw_folder:
        raise PermanentFailure("The step document_creation has made no folder of raw photos.")
    folders = {one: project.make_folder(one.folder, key=one.key) for one in VARIANTS}
    raws = project.list_folder(raw_folder)
    reasons = {}
    there = _there(project, folders)
    for raw in raws:
        try:
            _adjust(project, raw, folders, there)
        except Unusable as reason:
            log.info("No photo is made of %s: %s", raw.name, reason)
            reasons[raw.id] = str(reason)
    return _result(project, raws, folders, reasons)


def _result(
    project: Any, raws: list[Any], folders: Mapping[Variant, str], reasons: dict[str, str]
) -> dict[str, Any]:
    there = _there(project, folders)
    shown = {
        variant: [
            {"src": project.link(made.id), "name": made.name}
            for made in (there[_key(variant, raw)] for raw in raws if raw.id not in reasons)
        ]
        for variant in folders
    }
    skipped = [{"name": raw.name, "reason": reasons[raw.id]} for raw in raws if raw.id in reasons]
    return {
        "processed_photo_folder": folders[PROCESSED],
        "photos_for_caption": shown[PROCESSED],
        "small_photos": shown[SMALL],
        "skipped_files": [one["name"] for one in skipped],
        "skipped": skipped,
    }


def _there(project: Any, folders: Mapping[Variant, str]) -> dict[str, Any]:
    """What is in the folders already, by its key. What was begun only has no content."""
    return {
        entry.key: entry
        for folder in folders.values()
        for entry in project.list_folder(folder)
        if entry.key and entry.size_bytes
    }


def _key(variant: Variant, raw: Any) -> str:
    return f"{variant.key}/{raw.id}"


def _adjust(
    project: Any, raw: Any, folders: Mapping[Variant, str], there: Mapping[str, Any]
) -> None:
    """Make what is missing of one photo, with no other one in memory.

    :raises Unusable: it is no photo.
    """
    if raw.kind != "file":
        raise Unusable(f"It is a {raw.kind}.")
    missing = [variant for variant in folders if _key(variant, raw) not in there]
    if not missing:
        return
    with TemporaryFile() as content:
        with project.download(raw.id) as downloaded:
            shutil.copyfileobj(downloaded, content, COPY_BYTES)
        photo = grey_photo(content)
    for variant in missing:
        with TemporaryFile() as finished:
            _write(photo, variant.side, finished)
            name = _jpeg_name(raw.name)
            project.upload(name, finished, key=_key(variant, raw), folder=folders[variant])


def _jpeg_name(name: str) -> str:
    path = PurePosixPath(name)
    return name if path.suffix.lower() in JPEGS else f"{path.stem}.jpg"


def _write(photo: Image.Image, side: int, file: BinaryIO) -> None:
    """As a JPEG that tells nothing but what one sees."""
    sized = photo.copy()
    sized.thumbnail((side, side), Image.Resampling.LANCZOS)
    sized.info.clear()
    sized.save(file, "JPEG", quality=QUALITY, optimize=True)
    file.seek(0)


def grey_photo(content: BinaryIO) -> Image.Image:
    """Read an image of whatever kind.

    :raises Unusable: it is none, or one that is damaged, moving or far too large.
    """
    content.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's doubts about metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(content, formats=FORMATS) as image:
                _check(image)
                image.draft("L", _fitting(image.size))  # JPEG files are read small at once
                return _upright(_shrunk(_grey(image)))
    except UnidentifiedImageError as error:
        raise Unusable(_what_it_is(content)) from error
    except TOO_LARGE as error:
        raise Unusable(_too_large(LARGEST_PIXELS)) from error
    except DAMAGED as error:
        raise Unusable(f"It is damaged ({error or type(error).__name__}).") from error


def _check(image: Image.Image) -> None:
    largest = LARGEST_JPEG_PIXELS if image.format in ("JPEG", "MPO") else LARGEST_PIXELS
    if image.width * image.height > largest:
        raise Unusable(_too_large(largest))
    if image.format in MOVING and getattr(image, "is_animated", False):
        raise Unusable("It is an animation.")


def _too_large(pixels: int) -> str:
    return f"It has more than {pixels // 1_000_000} megapixels."


def _what_it_is(content: BinaryIO) -> str:
    content.seek(4)
    beginning = content.read(8)
    if beginning.startswith(b"ftyp") and beginning[4:] in HEIC:
        return "It is a HEIC picture, which cannot be read here. Save it as JPEG."
    return "It is not an image."


def _fitting(size: tuple[int, int]) -> tuple[int, int]:
    """The size, if it is small enough, or the one that it will be made."""
    share = min(1.0, PROCESSED.side / max(size))
    return max(1, round(size[0] * share)), max(1, round(size[1] * share))


def _grey(image: Image.Image) -> Image.Image:
    """The image in 256 greys; what shines through is white."""
    if image.mode == "F" or image.mode.startswith("I"):
        return _in_eight_bits(image)
    if image.has_transparency_data:
        return _on_white(image)
    smaller = _reduced(image)
    return (smaller.convert("RGB") if smaller.mode == "LAB" else smaller).convert("L")


def _in_eight_bits(image: Image.Image) -> Image.Image:
    """Of 65,536 greys each 256th; of numbers without a known end those from the least on."""
    low, high = 0, 256 * 255
    if ";16" not in image.mode:
        low, high = image.getextrema()
    scale = 255 / ((high - low) or 1)
    wide = image if image.mode == "F" else image.convert("I")
    return wide.point(lambda value: value * scale - low * scale).convert("L")


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode not in ("LA", "RGBA"):
        image = image.convert("RGBA")
    grey = image.convert("L")
    grey.paste(255, mask=ImageChops.invert(image.getchannel("A")))
    return grey


def _reduced(image: Image.Image) -> Image.Image:
    """Quickly made smaller, but not so small that it would be seen later."""
    factor = max(image.size) // (2 * PROCESSED.side)
    return image if factor < 2 or image.mode in ("1", "P") else image.reduce(factor)


def _shrunk(image: Image.Image) -> Image.Image:
    image.thumbnail((PROCESSED.side, PROCESSED.side), Image.Resampling.LANCZOS)
    return image


def _upright(image: Image.Image) -> Image.Image:
    """Turned as the camera was held, if that can be made out."""
    try:
        return ImageOps.exif_transpose(image)
    except DAMAGED:
        return image
