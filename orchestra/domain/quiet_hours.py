"""When a person may be reached: quiet hours and digests, in their time zone."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orchestra.models import Worker

DAY = timedelta(days=1)


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
