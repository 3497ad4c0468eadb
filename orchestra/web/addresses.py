"""Addresses in data: whether they are some and ours, and how pictures of other hosts are shown.

They come through us, so that their hosts do not learn who looks at them.
"""

import hashlib
import hmac
from urllib.parse import quote, urlsplit

from flask import current_app, has_request_context, request

STRANGE_PICTURES = "/orchestra/pictures"


def is_address(value: str) -> bool:
    """Whether a browser may be sent there: the web, or a path of this instance."""
    if any(character <= " " or character == "\\" for character in value):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return (parts.scheme in ("http", "https") and bool(parts.netloc)) or is_own_path(value)


def is_own_path(value: str) -> bool:
    return value.startswith("/") and not value.startswith("//")


def is_ours(value: str) -> bool:
    """Whether an address leads to the host that the page comes from."""
    own_host = request.host if has_request_context() else None
    return is_own_path(value) or urlsplit(value).netloc == own_host


def picture_source(address: str) -> str:
    """From where a page shows a picture: always this host."""
    if is_ours(address):
        return address
    signature = signature_of(address)
    return f"{STRANGE_PICTURES}/{signature}?address={quote(address, safe='')}"


def signature_of(address: str) -> str:
    """Says that a page of ours shows this picture: nobody can have any other address fetched."""
    key = str(current_app.config["SECRET_KEY"]).encode()
    content = f"strange picture:{address}".encode(errors="surrogatepass")
    return hmac.new(key, content, hashlib.sha256).hexdigest()[:32]
