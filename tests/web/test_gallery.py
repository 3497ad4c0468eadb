"""The gallery that the demo crawls: public, with pictures of our own (X-12)."""

from io import BytesIO

import pytest
from bs4 import BeautifulSoup
from PIL import Image

from orchestra.web.pages import pictures

PAGE = "/orchestra/gallery/"


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_each_picture_is_a_jpeg_of_800_by_600_and_always_the_same(name):
    first = pictures.jpeg(name)
    pictures.jpeg.cache_clear()

    assert pictures.jpeg(name) == first
    with Image.open(BytesIO(first)) as image:
        assert (image.format, image.size) == ("JPEG", (800, 600))


def test_the_gallery_needs_no_sign_in_and_shows_six_pictures(client):
    answer = client.get(PAGE)
    page = BeautifulSoup(answer.text, "html.parser")

    assert answer.status_code == 200
    assert [heading.text for heading in page.find_all("h1")] == ["Gallery"]
    figures = page.find_all("figure")
    assert len(figures) == 6
    for figure in figures:
        assert len(figure.img["alt"]) > 20
        assert figure.figcaption.text
        picture = client.get(figure.img["src"])
        assert picture.mimetype == "image/jpeg"
        assert "max-age" in picture.headers["Cache-Control"]
        assert "Set-Cookie" not in picture.headers


def test_a_crawler_finds_the_pictures_and_nothing_else_of_the_page(client):
    page = BeautifulSoup(client.get(PAGE).text, "html.parser")

    sources = {image["src"] for image in page.find_all("img") if image["src"].endswith("jpg")}
    others = {image["src"] for image in page.find_all("img")} - sources
    assert sources == {f"{PAGE}{name}.jpg" for name in pictures.PICTURES}
    assert not [source for source in others if source.endswith((".png", ".gif", ".webp", ".jpeg"))]


def test_an_unknown_picture_is_not_found(client):
    assert client.get(f"{PAGE}nothing.jpg").status_code == 404
