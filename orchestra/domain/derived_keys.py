"""Keys made of the secret key of the instance, one for each purpose, and what they sign."""

import base64
import hmac
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
SIGNATURE_BYTES = 16  # 128 bits


@lru_cache(maxsize=16)
def derived_key(secret_key: str, purpose: str) -> bytes:
    """:param purpose: a key of one purpose says nothing about that of another.
    :raises ValueError: there is no secret key, so that everybody could make the derived one.
    """
    if not secret_key:
        raise ValueError("No secret key: these settings lack with_secret_key().")
    derived = HKDF(SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode())
    return derived.derive(secret_key.encode())


def signature_of(text: str, secret_key: str, purpose: str) -> str:
    """A short signature for an address."""
    digest = hmac.digest(derived_key(secret_key, purpose), text.encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:SIGNATURE_BYTES]).decode().rstrip("=")


def has_signature(text: str, signature: str, secret_key: str, purpose: str) -> bool:
    """Whether we signed it; it takes as long if we did not."""
    expected = signature_of(text, secret_key, purpose)
    return hmac.compare_digest(expected.encode(), signature.encode())
