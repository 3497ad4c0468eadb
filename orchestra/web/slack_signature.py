"""Whether a request comes from Slack (specification S-55)."""

import hmac
from collections.abc import Mapping
from hashlib import sha256

from orchestra.config import Settings

TOLERANCE_SECONDS = 300
LONGEST_TIMESTAMP = 12  # digits


def is_authentic(
    settings: Settings, headers: Mapping[str, str], raw: bytes, token: str, now: float
) -> bool:
    """Whatever is set must hold; all of it is compared, and in constant time.

    Source: https://docs.slack.dev/authentication/verifying-requests-from-slack

    :param token: the one in the body, which Slack sends beside the signature.
    :param now: seconds since 1970.
    """
    holds = settings.answers_slack
    if settings.slack_signing_secret:
        holds &= _signature_fits(settings.slack_signing_secret, headers, raw, now)
    if settings.slack_staffbot_token:
        holds &= hmac.compare_digest(_bytes(settings.slack_staffbot_token), _bytes(token))
    return holds


def _signature_fits(secret: str, headers: Mapping[str, str], raw: bytes, now: float) -> bool:
    timestamp = headers.get("X-Slack-Request-Timestamp", "")
    signed = b"v0:" + _bytes(timestamp) + b":" + raw
    expected = "v0=" + hmac.new(_bytes(secret), signed, sha256).hexdigest()
    fits = hmac.compare_digest(_bytes(expected), _bytes(headers.get("X-Slack-Signature", "")))
    return fits & _is_fresh(timestamp, now)


def _is_fresh(timestamp: str, now: float) -> bool:
    is_number = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= LONGEST_TIMESTAMP
    return is_number and abs(now - int(timestamp)) <= TOLERANCE_SECONDS


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
