"""Commands and pressed buttons, each carried out once however often it arrives (S-56, S-61)."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.database import Json, find_locked, seconds_from_now, table_of
from orchestra.domain import messages, offer_buttons, staffbot_commands
from orchestra.domain.information import LARGEST_ID
from orchestra.domain.message_texts import Kind
from orchestra.domain.slack_answers import LATER, WORKING, Answer
from orchestra.errors import OrchestraError
from orchestra.models import Channel, SlackRequest, Task
from orchestra.outbox import Dispatch, Job

KEPT_SECONDS = 600  # as long as a repeat is recognised (S-56)
LONGEST_KEPT_SECONDS = 86_400
COMMAND, BUTTON = "command", "button"


def register(session: Session, digest: str, asked: Json, response_url: str | None) -> SlackRequest:
    """The request, whether it is new or was here before; a new one has no answer yet.

    Of two that come at once the second waits for the first one's transaction.
    """
    _forget_old(session)
    dialect: Any = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    values = {"digest": digest, "asked": asked, "response_url": response_url}
    insert = dialect.insert(table_of(SlackRequest)).values(values).on_conflict_do_nothing()
    session.connection().execute(insert)
    found = sa.select(SlackRequest).where(SlackRequest.digest == digest)
    return session.scalars(found.execution_options(populate_existing=True)).one()


def _forget_old(session: Session) -> None:
    is_old = SlackRequest.at < seconds_from_now(-KEPT_SECONDS)
    is_settled = SlackRequest.answer.is_not(None)
    is_lost = SlackRequest.at < seconds_from_now(-LONGEST_KEPT_SECONDS)
    session.execute(
        sa.delete(SlackRequest).where(is_old, sa.or_(is_settled, is_lost)),
        execution_options={"synchronize_session": False},
    )


def answer_now(session: Session, digest: str, asked: Json) -> Json:
    """Carry it out, and give the answer; again, it is only the answer."""
    request = register(session, digest, asked, None)
    if request.answer is None:
        _carry_out(session, request)
    return dict(request.answer or {})


def answer_later(session: Session, digest: str, asked: Json, response_url: str | None) -> Json:
    """Let a job carry it out; the answer says so."""
    request = register(session, digest, asked, response_url)
    if request.answer is None:
        outbox.enqueue(session, job_of(request.id))
    return Answer(WORKING if response_url else LATER).payload


def job_of(request_id: int) -> Dispatch:
    kwargs = {"request_id": request_id}
    return Dispatch(Job.ANSWER_SLACK, kwargs, f"slack_request:{request_id}", "bots")


def carry_out(session: Session, request_id: int) -> SlackRequest | None:
    """For the job: the request with its answer; None: it is forgotten by now."""
    request = find_locked(session, SlackRequest, request_id)
    if request is not None and request.answer is None:
        answer = _carry_out(session, request)
        if request.response_url is None:
            _post(session, request, answer)
    return request


def _carry_out(session: Session, request: SlackRequest) -> Answer:
    """What is refused changes nothing, and is the answer."""
    is_command = request.asked["kind"] == COMMAND
    rule = staffbot_commands.run if is_command else offer_buttons.press
    try:
        with session.begin_nested():
            answer = rule(session, request.asked)
            session.flush()
    except OrchestraError as error:
        answer = Answer.refusing(error)
    request.answer = answer.payload
    session.flush()
    return answer


def _post(session: Session, request: SlackRequest, answer: Answer) -> None:
    """The result of a command that took too long, where the project is talked about (S-61)."""
    command = staffbot_commands.parse(str(request.asked.get("text", "")))
    if command is None or not 0 < command.task_id <= LARGEST_ID:
        return
    task = session.get(Task, command.task_id)
    if task is not None:
        messages.post(
            session,
            Kind.STAFFBOT_ANSWER,
            channel=Channel.PROJECT_CHANNEL,
            text=answer.as_post,
            url=f"/orchestra/app/project/{task.project_id}#task-{task.id}",
            cause=f"slack_request:{request.id}",
            project_id=task.project_id,
            task_id=task.id,
        )


def done(session: Session, request_id: int) -> None:
    outbox.done(session, job_of(request_id).dedupe_key)
