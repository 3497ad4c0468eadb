"""The words of offers and reminders (specification S-28, S-51)."""

from dataclasses import dataclass

from orchestra.domain.graph import Step
from orchestra.domain.letters import Reader
from orchestra.domain.markup import lines_of, one_line
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


def offer_words(offered: Offered, reader: Reader, *, link: str, our_address: str) -> Words:
    """The offer to one worker.

    :param link: path of the offer; the line that it fills becomes a button.
    """
    project = offered.project
    facts = [
        f"{offered.title}: {one_line(offered.step.description)}",
        f"Project: {name(project.short_description)}",
        f"Workflow: {one_line(project.version.workflow.description)}",
        f"Task: {offered.task.id}",
    ]
    paragraphs = [
        f"Hello {name(reader.first_name) or reader.username},",
        "A task waits that you may take.",
        "\n".join(facts),
        lines_of(offered.detail or ""),
        "Look at it, then accept or decline:",
        our_address + link,
        "All tasks that you may take:",
        our_address + AVAILABLE_PAGE,
        f"To get no such messages, change your settings: {our_address}{PREFERENCES_PAGE}",
    ]
    text = "\n\n".join(paragraph for paragraph in paragraphs if paragraph)
    return Words(f"{offered.title} waits for you", text)


def reminder_words(number: int, our_address: str) -> Words:
    waits = "1 task waits" if number == 1 else f"{number} tasks wait"
    text = "\n\n".join(
        [
            f"{waits} for your answer. Accept what you want to do, and decline the rest.",
            our_address + AVAILABLE_PAGE,
            f"To get no such messages, change your settings: {our_address}{PREFERENCES_PAGE}",
        ]
    )
    return Words(f"{waits} for your answer", text)
