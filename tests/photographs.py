"""Photographs for tests, drawn here: the last ferry of a season, as three cameras saw it."""

import math
from functools import cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageFilter

SIZE = (1200, 800)
SHARPER = 2  # drawn larger and scaled down, for smooth edges
SKY = ((28, 38, 84), (214, 116, 92), (252, 206, 140))
SEA = ((58, 74, 118), (16, 26, 58))
INK = (20, 20, 34)
ORIENTATION = 0x0112
ON_ITS_SIDE = 6  # the camera was turned: the picture is to be turned clockwise


@cache
def ferry():
    """A ship on the water at sunset."""
    image, draw = _evening(horizon=0.62)
    for line in range(26):
        y, half = 505 + line * 10, 90 - line * 2.2
        draw.line(_scaled(760 - half, y, 760 + half, y), fill=(252, 214, 150), width=5)
    draw.polygon(_scaled(180, 470, 640, 470, 590, 560, 230, 560), fill=(178, 50, 54))
    draw.rectangle(_scaled(230, 405, 590, 470), fill=(246, 240, 226))
    draw.rectangle(_scaled(290, 350, 500, 405), fill=(246, 240, 226))
    draw.polygon(_scaled(400, 350, 410, 270, 455, 270, 460, 350), fill=(178, 50, 54))
    for window in range(7):
        x = 255 + window * 47
        draw.rectangle(_scaled(x, 425, x + 26, 450), fill=(250, 204, 110))
    for puff, size in enumerate((22, 30, 40, 52)):
        x, y = 420 - puff * 52, 248 - puff * 30
        draw.ellipse(_scaled(x - size, y - size, x + size, y + size), fill=(150, 110, 120))
    return _finished(image)


@cache
def passengers():
    """People who wave from a pier."""
    image, draw = _evening(horizon=0.55)
    draw.polygon(_scaled(0, 640, 1200, 600, 1200, 800, 0, 800), fill=(60, 42, 40))
    for number in range(9):
        x, tall = 110 + number * 122, 150 + 34 * math.sin(number * 2.4)
        foot = 690 - number * 5
        head = foot - tall - 34
        draw.rounded_rectangle(_scaled(x - 30, foot - tall, x + 30, foot), 50, fill=INK)
        draw.ellipse(_scaled(x - 26, head - 26, x + 26, head + 26), fill=INK)
        if number % 2:
            draw.line(_scaled(x + 22, foot - tall + 20, x + 62, head - 40), fill=INK, width=26)
    return _finished(image)


@cache
def life_ring():
    """A detail, taken with the camera turned: upright only by what the file says of itself."""
    image, draw = _canvas((800, 1200), ((92, 128, 130), (42, 66, 76)))
    for plank in range(0, 1200, 150):
        draw.line(_scaled(0, plank, 800, plank), fill=(36, 58, 68), width=8)
    centre = (400, 560)
    _disc(draw, centre, 320, (34, 48, 56))
    _disc(draw, centre, 310, (242, 236, 222))
    for start in (20, 110, 200, 290):
        box = _scaled(90, 250, 710, 870)
        draw.pieslice(box, start, start + 50, fill=(206, 62, 46))
    _disc(draw, centre, 176, (34, 48, 56))
    _disc(draw, centre, 170, (66, 96, 102))
    draw.line(_scaled(400, 0, 400, 250), fill=(222, 198, 150), width=24)
    return _finished(image, turned=True)


def no_image():
    return b"Shopping list: film, batteries, sandwiches.\n"


def _evening(horizon):
    image, draw = _canvas(SIZE, SKY)
    width, height = SIZE
    line = int(height * horizon)
    _disc(draw, (760, line - 36), 74, (255, 236, 180))
    sea = _gradient((width * SHARPER, (height - line) * SHARPER), SEA)
    image.paste(sea, (0, line * SHARPER))
    return image, draw


def _canvas(size, colours):
    image = _gradient((size[0] * SHARPER, size[1] * SHARPER), colours)
    return image, ImageDraw.Draw(image)


def _gradient(size, colours):
    column = Image.new("RGB", (1, len(colours)))
    column.putdata(colours)
    return column.resize(size, Image.Resampling.BICUBIC)


def _disc(draw, centre, radius, colour):
    x, y = centre
    draw.ellipse(_scaled(x - radius, y - radius, x + radius, y + radius), fill=colour)


def _scaled(*values):
    return [round(value * SHARPER) for value in values]


def _finished(image, *, turned=False):
    """The file of a camera: a JPEG that says how it was held."""
    image = image.resize(
        (image.width // SHARPER, image.height // SHARPER), Image.Resampling.LANCZOS
    )
    image = image.filter(ImageFilter.GaussianBlur(0.6))
    exif = Image.Exif()
    if turned:
        image = image.transpose(Image.Transpose.ROTATE_90)
        exif[ORIENTATION] = ON_ITS_SIDE
    file = BytesIO()
    image.save(file, "JPEG", quality=88, exif=exif)
    return file.getvalue()
