"""What a mail looks like: the words, one button, and how to stop such mails (M-13)."""

from dataclasses import dataclass
from typing import Self

from orchestra.config import Settings
from orchestra.domain import unsubscribing
from orchestra.domain.deliveries import Delivery
from orchestra.domain.markup import Link, as_html, as_letter
from orchestra.domain.message_texts import Kind, preference_of

PREFERENCES_PAGE = "/orchestra/accounts/communication_preference_settings/"


@dataclass(frozen=True)
class MailForm:
    text: str
    html: str
    unsubscribe_url: str | None = None

    def beginning_with(self, line: str, settings: Settings) -> Self:
        text = f"{line}\n\n{self.text}"
        return type(self)(text, as_html(text, settings.url), self.unsubscribe_url)


def form_of(delivery: Delivery, settings: Settings) -> MailForm:
    """Mails that nobody can switch off are as they were recorded."""
    preference = preference_of(delivery.kind)
    is_digest = delivery.kind == Kind.DIGEST
    if preference is None and not is_digest:
        html = delivery.html or as_html(delivery.text, settings.url)
        return MailForm(delivery.text, html)
    text, button = delivery.text, None
    if not is_digest:
        button = f"{settings.url}{delivery.url}"
        text = as_letter(delivery.subject, text, button)
    unsubscribe = None
    links: list[Link] = [("Choose what is mailed to you", settings.url + PREFERENCES_PAGE)]
    if delivery.worker_id is not None:
        token = unsubscribing.token_of(settings, delivery.worker_id, preference)
        unsubscribe = f"{settings.url}{unsubscribing.path_of(token)}"
        links.append(("Stop such mails", unsubscribe))
    footer = "\n".join(f"{words}: {address}" for words, address in links)
    return MailForm(
        text=f"{text}\n\n-- \n{footer}\n",
        html=as_html(text, settings.url, links, headlines=True, button=button),
        unsubscribe_url=unsubscribe,
    )
