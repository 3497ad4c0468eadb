"""Jobs of StaffBot: ask workers, remind them, warn who looks after staffing (S-48 to S-53)."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import (
    offer_details,
    staffing_batches,
    staffing_reminders,
    staffing_requests,
    upkeep,
)
from orchestra.domain.offer_details import Detail, Question
from orchestra.domain.staffing_batches import Plan
from orchestra.outbox import Job
from orchestra.tasks import celery
from orchestra.tasks.isolated import Isolated, TookTooLong, Unanswered

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
AT_ONCE = 500  # requests that are looked at together
DETAIL_SECONDS = 10  # in which an author's function describes an offer


@celery.task(name=Job.SEND_STAFFING_REQUESTS.value)
def send_staffing_requests() -> int:
    """Ask the next workers of every request whose batch is due; how many were asked.

    Can be called at any time, also in parallel: what is due says the database, and of two that
    want to send a batch the second finds it sent.
    """
    with reading() as session:
        request_ids = staffing_batches.due(session)
    run = _send(request_ids)
    _note(Job.SEND_STAFFING_REQUESTS, run)
    return run.sent


@celery.task(name=Job.SEND_FIRST_BATCH.value)
def send_first_batch(request_id: int) -> int:
    """Ask the first workers of a new request at once."""
    with reading() as session:
        request_ids = staffing_batches.due(session, [request_id])
    run = _send(request_ids)
    with transaction() as session:
        outbox.done(session, staffing_requests.first_batch_of(request_id).dedupe_key)
    return run.sent


def _send(request_ids: Sequence[int]) -> "Run":
    run = Run()
    with Isolated(offer_details.call, DETAIL_SECONDS) as functions:
        describing = Describing(functions)
        for first in range(0, len(request_ids), AT_ONCE):
            plans = _plans(request_ids[first : first + AT_ONCE], describing)
            run.do_each(plans, staffing_batches.send)
    return run


@dataclass
class Describing:
    """Asks the authors' functions. The requests of one tick wait only once for one that hangs."""

    functions: Isolated[Question, Detail]
    too_slow: set[str] = field(default_factory=set)  # paths of functions

    def detail(self, question: Question | None) -> Detail:
        if question is None:
            return Detail()
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


def _plans(request_ids: Sequence[int], describing: Describing) -> Iterator[Plan]:
    """The authors' functions are called as the plans are asked for, with no transaction open."""
    with reading() as session:
        plans = staffing_batches.plans(session, request_ids)
        questions = [offer_details.question_of(session, plan.wanted) for plan in plans]
    for plan, question in zip(plans, questions, strict=True):
        yield replace(plan, detail=describing.detail(question)) if plan.judged.chosen else plan


@celery.task(name=Job.REMIND_WORKERS.value)
def remind_workers_about_available_tasks() -> int:
    """Remind workers of offers that they have not answered; how many (S-51)."""
    with reading() as session:
        worker_ids = staffing_reminders.to_be_reminded(session)
    run = Run()
    run.do_each(worker_ids, staffing_reminders.remind)
    _note(Job.REMIND_WORKERS, run)
    return run.sent


@celery.task(name=Job.WARN_STAFFING_TEAM.value)
def warn_staffing_team_about_unstaffed_tasks() -> int:
    """Warn of tasks that nobody takes; how many messages (S-52)."""
    with reading() as session:
        steps = staffing_reminders.to_be_warned_about(session)
    run = Run()
    run.do_each(steps, staffing_reminders.warn)
    _note(Job.WARN_STAFFING_TEAM, run)
    return run.sent


@dataclass
class Run:
    """One run over many items; one that fails is logged and counted, and stops no other (S-24)."""

    sent: int = 0
    failures: int = 0

    def do_each(self, items: Iterable[Item], work: Callable[[Session, Item], int]) -> None:
        """Do the work for each item in a transaction of its own."""
        for item in items:
            try:
                self.sent += _do(item, work)
            except Exception:  # otherwise one that nobody thought of held up all, at every tick
                logger.exception("staffing failed for an item", extra={"item": repr(item)})
                self.failures += 1


@retry_deadlocks
def _do(item: Item, work: Callable[[Session, Item], int]) -> int:
    with transaction() as session:
        return work(session, item)


def _note(job: Job, run: Run) -> None:
    with transaction() as session:
        upkeep.note_tick(session, job, run.failures)
