"""SanityBot: check every project, and say what was found (specification S-48, SB-8 to SB-18)."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic

from orchestra.database import reading, retry_deadlocks, settings_of, transaction
from orchestra.domain import sanity, sanity_function, upkeep
from orchestra.domain.sanity import Candidate, Examined, Result
from orchestra.domain.sanity_function import Answer, Question
from orchestra.domain.sanity_messages import Said
from orchestra.outbox import Job
from orchestra.tasks import celery
from orchestra.tasks.isolated import Isolated, TookTooLong, Unanswered

logger = logging.getLogger(__name__)
AT_ONCE = 50  # projects that are read together
Work = Callable[[Result], list[Said]]


@celery.task(name=Job.CHECK_PROJECTS.value)
def create_and_handle_sanity_checks() -> int:
    """Check every Active project whose version asks for it; how many messages were recorded.

    Can be called at any time, also in parallel: what is due is decided under the lock of the
    project, so of two that find the same the second finds it handled.
    """
    failed: list[int] = []
    sent = sum(1 for _ in check(failed=failed))
    with transaction() as session:
        upkeep.note_tick(session, Job.CHECK_PROJECTS, len(failed))
    return sent


def check(
    project_id: int | None = None, *, is_kept: bool = True, failed: list[int] | None = None
) -> Iterator[Said]:
    """Check all projects, or one; what was said.

    :param is_kept: whether anything is recorded; if not, nothing is said to anybody either.
    :param failed: gets the ids of projects for which that could not be done.
    """
    with reading() as session:
        candidates = sanity.to_be_checked(session, project_id)
        settings = settings_of(session)
    limit_seconds = settings.sanity_time_limit_seconds
    with Isolated(sanity_function.call, limit_seconds) as functions:
        work = _handle if is_kept else _try
        checking = Checking(functions, work, limit_seconds, [] if failed is None else failed)
        yield from checking.run(candidates, settings.sanity_interval.total_seconds())


@dataclass
class Checking:
    """One look at projects, in such an order that slow functions hold up no others.

    A version whose function took too long is put off to the end, behind those that did so the
    last time come in turns. For all these together there is one interval, so that what hangs
    for ever is tried at every tick and does not fill the queue with ticks.
    """

    functions: Isolated[Question, Answer]
    work: Work
    limit_seconds: int
    failed: list[int]
    slow_versions: set[int] = field(default_factory=set)

    def run(self, candidates: Iterable[Candidate], seconds: float) -> Iterator[Said]:
        ends_at = monotonic() + seconds
        prompt = [one for one in candidates if one.slow_at is None]
        slow = [(one.slow_at, one.project_id) for one in candidates if one.slow_at is not None]
        put_off = []
        for examined in _examined([one.project_id for one in prompt]):
            if examined.version_id in self.slow_versions:
                put_off.append(examined.project_id)
            else:
                yield from self._check(examined)
        for examined in _examined(put_off + [project_id for _, project_id in sorted(slow)]):
            if monotonic() > ends_at:
                logger.warning("slow checks are left to the next tick")
                return
            yield from self._check(examined)

    def _check(self, examined: Examined) -> list[Said]:
        result = examined.result(self._answer(examined))
        if result.answer.error:
            about = {"project": examined.project_id}
            logger.warning("checks do not work: %s", result.answer.error, extra=about)
        if examined.changes_nothing(result):
            return []
        try:
            return self.work(result)
        except Exception:  # otherwise one that nobody thought of held up all, at every tick
            logger.exception("check not handled", extra={"project": examined.project_id})
            self.failed.append(examined.project_id)
            return []

    def _answer(self, examined: Examined) -> Answer:
        question = examined.question
        if question is None:
            return Answer()
        path = question.function.path
        try:
            return self.functions.ask(question)
        except TookTooLong:
            self.slow_versions.add(examined.version_id)
            error = f"{path} took longer than {self.limit_seconds} seconds."
            return Answer(error=error, is_timeout=True)
        except Unanswered as reason:
            return Answer(error=f"{path} gave no answer: {reason}.")


def _examined(project_ids: Iterable[int]) -> Iterator[Examined]:
    """As they are asked for, many at a time; no transaction is open in between."""
    left = iter(project_ids)
    while some := list(islice(left, AT_ONCE)):
        with reading() as session:
            examined = sanity.examine(session, some)
        yield from examined


@retry_deadlocks
def _handle(result: Result) -> list[Said]:
    with transaction() as session:
        return sanity.handle(session, result)


class _Undone(Exception):
    """Roll back what was only tried."""


def _try(result: Result) -> list[Said]:
    """What would be said; nothing is recorded."""
    said: list[Said] = []
    with suppress(_Undone), transaction() as session:
        said += sanity.handle(session, result)
        session.flush()
        raise _Undone
    return said
