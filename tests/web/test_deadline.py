"""Work that is answered in time, or has no effect (S-61)."""

from threading import Event

import pytest

from orchestra.errors import NotFound, Unavailable
from orchestra.web import deadline
from orchestra.web.deadline import TooLate, within


def test_work_that_is_quick_is_answered(app):
    def work(limit):
        limit.require_time()
        return "done"

    assert within(5, work) == "done"


def test_what_the_work_raises_is_raised(app):
    def work(_limit):
        raise NotFound("There is no task 1.")

    with pytest.raises(NotFound):
        within(5, work)


def test_work_that_is_slow_learns_that_nobody_waits_any_more(app):
    goes_on, stopped = Event(), Event()

    def work(limit):
        goes_on.wait(10)
        try:
            limit.require_time()
        except TooLate:
            stopped.set()

    with pytest.raises(TooLate):
        within(0.01, work)
    goes_on.set()
    assert stopped.wait(10)


def test_work_that_commits_already_is_waited_for(app):
    committing = Event()

    def work(limit):
        limit.require_time()
        committing.wait(0.1)
        return "done"

    assert within(0.05, work) == "done"


def test_whether_a_commit_that_takes_long_succeeds_is_not_certain(app, monkeypatch):
    monkeypatch.setattr(deadline, "COMMIT_SECONDS", 0.01)
    goes_on = Event()

    def work(limit):
        limit.require_time()
        goes_on.wait(10)

    with pytest.raises(Unavailable, match="not certain"):
        within(0.05, work)
    goes_on.set()
