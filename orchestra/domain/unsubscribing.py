"""The link in optional mails that ends such mails, without a log-in (M-13, RFC 8058)."""

import base64
import hmac
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.orm import Session

from orchestra.config import Settings
from orchestra.database import settings_of
from orchestra.domain import preferences
from orchestra.domain.audit import Actor
from orchestra.domain.message_texts import Preference
from orchestra.domain.preferences import Way
from orchestra.errors import Forbidden
from orchestra.models import Source, Worker

PATH = "/orchestra/accounts/unsubscribe"
ALL = "all"  # types of a digest
SIGNATURE_BYTES = 16  # 128 bits


@dataclass(frozen=True)
class Unsubscription:
    """Whose mails of which types a link ends."""

    worker: Worker
    types: tuple[Preference, ...]


def token_of(settings: Settings, worker_id: int, preference: Preference | None) -> str:
    """Signed, so that nobody can end the mails of others; nothing secret is stored.

    :param preference: None: mails of every type.
    """
    said = f"{worker_id}-{preference or ALL}"
    return f"{said}-{_signature(settings.secret_key, said)}"


def path_of(token: str) -> str:
    return f"{PATH}/{token}/"


def find(session: Session, token: str) -> Unsubscription:
    """:raises Forbidden: the link is not one of ours."""
    worker_id, _, rest = token.partition("-")
    type_, _, signature = rest.partition("-")
    expected = _signature(settings_of(session).secret_key, f"{worker_id}-{type_}")
    worker = None
    if hmac.compare_digest(expected.encode(), signature.encode()):
        worker = session.get(Worker, int(worker_id))
    if worker is None:
        raise Forbidden("This link is not complete. Copy all of it from the mail.")
    types = tuple(Preference) if type_ == ALL else (Preference(type_),)
    return Unsubscription(worker, types)


def unsubscribe(session: Session, token: str, request_id: str | None) -> Unsubscription:
    """Switch the mails off; again, it changes nothing.

    :raises Forbidden: the link is not one of ours.
    """
    found = find(session, token)
    actor = Actor(
        name=found.worker.username,
        source=Source.WEB,
        worker_id=found.worker.id,
        request_id=request_id,
        note="by the link in a mail",
    )
    wanted = {(type_, Way.MAIL): False for type_ in found.types}
    preferences.choose(session, actor, found.worker.id, wanted)
    return found


def _signature(secret_key: str, said: str) -> str:
    digest = hmac.digest(_signing_key(secret_key), said.encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:SIGNATURE_BYTES]).decode().rstrip("=")


@lru_cache(maxsize=4)
def _signing_key(secret_key: str) -> bytes:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"orchestra unsubscribe links")
    return derived.derive(secret_key.encode())
