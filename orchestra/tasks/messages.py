"""Jobs that deliver messages."""

import logging
from urllib.parse import urlsplit

from flask import current_app

from orchestra.config import Settings
from orchestra.database import retry_deadlocks, transaction
from orchestra.domain import message_texts, messages
from orchestra.domain.messages import Delivery
from orchestra.errors import RefusedByService, ServiceUnreachable
from orchestra.integrations.mail import Mail, Mailer, mailer_of, message_id_of
from orchestra.integrations.pausing import Pausing
from orchestra.outbox import Job
from orchestra.tasks import celery

logger = logging.getLogger(__name__)
PREFERENCES_PAGE = "/orchestra/accounts/communication_preference_settings/"
LONGEST_SECONDS = messages.LEASE_SECONDS - 60  # a server that answers drop by drop is left


@celery.task(name=Job.DELIVER_MESSAGE.value, time_limit=LONGEST_SECONDS)
def deliver(message_id: int, attempt: int) -> None:
    """Deliver one message, if it waits for this try. Safe to be run twice: one gets the lease."""
    with transaction() as session:
        delivery = messages.claim(session, message_id, attempt)
    if delivery is None:
        return
    settings: Settings = current_app.config["SETTINGS"]
    mail = as_mail(delivery, settings)
    mailer, pausing = _service(settings)
    try:
        pausing.call(lambda: mailer.send(mail))
    except RefusedByService as error:
        logger.warning("message refused: %s", error, extra={"message_id": message_id})
        _record_refused(delivery, str(error))
    except ServiceUnreachable as error:
        logger.warning("message not delivered yet: %s", error, extra={"message_id": message_id})
        _record_unreachable(delivery, error)
    else:
        _record_sent(delivery)


def _service(settings: Settings) -> tuple[Mailer, Pausing]:
    """Of this process; made with the first mail."""
    found: tuple[Mailer, Pausing] | None = current_app.extensions.get("orchestra_mail")
    if found is None:
        found = (mailer_of(settings), Pausing("The mail server"))
        current_app.extensions["orchestra_mail"] = found
    return found


def as_mail(delivery: Delivery, settings: Settings) -> Mail:
    """The mail of a message; with ``ORCHESTRA_MOCK_EMAILS`` to the one address (M-11)."""
    is_optional = message_texts.preference_of(delivery.kind) is not None
    to, text, html = delivery.address, delivery.text, delivery.html
    if settings.mock_emails:
        to, text = settings.mock_to_email, f"To: {delivery.address}\n\n{text}"
        html = message_texts.as_html(text, settings.url)
    return Mail(
        sender=settings.notifications_from_email,
        to=to,
        subject=delivery.subject,
        text=text,
        html=html,
        message_id=message_id_of(delivery.dedupe_key, urlsplit(settings.url).hostname or ""),
        unsubscribe_url=settings.url + PREFERENCES_PAGE if is_optional else None,
    )


# Each is tried again by itself: the whole job would find its own try taken, and stop there.


@retry_deadlocks
def _record_sent(delivery: Delivery) -> None:
    with transaction() as session:
        messages.record_sent(session, delivery)


@retry_deadlocks
def _record_refused(delivery: Delivery, error: str) -> None:
    with transaction() as session:
        messages.record_refused(session, delivery, error)


@retry_deadlocks
def _record_unreachable(delivery: Delivery, error: ServiceUnreachable) -> None:
    with transaction() as session:
        messages.record_unreachable(session, delivery, str(error), error.retry_after_seconds)
