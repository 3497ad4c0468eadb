"""Several statements in one trip to the database."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import Session

Written = sa.Insert | sa.Update | sa.Delete
IdOf = Callable[[str], sa.ColumnElement[int]]


class Together:
    """Statements that are written once, and sent together.

    A trip to PostgreSQL costs more than most statements, so there all of them are parts of one;
    SQLite, to which there is no trip, runs them one after another. No part sees what another one
    wrote, except for the id of a row that it returns: ``id_of("name of the part")``.

    :param parts: gives, for ``id_of``, the parts as (name, statement), in order.
    """

    def __init__(self, parts: Callable[[IdOf], Iterable[tuple[str, Written]]]) -> None:
        self._parts = parts

    def run(self, session: Session, values: Mapping[str, Any]) -> dict[str, Any]:
        """The ids that the parts returned, by the part's name; None where no row was met.

        :param values: of the bound parameters of all parts.
        """
        if session.get_bind().dialect.name == "sqlite":
            return self._run_one_by_one(session, values)
        return dict(session.connection().execute(self._as_one, values).one()._mapping)

    @cached_property
    def _as_one(self) -> sa.Select[Any]:
        written: dict[str, sa.CTE] = {}
        for name, statement in self._parts(lambda name: _only_id(written[name])):
            written[name] = statement.cte(f"part_{name}")
        ids = [_only_id(part).label(name) for name, part in written.items() if "id" in part.c]
        return sa.select(*ids or [sa.null()]).add_cte(*written.values())

    @cached_property
    def _one_by_one(self) -> list[tuple[str, Written, frozenset[str]]]:
        parts = self._parts(lambda name: sa.bindparam(f"id_of_{name}", type_=sa.Integer()))
        return [(name, statement, _required(statement)) for name, statement in parts]

    def _run_one_by_one(self, session: Session, values: Mapping[str, Any]) -> dict[str, Any]:
        ids: dict[str, Any] = {}
        known = dict(values)
        connection = session.connection()
        for name, statement, required in self._one_by_one:
            result = connection.execute(statement, {key: known[key] for key in required})
            if result.returns_rows:
                ids[name] = known[f"id_of_{name}"] = result.scalar()
        return ids


def _only_id(part: sa.CTE) -> Any:
    return sa.select(part.c.id).scalar_subquery()


def _required(statement: Written) -> frozenset[str]:
    bound = statement.compile(dialect=sqlite.dialect()).binds
    return frozenset(name for name, parameter in bound.items() if parameter.required)
