"""Days and weeks as the worker's own calendar has them (T-6, T-23)."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orchestra.database import utcnow
from orchestra.models import Worker

DAY, WEEK = timedelta(days=1), timedelta(days=7)


def zone_of(worker: Worker) -> ZoneInfo:
    return zone_named(worker.time_zone)


def zone_named(name: str) -> ZoneInfo:
    """UTC for a name that is no zone any more."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def day_of(worker: Worker, moment: datetime) -> date:
    return moment.astimezone(zone_of(worker)).date()


def today(worker: Worker) -> date:
    return day_of(worker, utcnow())


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())
