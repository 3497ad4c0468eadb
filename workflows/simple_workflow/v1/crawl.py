"""The machine step: look for an image on a web page."""

import secrets
from typing import Any
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup

from orchestra.workflow_kit import Fetched, FetchFailed, FetchRefused, fetch, logger

ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".webp")
FOR_A_WHILE = (429, 502, 503, 504)  # what a server, or one before it, says when it is busy

log = logger(__name__)


def crawl_page(project_data: dict[str, Any], prerequisites: dict[str, Any]) -> dict[str, Any]:
    """Pick one of the images of the page at ``project_data["url"]``.

    What a person can still act on is a result, too; what may pass by itself raises, and the step
    is tried again.
    """
    url = project_data.get("url")
    if not isinstance(url, str) or not url.strip():
        return error_result("The project data has no address of a page in `url`.")
    try:
        page = fetch(url.strip())
    except FetchRefused as refusal:
        return error_result(str(refusal))
    if page.status in FOR_A_WHILE:
        raise FetchFailed(f"{url} answered with status {page.status}.")
    if not 200 <= page.status < 300:
        return error_result(f"{url} answered with status {page.status}.")
    images = image_addresses(page)
    if not images:
        return error_result(f"There is no image on {url}.")
    log.info("Found %d images on %s", len(images), page.url)
    return {"status": "success", "image": secrets.choice(images)}


def image_addresses(page: Fetched) -> list[str]:
    """Absolute addresses of the page's images, in their order, each once."""
    soup = BeautifulSoup(page.text, "html.parser")
    base = soup.find("base", href=True)
    start = absolute(page.url, str(base["href"])) if base else page.url
    found = (absolute(start, str(image["src"])) for image in soup.find_all("img", src=True))
    return [address for address in dict.fromkeys(found) if is_image(address)]


def absolute(start: str, source: str) -> str:
    """The address that ``source`` means on the page ``start``; empty if it means none."""
    try:
        return urljoin(start, source.strip())
    except ValueError:
        return ""


def is_image(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") and parts.path.lower().endswith(ENDINGS)


def error_result(message: str) -> dict[str, Any]:
    return {"status": "error", "image": None, "error_message": message}
