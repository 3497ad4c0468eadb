"""The slash command of StaffBot: who may give it, and what comes of it (S-57 to S-63).

What is checked before :func:`run` reads nothing but the command itself.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra.config.slack import FIELD_OF_LIST
from orchestra.database import settings_of
from orchestra.domain import staffing, staffing_story
from orchestra.domain.audit import Actor
from orchestra.domain.information import LARGEST_ID
from orchestra.domain.markup import ChatText, as_chat, cut
from orchestra.domain.message_texts import name
from orchestra.domain.slack_answers import FAILED, Answer, facts, lines, link, listed
from orchestra.domain.staffing_story import RequestStory
from orchestra.domain.versions import load_graphs, step_of
from orchestra.errors import Forbidden, NotFound
from orchestra.models import (
    Assignment,
    Project,
    Source,
    StaffingRequest,
    Task,
    Verdict,
    Worker,
    WorkflowVersion,
)

LONGEST_ECHO = 200
REQUESTS_SHOWN = 3
HELP = ChatText(
    "\n".join(
        [
            "*What StaffBot understands*",
            "`staff <task-id>` asks people to take a task that waits",
            "`restaff <task-id> <username>` asks people to take it over from somebody",
            "`why <task-id>` says who was asked, who was not, and the reason",
            "`status <task-id>` says how a task stands",
            "`help` says this",
        ]
    )
    .replace("<", "&lt;")
    .replace(">", "&gt;")
)
_ID = r"(?P<task_id>[0-9]{1,18})"
_COMMANDS = (
    re.compile(rf"(?P<verb>staff|why|status)\s+{_ID}", re.IGNORECASE),
    re.compile(rf"(?P<verb>restaff)\s+{_ID}\s+(?P<name>\S+)", re.IGNORECASE),
    re.compile(r"(?P<verb>help|)", re.IGNORECASE),
)
_VERDICTS = {
    Verdict.OFFERED: "asked",
    Verdict.WAITING: "to be asked next",
    Verdict.NOT_CERTIFIED: "without the certification",
    Verdict.STAFFBOT_DISABLED: "not to be asked by StaffBot",
    Verdict.ALREADY_ON_TASK: "on the task already",
    Verdict.ALREADY_ASKED: "asked before",
    Verdict.RETURNED_WORK: "with returned work to finish first",
    Verdict.LIMIT_REACHED: "with as many tasks as they may have",
    Verdict.OFFERS_MUTED: "who want no messages about new tasks",
}


# --- Before anything is looked up -------------------------------------------------------------


def why_not_allowed(
    config: Mapping[str, Any], fields: Mapping[str, str], only: Sequence[str] = ()
) -> str | None:
    """Which list of ``STAFFBOT_CONFIG`` a request does not meet (S-57).

    :param only: the lists that count; unset: all.
    """
    for key, allowed in config.items():
        field = FIELD_OF_LIST[key]
        if (not only or key in only) and (field not in fields or fields[field] not in allowed):
            return f"The {field} of this request is not among those that STAFFBOT_CONFIG allows."
    return None


@dataclass(frozen=True)
class Command:
    verb: str
    task_id: int = 0
    name: str = ""


def parse(text: str) -> Command | None:
    """None: the text is no command (S-60)."""
    for pattern in _COMMANDS:
        found = pattern.fullmatch(text.strip())
        if found:
            given = found.groupdict()
            return Command(
                verb=given["verb"].lower() or "help",
                task_id=int(given.get("task_id") or 0),
                name=given.get("name") or "",
            )
    return None


# --- With the database ------------------------------------------------------------------------


def run(session: Session, asked: Mapping[str, Any]) -> Answer:
    """:raises OrchestraError: why it is not done; nothing was changed."""
    actor = Actor.of(
        admin_of(session, asked["user_id"]), Source.SLACK, request_id=asked.get("request_id")
    )
    command = parse(asked["text"])
    if command is None:
        received = as_chat(cut(asked["text"], LONGEST_ECHO))
        return Answer(HELP, ChatText(f"This was not understood: {received}"))
    if command.task_id > LARGEST_ID:
        raise NotFound(f"There is no task {command.task_id}.")
    return _RULES[command.verb](session, actor, command)


def admin_of(session: Session, slack_user_id: str) -> Worker:
    """:raises Forbidden: who asks is no project admin; the message says why (S-58)."""
    worker = worker_of(session, slack_user_id)
    if not worker.is_project_admin:
        raise Forbidden(f"Only project admins may do that, and {worker.username} is none.")
    return worker


def worker_of(session: Session, slack_user_id: str) -> Worker:
    """:raises Forbidden: no active account has this Slack user id."""
    if not slack_user_id:
        raise Forbidden("The request does not say who sent it.")
    found = session.scalars(
        sa.select(Worker).where(Worker.slack_user_id == slack_user_id, Worker.is_active)
    ).all()
    if len(found) != 1:
        raise Forbidden(
            "No active account of Orchestra belongs to you. Save your Slack name in your "
            "account settings, or ask an administrator."
        )
    return found[0]


def _staff(session: Session, actor: Actor, command: Command) -> Answer:
    request = staffing.staff(session, actor, command.task_id)
    return _opened(session, request, "StaffBot looks for somebody")


def _restaff(session: Session, actor: Actor, command: Command) -> Answer:
    request = staffing.restaff(session, actor, command.task_id, command.name)
    return _opened(session, request, "StaffBot looks for somebody to take over")


def _opened(session: Session, request: StaffingRequest, headline: str) -> Answer:
    found = _find(session, request.task_id)
    url = f"{found.page}?tab=why&task={found.task.id}#tabs"
    role = f"review, level {request.level}" if request.level else "delivery, level 0"
    return Answer(
        lines(ChatText(headline), found.line(role), link(url, "Watch who is asked")),
    )


def _status(session: Session, _actor: Actor, command: Command) -> Answer:
    found = _find(session, command.task_id)
    holders = session.execute(
        sa.select(Worker.username, Assignment.level, Assignment.status)
        .join(Worker, Worker.id == Assignment.worker_id)
        .where(Assignment.task_id == found.task.id, Assignment.discarded_at.is_(None))
        .order_by(Assignment.level)
    )
    people = [
        f"{'Review' if row.level else 'Delivery'}: {row.username}, {row.status.label}"
        for row in holders
    ]
    headline = as_chat(f"{name(found.step)}: {found.task.status.label}")
    project = f"The project is {found.project.status.label}."
    asking = [_asking(story) for story in staffing_story.why(session, found.task.id)]
    said = [*(people or ["Nobody is on it."]), project, *asking[:1]]
    return Answer(
        lines(
            headline,
            found.line(),
            *(as_chat(line) for line in said),
            link(f"{found.page}#task-{found.task.id}", "Open the project"),
        )
    )


def _why(session: Session, _actor: Actor, command: Command) -> Answer:
    found = _find(session, command.task_id)
    stories = staffing_story.why(session, found.task.id)
    if not stories:
        nobody = as_chat(
            f"StaffBot has not looked for anybody yet. To begin: /staffbot staff {found.task.id}"
        )
        return Answer(lines(as_chat(name(found.step)), found.line(), nobody))
    said = [line for story in stories[:REQUESTS_SHOWN] for line in _told(story)]
    url = f"{found.page}?tab=why&task={found.task.id}#tabs"
    headline = as_chat(f"Who was asked for {name(found.step)}")
    return Answer(
        lines(headline, found.line(), *(as_chat(line) for line in said), link(url, "Read it all"))
    )


def _asking(story: RequestStory) -> str:
    request = story.request
    level = f"review {request.level}" if request.level else "delivery"
    return (
        f"Request {request.id} ({level}) is {request.state.value}: {len(story.offers)} asked, "
        f"{story.declined} declined."
    )


def _told(story: RequestStory) -> list[str]:
    """The request, and what was found about everybody at the last time."""
    said = [_asking(story)]
    if story.batches:
        last = story.batches[-1]
        said += [
            f"• {_VERDICTS[verdict]}: {listed([worker.username for worker in workers])}"
            for verdict, workers in last.verdicts.items()
        ]
    return said


def _help(_session: Session, _actor: Actor, _command: Command) -> Answer:
    return Answer(HELP)


_RULES: dict[str, Callable[[Session, Actor, Command], Answer]] = {
    "staff": _staff,
    "restaff": _restaff,
    "why": _why,
    "status": _status,
    "help": _help,
}


@dataclass(frozen=True)
class _Found:
    """A task with what people call it."""

    task: Task
    project: Project
    step: str
    page: str  # of the project

    def line(self, role: str = "") -> ChatText:
        return facts(
            name(self.project.short_description), name(self.step), f"task {self.task.id}", role
        )


def _find(session: Session, task_id: int) -> _Found:
    """:raises NotFound: there is no such task."""
    project = joinedload(Task.project, innerjoin=True).joinedload(Project.version, innerjoin=True)
    task = session.scalars(
        sa.select(Task)
        .where(Task.id == task_id)
        .options(project.joinedload(WorkflowVersion.workflow, innerjoin=True))
    ).one_or_none()
    if task is None:
        raise NotFound(f"There is no task {task_id}.")
    load_graphs(session, [task.project.version])
    page = f"{settings_of(session).url}/orchestra/app/project/{task.project_id}"
    return _Found(task, task.project, step_of(task.project, task).name, page)


def refused(reason: str) -> Answer:
    return Answer(FAILED, as_chat(reason))
