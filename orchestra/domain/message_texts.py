"""The words of every message, each kind in one place (M-19, M-20, M-24, M-30)."""

import html
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from orchestra.models import Project

LONGEST_NAME, LONGEST_DETAIL = 100, 300  # characters of what the data give to a message
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+"
)


class Kind(StrEnum):
    """What a message is about."""

    TASK_PICKED_UP = "task_picked_up"
    REVIEW_PICKED_UP = "review_picked_up"
    AWAITING_REVIEW = "awaiting_review"
    READY_FOR_REREVIEW = "ready_for_rereview"
    RETURNED = "returned"
    COMPLETED = "completed"
    COMPLETED_BY_ADMIN = "completed_by_admin"
    REVERTED = "reverted"
    REASSIGNED_AWAY = "reassigned_away"
    REASSIGNED_TO = "reassigned_to"
    UNASSIGNED = "unassigned"
    TASK_ABORTED = "task_aborted"
    PROJECT_PAUSED = "project_paused"
    PROJECT_RESUMED = "project_resumed"
    PROJECT_COMPLETED = "project_completed"
    MACHINE_FAILED = "machine_failed"
    CREATION_PROBLEM = "creation_problem"
    POLICY_PROBLEM = "policy_problem"


class Preference(StrEnum):
    """A type of messages that people may switch off by channel (M-14)."""

    TASK_STATUS_CHANGE = "task_status_change"
    NEW_TASK_AVAILABLE = "new_task_available"
    PROJECT_ALERTS = "project_alerts"


_ALERTS = {Kind.MACHINE_FAILED, Kind.CREATION_PROBLEM, Kind.POLICY_PROBLEM}


def preference_of(kind: str) -> Preference | None:
    """What switches a kind off; None: nothing does, as with account messages (M-16)."""
    if kind not in set(Kind):
        return None
    return Preference.PROJECT_ALERTS if kind in _ALERTS else Preference.TASK_STATUS_CHANGE


@dataclass(frozen=True, kw_only=True)
class About:
    """What a message names, as it comes from the data: nothing in it is trusted."""

    project: str
    workflow: str
    version: str
    step: str = ""
    task_id: int | None = None
    person: str = ""  # who did it
    detail: str = ""  # a reason or an error

    @classmethod
    def of(
        cls,
        project: Project,
        *,
        step: str = "",
        task_id: int | None = None,
        person: str = "",
        detail: str = "",
    ) -> Self:
        return cls(
            project=project.short_description,
            workflow=project.version.workflow.name,
            version=project.version.name,
            step=step,
            task_id=task_id,
            person=person,
            detail=detail,
        )


@dataclass(frozen=True)
class Words:
    subject: str
    text: str


