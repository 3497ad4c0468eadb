"""Whether handed-over work is reviewed: sampled, and recorded (specification L-68 to L-73)."""

from random import SystemRandom

from sqlalchemy.orm import Session

from orchestra.domain import audit
from orchestra.domain.audit import SYSTEM
from orchestra.domain.locking import LockedTask
from orchestra.models import Assignment, Iteration, ReviewDraw, Verb

_random = SystemRandom()


def draw_review(
    session: Session, locked: LockedTask, assignment: Assignment, iteration: Iteration
) -> bool:
    """Decide whether the work just handed over goes to a (further) reviewer, and store why."""
    policy = locked.step.review_policy
    draw = ReviewDraw(
        assignment_id=assignment.id,
        iteration_id=iteration.id,
        reviews=sum(1 for held in locked.assignments if held.level >= 1),
    )
    if policy.policy == "no_review":
        draw.is_due, draw.reason = False, "the step takes no review"
    else:
        draw.rate, draw.max_reviews = policy.rate, policy.max_reviews
        _decide(draw, policy.rate, policy.max_reviews)
    session.add(draw)
    audit.record(
        session,
        SYSTEM,
        Verb.REVIEW_DRAWN,
        locked.task,
        project_id=locked.project.id,
        after={"is_due": draw.is_due, "drawn": draw.drawn, "rate": draw.rate},
        note=draw.reason,
    )
    return draw.is_due


def _decide(draw: ReviewDraw, rate: float, max_reviews: int) -> None:
    if max_reviews <= draw.reviews:
        draw.is_due = False
        draw.reason = f"{draw.reviews} of at most {max_reviews} reviews are done"
        return
    draw.drawn = _random.random()
    draw.is_due = draw.drawn < rate
    selected = "selected" if draw.is_due else "not selected"
    draw.reason = f"{selected} for review: drew {draw.drawn:.2f}, rate {rate:g}"
