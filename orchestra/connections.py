"""How connections to SQLite and PostgreSQL are opened, and looked after in the pool."""

from time import monotonic
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError

SHORTEST_REST_SECONDS = 1  # after which a pooled connection may have died unnoticed


def engine_options(url: str, lock_timeout_seconds: int) -> dict[str, Any]:
    """Engine options for an SQLAlchemy URL: PostgreSQL or SQLite."""
    pool = {"pool_size": 10, "max_overflow": 20}
    if url.startswith("sqlite"):
        connect_args = {"timeout": lock_timeout_seconds, "check_same_thread": False}
        return pool | {"connect_args": connect_args}
    options = f"-c lock_timeout={lock_timeout_seconds * 1000} -c timezone=UTC"
    return pool | {
        "connect_args": {"options": options, "connect_timeout": 5},
    }


def prepare_postgresql(engine: sa.Engine) -> None:
    """Look whether a connection still lives before it is used again after a rest.

    SQLAlchemy's own option looks each time, which is a trip for every transaction.
    """

    @event.listens_for(engine, "checkout")
    def _checkout(connection: Any, record: Any, _proxy: Any) -> None:
        rested = monotonic() - record.info.get("used_at", -SHORTEST_REST_SECONDS)
        if rested < SHORTEST_REST_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error

    @event.listens_for(engine, "checkin")
    def _checkin(_connection: Any, record: Any) -> None:
        record.info["used_at"] = monotonic()


def prepare_sqlite(engine: sa.Engine) -> None:
    """Give SQLite real transactions: writers take the write lock when they begin.

    A deferred transaction that reads first and writes later fails with "database is locked",
    whatever the timeout.
    """

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        read_only = connection.get_execution_options().get("orchestra_read_only")
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
