"""Each migration leaves the processes of the version before alive (R-18).

An update migrates first, and then replaces one process after the other.
"""

import re
import warnings
from contextlib import contextmanager
from datetime import UTC, date, datetime, time

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from orchestra.application import MIGRATIONS, create_core
from orchestra.config import Settings
from orchestra.database import db
from tests.faults.conftest import database_url_of
from tests.migrating import offences, schema

SECRET = "a secret key that is long enough for tests"
REVISIONS = sorted(script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions())
# Excused: 0.1.0, which contains them, is the first release, so that no process of a version before
# it was ever at work while somebody migrated to them. Nothing after 0.1.0 belongs here: what is no
# longer used is dropped by the release after the one that stopped using it.
BEFORE_THE_FIRST_RELEASE = {
    "0006": ["stored_file.folder is gone"],
}


# --- The real migrations ----------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path_factory):
    """The application on an empty database of its own."""
    folder = tmp_path_factory.mktemp(f"migrated-{request.param}")
    url = database_url_of(request, request.param, folder)
    settings = Settings.from_env({}, data_dir=folder, database_url=url, secret_key=SECRET)
    app = create_core(settings)
    with app.app_context():
        yield app
        db.engine.dispose()


def _upgrade(revision):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        flask_migrate.upgrade(directory=str(MIGRATIONS), revision=revision)


@contextmanager
def _begun():
    """A connection; the engine's own, which may have been told of other columns, are closed."""
    db.engine.dispose()
    with db.engine.begin() as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of indexes over expressions
        yield connection


def _schema():
    with _begun() as connection:
        return schema(connection)


def test_no_migration_takes_away_what_former_processes_use(empty):
    """R-18"""
    found, before = {}, {}
    for revision in REVISIONS:
        _upgrade(revision)
        after = _schema()
        found[revision] = offences(before, after)
        before = after

    assert {revision: told for revision, told in found.items() if told} == BEFORE_THE_FIRST_RELEASE


def test_former_statements_work_after_each_migration_and_rows_stay_as_they_were(empty):
    """R-18: rows are written, read and changed by the columns that the former version knew."""
    _upgrade(REVISIONS[0])
    for number, revision in enumerate(REVISIONS[1:], 1):
        with _begun() as connection:
            former = Former(connection)
            written = former.write(connection, number)
        _upgrade(revision)
        excused = {told.partition(".")[0] for told in BEFORE_THE_FIRST_RELEASE.get(revision, ())}
        with _begun() as connection:
            former.forget(excused)
            assert former.read(connection, number) == {
                name: row for name, row in written.items() if name not in excused
            }
            former.write(connection, 1000 + number)
            former.change(connection, number)


class Former:
    """The version before a migration: it knows the tables as they were then."""

    def __init__(self, connection):
        metadata = sa.MetaData()
        metadata.reflect(connection)
        self.tables = [t for t in metadata.sorted_tables if t.name != "alembic_version"]
        inspector = sa.inspect(connection)
        self.words = {
            table.name: [c["sqltext"] for c in inspector.get_check_constraints(table.name)]
            for table in self.tables
        }

    def forget(self, names):
        self.tables = [table for table in self.tables if table.name not in names]

    def write(self, connection, number):
        """One row in each table, which refers to the rows of this number."""
        written = {}
        for table in self.tables:
            row = {c.name: self._value(table, c, number) for c in table.columns}
            connection.execute(sa.insert(table).values(row))
            written[table.name] = self._row(connection, table, number)
        return written

    def read(self, connection, number):
        return {table.name: self._row(connection, table, number) for table in self.tables}

    def change(self, connection, number):
        for table in self.tables:
            if table.name != "audit_event":  # which is never changed
                others = {c.name: c for c in table.columns if not c.primary_key}
                if others:
                    statement = sa.update(table).where(self._is(table, number)).values(others)
                    assert connection.execute(statement).rowcount == 1

    def _row(self, connection, table, number):
        return connection.execute(sa.select(table).where(self._is(table, number))).one()

    def _is(self, table, number):
        return sa.and_(*(c == self._value(table, c, number) for c in table.primary_key))

    def _value(self, table, column, number):
        if column.foreign_keys:
            (key,) = column.foreign_keys
            is_own = key.column.table is table
            return None if is_own else self._value(key.column.table, key.column, number)
        return self._word(table, column) or _plain_value(column, number)

    def _word(self, table, column):
        """The first that a check allows, if it lists them."""
        for text in self.words[table.name]:
            about, *words = text.split("'")
            if words and re.search(rf"\b{column.name}\b", about):
                return words[0]
        return None


