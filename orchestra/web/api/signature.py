"""HTTP signatures of client systems (A-13 to A-20); the only module that knows httpsig."""

import base64
import binascii
import hashlib
import hmac
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NoReturn

from flask import Request
from sqlalchemy.orm import Session

from orchestra.database import utcnow
from orchestra.domain import keys
from orchestra.errors import Unauthenticated
from orchestra.models import ApiKey

with warnings.catch_warnings():
    # httpsig asks pkg_resources for its version, and that warns of its own end.
    warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
    from httpsig.sign import Signer
    from httpsig.utils import generate_message, parse_authorization_header

ALGORITHM = "hmac-sha256"
ALGORITHMS = frozenset({ALGORITHM, "hs2019"})  # the latter names the algorithm of the key
TARGET = "(request-target)"
STRICT = (TARGET, "host", "date")
CHALLENGE = f'Signature realm="orchestra",headers="{TARGET} host date digest"'
TOLERANCE = timedelta(minutes=5)
REFUSED = (
    "The signature does not hold. Check key id, secret, algorithm (hmac-sha256) and what is signed."
)


@dataclass(frozen=True)
class Proof:
    """What a request shows of its maker, before anybody looked up the key."""

    key_id: str
    signed: tuple[str, ...]  # names of headers, in lower case
    message: bytes
    signature: bytes
    has_body: bool

    @property
    def missing(self) -> list[str]:
        """Headers that a strict signature must cover and this one does not."""
        required = (*STRICT, "digest") if self.has_body else STRICT
        return [name for name in required if name not in self.signed]

    @property
    def replay_hash(self) -> str | None:
        """Tells a request from all others; None: its signature covers too little for that."""
        if self.missing:
            return None
        return hashlib.sha256(self.key_id.encode() + b"\n" + self.message).hexdigest()


def read(request: Request, body: bytes) -> Proof:
    """Check everything that needs no key: headers, date and digest.

    :raises Unauthenticated: a header is missing or stale, or nothing can be made of the signature.
    """
    parameters = _parameters(request)
    signed = tuple((parameters.get("headers") or "date").lower().split())
    _refuse_missing([n for n in (*signed, "date") if n != TARGET and n not in request.headers])
    _refuse_stale(request.headers["Date"])
    if "digest" in signed:
        _refuse_other_body(request.headers["Digest"], body)
    return Proof(
        key_id=parameters["keyid"],
        signed=signed,
        message=_message(request, signed),
        signature=_decoded(parameters["signature"]),
        has_body=bool(body),
    )


def verify(session: Session, proof: Proof) -> ApiKey:
    """Return the key that made the proof. An unknown key costs the same work as a known one.

    :raises Unauthenticated: there is no such key in use, or it did not sign this.
    """
    key = keys.find_key(session, proof.key_id)
    secret = keys.secret_of(session, key) if key else None
    is_made_with = secret or keys.spend_the_time_of_a_key(session)
    expected = _decoded(Signer(secret=is_made_with, algorithm=ALGORITHM).sign(proof.message))
    fits = hmac.compare_digest(expected, proof.signature)
    if key is None or secret is None or key.revoked_at is not None or not fits:
        raise Unauthenticated(REFUSED)
    _refuse_missing(["date"] if "date" not in proof.signed else [])
    _refuse_missing([] if key.is_legacy else proof.missing)
    return key


def _parameters(request: Request) -> dict[str, str]:
    if "Authorization" not in request.headers:
        _refuse_missing(["authorization"])
    scheme, parameters = parse_authorization_header(request.headers["Authorization"])
    complete = all(parameters.get(name) for name in ("keyid", "signature"))
    algorithm = parameters.get("algorithm", "").lower() if complete else ""
    if scheme.lower() != "signature" or algorithm not in ALGORITHMS:
        _refuse()
    by_lower_name: dict[str, str] = dict(parameters)
    return by_lower_name


def _message(request: Request, signed: tuple[str, ...]) -> bytes:
    try:
        message: bytes = generate_message(
            signed,
            dict(request.headers),
            host=request.headers.get("Host"),
            method=request.method,
            path=target_of(request),
        )
    except UnicodeEncodeError:
        _refuse()
    return message


def target_of(request: Request) -> str:
    """Path and query as they were sent: the routed path has lost its percent-encoding."""
    raw: str = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or ""
    if raw.startswith("/"):
        return raw
    return request.full_path if request.query_string else request.path


def _decoded(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        _refuse()


def _refuse() -> NoReturn:
    raise Unauthenticated(REFUSED)


def _refuse_missing(names: list[str]) -> None:
    if names:
        unique = ", ".join(dict.fromkeys(names))
        raise Unauthenticated(f"Missing in the request or its signature: {unique}.")


def _refuse_stale(date: str) -> None:
    try:
        signed_at = parsedate_to_datetime(date)
    except ValueError:
        raise Unauthenticated(
            'The Date header cannot be read. Send it like "Wed, 23 Sep 2026 20:16:02 GMT".'
        ) from None
    if abs(utcnow() - _aware(signed_at)) > TOLERANCE:
        raise Unauthenticated(
            "The Date header is more than 5 minutes away from the clock here. Check your clock, "
            "and sign each request anew."
        )


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _refuse_other_body(header: str, body: bytes) -> None:
    digests = [part.strip().partition("=") for part in header.split(",")]
    sent = [value for name, _, value in digests if name.lower() == "sha-256"]
    actual = base64.b64encode(hashlib.sha256(body).digest()).decode()
    if not any(hmac.compare_digest(value.encode(), actual.encode()) for value in sent):
        raise Unauthenticated("The Digest header (SHA-256) does not fit the body.")
