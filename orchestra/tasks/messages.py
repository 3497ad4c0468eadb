"""Jobs that deliver messages."""

import logging
from urllib.parse import urlsplit

from flask import current_app

from orchestra.config import Settings
from orchestra.database import retry_deadlocks, transaction
from orchestra.domain import deliveries, mail_forms, offer_buttons
from orchestra.domain.deliveries import Delivery
from orchestra.domain.message_rows import CHAT_IS_OFF
from orchestra.domain.message_texts import Kind
from orchestra.domain.offer_links import token_in
from orchestra.errors import RefusedByService, ServiceUnreachable
from orchestra.integrations.chat import Button
from orchestra.integrations.mail import Mail, Mailer, mailer_of, message_id_of
from orchestra.integrations.pausing import Pausing
from orchestra.models import Channel
from orchestra.outbox import Job
from orchestra.tasks import celery
from orchestra.tasks.chat_services import chat_services

logger = logging.getLogger(__name__)
LONGEST_SECONDS = deliveries.LEASE_SECONDS - 15  # a server that answers drop by drop is left


@celery.task(name=Job.DELIVER_MESSAGE.value, time_limit=LONGEST_SECONDS)
def deliver(message_id: int, attempt: int) -> None:
    """Deliver one message, if it waits for this try. Safe to be run twice: one gets the lease."""
    delivery = _claim(message_id, attempt)
    if delivery is None:
        return
    try:
        was_sent = _send(delivery, current_app.config["SETTINGS"])
    except RefusedByService as error:
        logger.warning("message refused: %s", error, extra={"message_id": message_id})
        _record_refused(delivery, str(error))
    except ServiceUnreachable as error:
        logger.warning("message not delivered yet: %s", error, extra={"message_id": message_id})
        _record_unreachable(delivery, error)
    else:
        _record(delivery, was_sent=was_sent)


def _send(delivery: Delivery, settings: Settings) -> bool:
    """Hand it to its service; false if that is switched off."""
    if delivery.channel is Channel.MAIL:
        mailer, pausing = _mail_service(settings)
        mail = as_mail(delivery, settings)
        pausing.call(lambda: mailer.send(mail))
        return True
    services = chat_services(settings)
    service = services.internal if delivery.channel is Channel.INTERNAL else services.experts
    if service is None:
        return False
    chat, pausing = service
    if delivery.channel is Channel.SLACK:
        buttons = _buttons(delivery, settings)
        pausing.call(lambda: chat.post_to_person(delivery.address, delivery.text, buttons))
    else:
        pausing.call(lambda: chat.post(delivery.address, delivery.text))
    return True


def _buttons(delivery: Delivery, settings: Settings) -> list[Button]:
    """An offer is answered where it is read, if answers of Slack are taken."""
    if delivery.kind != Kind.OFFER or not settings.answers_slack:
        return []
    token = token_in(delivery.url)
    return [
        Button(offer_buttons.ACCEPT, "Accept", token, is_primary=True),
        Button(offer_buttons.DECLINE, "Decline", token),
    ]


# --- Services of this process, made with the first message ----------------------------------------


def _mail_service(settings: Settings) -> tuple[Mailer, Pausing]:
    found: tuple[Mailer, Pausing] | None = current_app.extensions.get("orchestra_mail")
    if found is None:
        found = (mailer_of(settings), Pausing("The mail server"))
        current_app.extensions["orchestra_mail"] = found
    return found


# --- Mail -----------------------------------------------------------------------------------------


def as_mail(delivery: Delivery, settings: Settings) -> Mail:
    """The mail of a message; with ``ORCHESTRA_MOCK_EMAILS`` to the one address (M-11)."""
    form = mail_forms.form_of(delivery, settings)
    to = delivery.address
    if settings.mock_emails:
        to, form = settings.mock_to_email, form.beginning_with(f"To: {delivery.address}", settings)
    return Mail(
        sender=settings.notifications_from_email,
        to=to,
        subject=delivery.subject,
        text=form.text,
        html=form.html,
        message_id=message_id_of(delivery.dedupe_key, urlsplit(settings.url).hostname or ""),
        unsubscribe_url=form.unsubscribe_url,
    )


# --- Records --------------------------------------------------------------------------------------
# Each is tried again by itself: the whole job would find its own try taken, and stop there.


@retry_deadlocks
def _claim(message_id: int, attempt: int) -> Delivery | None:
    with transaction() as session:
        return deliveries.claim(session, message_id, attempt)


@retry_deadlocks
def _record(delivery: Delivery, *, was_sent: bool) -> None:
    with transaction() as session:
        if was_sent:
            deliveries.record_sent(session, delivery)
        else:
            deliveries.record_off(session, delivery, CHAT_IS_OFF)


@retry_deadlocks
def _record_refused(delivery: Delivery, error: str) -> None:
    with transaction() as session:
        deliveries.record_refused(session, delivery, error)


@retry_deadlocks
def _record_unreachable(delivery: Delivery, error: ServiceUnreachable) -> None:
    with transaction() as session:
        deliveries.record_unreachable(session, delivery, str(error), error.retry_after_seconds)
