"""The links of offers: an id with a signature (specification S-31)."""

from orchestra.config import Settings
from orchestra.domain.derived_keys import has_signature, signature_of
from orchestra.errors import NotFound

PURPOSE = "orchestra offers"
LONGEST_ID = 18  # digits


def path_of(settings: Settings, offer_id: int) -> str:
    return f"/orchestra/communication/offers/{token_of(settings, offer_id)}/"


def token_in(path: str) -> str:
    """The token of :func:`path_of`."""
    return path.rstrip("/").rpartition("/")[2]


def token_of(settings: Settings, offer_id: int) -> str:
    """The offer's id with a signature; nothing secret is stored, and every page can show it."""
    return f"{offer_id}-{signature_of(str(offer_id), settings.secret_key, PURPOSE)}"


def offer_of(settings: Settings, token: str) -> int:
    """:raises NotFound: the token is not one of ours."""
    digits, _, signature = token.partition("-")
    if digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_ID:
        offer_id = int(digits)
        if has_signature(str(offer_id), signature, settings.secret_key, PURPOSE):
            return offer_id
    raise NotFound("There is no such offer.")