# Kind: its subject, and what it says in full before the facts.
_WORDS: dict[Kind, tuple[str, str]] = {
    Kind.TASK_PICKED_UP: ("{step} is assigned to you", "Open the task and begin."),
    Kind.REVIEW_PICKED_UP: (
        "The review of {step} is assigned to you",
        "Look at the work, then accept or return it.",
    ),
    Kind.AWAITING_REVIEW: (
        "{step} waits for a reviewer",
        "Your work was handed over. You are told when it is accepted or comes back.",
    ),
    Kind.READY_FOR_REREVIEW: (
        "{step} is ready for your review again",
        "The work that you returned was handed over again.",
    ),
    Kind.RETURNED: (
        "{person} returned {step} to you",
        "Read the feedback on the task, change the work and hand it over again.",
    ),
    Kind.COMPLETED: ("{step} is complete", "Nothing more is to be done for this task."),
    Kind.COMPLETED_BY_ADMIN: (
        "{step} was completed by a project admin",
        "Nothing more is to be done for this task.",
    ),
    Kind.REVERTED: (
        "{step} was taken back to an earlier state",
        "A project admin reverted the task. Open it to see whether it is with you now.",
    ),
    Kind.REASSIGNED_AWAY: (
        "{step} was given to somebody else",
        "The task is not with you any more. There is nothing left for you to do.",
    ),
    Kind.REASSIGNED_TO: (
        "{step} is assigned to you",
        "You take over the work of somebody else, as it is. Open the task and go on.",
    ),
    Kind.UNASSIGNED: (
        "{step} is not assigned to you any more",
        "The task went back to those that wait. There is nothing left for you to do.",
    ),
    Kind.TASK_ABORTED: (
        "{project} ended before your work was complete",
        "Its open tasks were aborted. There is nothing left for you to do.",
    ),
    Kind.PROJECT_PAUSED: (
        "{project} is paused",
        "You can save drafts, and hand work over when the project goes on.",
    ),
    Kind.PROJECT_RESUMED: ("{project} goes on", "You can hand over work again."),
    Kind.PROJECT_COMPLETED: ("{project} is complete", "Thank you for your work on it."),
    Kind.MACHINE_FAILED: (
        "{step} failed",
        "All attempts at this machine step failed. Try it again or complete it by hand.",
    ),
    Kind.CREATION_PROBLEM: (
        "{step} cannot begin",
        "Whether the step is wanted could not be found out. It is asked again every hour.",
    ),
    Kind.POLICY_PROBLEM: (
        "{step} could not be assigned",
        "Its assignment policy found nobody. The task waits for whoever takes it.",
    ),
}
_DETAIL = {Kind.PROJECT_PAUSED: "Reason"}  # what a detail is called; otherwise it is a problem


def words(kind: Kind, about: About) -> Words:
    """Subject and plain text of a message; whatever is in the data, each stays in its line."""
    pieces = {
        "project": name(about.project),
        "step": name(about.step),
        "person": name(about.person) or "Somebody",
    }
    subject, sentence = _WORDS[kind]
    lines = [sentence]
    if about.detail:
        lines.append(f"{_DETAIL.get(kind, 'Problem')}: {_cut(about.detail, LONGEST_DETAIL)}")
    lines.append(_facts(about))
    return Words(subject.format(**pieces), "\n".join(lines))


def _facts(about: About) -> str:
    facts = [name(about.project), f"{name(about.workflow)}, version {name(about.version)}"]
    if about.step:
        facts.append(name(about.step))
    if about.task_id is not None:
        facts.append(f"task {about.task_id}")
    return " · ".join(facts)


def name(text: str) -> str:
    return _cut(text, LONGEST_NAME)


def _cut(text: str, longest: int) -> str:
    """Data within a message: one line, and not so long that it hides the rest."""
    line = one_line(text)
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def one_line(text: str) -> str:
    """Without line breaks and what else turns one line, or one header, into several (I-22)."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split())


def lines_of(text: str) -> str:
    """Text of several lines, each without what is not printed."""
    return "\n".join(one_line(line) for line in text.splitlines())


def last_line(error: str) -> str:
    """Of a traceback the line that says what was wrong."""
    lines = [line for line in error.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def as_html(text: str, our_address: str) -> str:
    """The same words for mail programs that show HTML; only links of ours can be pressed (M-13)."""
    paragraphs = (block for block in text.split("\n\n") if block.strip())
    body = "\n".join(f"<p>{_lines(block, our_address)}</p>" for block in paragraphs)
    return f'<!doctype html>\n<html lang="en"><body style="{_BODY}">\n{body}\n</body></html>\n'


_BODY = "font-family:system-ui,sans-serif;font-size:15px;line-height:1.5;max-width:36em"
_BUTTON = (
    "display:inline-block;padding:8px 16px;border-radius:6px;background:#4f46e5;"
    "color:#fff;text-decoration:none"
)


def _lines(block: str, our_address: str) -> str:
    return "<br>\n".join(_line(line.strip(), our_address) for line in block.strip().split("\n"))


def _line(line: str, our_address: str) -> str:
    shown = html.escape(line)
    if not line.startswith(f"{our_address}/") or " " in line:
        return shown
    return f'<a href="{shown}" style="{_BUTTON}">Open in Orchestra</a><br>\n{shown}'
