"""Sampled review and its draws (L-68 to L-73)."""

import pytest
import sqlalchemy as sa

from orchestra.domain import review
from orchestra.models import ReviewDraw, TaskStatus
from tests.builders import reviewed

S = TaskStatus


class Dice:
    """The numbers that are drawn, in their order."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def random(self):
        return self.numbers.pop(0)


@pytest.fixture
def draw(monkeypatch):
    def loaded(*numbers):
        dice = Dice(*numbers)
        monkeypatch.setattr(review, "_random", dice)
        return dice

    return loaded


@pytest.fixture
def draws(session):
    return lambda: session.scalars(sa.select(ReviewDraw).order_by(ReviewDraw.id)).all()


@pytest.mark.parametrize(
    ("rate", "drawn", "status"),
    [
        (0.5, 0.49, S.PENDING_REVIEW),
        (0.5, 0.5, S.COMPLETE),
        (1, 0.999999, S.PENDING_REVIEW),
        (0, 0.0, S.COMPLETE),
    ],
)
def test_work_is_reviewed_when_the_number_is_below_the_rate(make, draw, rate, drawn, status):
    """L-69"""
    draw(drawn)
    work = make.work(S.PROCESSING, review_policy=reviewed(rate))
    work.hand_over(work.writer)
    assert work.task.status is status


def test_the_draw_is_stored_with_all_that_decided(make, draw, draws):
    """L-71"""
    draw(0.83)
    work = make.work(S.PROCESSING, review_policy=reviewed(0.5, 2))
    work.hand_over(work.writer)
    (stored,) = draws()
    assert (stored.drawn, stored.rate, stored.max_reviews, stored.reviews) == (0.83, 0.5, 2, 0)
    assert stored.is_due is False
    assert stored.reason == "not selected for review: drew 0.83, rate 0.5"
    assert stored.assignment_id == work.at(0).id
    assert stored.iteration_id == work.at(0).iterations[0].id
    assert stored.at


def test_a_step_without_review_draws_no_number(make, draw, draws):
    """L-68, L-72"""
    draw()
    work = make.work(S.PROCESSING, review_policy={"policy": "no_review"})
    work.hand_over(work.writer)
    (stored,) = draws()
    assert (stored.drawn, stored.rate, stored.is_due) == (None, None, False)
    assert stored.reason == "the step takes no review"


def test_each_accept_draws_again_until_enough_reviewers_were_on_the_task(make, draw, draws):
    """L-70, L-72"""
    draw(0.0, 0.0)
    work = make.work(S.REVIEWING, review_policy=reviewed(1, 2))
    work.hand_over(work.reviewer, "accept")
    assert work.task.status is S.PENDING_REVIEW
    second = make.worker()
    work.workers[second.username] = second
    work.assign(make.actor(second))
    assert work.at(2).level == 2
    work.hand_over(make.actor(second), "accept")
    assert work.task.status is S.COMPLETE
    assert [(d.drawn, d.reviews, d.is_due) for d in draws()] == [
        (0.0, 0, True),
        (0.0, 1, True),
        (None, 2, False),
    ]
    assert draws()[-1].reason == "2 of at most 2 reviews are done"


def test_without_any_review_allowed_none_is_due(make, draw):
    draw()
    work = make.work(S.PROCESSING, review_policy=reviewed(1, 0))
    work.hand_over(work.writer)
    assert work.task.status is S.COMPLETE


def test_returned_work_comes_back_without_a_new_draw(make, draw, draws):
    """L-65"""
    draw(0.0)
    work = make.work(S.POST_REVIEW_PROCESSING)
    work.hand_over(work.writer)
    assert work.task.status is S.REVIEWING
    assert len(draws()) == 1


def test_nobody_reviews_work_that_they_are_on(make, refused):
    """L-73"""
    work = make.work(S.PENDING_REVIEW)
    refused("already_on_task", lambda session: work.assign(work.writer))
