"""The database: one way to open a transaction, one way to lock a row, one kind of time."""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from functools import wraps
from random import SystemRandom
from time import sleep
from typing import Any, ParamSpec, TypeVar, cast

import sqlalchemy as sa
from flask import current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolIsEmpty
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Session, registry
from sqlalchemy.sql.functions import FunctionElement

from orchestra.config import Settings
from orchestra.errors import Conflict, NotFound, Unavailable

logger = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")
Json = dict[str, Any]

_random = SystemRandom()
DEADLOCK_TRIES = 4  # the first and three more (specification L-14)
_LOCK_TIMEOUT = "55P03"
_DEADLOCKS = frozenset({"40P01", "40001"})
_DAMAGES = frozenset({"XX001", "XX002"})


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware UTC time; SQLite stores it without its zone and gets it back here."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class JsonColumn(sa.JSON):
    """JSON in which a change from 1 to true is a change; to Python both are equal."""

    def compare_values(self, x: Any, y: Any) -> bool:
        return bool(x == y) and json.dumps(x, sort_keys=True) == json.dumps(y, sort_keys=True)


class Base(DeclarativeBase):
    """Base of all models, with the column types that they share."""

    registry = registry(
        type_annotation_map={datetime: UtcDateTime(), Json: JsonColumn(), str: sa.Text()},
        metadata=sa.MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
    )


def table_of(model: type[Base]) -> sa.Table:
    """The table of a model, for statements that need no objects: they cost half as much."""
    table: Any = model.__table__
    return cast(sa.Table, table)


def text_enum(enumeration: type[StrEnum]) -> sa.Enum:
    """Store an enumeration as its text, checked by the database."""
    return sa.Enum(
        enumeration,
        native_enum=False,
        create_constraint=True,
        length=40,
        name=enumeration.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )


db = SQLAlchemy(
    metadata=Base.metadata,
    session_options={"expire_on_commit": False, "autoflush": False},
)


class SecondsFromNow(FunctionElement[datetime]):
    """SQL of :func:`seconds_from_now`."""

    type = UtcDateTime()
    inherit_cache = True

    def __init__(self, seconds: sa.ColumnElement[float]) -> None:
        super().__init__(seconds)


def seconds_from_now(seconds: float | sa.ColumnElement[Any]) -> SecondsFromNow:
    """The database's clock, ``seconds`` later: what decides leases and due times."""
    if isinstance(seconds, int | float):
        seconds = sa.literal_column("0") if seconds == 0 else sa.literal(seconds)
    return SecondsFromNow(sa.cast(seconds, sa.Float()))


@compiles(SecondsFromNow, "postgresql")
def _postgresql_now(element: Any, compiler: Any, **kw: Any) -> str:
    return f"clock_timestamp() + make_interval(secs => {compiler.process(element.clauses, **kw)})"


@compiles(SecondsFromNow, "sqlite")
def _sqlite_now(element: Any, compiler: Any, **kw: Any) -> str:
    seconds = compiler.process(element.clauses, **kw)
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', ({seconds}) || ' seconds')"


class JsonObjectOf(FunctionElement[Json]):
    """SQL of a JSON object with a key and a JSON value from each row; None of no row."""

    type = cast(sa.types.TypeEngine[Json], JsonColumn())
    inherit_cache = True


@compiles(JsonObjectOf, "postgresql")
def _postgresql_object(element: Any, compiler: Any, **kw: Any) -> str:
    return f"json_object_agg({compiler.process(element.clauses, **kw)})"


@compiles(JsonObjectOf, "sqlite")
def _sqlite_object(element: Any, compiler: Any, **kw: Any) -> str:
    key, value = (compiler.process(clause, **kw) for clause in element.clauses)
    # Of no row it gives an empty object where PostgreSQL gives nothing.
    return f"nullif(json_group_object({key}, json({value})), '{{}}')"


def utcnow() -> datetime:
    """This process's clock, for records that decide nothing."""
    return datetime.now(UTC)


@contextmanager
def transaction() -> Iterator[Session]:
    """Commit the work done in the block, or roll all of it back if the block raises.

    Opened by views, jobs and commands only; every rule below them takes the session.

    :raises Conflict: the work met a constraint of the database.
    :raises Unavailable: a lock or the database itself was not to be had in time.
    """
    session = _fresh_session()
    try:
        with _translating(), session.begin():
            yield session
    except IntegrityError as error:
        raise Conflict(
            "Somebody else did this at the same moment. Reload and look again."
        ) from error
    finally:
        publications = session.info.pop("after_commit", ())
        session.close()
    for publish in publications:
        publish()


