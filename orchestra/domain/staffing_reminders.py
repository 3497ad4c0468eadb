"""Who is reminded of offers, and what is warned about (specification S-51 to S-53)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased, contains_eager

from orchestra.database import seconds_from_now, settings_of, utcnow
from orchestra.domain import messages, notices, offers
from orchestra.domain.markup import ChatText, as_chat, bold
from orchestra.domain.message_texts import Kind, name
from orchestra.domain.messages import Post
from orchestra.domain.staffing_texts import AVAILABLE_PAGE, reminder_words
from orchestra.domain.versions import load_graphs, step_of
from orchestra.models import (
    IS_LIVE_REQUEST,
    POOL,
    Channel,
    Offer,
    OfferState,
    Project,
    ProjectStatus,
    RequestState,
    StaffingRequest,
    Task,
    Worker,
    WorkflowVersion,
)

AT_ONCE = 500
LONGEST_LIST = 20  # tasks in one warning
STAFFING_PAGE = "/orchestra/admin/staffing/"

# --- Reminders --------------------------------------------------------------------------------


def to_be_reminded(session: Session) -> list[int]:
    """Ids of workers who left offers unanswered (S-51).

    The first reminder comes one interval after the newest offer, the next ones in intervals.
    """
    pause = _reminder_pause(session)
    newest, oldest = sa.func.max(Offer.sent_at), sa.func.min(Offer.sent_at)
    waiting = (
        sa.select(Offer.worker_id)
        .join(StaffingRequest, StaffingRequest.id == Offer.request_id)
        .join(Task, Task.id == StaffingRequest.task_id)
        .join(Project, Project.id == Task.project_id)
        .join(Worker, Worker.id == Offer.worker_id)
        .where(offers.is_available(), Worker.is_active, _was_not_reminded_since(pause))
        .group_by(Offer.worker_id, Worker.reminded_at)
        .having(sa.or_(newest <= pause, Worker.reminded_at > oldest))
        .order_by(Offer.worker_id)
    )
    return list(session.scalars(waiting))


def remind(session: Session, worker_id: int) -> int:
    """Remind one of them, unless somebody else just did; the number of messages."""
    number = offers.count_available(session, worker_id)
    if not number or not _is_taken(session, worker_id):
        return 0
    said = reminder_words(number)
    messages.tell(
        session,
        Kind.OFFER_REMINDER,
        [worker_id],
        subject=said.subject,
        text=said.text,
        url=AVAILABLE_PAGE,
        cause=f"reminder:{utcnow().isoformat()}",
    )
    return 1


def _is_taken(session: Session, worker_id: int) -> bool:
    is_due = _was_not_reminded_since(_reminder_pause(session))
    taken = (
        sa.update(Worker)
        .where(Worker.id == worker_id, is_due)
        .values(reminded_at=seconds_from_now(0))
        .returning(Worker.id)
    )
    return session.scalar(taken, execution_options={"synchronize_session": False}) is not None


def _reminder_pause(session: Session) -> sa.ColumnElement[datetime]:
    return seconds_from_now(-settings_of(session).reminder_interval.total_seconds())


def _was_not_reminded_since(pause: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
    return sa.or_(Worker.reminded_at.is_(None), Worker.reminded_at <= pause)


# --- Warnings ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unstaffed:
    """Requests for one step that nobody accepts."""

    step: str  # its name
    request_ids: Sequence[int]


def to_be_warned_about(session: Session) -> list[Unstaffed]:
    """Tasks that wait for long, or for which nobody could be asked; by step (S-52, S-53)."""
    found = session.scalars(_unstaffed(session).order_by(StaffingRequest.id).limit(AT_ONCE)).all()
    load_graphs(session, {request.task.project.version for request in found})
    by_step: dict[tuple[int, str], list[StaffingRequest]] = defaultdict(list)
    for request in found:
        by_step[request.task.project.version_id, request.task.step].append(request)
    return [
        Unstaffed(_step_name(requests[0]), [request.id for request in requests])
        for requests in by_step.values()
    ]


def _step_name(request: StaffingRequest) -> str:
    return step_of(request.task.project, request.task).name


def _unstaffed(session: Session) -> sa.Select[StaffingRequest]:
    settings = settings_of(session)
    since = seconds_from_now(-settings.staffbot_staffing_min_time.total_seconds())
    pause = seconds_from_now(-settings.staffbot_warn_interval_seconds)
    was_asked = sa.exists().where(Offer.request_id == StaffingRequest.id)
    asked_nobody = sa.and_(StaffingRequest.state == RequestState.EXHAUSTED, ~was_asked)
    other = aliased(StaffingRequest)
    # The row's own time is looked at beside those of its task: of two who warn at once, the second
    # sees what the first one wrote in the row that it waited for, and in no other.
    is_new = sa.or_(StaffingRequest.warned_at.is_(None), StaffingRequest.warned_at <= pause)
    was_warned = sa.exists().where(
        other.task_id == StaffingRequest.task_id, other.warned_at > pause
    )
    task = contains_eager(StaffingRequest.task)
    version = task.contains_eager(Task.project).joinedload(Project.version, innerjoin=True)
    return (
        sa.select(StaffingRequest)
        .join(Task, Task.id == StaffingRequest.task_id)
        .join(Project, Project.id == Task.project_id)
        .options(version.joinedload(WorkflowVersion.workflow, innerjoin=True))
        .where(
            IS_LIVE_REQUEST,
            Task.status.in_(POOL),
            Project.status == ProjectStatus.ACTIVE,
            sa.or_(StaffingRequest.opened_at <= since, asked_nobody),
            is_new,
            ~was_warned,
        )
    )


def warn(session: Session, unstaffed: Unstaffed) -> int:
    """Warn of one step's tasks, unless somebody else just did; the number of messages.

    To the channel of the staffing team, or else to the inboxes of the project admins.
    """
    chosen = _unstaffed(session).where(StaffingRequest.id.in_(unstaffed.request_ids))
    locked = chosen.order_by(StaffingRequest.id).with_for_update(
        of=StaffingRequest, skip_locked=True
    )
    requests = session.scalars(locked.execution_options(populate_existing=True)).all()
    if not requests:
        return 0
    for request in requests:
        request.warned_at = seconds_from_now(0)
    session.flush()
    cause = f"staffing_request:{requests[0].id}:{utcnow().isoformat()}"
    subject = f"{name(unstaffed.step)} waits for somebody"
    _tell_staffing_team(session, subject, _lines(session, requests), cause)
    return 1


def _tell_staffing_team(session: Session, subject: str, lines: list[str], cause: str) -> None:
    settings = settings_of(session)
    channel = settings.staffbot_staffing_group_id
    posts, admins = [], None
    if channel and settings.slack_internal_enabled:
        text = "\n".join([bold(as_chat(subject)), *(as_chat(line) for line in lines)])
        posts = [Post(Channel.INTERNAL, ChatText(text), channel)]
    else:
        admins = notices.project_admins()
    messages.tell_those(
        session,
        Kind.UNSTAFFED_WARNING,
        admins,
        subject=subject,
        text="\n".join(lines),
        url=STAFFING_PAGE,
        cause=cause,
        posts=posts,
    )


def _lines(session: Session, requests: Sequence[StaffingRequest]) -> list[str]:
    shown = requests[:LONGEST_LIST]
    states: dict[int, list[OfferState]] = defaultdict(list)
    of_them = Offer.request_id.in_([request.id for request in shown])
    for request_id, state in session.execute(
        sa.select(Offer.request_id, Offer.state).where(of_them)
    ):
        states[request_id].append(state)
    lines = [_line(request, states[request.id]) for request in shown]
    more = len(requests) - len(shown)
    return [*lines, f"and {more} more"] if more else lines


def _line(request: StaffingRequest, states: Sequence[OfferState]) -> str:
    project = request.task.project
    declined = sum(state is OfferState.DECLINED for state in states)
    role = f"review at level {request.level}" if request.level else "level 0"
    return (
        f"Task {request.task_id} of {name(project.short_description)}, {role}: waits since "
        f"{request.opened_at:%-d %B %Y, %H:%M} UTC, asked {len(states)}, declined {declined}"
    )