def _plain_value(column, number):
    if isinstance(column.type, sa.DateTime):
        return datetime(2026, 3, 4, tzinfo=UTC if column.type.timezone else None)
    for kind, value in (
        (sa.Boolean, False),
        (sa.Integer, number),
        (sa.Float, 0.5),
        (sa.String, f"{column.name} {number}"),
        (sa.JSON, {"number": number}),
        (sa.LargeBinary, b"bytes"),
        (sa.Date, date(2026, 3, 4)),
    ):
        if isinstance(column.type, kind):
            return value
    return time(9)


# --- The comparison itself --------------------------------------------------------------------

NAME = "name VARCHAR(10)"


def _schema_of(*parts, more=""):
    """The schema of a table ``thing`` with a key and these parts."""
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE thing ({', '.join(('id INTEGER', *parts))})")
        if more:
            connection.exec_driver_sql(more)
        found = schema(connection)
    engine.dispose()
    return found


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([NAME], [], "thing.name is gone"),
        ([NAME], ["name VARCHAR(9)"], "thing.name was VARCHAR(10) and is VARCHAR(9)"),
        ([NAME], ["name INTEGER"], "thing.name was VARCHAR(10) and is INTEGER"),
        ([NAME], [f"{NAME} NOT NULL"], "thing.name is not nullable now"),
        ([], [f"{NAME} NOT NULL"], "thing.name is new, not nullable, and has no default"),
        ([f"{NAME} NOT NULL DEFAULT 'x'"], [f"{NAME} NOT NULL"], "thing.name has no default now"),
        ([NAME], [NAME, "UNIQUE (name)"], "thing: name must be unique now"),
        ([], [f"{NAME} DEFAULT 'x'", "UNIQUE (name)"], "thing: name must be unique now"),
        ([NAME], [f"{NAME} REFERENCES thing (id)"], "thing: name must refer to a row now"),
        ([NAME], [NAME, "CHECK (name IN ('a'))"], "thing: name may hold less now"),
        (
            [NAME, "CHECK (name IN ('a', 'b'))"],
            [NAME, "CHECK (name IN ('a'))"],
            "thing: name may hold less now",
        ),
        ([NAME], [NAME, "PRIMARY KEY (name)"], "thing has another primary key"),
    ],
)
def test_what_former_processes_cannot_stand_is_found(before, after, told):
    """R-18"""
    assert told in offences(_schema_of(*before), _schema_of(*after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], [NAME]),
        ([], [f"{NAME} NOT NULL DEFAULT 'x'"]),
        ([], [f"{NAME} UNIQUE"]),
        ([], [NAME, "CHECK (name IN ('a'))"]),
        ([NAME], ["name VARCHAR(11)"]),
        ([NAME], ["name TEXT"]),
        ([f"{NAME} NOT NULL"], [NAME]),
        ([NAME, "UNIQUE (name)"], [NAME]),
        ([NAME, "CHECK (name IN ('a'))"], [NAME, "CHECK (name IN ('a', 'b'))"]),
        ([NAME, "CHECK (name IN ('a'))"], [NAME]),
    ],
)
def test_what_former_processes_do_not_notice_is_no_offence(before, after):
    """R-18"""
    assert offences(_schema_of(*before), _schema_of(*after)) == []


def test_an_index_or_a_table_may_come_and_a_table_may_not_go():
    """R-18"""
    plain = _schema_of(NAME)
    for statement, told in (
        ("CREATE INDEX i ON thing (name)", []),
        ("CREATE UNIQUE INDEX i ON thing (name)", ["thing: name must be unique now"]),
        ("CREATE TABLE other (id INTEGER)", []),
    ):
        assert offences(plain, _schema_of(NAME, more=statement)) == told
    other = _schema_of(NAME, more="CREATE TABLE other (id INTEGER)")
    assert offences(other, plain) == ["other is gone"]