@contextmanager
def reading() -> Iterator[Session]:
    """A transaction that only reads: on SQLite it takes no write lock."""
    session = _fresh_session()
    try:
        with _translating(), session.begin():
            session.connection(execution_options={"orchestra_read_only": True})
            yield session
    finally:
        session.close()


def _fresh_session() -> Session:
    """The session of this context, without what a rolled-back transaction wanted done."""
    session = db.session()
    session.info.clear()
    session.info["settings"] = current_app.config["SETTINGS"]
    return session


def settings_of(session: Session) -> Settings:
    """The settings that the running application was started with."""
    settings: Settings = session.info["settings"]
    return settings


def after_commit(session: Session, action: Callable[[], None]) -> None:
    """Call ``action`` once the caller's transaction has committed, and not if it rolls back."""
    session.info.setdefault("after_commit", []).append(action)


class Deadlock(Unavailable):
    """Two transactions waited for each other; the whole work may be tried again."""


@contextmanager
def _translating() -> Iterator[None]:
    """:raises Unavailable: instead of what the driver raises when the database is to blame."""
    try:
        yield
    except (OperationalError, PoolIsEmpty) as error:
        raise _translated(error) from error
    except DatabaseError as error:
        if not _is_damage(error):
            raise
        logger.exception("database damaged")
        raise Unavailable("The database is damaged and must be restored from a backup.") from error


def _is_damage(error: DatabaseError) -> bool:
    """Whether something that is stored cannot be read any more."""
    code = getattr(error.orig, "sqlstate", None)
    return code in _DAMAGES or type(error.orig) is sqlite3.DatabaseError


def _translated(error: OperationalError | PoolIsEmpty) -> Unavailable:
    if isinstance(error, PoolIsEmpty):
        return Unavailable("Too many people are changing something right now. Try again.")
    code = getattr(error.orig, "sqlstate", None)
    if code in _DEADLOCKS:
        return Deadlock("Too many people changed this at once. Try again.")
    if code == _LOCK_TIMEOUT or "database is locked" in str(error.orig):
        return Unavailable("Somebody else is changing this right now. Try again in a moment.")
    logger.error("database not reachable", exc_info=error)
    return Unavailable("The database is not reachable at the moment. Try again later.")


def retry_deadlocks(work: Callable[P, T]) -> Callable[P, T]:
    """Run an entry point again, up to three times, when its transaction met a deadlock."""

    @wraps(work)
    def retried(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(DEADLOCK_TRIES - 1):
            try:
                return work(*args, **kwargs)
            except Deadlock:
                sleep(_random.uniform(0.01, 0.1))
        return work(*args, **kwargs)

    return retried


Model = TypeVar("Model", bound=Base)


def lock(session: Session, model: type[Model], row_id: int, *, shared: bool = False) -> Model:
    """Return a row as it is now, locked until the caller's transaction ends.

    ``populate_existing`` matters: with the lock alone SQLAlchemy hands back the stale object.

    :raises NotFound: there is no such row.
    """
    row = find_locked(session, model, row_id, shared=shared)
    if row is None:
        raise NotFound(f"There is no {model.__name__.lower()} {row_id}.")
    return row


def find_locked(
    session: Session, model: type[Model], row_id: int, *, shared: bool = False
) -> Model | None:
    """As :func:`lock`; None when there is no such row."""
    statement = sa.select(model).where(model.__table__.c.id == row_id)
    statement = statement.with_for_update(read=shared).execution_options(populate_existing=True)
    return session.scalars(statement).unique().one_or_none()


def lock_all(session: Session, statement: sa.Select[Model]) -> list[Model]:
    """Return the rows of ``statement`` in its order, each locked and fresh."""
    locked = statement.with_for_update().execution_options(populate_existing=True)
    return list(session.scalars(locked))


def skip_locked(statement: sa.Select[Any]) -> sa.Select[Any]:
    """Lock the rows that nobody else holds; on SQLite the immediate transaction is the lock."""
    return statement.with_for_update(skip_locked=True)
