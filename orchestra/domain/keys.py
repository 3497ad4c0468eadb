"""The keys of client systems: their secrets are kept encrypted and shown once (A-9 to A-12)."""

import base64
import logging
import re
import secrets
from collections.abc import Sequence
from functools import lru_cache

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy.orm import Session

from orchestra.database import seconds_from_now, settings_of
from orchestra.domain import audit
from orchestra.domain.audit import Actor
from orchestra.domain.derived_keys import derived_key
from orchestra.errors import Conflict, Invalid, NotFound
from orchestra.models import ApiKey, Verb, Worker

logger = logging.getLogger(__name__)

SECRET_BYTES = 32
KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9@.+_-]{0,63}")
SECRET = re.compile(r"[\x21-\x7e]{16,256}")
LONGEST_LABEL = 200


def create_key(
    session: Session,
    actor: Actor,
    key_id: str,
    *,
    label: str = "",
    is_legacy: bool = False,
    secret: str | None = None,
) -> tuple[ApiKey, str]:
    """Make a key and return it with its secret, which cannot be read again later.

    :param secret: the secret to use, known to the client already; else 256 random bits.
    :raises Invalid: key id, label or secret cannot be used.
    :raises Conflict: there is a key of this name, perhaps a revoked one.
    """
    _refuse_unusable(key_id, label, secret)
    if find_key(session, key_id) is not None:
        raise Conflict(f"There is an API key {key_id!r} already. Choose another name.")
    secret = secret or secrets.token_urlsafe(SECRET_BYTES)
    key = ApiKey(
        key_id=key_id,
        label=label,
        is_legacy=is_legacy,
        encrypted_secret=_encryption(session).encrypt(secret.encode()).decode(),
        created_by_id=actor.worker_id,
    )
    session.add(key)
    session.flush()
    after = {"key_id": key_id, "label": label, "is_legacy": is_legacy}
    audit.record(session, actor, Verb.KEY_CREATED, key, after=after)
    return key, secret


def _refuse_unusable(key_id: str, label: str, secret: str | None) -> None:
    fields = {}
    if not KEY_ID.fullmatch(key_id):
        fields["key_id"] = ["Use 1 to 64 letters, digits and @ . + - _, a letter or digit first."]
    if len(label) > LONGEST_LABEL:
        fields["label"] = [f"Use at most {LONGEST_LABEL} characters."]
    if secret is not None and not SECRET.fullmatch(secret):
        fields["secret"] = ["Use 16 to 256 visible ASCII characters."]
    if fields:
        reasons = " ".join(f"{name}: {texts[0]}" for name, texts in fields.items())
        raise Invalid(f"This API key cannot be made. {reasons}", fields=fields)


def revoke_key(session: Session, actor: Actor, key_id: str) -> ApiKey:
    """End a key; every later request with it is refused. Revoking again changes nothing.

    :raises NotFound: there is no key of this name.
    """
    key = get_key(session, key_id)
    if key.revoked_at is None:
        key.revoked_at = session.scalar(sa.select(seconds_from_now(0)))
        audit.record(session, actor, Verb.KEY_REVOKED, key, after={"key_id": key_id})
    return key


def get_key(session: Session, key_id: str) -> ApiKey:
    """:raises NotFound: there is no key of this name."""
    key = find_key(session, key_id) if KEY_ID.fullmatch(key_id) else None
    if key is None:
        raise NotFound(f"There is no API key {key_id!r}. `orchestra api-key list` shows all.")
    return key


def find_key(session: Session, key_id: str) -> ApiKey | None:
    return session.scalars(sa.select(ApiKey).where(ApiKey.key_id == key_id)).one_or_none()


def all_keys(session: Session) -> Sequence[ApiKey]:
    return session.scalars(sa.select(ApiKey).order_by(ApiKey.id)).all()


def makers_of(session: Session, keys: Sequence[ApiKey]) -> dict[int, Worker]:
    """The accounts that made the keys, by id."""
    ids = {key.created_by_id for key in keys if key.created_by_id}
    return {
        worker.id: worker for worker in session.scalars(sa.select(Worker).where(Worker.id.in_(ids)))
    }


def secret_of(session: Session, key: ApiKey) -> str | None:
    """The secret of a key; None: it was encrypted with another ``ORCHESTRA_SECRET_KEY``."""
    try:
        return _encryption(session).decrypt(key.encrypted_secret.encode()).decode()
    except InvalidToken:
        logger.warning("api key of another secret key", extra={"key_id": key.key_id})
        return None


def re_encrypt(session: Session, old_secret_key: str) -> list[str]:
    """Encrypt the secrets anew after ``ORCHESTRA_SECRET_KEY`` was changed (A-10).

    :return: ids of the keys that neither the old nor the present secret key can read.
    """
    old, new = _encryption_with(old_secret_key), _encryption(session)
    lost = []
    for key in all_keys(session):
        try:
            secret = MultiFernet([new, old]).decrypt(key.encrypted_secret.encode())
        except InvalidToken:
            lost.append(key.key_id)
        else:
            key.encrypted_secret = new.encrypt(secret).decode()
    return lost


def spend_the_time_of_a_key(session: Session) -> str:
    """Decrypt a secret of nobody, so that an unknown key costs as much as a known one."""
    secret_key = settings_of(session).secret_key
    return _encryption_with(secret_key).decrypt(_secret_of_nobody(secret_key)).decode()


def _encryption(session: Session) -> Fernet:
    return _encryption_with(settings_of(session).secret_key)


@lru_cache(maxsize=4)
def _encryption_with(secret_key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(derived_key(secret_key, "orchestra api key secrets")))


@lru_cache(maxsize=4)
def _secret_of_nobody(secret_key: str) -> bytes:
    return _encryption_with(secret_key).encrypt(secrets.token_urlsafe(SECRET_BYTES).encode())
