"""Six pictures of Orchestra's own, drawn on demand; the same numbers give the same picture."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from math import cos, pi, sin, sqrt

from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Drawing = ImageDraw.ImageDraw

WIDTH, HEIGHT = 800, 600
SCALE = 2  # drawn larger and made smaller, which smooths the edges
SIZE = (WIDTH * SCALE, HEIGHT * SCALE)
GOLDEN = (sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Picture:
    name: str
    title: str
    alt: str
    draw: Callable[[], Image.Image]


def gradient(top: Colour, bottom: Colour) -> Image.Image:
    mask = Image.linear_gradient("L").resize(SIZE)
    return Image.composite(Image.new("RGB", SIZE, bottom), Image.new("RGB", SIZE, top), mask)


def between(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def scattered(count: int) -> Iterator[tuple[float, float]]:
    """Points from 0 to 1 that fill the square evenly and look thrown."""
    for i in range(1, count + 1):
        yield (i * GOLDEN) % 1, (i * sqrt(3)) % 1


def circle(draw: Drawing, x: float, y: float, radius: float, fill: tuple[int, ...]) -> None:
    """Units: the height of the picture is 1."""
    unit = SIZE[1]
    box = ((x - radius) * unit, (y - radius) * unit, (x + radius) * unit, (y + radius) * unit)
    draw.ellipse(box, fill=fill)


def ridge(draw: Drawing, level: float, height: float, phase: float, fill: Colour) -> None:
    """Everything below a wavy line; ``level`` and ``height`` as shares of the picture."""
    points = [
        (
            x,
            SIZE[1] * (level - height * (sin(x / 310 + phase) + 0.5 * sin(x / 121 + 2.3 * phase))),
        )
        for x in range(0, SIZE[0] + 8, 8)
    ]
    draw.polygon([(0, SIZE[1]), *points, SIZE], fill=fill)


def morning_hills() -> Image.Image:
    image = gradient((255, 183, 120), (255, 236, 210))
    glow = Image.new("L", SIZE)
    box = [SIZE[1] * share for share in (0.62, 0.16, 1.1, 0.64)]
    ImageDraw.Draw(glow).ellipse(box, fill=190)
    image.paste((255, 244, 214), mask=glow.filter(ImageFilter.GaussianBlur(90)))
    draw = ImageDraw.Draw(image)
    circle(draw, 0.86, 0.4, 0.11, (255, 250, 235))
    for i in range(5):
        colour = between((214, 150, 140), (52, 52, 96), i / 4)
        ridge(draw, 0.56 + 0.1 * i, 0.05, 1.7 * i, colour)
    return image


def bubbles() -> Image.Image:
    image = gradient((49, 46, 129), (13, 148, 136))
    for i, (x, y) in enumerate(scattered(34)):
        layer = Image.new("RGBA", SIZE)
        draw = ImageDraw.Draw(layer)
        radius = 0.03 + 0.11 * ((i * GOLDEN * 3) % 1)
        tint = between((165, 180, 252), (153, 246, 228), y)
        circle(draw, x * 4 / 3, y, radius, (*tint, 70))
        circle(draw, x * 4 / 3 - radius * 0.35, y - radius * 0.35, radius * 0.18, (*tint, 160))
        image.paste(layer, mask=layer)
    return image


def moon_over_the_sea() -> Image.Image:
    image = gradient((10, 15, 44), (58, 80, 140))
    draw = ImageDraw.Draw(image)
    for x, y in scattered(140):
        circle(draw, x * 4 / 3, y * 0.6, 0.0012 + 0.002 * ((x * 7) % 1), (226, 232, 255))
    circle(draw, 0.92, 0.22, 0.085, (255, 248, 220))
    draw.rectangle((0, SIZE[1] * 0.62, *SIZE), fill=(12, 24, 62))
    for i in range(26):
        top = SIZE[1] * (0.635 + 0.0138 * i)
        half = SIZE[1] * (0.03 + 0.006 * i) * (0.6 + 0.4 * sin(i * 2.4))
        middle = SIZE[1] * (0.92 + 0.012 * sin(i * 1.7))
        shade = between((240, 232, 200), (70, 90, 140), i / 25)
        draw.rounded_rectangle((middle - half, top, middle + half, top + 7), 4, fill=shade)
    return image


def dunes() -> Image.Image:
    image = gradient((125, 190, 220), (250, 228, 190))
    draw = ImageDraw.Draw(image)
    circle(draw, 0.3, 0.2, 0.07, (255, 246, 214))
    for i in range(6):
        colour = between((240, 196, 138), (150, 82, 52), i / 5)
        ridge(draw, 0.5 + 0.095 * i, 0.035 + 0.006 * i, 2.1 + 1.1 * i, colour)
    return image


def northern_lights() -> Image.Image:
    image = gradient((6, 10, 30), (18, 44, 66))
    lights = Image.new("RGBA", SIZE)
    draw = ImageDraw.Draw(lights)
    for column in range(0, SIZE[0], 6):
        foot = SIZE[1] * (0.5 + 0.08 * sin(column / 230) + 0.03 * sin(column / 71))
        length = SIZE[1] * (0.26 + 0.1 * sin(column / 97 + 1) + 0.05 * sin(column / 23))
        colour = between((52, 235, 160), (150, 90, 230), 0.5 + 0.5 * sin(column / 330))
        draw.line((column, foot - length, column, foot), fill=(*colour, 150), width=6)
    lights = lights.filter(ImageFilter.GaussianBlur(26))
    image.paste(lights, mask=lights)
    draw = ImageDraw.Draw(image)
    for x, y in scattered(90):
        circle(draw, x * 4 / 3, y * 0.6, 0.0016, (220, 230, 240))
    ridge(draw, 0.74, 0.045, 0.4, (9, 20, 36))
    ridge(draw, 0.86, 0.03, 2.9, (4, 10, 20))
    return image


def sunflower() -> Image.Image:
    """Seeds in the order of a sunflower: each a golden angle after the one before."""
    image = gradient((255, 251, 235), (254, 215, 170))
    draw = ImageDraw.Draw(image)
    count = 520
    for i in range(count, 0, -1):
        share = i / count
        distance, angle = 0.43 * sqrt(share), i * 2 * pi * GOLDEN
        colour = between((120, 53, 15), (245, 158, 11), share)
        x, y = 2 / 3 + distance * cos(angle), 0.5 + distance * sin(angle)
        circle(draw, x, y, 0.006 + 0.011 * share, colour)
    return image


PICTURES = {
    picture.name: picture
    for picture in (
        Picture(
            "morning-hills",
            "Morning hills",
            "A pale sun over five rows of hills, from rose to deep blue",
            morning_hills,
        ),
        Picture("bubbles", "Bubbles", "Clear round bubbles rising from green to violet", bubbles),
        Picture(
            "moon-over-the-sea",
            "Moon over the sea",
            "A yellow moon and many stars above a dark sea that mirrors the light",
            moon_over_the_sea,
        ),
        Picture("dunes", "Dunes", "Rows of sand dunes in the light of the afternoon", dunes),
        Picture(
            "northern-lights",
            "Northern lights",
            "Green and violet light in the night sky over black mountains",
            northern_lights,
        ),
        Picture(
            "sunflower",
            "Sunflower",
            "Hundreds of brown and yellow dots, arranged in spirals like the seeds of a sunflower",
            sunflower,
        ),
    )
}


@cache
def jpeg(name: str) -> bytes:
    """The picture of that name, which must be one of ours, as a JPEG file."""
    small = PICTURES[name].draw().resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    file = BytesIO()
    small.save(file, "JPEG", quality=88, optimize=True)
    return file.getvalue()
