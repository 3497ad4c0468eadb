"""Times as people say them (W-11)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from orchestra.models import Worker
from orchestra.web.pages.wording import _in_words, span_in_words, zone_of

NOW = datetime(2026, 11, 24, 20, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=12, seconds=40), "12 min ago"),
        (timedelta(hours=2), "today, 19:30"),
        (timedelta(hours=22), "yesterday, 23:30"),
        (timedelta(days=3), "21 Nov, 21:30"),
        (timedelta(days=400), "20 Oct 2025"),
        (timedelta(seconds=-5), "today, 21:30"),
    ],
)
def test_recent_times_are_in_words(passed, words):
    assert _in_words(NOW - passed, NOW, BERLIN) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (90, "90 seconds"),
        (5400, "90 minutes"),
        (86_400, "1 day"),
        (129_600, "36 hours"),
    ],
)
def test_a_time_that_was_set_is_told_exactly(seconds, words):
    assert span_in_words(seconds) == words


@pytest.mark.parametrize("name", ["Nowhere/Land", "../etc", "", "a\0b"])
def test_an_unknown_time_zone_is_utc(name):
    assert zone_of(Worker(time_zone=name)).key == "UTC"
