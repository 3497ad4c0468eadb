"""When a person may be reached: quiet hours and digests, in their time zone."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.orm import Session

from orchestra.database import lock
from orchestra.domain import audit, messages
from orchestra.domain.audit import Actor
from orchestra.errors import Invalid
from orchestra.models import Message, Verb, Worker

DAY = timedelta(days=1)
NOT_A_TIME = "Give a time such as 22:00."


@dataclass(frozen=True, kw_only=True)
class Times:
    """When somebody wants to be reached, by the clock of their time zone."""

    quiet_from: time | None = None
    quiet_until: time | None = None
    digest_at: time | None = None

    @classmethod
    def of(cls, worker: Worker) -> Self:
        return cls(
            quiet_from=worker.quiet_from,
            quiet_until=worker.quiet_until,
            digest_at=worker.digest_at,
        )

    @classmethod
    def read(cls, typed: dict[str, str]) -> Self:
        """:raises Invalid: ``fields`` says which of them is no time, or is missing."""
        problems: dict[str, list[str]] = {}
        found: dict[str, time | None] = {}
        for name, text in typed.items():
            try:
                found[name] = time.fromisoformat(text).replace(second=0) if text else None
            except ValueError:
                problems[name] = [NOT_A_TIME]
        ends = ("quiet_from", "quiet_until")
        missing = [name for name in ends if not typed[name]]
        if len(missing) == 1:
            problems.setdefault(missing[0], ["Give both times, or none for no quiet hours."])
        if not problems and not missing and found["quiet_from"] == found["quiet_until"]:
            problems["quiet_until"] = ["Quiet hours end at another time than they begin."]
        if problems:
            raise Invalid("Some times cannot be taken.", fields=problems)
        return cls(**found)

    def as_text(self) -> dict[str, str]:
        named = {
            "quiet_from": self.quiet_from,
            "quiet_until": self.quiet_until,
            "digest_at": self.digest_at,
        }
        return {name: f"{clock:%H:%M}" if clock else "" for name, clock in named.items()}


def set_times(session: Session, actor: Actor, worker_id: int, times: Times) -> None:
    """What waits for the times before is looked at again."""
    worker = lock(session, Worker, worker_id)
    before, after = Times.of(worker), times
    if before == after:
        return
    worker.quiet_from, worker.quiet_until = times.quiet_from, times.quiet_until
    worker.digest_at = times.digest_at
    audit.record(
        session,
        actor,
        Verb.PREFERENCES_CHANGED,
        worker,
        before=before.as_text(),
        after=after.as_text(),
    )
    messages.wake(session, Message.worker_id == worker_id)


def quiet_until(worker: Worker, now: datetime) -> datetime | None:
    """When the quiet hours end that it is now for the worker; None: it is none of them.

    They may go over midnight.
    """
    begins, ends = worker.quiet_from, worker.quiet_until
    if begins is None or ends is None or begins == ends:
        return None
    here = now.astimezone(_zone(worker))
    clock = here.time().replace(tzinfo=None)
    is_quiet = begins <= clock < ends if begins < ends else clock >= begins or clock < ends
    return _next(here, ends, folds=(0, 1)) if is_quiet else None


def next_digest(worker: Worker, now: datetime) -> datetime | None:
    """When the worker's next mail of the day is due; None: they want each mail at once."""
    if worker.digest_at is None:
        return None
    return _next(now.astimezone(_zone(worker)), worker.digest_at)


def _next(here: datetime, clock: time, folds: tuple[int, ...] = (0,)) -> datetime:
    """The next moment at which the clock of the zone shows this time, after ``here``.

    A time that a clock change leaves out comes as much later as the clock was put forward.

    :param folds: which of the two count where a clock change shows a time twice.
    """
    dates = (here.date() + days * DAY for days in range(2))
    moments = (
        datetime.combine(date, clock.replace(fold=fold), tzinfo=here.tzinfo).astimezone(UTC)
        for date in dates
        for fold in folds
    )
    return min(moment for moment in moments if moment > here)


def _zone(worker: Worker) -> ZoneInfo:
    try:
        return ZoneInfo(worker.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
