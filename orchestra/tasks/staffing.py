"""Jobs of StaffBot: ask workers, remind them, warn who looks after staffing (S-48 to S-53)."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from orchestra import outbox
from orchestra.database import reading, transaction
from orchestra.domain import (
    offer_details,
    staffing_batches,
    staffing_reminders,
    staffing_requests,
)
from orchestra.domain.offer_details import Detail, Question
from orchestra.domain.staffing_batches import Plan
from orchestra.outbox import Job
from orchestra.tasks import celery, runs
from orchestra.tasks.isolated import Isolated, TookTooLong, Unanswered
from orchestra.tasks.runs import Run

logger = logging.getLogger(__name__)

AT_ONCE = 500  # requests that are looked at together
TOGETHER = 20  # of those whose workers are asked in one transaction, which holds their projects
DETAIL_SECONDS = 10  # in which an author's function describes an offer


@celery.task(name=Job.SEND_STAFFING_REQUESTS.value)
def send_staffing_requests() -> int:
    """Ask the next workers of every request whose batch is due; how many were asked.

    Can be called at any time, also in parallel: what is due says the database, and of two that
    want to send a batch the second finds it sent.
    """
    with reading() as session:
        request_ids = staffing_batches.due(session)
    run = Run(Job.SEND_STAFFING_REQUESTS)
    sent = _send(run, request_ids)
    run.note()
    return sent


@celery.task(name=Job.SEND_FIRST_BATCH.value)
def send_first_batch(request_id: int) -> int:
    """Ask the first workers of a new request at once."""
    with reading() as session:
        request_ids = staffing_batches.due(session, [request_id])
    sent = _send(Run(Job.SEND_FIRST_BATCH), request_ids)
    with transaction() as session:
        outbox.done(session, staffing_requests.first_batch_of(request_id).dedupe_key)
    return sent


def _send(run: Run, request_ids: Sequence[int]) -> int:
    sent = 0
    with Isolated(offer_details.call, DETAIL_SECONDS) as functions:
        describing = Describing(functions)
        for first in range(0, len(request_ids), AT_ONCE):
            for plans in _plans(request_ids[first : first + AT_ONCE], describing):
                sent += _ask(run, plans)
    return sent


def _ask(run: Run, plans: Sequence[Plan]) -> int:
    """Together if possible; what somebody holds, and all if anything fails, each for itself."""
    asked, left = 0, plans
    if len(plans) > 1:
        try:
            together = runs.do(plans, partial(staffing_batches.send, skip_locked=True))
            asked, left = together.asked, together.left
        except Exception:  # of one of them; which one it is, and what it says, is seen now
            logger.info("requests are looked at one by one", exc_info=True)
    alone = run.do_each([[plan] for plan in left], staffing_batches.send)
    return asked + sum(sent.asked for sent in alone)


@dataclass
class Describing:
    """Asks the authors' functions. The requests of one tick wait only once for one that hangs."""

    functions: Isolated[Question, Detail]
    too_slow: set[str] = field(default_factory=set)  # paths of functions

    def detail(self, question: Question) -> Detail:
        detail = self._answer(question, question.function.path)
        if detail.problem:
            logger.warning("no detailed description: %s", detail.problem)
        return detail

    def _answer(self, question: Question, path: str) -> Detail:
        if path not in self.too_slow:
            try:
                return self.functions.ask(question)
            except TookTooLong:
                self.too_slow.add(path)
            except Unanswered as reason:
                return Detail(problem=f"{path} gave no answer: {reason}.")
        return Detail(problem=f"{path} took longer than {DETAIL_SECONDS} seconds.")


def _plans(request_ids: Sequence[int], describing: Describing) -> Iterator[Sequence[Plan]]:
    """Plans to be carried out together.

    Authors' functions are called as the plans are asked for, with no transaction open. One that
    takes its time holds up nobody: what waits for an answer is a plan by itself.
    """
    with reading() as session:
        plans = staffing_batches.plans(session, request_ids)
        questions = [
            offer_details.question_of(session, plan.wanted) if plan.judged.chosen else None
            for plan in plans
        ]
    together: list[Plan] = []
    for plan, question in zip(plans, questions, strict=True):
        if question or len(together) == TOGETHER:
            yield together
            together = []
        if question:
            yield [replace(plan, detail=describing.detail(question))]
        else:
            together.append(plan)
    yield together


@celery.task(name=Job.REMIND_WORKERS.value)
def remind_workers_about_available_tasks() -> int:
    """Remind workers of offers that they have not answered; how many (S-51)."""
    with reading() as session:
        worker_ids = staffing_reminders.to_be_reminded(session)
    run = Run(Job.REMIND_WORKERS)
    sent = sum(run.do_each(worker_ids, staffing_reminders.remind))
    run.note()
    return sent


@celery.task(name=Job.WARN_STAFFING_TEAM.value)
def warn_staffing_team_about_unstaffed_tasks() -> int:
    """Warn of tasks that nobody takes; how many messages (S-52)."""
    with reading() as session:
        steps = staffing_reminders.to_be_warned_about(session)
    run = Run(Job.WARN_STAFFING_TEAM)
    sent = sum(run.do_each(steps, staffing_reminders.warn))
    run.note()
    return sent
