"""Photos become upright, grey and small, and nothing stops the others (X-21)."""

import random
import struct
import zlib
from contextlib import suppress
from io import BytesIO

import pytest
from journalism_workflow.v1 import adjust_photos
from journalism_workflow.v1.adjust_photos import Unusable, autoadjust_photos, grey_photo
from PIL import Image, ImageOps

from orchestra.domain.execution import running_project
from orchestra.errors import ServiceUnreachable
from orchestra.integrations.s3 import S3Files
from orchestra.project_files import ProjectFiles
from orchestra.workflow_kit import PermanentFailure, files
from tests.builders import step
from tests.contract.s3_server import BUCKET, KEY, SECRET, s3_server

ORIENTATION, DESCRIPTION = 0x0112, 0x010E
BLACK, WHITE, MIDDLE = 0, 255, 128
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 200


def picture(mode="RGB", size=(60, 40), file_format="PNG", colour=None, **saved):
    """Left half of the colour (black), right half white."""
    image = Image.new("RGB", size, "white")
    image.paste(colour or "black", (0, 0, size[0] // 2, size[1]))
    return saved_as(image.convert(mode), file_format, **saved)


def saved_as(image, file_format, **saved):
    file = BytesIO()
    image.save(file, file_format, **saved)
    return file.getvalue()


def with_turn(orientation):
    exif = Image.Exif()
    exif[ORIENTATION], exif[DESCRIPTION] = orientation, "where I live"
    return exif


def seen(content):
    return grey_photo(BytesIO(content))


def halves(image):
    """Greys in the middle of the left and the right half."""
    width, height = image.size
    return tuple(image.getpixel((width * part // 4, height // 2)) for part in (1, 3))


# --- One photo --------------------------------------------------------------------------------


def palette():
    return saved_as(Image.open(BytesIO(picture())).quantize(8), "PNG")


def palette_shining_through():
    image = Image.open(BytesIO(picture())).quantize(2)
    black = image.getpixel((0, 0))
    return saved_as(image, "PNG", transparency=black)


def alpha(mode):
    """Black, half of it shining through completely."""
    image = Image.new(mode, (60, 40))
    opaque = Image.new(mode, (30, 40), (0,) * (len(mode) - 1) + (255,))
    image.paste(opaque, (0, 0))
    return saved_as(image, "PNG")


def sixteen_bits(file_format):
    image = Image.new("I;16", (60, 40), 65535)
    image.paste(0, (0, 0, 30, 40))
    return saved_as(image, file_format)


def numbers(mode):
    image = Image.new(mode, (60, 40), 40)
    image.paste(-3, (0, 0, 30, 40))
    return saved_as(image, "TIFF")


KINDS = {
    "JPEG": picture(file_format="JPEG", quality=95),
    "progressive JPEG": picture(file_format="JPEG", quality=95, progressive=True),
    "grey JPEG": picture("L", file_format="JPEG", quality=95),
    "CMYK JPEG": picture("CMYK", file_format="JPEG", quality=95),
    "CMYK TIFF": picture("CMYK", file_format="TIFF"),
    "LAB TIFF": picture("LAB", file_format="TIFF"),
    "packed TIFF": picture(file_format="TIFF", compression="tiff_lzw"),
    "black and white": picture("1"),
    "BMP": picture(file_format="BMP"),
    "GIF": picture(file_format="GIF"),
    "WebP": picture(file_format="WEBP", lossless=True),
    "AVIF": picture(file_format="AVIF", quality=95),
    "palette": palette(),
    "grey and alpha": alpha("LA"),
    "alpha": alpha("RGBA"),
    "PNG of 16 bits": sixteen_bits("PNG"),
    "TIFF of 16 bits": sixteen_bits("TIFF"),
    "whole numbers": numbers("I"),
    "numbers": numbers("F"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_image_becomes_grey(kind):
    """X-21"""
    photo = seen(KINDS[kind])

    assert (photo.mode, photo.size) == ("L", (60, 40))
    left, right = halves(photo)
    assert left <= 8
    assert right >= 247


def test_what_shines_through_is_white():
    assert halves(seen(palette_shining_through())) == (WHITE, WHITE)


def test_colours_become_greys_of_their_brightness():
    greys = [
        halves(seen(picture(colour=colour)))[0] for colour in ("blue", "red", "green", "yellow")
    ]
    assert greys == [29, 76, 75, 226]


@pytest.mark.parametrize(
    ("size", "after"),
    [
        ((4000, 3000), (2000, 1500)),
        ((3000, 4000), (1500, 2000)),
        ((2001, 2001), (2000, 2000)),
        ((2000, 100), (2000, 100)),
        ((9000, 2), (2000, 1)),
    ],
)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_no_side_is_longer_than_2000_pixels(size, after, file_format):
    """X-21"""
    assert seen(saved_as(Image.new("RGB", size), file_format)).size == after


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned_as_the_camera_was_held(file_format, orientation):
    exif = with_turn(orientation)
    content = picture(file_format=file_format, exif=exif)
    turned = ImageOps.exif_transpose(Image.open(BytesIO(picture(exif=exif))))

    photo = seen(content)

    assert photo.size == turned.size
    corners = [(x, y) for x in (3, photo.width - 4) for y in (3, photo.height - 4)]
    expected = [turned.getpixel(corner)[0] for corner in corners]
    assert [photo.getpixel(corner) for corner in corners] == pytest.approx(expected, abs=8)


def test_metadata_that_cannot_be_read_costs_no_photo():
    content = picture(file_format="JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + b"\xff" * 40)
    assert halves(seen(content)) == pytest.approx((BLACK, WHITE), abs=8)


def bomb(side):
    """A PNG that says it has many pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def moving(file_format):
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    return saved_as(frames[0], file_format, save_all=True, append_images=frames[1:])


NO_PHOTOS = {
    "nothing": (b"", "not an image"),
    "text": (b"Dear editor, the photos follow.", "not an image"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not an image"),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not an image"),
    "HEIC": (HEIC, "HEIC"),
    "half a JPEG": (picture(file_format="JPEG", size=(400, 300))[:-200], "damaged"),
    "half a PNG": (picture(size=(400, 300))[:200], "damaged"),
    "bomb": (bomb(60_000), "more than 32 megapixels"),
    "smaller bomb": (bomb(10_000), "more than 32 megapixels"),
    "very large": (bomb(5_700), "more than 32 megapixels"),
    "moving GIF": (moving("GIF"), "animation"),
    "moving PNG": (moving("PNG"), "animation"),
    "moving WebP": (moving("WEBP"), "animation"),
}


@pytest.mark.parametrize("kind", NO_PHOTOS)
def test_what_can_be_no_photo_says_why(kind):
    """X-21"""
    content, reason = NO_PHOTOS[kind]
    with pytest.raises(Unusable, match=reason):
        seen(content)


def test_a_camera_may_put_several_photos_into_one_file():
    first, second = (Image.new("RGB", (60, 40), colour) for colour in ("black", "white"))
    content = saved_as(first, "MPO", save_all=True, append_images=[second])
    assert halves(seen(content)) == (BLACK, BLACK)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF"])
def test_whatever_is_in_a_file_it_is_a_photo_or_unusable(file_format):
    rubbish = random.Random(file_format)
    whole = picture(file_format=file_format, size=(90, 60), exif=with_turn(6))
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(rubbish.randint(1, 12)):
            content[rubbish.randrange(len(content))] = rubbish.randrange(256)
        cut = rubbish.randint(len(whole) // 2, len(whole))
        with suppress(Unusable):
            assert seen(bytes(content[:cut])).mode == "L"


# --- All of a project -------------------------------------------------------------------------


@pytest.fixture
def s3(app):
    """The store of the application is a bucket."""
    with s3_server() as address:
        store = S3Files(BUCKET, endpoint_url=address, key=KEY, secret=SECRET)
        app.extensions["orchestra_files"] = store
        yield store
        del app.extensions["orchestra_files"]


@pytest.fixture(params=["service", "s3"])
def elsewhere(request, app):
    return request.getfixturevalue(request.param)


@pytest.fixture
def project(session, make):
    """The files of a project whose machine step is running."""
    project_id = make.project(step("write")).id
    session.commit()
    token = running_project.set(project_id)
    yield files()
    running_project.reset(token)


@pytest.fixture
def add(project):
    """Put a raw photo into its folder."""
    folder = project.make_folder("Raw Photos", key="raw-photos")

    def added(name, content):
        return project.upload(name, BytesIO(content), key=f"raw/{name}", folder=folder)

    added.folder = folder
    return added


def adjusted(add):
    return autoadjust_photos({}, {"document_creation": {"raw_photo_folder": add.folder}})


def names(project, folder):
    return [entry.name for entry in project.list_folder(folder)]


def content_of(project, id_):
    with project.download(id_) as content:
        return content.read()


def id_in(src):
    return src.split("/")[3]


def test_photos_lie_in_a_folder_of_their_own_and_the_raw_ones_stay(project, add):
    """X-21"""
    raw = picture(file_format="JPEG", size=(3000, 2000), exif=with_turn(6), comment=b"secret")
    raw_id = add("sea.jpg", raw)
    add("beach.png", picture())

    result = adjusted(add)

    assert [photo["name"] for photo in result["photos_for_caption"]] == ["sea.jpg", "beach.jpg"]
    assert result["skipped_files"] == result["skipped"] == []
    assert names(project, result["processed_photo_folder"]) == ["sea.jpg", "beach.jpg"]
    assert content_of(project, raw_id) == raw
    sizes = {"photos_for_caption": (1333, 2000), "small_photos": (427, 640)}
    for variant, size in sizes.items():
        src = result[variant][0]["src"]
        assert src == project.link(id_in(src))
        content = content_of(project, id_in(src))
        photo = Image.open(BytesIO(content))
        assert (photo.format, photo.mode, photo.size) == ("JPEG", "L", size)
        assert dict(photo.getexif()) == {}
        assert b"secret" not in content
        assert b"where I live" not in content


def test_it_makes_no_difference_where_photos_are_kept(elsewhere, project, add):
    """X-17, X-21"""
    add("sea.jpg", picture(file_format="JPEG", size=(3000, 2000), exif=with_turn(6)))
    add("notes.txt", b"Dear editor")

    result = adjusted(add)

    (photo,) = result["photos_for_caption"]
    assert photo["name"] == "sea.jpg"
    assert Image.open(BytesIO(content_of(project, id_in(photo["src"])))).size == (1333, 2000)
    assert result["skipped_files"] == ["notes.txt"]
    assert adjusted(add) == result
    assert names(project, result["processed_photo_folder"]) == ["sea.jpg"]


def test_what_is_no_photo_is_listed_and_the_others_are_made(project, add):
    """X-21"""
    for name, content in {
        "notes.txt": b"Dear editor, these are from Tuesday.",
        "half.jpg": picture(file_format="JPEG", size=(400, 300))[:-300],
        "bomb.png": bomb(60_000),
        "phone.heic": HEIC,
        "moves.gif": moving("GIF"),
        "printed.jpg": picture("CMYK", file_format="JPEG"),
        "good.png": picture(),
    }.items():
        add(name, content)
    project.make_folder("More", key="more", folder=add.folder)
    project.make_document("Captions", "", key="captions", folder=add.folder)

    result = adjusted(add)

    assert [photo["name"] for photo in result["photos_for_caption"]] == ["printed.jpg", "good.jpg"]
    assert result["skipped_files"] == [one["name"] for one in result["skipped"]]
    reasons = {one["name"].partition(".")[0]: one["reason"] for one in result["skipped"]}
    assert {name: reason.split("(")[0].strip() for name, reason in reasons.items()} == {
        "notes": "It is not an image.",
        "half": "It is damaged",
        "bomb": "It has more than 32 megapixels.",
        "phone": "It is a HEIC picture, which cannot be read here. Save it as JPEG.",
        "moves": "It is an animation.",
        "More": "It is a folder.",
        "Captions": "It is a document.",
    }


def test_two_photos_of_one_name_are_two_photos(project, add):
    add("sea.png", picture())
    add("sea.jpg", picture(file_format="JPEG"))

    result = adjusted(add)

    assert [photo["name"] for photo in result["photos_for_caption"]] == ["sea.jpg", "sea (2).jpg"]
    assert names(project, result["processed_photo_folder"]) == ["sea.jpg", "sea (2).jpg"]


def test_after_more_photos_came_the_others_are_not_made_again(project, add, monkeypatch):
    """X-21"""
    add("a.png", picture())
    before = adjusted(add)
    add("b.png", picture())
    made = []
    monkeypatch.setattr(adjust_photos, "grey_photo", lambda c: made.append(c) or grey_photo(c))

    after = adjusted(add)

    assert len(made) == 1
    assert after["photos_for_caption"][:1] == before["photos_for_caption"]
    assert [photo["name"] for photo in after["photos_for_caption"]] == ["a.jpg", "b.jpg"]
    assert adjusted(add) == after


def test_a_service_that_fails_is_asked_again_and_the_step_goes_on(project, add, monkeypatch):
    for name in ("a.png", "b.png", "c.png"):
        add(name, picture())
    download, asked = ProjectFiles.download, []

    def failing_once(self, id_):
        asked.append(id_)
        if len(asked) == 2:
            raise ServiceUnreachable("not now")
        return download(self, id_)

    monkeypatch.setattr(ProjectFiles, "download", failing_once)
    with pytest.raises(ServiceUnreachable):
        adjusted(add)
    result = adjusted(add)

    assert [photo["name"] for photo in result["photos_for_caption"]] == ["a.jpg", "b.jpg", "c.jpg"]
    assert len(asked) == 4
    assert names(project, result["processed_photo_folder"]) == ["a.jpg", "b.jpg", "c.jpg"]


def test_what_people_deleted_is_made_again(project, add):
    add("a.png", picture())
    add("b.png", picture())
    first = adjusted(add)
    project.delete(id_in(first["photos_for_caption"][0]["src"]))

    result = adjusted(add)

    assert [photo["name"] for photo in result["photos_for_caption"]] == ["a.jpg", "b.jpg"]
    assert result["small_photos"] == first["small_photos"]


def test_without_photos_there_is_an_empty_folder(project, add):
    result = adjusted(add)
    assert result["photos_for_caption"] == result["skipped_files"] == []
    assert names(project, result["processed_photo_folder"]) == []


def test_without_a_folder_trying_again_is_no_use(project):
    with pytest.raises(PermanentFailure):
        autoadjust_photos({}, {})
