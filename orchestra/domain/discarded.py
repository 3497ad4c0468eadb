"""What is kept though out of force, and why work was reviewed or not (L-6, L-71, N-16)."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra.domain.information import timestamp
from orchestra.models import Assignment, Iteration, ReviewDraw, Task

Json = dict[str, Any]


@dataclass
class Kept:
    """Of one task; iterations of a discarded assignment are out of force with it."""

    assignments: list[Json] = field(default_factory=list)
    iterations: list[Json] = field(default_factory=list)
    review_draws: list[Json] = field(default_factory=list)


def kept_by_task(session: Session, project_id: int) -> Mapping[int, Kept]:
    """In three queries, whatever the number of tasks."""
    found: dict[int, Kept] = defaultdict(Kept)
    for assignment in session.scalars(_assignments(project_id)):
        found[assignment.task_id].assignments.append(_assignment(assignment))
    for iteration in session.scalars(_iterations(project_id)):
        found[iteration.task_id].iterations.append(_iteration(iteration))
    for task_id, draw in session.execute(_draws(project_id)):
        found[task_id].review_draws.append(review_draw(draw))
    return found


def _assignments(project_id: int) -> sa.Select[Assignment]:
    return (
        sa.select(Assignment)
        .join(Task, Task.id == Assignment.task_id)
        .where(Task.project_id == project_id, Assignment.discarded_at.is_not(None))
        .order_by(Assignment.id)
        .options(joinedload(Assignment.worker))
    )


def _iterations(project_id: int) -> sa.Select[Iteration]:
    is_out_of_force = sa.or_(
        Iteration.discarded_at.is_not(None), Assignment.discarded_at.is_not(None)
    )
    return (
        sa.select(Iteration)
        .join(Assignment, Assignment.id == Iteration.assignment_id)
        .join(Task, Task.id == Iteration.task_id)
        .where(Task.project_id == project_id, is_out_of_force)
        .order_by(Iteration.task_id, Iteration.number)
        .options(joinedload(Iteration.worker))
    )


def _draws(project_id: int) -> sa.Select[int, ReviewDraw]:
    return (
        sa.select(Iteration.task_id, ReviewDraw)
        .join(Iteration, Iteration.id == ReviewDraw.iteration_id)
        .join(Task, Task.id == Iteration.task_id)
        .where(Task.project_id == project_id)
        .order_by(ReviewDraw.id)
    )


def _assignment(assignment: Assignment) -> Json:
    return {
        "id": assignment.id,
        "worker": assignment.worker.username if assignment.worker else None,
        "level": assignment.level,
        "status": assignment.status.label,
        "in_progress_task_data": assignment.data,
        "start_datetime": timestamp(assignment.created_at),
        "discarded_at": timestamp(assignment.discarded_at),
    }


def _iteration(iteration: Iteration) -> Json:
    return {
        "id": iteration.id,
        "assignment": iteration.assignment_id,
        "worker": iteration.worker.username if iteration.worker else None,
        "status": iteration.status.label,
        "submitted_data": iteration.submitted_data,
        "comment": iteration.comment,
        "start_datetime": timestamp(iteration.started_at),
        "end_datetime": timestamp(iteration.ended_at),
        "discarded_at": timestamp(iteration.discarded_at),
    }


def review_draw(draw: ReviewDraw) -> Json:
    """The keys of specification L-144."""
    return {
        "iteration": draw.iteration_id,
        "drawn": draw.drawn,
        "rate": draw.rate,
        "max_reviews": draw.max_reviews,
        "reviews": draw.reviews,
        "outcome": draw.is_due,
        "reason": draw.reason,
        "at": timestamp(draw.at),
    }
