"""Quiet hours and digests by the clock of a zone, over clock changes and midnight."""

from datetime import UTC, datetime, time

import pytest

from orchestra.domain.quiet_hours import next_digest, quiet_until
from orchestra.models import Worker


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def clock(text):
    return time.fromisoformat(text) if text else None


def worker(zone="UTC", quiet=("", ""), digest=""):
    begins, ends = quiet
    return Worker(
        time_zone=zone,
        quiet_from=clock(begins),
        quiet_until=clock(ends),
        digest_at=clock(digest),
    )


NIGHT, NOON = ("22:00", "07:00"), ("12:00", "13:30")


@pytest.mark.parametrize(
    ("zone", "quiet", "now", "until"),
    [
        ("UTC", ("", ""), "2026-01-10 23:00", None),
        ("UTC", ("07:00", "07:00"), "2026-01-10 07:00", None),
        ("UTC", NIGHT, "2026-01-10 21:59", None),
        ("UTC", NIGHT, "2026-01-10 22:00", "2026-01-11 07:00"),
        ("UTC", NIGHT, "2026-01-11 06:59", "2026-01-11 07:00"),
        ("UTC", NIGHT, "2026-01-11 07:00", None),
        ("UTC", NOON, "2026-01-10 12:00", "2026-01-10 13:30"),
        ("UTC", NOON, "2026-01-10 13:30", None),
        ("Asia/Tokyo", NIGHT, "2026-01-10 13:00", "2026-01-10 22:00"),
        ("America/New_York", NIGHT, "2026-01-11 02:59", None),
        ("America/New_York", NIGHT, "2026-01-11 03:00", "2026-01-11 12:00"),
        ("Asia/Kathmandu", NIGHT, "2026-01-10 16:15", "2026-01-11 01:15"),
        ("Nowhere/Else", NIGHT, "2026-01-10 22:00", "2026-01-11 07:00"),
        # The clock goes forward from 2:00 to 3:00: an hour less to wait.
        ("Europe/Berlin", NIGHT, "2026-03-28 21:00", "2026-03-29 05:00"),
        ("Europe/Berlin", NIGHT, "2026-03-29 05:00", None),
        # It goes back from 3:00 to 2:00: an hour more.
        ("Europe/Berlin", NIGHT, "2026-10-24 20:00", "2026-10-25 06:00"),
        # They end at a time that there is twice in this night: at the next of both.
        ("Europe/Berlin", ("22:00", "02:30"), "2026-10-24 23:00", "2026-10-25 00:30"),
        ("Europe/Berlin", ("22:00", "02:30"), "2026-10-25 01:10", "2026-10-25 01:30"),
        # They end at a time that there is not in this night.
        ("Europe/Berlin", ("22:00", "02:30"), "2026-03-29 00:30", "2026-03-29 01:30"),
    ],
)
def test_quiet_hours_end_by_the_clock_of_the_person(zone, quiet, now, until):
    assert quiet_until(worker(zone, quiet), at(now)) == (until and at(until))


@pytest.mark.parametrize(
    ("zone", "digest", "now", "due"),
    [
        ("UTC", "", "2026-01-10 12:00", None),
        ("UTC", "17:00", "2026-01-10 12:00", "2026-01-10 17:00"),
        ("UTC", "17:00", "2026-01-10 17:00", "2026-01-11 17:00"),
        ("Asia/Tokyo", "08:00", "2026-01-10 12:00", "2026-01-10 23:00"),
        ("Pacific/Apia", "08:00", "2026-01-10 12:00", "2026-01-10 19:00"),
        # The day of the change is 23 hours long, and 25.
        ("Europe/Berlin", "17:00", "2026-03-28 16:00", "2026-03-29 15:00"),
        ("Europe/Berlin", "17:00", "2026-10-24 15:00", "2026-10-25 16:00"),
        # A time that there is twice counts once.
        ("Europe/Berlin", "02:30", "2026-10-25 00:30", "2026-10-26 01:30"),
        ("Europe/Berlin", "02:30", "2026-03-28 23:00", "2026-03-29 01:30"),
    ],
)
def test_a_digest_is_due_at_the_next_time_of_the_day(zone, digest, now, due):
    assert next_digest(worker(zone, digest=digest), at(now)) == (due and at(due))
