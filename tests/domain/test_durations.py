"""How long something took, as it is read, shown and rounded (T-12, T-18)."""

import pytest

from orchestra.domain import durations


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (0, 0),
        (90, 90),
        (90.0, 90),
        (86400, 86400),
        ("0:00", 0),
        ("1:05", 3900),
        ("01:05", 3900),
        ("24:00", 86400),
        ("23:59:59", 86399),
        ("PT0S", 0),
        ("PT1H30M", 5400),
        ("PT90M", 5400),
        ("PT45S", 45),
        ("P1D", 86400),
        (" 1:00 ", 3600),
    ],
)
def test_a_time_is_read_in_each_of_its_forms(given, seconds):
    """T-12"""
    assert durations.read_seconds(given) == seconds


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (-1, "negative"),
        ("-0:01", "negative"),
        ("-PT1M", "negative"),
        (86401, "24 hours"),
        ("24:01", "24 hours"),
        ("P2D", "24 hours"),
        ("PT25H", "24 hours"),
        ("PT999999999S", "24 hours"),
        ("1:60", "HH:MM"),
        ("1:00:60", "HH:MM"),
        ("soon", "HH:MM"),
        ("", "HH:MM"),
        ("-", "HH:MM"),
        ("P", "HH:MM"),
        ("PT", "HH:MM"),
        ("90", "HH:MM"),
        ("\u0661:\u0660\u0660", "HH:MM"),
        (90.5, "whole seconds"),
        (True, "whole seconds"),
        (None, "whole seconds"),
        ([], "whole seconds"),
        (float("inf"), "whole seconds"),
        (float("nan"), "whole seconds"),
    ],
)
def test_what_is_no_time_is_refused_with_the_reason(given, reason):
    """T-11, T-12"""
    with pytest.raises(ValueError, match=reason):
        durations.read_seconds(given)


@pytest.mark.parametrize(("seconds", "minutes"), [(0, 0), (1, 1), (60, 1), (61, 2), (86400, 1440)])
def test_every_minute_that_was_begun_counts(seconds, minutes):
    """T-18"""
    assert durations.rounded_minutes(seconds) == minutes


def test_times_are_written_for_programs_and_for_people():
    assert durations.clock(86399) == "23:59:59"
    assert durations.hours_and_minutes(62) == "1:02"
