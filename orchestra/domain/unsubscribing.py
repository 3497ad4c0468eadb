"""The link in optional mails that ends such mails, without a log-in (M-13, RFC 8058)."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from orchestra.config import Settings
from orchestra.database import settings_of
from orchestra.domain import preferences
from orchestra.domain.audit import Actor
from orchestra.domain.derived_keys import has_signature, signature_of
from orchestra.domain.message_texts import Preference
from orchestra.domain.preferences import Way
from orchestra.errors import Forbidden
from orchestra.models import Source, Worker

PATH = "/orchestra/accounts/unsubscribe"
ALL = "all"  # types of a digest
PURPOSE = "orchestra unsubscribe links"


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
    return f"{said}-{signature_of(said, settings.secret_key, PURPOSE)}"


def path_of(token: str) -> str:
    return f"{PATH}/{token}/"


def find(session: Session, token: str) -> Unsubscription:
    """:raises Forbidden: the link is not one of ours."""
    worker_id, _, rest = token.partition("-")
    type_, _, signature = rest.partition("-")
    said, secret_key = f"{worker_id}-{type_}", settings_of(session).secret_key
    worker = None
    if has_signature(said, signature, secret_key, PURPOSE):
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
