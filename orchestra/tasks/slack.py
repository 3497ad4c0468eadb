"""The job that carries out a command or a pressed button of Slack, and answers it."""

import logging

from orchestra import outbox
from orchestra.database import Json, retry_deadlocks, transaction
from orchestra.domain import slack_requests
from orchestra.errors import RefusedByService, ServiceUnreachable
from orchestra.integrations import slack
from orchestra.outbox import Job
from orchestra.tasks import celery

logger = logging.getLogger(__name__)


@celery.task(name=Job.ANSWER_SLACK.value)
def answer(request_id: int) -> None:
    """Carry out a request once, and answer it at least once; it is safe to be run twice."""
    address, payload = _carry_out(request_id)
    if address is not None:
        try:
            slack.answer_later(address, payload)
        except RefusedByService as error:  # too old, most likely: nobody waits for it any more
            logger.warning("answer refused: %s", error, extra={"request": request_id})
        except ServiceUnreachable as error:
            logger.warning("not answered yet: %s", error, extra={"request": request_id})
            _note_failure(request_id, error.message)
            return
    _finish(request_id)


@retry_deadlocks
def _carry_out(request_id: int) -> tuple[str | None, Json]:
    with transaction() as session:
        request = slack_requests.carry_out(session, request_id)
        return (request.response_url, dict(request.answer or {})) if request else (None, {})


@retry_deadlocks
def _note_failure(request_id: int, error: str) -> None:
    with transaction() as session:
        key = slack_requests.job_of(request_id).dedupe_key
        outbox.record_failure(session, key, error)


@retry_deadlocks
def _finish(request_id: int) -> None:
    with transaction() as session:
        slack_requests.done(session, request_id)
