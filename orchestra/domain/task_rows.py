"""Tasks as rows, without objects: what machine steps decide on, many times a second."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from orchestra.database import JsonObjectOf, seconds_from_now, table_of
from orchestra.domain.graph import Step
from orchestra.domain.locking import LockedProject
from orchestra.models import FINISHED, TERMINAL, Task, TaskStatus

TaskRows = Mapping[str, Any]  # the slug of the step → its row
_TASKS = table_of(Task)
_OF_PROJECT = _TASKS.c.project_id == sa.bindparam("of_project")
_COLUMNS = (_TASKS.c.id, _TASKS.c.step, _TASKS.c.status, _TASKS.c.fencing_number)


def _is_named(dialect_name: str, column: Any, names: str) -> sa.ColumnElement[bool]:
    """One text whatever the number of names: the driver keeps a statement for each text."""
    found: sa.ColumnElement[bool]
    if dialect_name == "postgresql":
        found = column == sa.any_(sa.bindparam(names, type_=postgresql.ARRAY(sa.Text())))
    else:
        listed = sa.func.json_each(sa.bindparam(names, type_=sa.JSON())).table_valued("value")
        found = column.in_(sa.select(listed.c.value))
    return found


def task_rows(
    session: Session, project_id: int, steps: Iterable[str], *, with_results: bool = False
) -> TaskRows:
    """The tasks of the steps, as far as there are any, in one statement."""
    statement = _rows(session.get_bind().dialect.name, with_results=with_results)
    rows = session.connection().execute(statement, {"of_project": project_id, "names": list(steps)})
    return {row.step: row for row in rows}


@cache
def _rows(dialect_name: str, *, with_results: bool) -> sa.Select[Any]:
    columns = (*_COLUMNS, _TASKS.c.result) if with_results else _COLUMNS
    is_named = _is_named(dialect_name, _TASKS.c.step, "names")
    return sa.select(*columns).where(_OF_PROJECT, is_named).order_by(_TASKS.c.id)


def before_claim(session: Session, project: LockedProject, step: Step) -> Any:
    """All that decides whether a step can be claimed, and what it is given, as one row.

    Its task (id, status, attempts, fencing number, whether its time has come); how many of the
    steps that it depends on are ``finished``; the ``results`` of its ancestors, and how many of
    these are ``unsettled``. None when the step has no task.
    """
    values = {
        "of_project": project.id,
        "the_step": step.slug,
        "direct": list(step.creation_depends_on),
        "ancestors": [ancestor.slug for ancestor in project.graph.ancestors(step.slug)],
    }
    statement = _before_claim(session.get_bind().dialect.name)
    return session.connection().execute(statement, values).one_or_none()


@cache
def _before_claim(dialect_name: str) -> sa.Select[Any]:
    is_due = sa.or_(
        _TASKS.c.next_attempt_at.is_(None), _TASKS.c.next_attempt_at <= seconds_from_now(0)
    )
    direct = _TASKS.alias("direct")
    finished = sa.select(sa.func.count()).where(
        direct.c.project_id == sa.bindparam("of_project"),
        _is_named(dialect_name, direct.c.step, "direct"),
        direct.c.status.in_(FINISHED),
    )
    before = _TASKS.alias("before")
    of_ancestors = (
        before.c.project_id == sa.bindparam("of_project"),
        _is_named(dialect_name, before.c.step, "ancestors"),
    )
    results = sa.select(JsonObjectOf(before.c.step, before.c.result)).where(
        *of_ancestors, before.c.status == TaskStatus.COMPLETE
    )
    unsettled = sa.select(sa.func.count()).where(*of_ancestors, before.c.status.not_in(TERMINAL))
    return sa.select(
        _TASKS.c.id,
        _TASKS.c.status,
        _TASKS.c.attempts,
        _TASKS.c.fencing_number,
        is_due.label("is_due"),
        finished.scalar_subquery().label("finished"),
        results.scalar_subquery().label("results"),
        unsettled.scalar_subquery().label("unsettled"),
    ).where(_OF_PROJECT, _TASKS.c.step == sa.bindparam("the_step"))
