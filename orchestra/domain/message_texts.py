"""The words of every message, each kind in one place (M-19, M-20, M-23, M-24, M-30)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from orchestra.domain.markup import ChatText, as_chat, bold, cut
from orchestra.models import Project

LONGEST_NAME, LONGEST_DETAIL = 100, 300  # characters of what the data give to a message
MOST_LETTERS = 10  # named in a report of dead letters


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
    PROJECT_ABORTED = "project_aborted"
    PROJECT_REOPENED = "project_reopened"
    OFFER = "offer"
    OFFER_REMINDER = "offer_reminder"
    STAFFING_OPENED = "staffing_opened"
    STAFFING_EXHAUSTED = "staffing_exhausted"
    STAFFING_DECLINED = "staffing_declined"
    STAFFING_FILLED = "staffing_filled"
    UNSTAFFED_WARNING = "unstaffed_warning"
    CHANNEL_OPENED = "channel_opened"  # the first post of a channel
    CHANNEL_WELCOME = "channel_welcome"
    STAFFBOT_ANSWER = "staffbot_answer"  # to a command that took too long
    SANITY_CHECK = "sanity_check"
    MACHINE_FAILED = "machine_failed"
    CREATION_PROBLEM = "creation_problem"
    POLICY_PROBLEM = "policy_problem"
    SANITY_PROBLEM = "sanity_problem"
    PREPARATION_PROBLEM = "preparation_problem"
    DEAD_LETTER = "dead_letter"
    TEAM_MESSAGE = "team_message"
    DIGEST = "digest"  # what waited for one mail a day


class Preference(StrEnum):
    """A type of messages that people may switch off by channel (M-14)."""

    TASK_STATUS_CHANGE = "task_status_change"
    NEW_TASK_AVAILABLE = "new_task_available"
    PROJECT_ALERTS = "project_alerts"


_NEW_TASKS = {Kind.OFFER, Kind.OFFER_REMINDER}
_ALERTS = {
    Kind.MACHINE_FAILED,
    Kind.CREATION_PROBLEM,
    Kind.POLICY_PROBLEM,
    Kind.SANITY_PROBLEM,
    Kind.PREPARATION_PROBLEM,
    Kind.DEAD_LETTER,
}
# To inboxes and channels only: they never leave by mail or as direct messages.
_STAYING = {
    Kind.STAFFING_OPENED,
    Kind.STAFFING_EXHAUSTED,
    Kind.STAFFING_DECLINED,
    Kind.STAFFING_FILLED,
    Kind.UNSTAFFED_WARNING,
    Kind.CHANNEL_OPENED,
    Kind.CHANNEL_WELCOME,
    Kind.STAFFBOT_ANSWER,
    Kind.SANITY_CHECK,
    Kind.TEAM_MESSAGE,
    Kind.DIGEST,
}


def preference_of(kind: str) -> Preference | None:
    """What switches a kind off and, unless there is such a thing, keeps it from mail and chat.

    None for account messages, which are recorded as mails and always come (M-16), for those that
    are for inboxes and channels only, and for the digest of mails that were wanted each.
    """
    if kind not in set(Kind) or kind in _STAYING:
        return None
    if kind in _NEW_TASKS:
        return Preference.NEW_TASK_AVAILABLE
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
    Kind.TEAM_MESSAGE: (
        "{person} wrote to the team of {project}",
        "Everybody on the project reads this.",
    ),
    Kind.PROJECT_COMPLETED: ("{project} is complete", "Thank you for your work on it."),
    Kind.MACHINE_FAILED: (
        "{step} failed",
        "All attempts at this machine step failed. Try it again or complete it by hand.",
    ),
    Kind.CREATION_PROBLEM: (
        "{step} cannot begin",
        "Whether the step is wanted could not be found out. That is tried again every hour.",
    ),
    Kind.POLICY_PROBLEM: (
        "{step} could not be assigned",
        "Its assignment policy found nobody. The task waits for whoever takes it.",
    ),
    Kind.SANITY_PROBLEM: (
        "The checks of {project} do not work",
        "The function that looks for problems in the project failed. It is tried again.",
    ),
    Kind.PREPARATION_PROBLEM: (
        "{project} could not be prepared",
        "Its folder, document or channel could not be made. The work goes on without it.",
    ),
    Kind.STAFFING_EXHAUSTED: (
        "Nobody is left to ask for {step}",
        "Everybody who may take the task was asked. Offers can still be accepted.",
    ),
    Kind.STAFFING_DECLINED: (
        "Everybody declined {step}",
        "Find somebody yourself, or certify more people for the task.",
    ),
    Kind.UNSTAFFED_WARNING: (
        "{step} waits for somebody",
        "Nobody has taken the task for a long time.",
    ),
}
# Kind: what a channel reads. {who} is the worker whom it is about, called by their Slack id.
_POSTS: dict[Kind, str] = {
    Kind.TASK_PICKED_UP: "{who} works on {step}",
    Kind.REVIEW_PICKED_UP: "{who} reviews {step}",
    Kind.AWAITING_REVIEW: "{who} handed over {step}, which waits for a reviewer",
    Kind.READY_FOR_REREVIEW: "{step} is ready again for the review by {who}",
    Kind.RETURNED: "{person} returned {step} to {who}",
    Kind.COMPLETED: "{step} is complete",
    Kind.COMPLETED_BY_ADMIN: "{step} was completed by a project admin",
    Kind.REVERTED: "{step} was taken back to an earlier state",
    Kind.REASSIGNED_TO: "{who} takes over {step}",
    Kind.UNASSIGNED: "{step} is not assigned to {who} any more",
    Kind.PROJECT_PAUSED: "{project} is paused",
    Kind.PROJECT_RESUMED: "{project} goes on",
    Kind.PROJECT_COMPLETED: "{project} is complete",
    Kind.PROJECT_ABORTED: "{project} was aborted",
    Kind.PROJECT_REOPENED: "{project} is open again",
    Kind.STAFFING_OPENED: "StaffBot is looking for somebody to take {step}",
    Kind.STAFFING_EXHAUSTED: "Nobody is left to ask for {step}",
    Kind.STAFFING_DECLINED: "Everybody declined {step}",
    Kind.STAFFING_FILLED: "{who} accepted {step}",
    Kind.UNSTAFFED_WARNING: "{step} waits for somebody",
    Kind.CHANNEL_OPENED: "This is the channel of {project}",
    Kind.CHANNEL_WELCOME: "Welcome, {who}: here the people on {project} talk to each other",
}
WORDED, POSTED = frozenset(_WORDS), frozenset(_POSTS)
# What a detail is called; otherwise it is a problem.
_DETAIL = {
    Kind.PROJECT_PAUSED: "Reason",
    Kind.STAFFING_OPENED: "Note",
    Kind.STAFFING_EXHAUSTED: "Asked",
    Kind.STAFFING_DECLINED: "Asked",
    Kind.STAFFING_FILLED: "Note",
    Kind.UNSTAFFED_WARNING: "Waiting",
    Kind.CHANNEL_WELCOME: "Note",
}


def words(kind: Kind, about: About) -> Words:
    """Subject and plain text of a message; whatever is in the data, each stays in its line."""
    subject, sentence = _WORDS[kind]
    return Words(subject.format(**_pieces(about)), "\n".join([sentence, *_rest(kind, about)]))


def post_words(kind: Kind, about: About, who: ChatText | None = None) -> ChatText:
    """What a channel reads.

    :param who: the worker whom it is about, see :func:`orchestra.domain.markup.mention`.
    """
    pieces = {key: as_chat(piece) for key, piece in _pieces(about).items()}
    headline = bold(ChatText(_POSTS[kind].format(**pieces, who=who or "somebody")))
    return ChatText("\n".join([headline, *(as_chat(line) for line in _rest(kind, about))]))


def post_subject(kind: Kind, about: About, who: str) -> str:
    """The first line of a post, for lists of ours."""
    return _POSTS[kind].format(**_pieces(about), who=name(who) or "somebody")


def dead_letter_words(letters: Sequence[tuple[str, str]]) -> Words:
    """:param letters: subject and error of each message that was given up."""
    number = f"{len(letters)} messages" if len(letters) > 1 else "A message"
    lines = [f"{name(subject)}: {cut(error, LONGEST_DETAIL)}" for subject, error in letters]
    if len(lines) > MOST_LETTERS:
        lines[MOST_LETTERS:] = [f"… and {len(lines) - MOST_LETTERS} more."]
    advice = "Look at what was wrong, then send them again or discard them."
    return Words(f"{number} could not be delivered", "\n".join([advice, *lines]))


def _pieces(about: About) -> dict[str, str]:
    return {
        "project": name(about.project),
        "step": name(about.step),
        "person": name(about.person) or "Somebody",
    }


def _rest(kind: Kind, about: About) -> list[str]:
    facts = _facts(about)
    if not about.detail:
        return [facts]
    return [f"{_DETAIL.get(kind, 'Problem')}: {cut(about.detail, LONGEST_DETAIL)}", facts]


def _facts(about: About) -> str:
    facts = [name(about.project), f"{name(about.workflow)}, version {name(about.version)}"]
    if about.step:
        facts.append(name(about.step))
    if about.task_id is not None:
        facts.append(f"task {about.task_id}")
    return " · ".join(facts)


def name(text: str) -> str:
    return cut(text, LONGEST_NAME)
