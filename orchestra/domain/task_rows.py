"""Tasks as rows, without objects: what machine steps decide on, many times a second."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import seconds_from_now, table_of
from orchestra.models import Task

TaskRows = Mapping[str, Any]  # the slug of the step → its row
FEW = 16  # up to so many names are named; more cost more than reading all tasks

_TASKS = table_of(Task)
_is_due = sa.or_(
    _TASKS.c.next_attempt_at.is_(None), _TASKS.c.next_attempt_at <= seconds_from_now(0)
)
_COLUMNS = (
    _TASKS.c.id,
    _TASKS.c.step,
    _TASKS.c.status,
    _TASKS.c.attempts,
    _TASKS.c.fencing_number,
    _is_due.label("is_due"),
)
_OF_PROJECT = _TASKS.c.project_id == sa.bindparam("of_project")
_NAMED = _TASKS.c.step.in_(sa.bindparam("names", expanding=True))
_ALL = {
    False: sa.select(*_COLUMNS).where(_OF_PROJECT),
    True: sa.select(*_COLUMNS, _TASKS.c.result).where(_OF_PROJECT).order_by(_TASKS.c.id),
}
_SOME = {with_results: statement.where(_NAMED) for with_results, statement in _ALL.items()}


def task_rows(
    session: Session, project_id: int, steps: Iterable[str], *, with_results: bool = False
) -> TaskRows:
    """The tasks of the steps, as far as there are any, in one statement."""
    names = set(steps)
    if len(names) <= FEW:
        values: dict[str, Any] = {"of_project": project_id, "names": sorted(names)}
        rows = session.connection().execute(_SOME[with_results], values)
    else:
        rows = session.connection().execute(_ALL[with_results], {"of_project": project_id})
    return {row.step: row for row in rows if row.step in names}
