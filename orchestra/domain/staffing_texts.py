"""The words of offers and reminders (specification S-28, S-51)."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestra.domain.graph import Step
from orchestra.domain.letters import Reader
from orchestra.domain.markup import (
    ChatText,
    Link,
    as_chat,
    bold,
    lines_of,
    one_line,
    with_links,
)
from orchestra.domain.message_texts import Words, name
from orchestra.models import Project, Task

AVAILABLE_PAGE = "/orchestra/communication/available_staffing_requests/"
PREFERENCES_PAGE = "/orchestra/accounts/communication_preference_settings/"


@dataclass(frozen=True, kw_only=True)
class Offered:
    """What is offered: the same to all who are asked."""

    task: Task
    project: Project  # with its version and workflow
    step: Step
    level: int
    detail: str | None

    @property
    def title(self) -> str:
        return f"Review of {name(self.step.name)}" if self.level else name(self.step.name)


@dataclass(frozen=True)
class OfferWords:
    """What each way says; a mail says below all else how to get no such mails."""

    subject: str
    mail: str
    inbox: str
    chat: ChatText


def offer_words(offered: Offered, reader: Reader, *, link: str, our_address: str) -> OfferWords:
    """The offer to one worker.

    :param link: path of the offer.
    """
    subject = f"{offered.title} waits for you: {name(offered.project.short_description)}"
    words = _words(offered, reader)
    ways = [
        ("Look at it, then accept or decline", our_address + link),
        ("All tasks that you may take", our_address + AVAILABLE_PAGE),
    ]
    all_ways = [*ways, ("How to get no such messages", our_address + PREFERENCES_PAGE)]
    chat = ChatText(f"{bold(as_chat(subject))}\n{as_chat(words)}\n")
    return OfferWords(
        subject=subject,
        mail=_with_addresses(words, ways),
        inbox=_with_addresses(words, all_ways),
        chat=with_links(chat, all_ways),
    )


def _with_addresses(words: str, links: Sequence[Link]) -> str:
    return "\n\n".join([words, *(f"{label}:\n{address}" for label, address in links)])


def _words(offered: Offered, reader: Reader) -> str:
    project = offered.project
    facts = [
        f"{offered.title}: {one_line(offered.step.description)}",
        f"Project: {name(project.short_description)}",
        f"Workflow: {one_line(project.version.workflow.description)}",
        f"Task: {offered.task.id}",
    ]
    paragraphs = [
        f"Hello {name(reader.first_name) or reader.username},",
        f"A {'review' if offered.level else 'task'} waits that you may take.",
        "\n".join(facts),
        lines_of(offered.detail or "").strip(),
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def reminder_words(number: int) -> Words:
    """Every way adds the link to all of them."""
    waits, advice = f"{number} tasks wait", "Accept what you want to do, and decline the rest."
    if number == 1:
        waits, advice = "1 task waits", "Accept it or decline it."
    return Words(f"{waits} for your answer", f"You were asked and have not answered yet. {advice}")
