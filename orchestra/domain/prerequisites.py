"""What the steps before a step produced (specification L-131 to L-135)."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.domain.graph import Graph
from orchestra.domain.task_rows import TaskRows, task_rows
from orchestra.models import Assignment, TaskStatus

Data = dict[str, Any]
_ABSENT = {TaskStatus.SKIPPED, TaskStatus.ABORTED}


def prerequisites(session: Session, project_id: int, graph: Graph, step: str) -> dict[str, Data]:
    """Data of all transitive ancestors that have a task neither Skipped nor Aborted."""
    names = [ancestor.slug for ancestor in graph.ancestors(step)]
    return results(session, project_id, names) if names else {}


def results(session: Session, project_id: int, steps: Iterable[str]) -> dict[str, Data]:
    """Step → data of a project's tasks, in two statements at most."""
    return results_in(session, task_rows(session, project_id, steps, with_results=True))


def results_in(session: Session, rows: TaskRows) -> dict[str, Data]:
    """Step → data of tasks that were read with their results.

    A Complete task gives its result, a re-opened one the data of its highest live level.
    """
    present = [row for row in rows.values() if row.status not in _ABSENT]
    reopened = [row.id for row in present if row.status is not TaskStatus.COMPLETE]
    drafts = _drafts(session, reopened) if reopened else {}
    return {
        row.step: (row.result or {})
        if row.status is TaskStatus.COMPLETE
        else drafts.get(row.id, {})
        for row in present
    }


def _drafts(session: Session, task_ids: list[int]) -> Mapping[int, Data]:
    rows = session.execute(
        sa.select(Assignment.task_id, Assignment.data)
        .where(Assignment.task_id.in_(task_ids), Assignment.discarded_at.is_(None))
        .order_by(Assignment.level)  # the highest level is the last to be set
    )
    return {row.task_id: row.data for row in rows}
