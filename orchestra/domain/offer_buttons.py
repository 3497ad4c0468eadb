"""Offers that are answered in the chat, by the buttons below them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from orchestra.database import settings_of
from orchestra.domain import offers
from orchestra.domain.audit import Actor
from orchestra.domain.markup import ChatText, as_chat
from orchestra.domain.message_texts import name
from orchestra.domain.offer_links import path_of
from orchestra.domain.slack_answers import Answer, facts, lines, link, time_of
from orchestra.domain.staffbot_commands import worker_of
from orchestra.domain.staffing_texts import AVAILABLE_PAGE
from orchestra.domain.versions import load_graphs, step_of
from orchestra.errors import NotFound, OfferClosed
from orchestra.models import Offer, Source

ACCEPT, DECLINE = "accept_offer", "decline_offer"
RULES = {ACCEPT: offers.accept, DECLINE: offers.decline}


def press(session: Session, asked: Mapping[str, Any]) -> Answer:
    """Answer an offer as the worker who pressed; pressed again it says the same.

    :raises OrchestraError: why it cannot be; the offer is as it was.
    """
    worker = worker_of(session, asked["user_id"])
    rule = RULES.get(asked["name"])
    if rule is None:
        raise NotFound("This button is not one of ours.")
    offer = offers.find(session, worker, asked["value"])
    load_graphs(session, [offer.request.task.project.version])
    about = _About.of(session, offer)
    actor = Actor.of(worker, Source.SLACK, request_id=asked.get("request_id"))
    try:
        rule(session, actor, offer.id)
    except OfferClosed as error:
        return _too_late(about, error)
    return about.accepted() if rule is offers.accept else about.declined()


@dataclass(frozen=True)
class _About:
    """An offer as people call it, and its pages."""

    title: str
    line: ChatText
    task_page: str
    offer_page: str
    all_offers: str

    @classmethod
    def of(cls, session: Session, offer: Offer) -> "_About":
        settings, task = settings_of(session), offer.request.task
        step = name(step_of(task.project, task).name)
        return cls(
            title=f"Review of {step}" if offer.request.level else step,
            line=facts(name(task.project.short_description), f"task {task.id}"),
            task_page=f"{settings.url}/orchestra/app/task/{task.id}",
            offer_page=settings.url + path_of(settings, offer.id),
            all_offers=settings.url + AVAILABLE_PAGE,
        )

    def accepted(self) -> Answer:
        headline = as_chat(f"{self.title} is yours")
        said = lines(headline, self.line, link(self.task_page, "Open the task and begin"))
        return Answer(said, replaces=True)

    def declined(self) -> Answer:
        headline = as_chat(f"You declined {self.title}")
        again = link(self.offer_page, "Accept it after all, as long as nobody else has")
        return Answer(lines(headline, self.line, again), replaces=True)


def _too_late(about: _About, error: OfferClosed) -> Answer:
    """Honest words for who was not the first (S-38)."""
    since = error.details.get("since")
    when = ChatText(f"Closed: {time_of(since)}" if since else "")
    more = link(about.all_offers, "Other tasks that you may take")
    said = lines(as_chat(error.message), about.line, when, more)
    return Answer(said, replaces=True)
