"""The links of offers: an id with a signature (specification S-31)."""

import base64
import hmac
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from orchestra.config import Settings
from orchestra.errors import NotFound

SIGNATURE_BYTES = 16  # 128 bits
LONGEST_ID = 18  # digits


def path_of(settings: Settings, offer_id: int) -> str:
    return f"/orchestra/communication/offers/{token_of(settings, offer_id)}/"


def token_in(path: str) -> str:
    """The token of :func:`path_of`."""
    return path.rstrip("/").rpartition("/")[2]


def token_of(settings: Settings, offer_id: int) -> str:
    """The offer's id with a signature; nothing secret is stored, and every page can show it."""
    return f"{offer_id}-{_signature(settings.secret_key, offer_id)}"


def offer_of(settings: Settings, token: str) -> int:
    """:raises NotFound: the token is not one of ours."""
    digits, _, signature = token.partition("-")
    if digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_ID:
        expected = _signature(settings.secret_key, int(digits))
        if hmac.compare_digest(expected.encode(), signature.encode()):
            return int(digits)
    raise NotFound("There is no such offer.")


def _signature(secret_key: str, offer_id: int) -> str:
    digest = hmac.digest(_signing_key(secret_key), str(offer_id).encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:SIGNATURE_BYTES]).decode().rstrip("=")


@lru_cache(maxsize=4)
def _signing_key(secret_key: str) -> bytes:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"orchestra offers")
    return derived.derive(secret_key.encode())
