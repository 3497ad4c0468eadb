"""One running system per database, for all fault tests of this process."""

import pytest
import sqlalchemy as sa

pytest.register_assert_rewrite("tests.faults.oracle")

from tests.faults.kit import CLI, KILLING, System


@pytest.fixture(scope="session")
def systems(tmp_path_factory, request):
    """Start a system when a test first asks for its database: ``systems("sqlite")``."""
    started = {}

    def of(name):
        if name not in started:
            folder = tmp_path_factory.mktemp(f"system-{name}")
            started[name] = System(folder, database_url_of(request, name, folder))
            started[name].start()
        return started[name]

    yield of
    for system in started.values():
        system.stop()


def database_url_of(request, name, folder):
    """A database of its own for the system in the folder."""
    if name == "sqlite":
        return f"sqlite:///{folder}/orchestra.sqlite3"
    server = sa.make_url(request.getfixturevalue("postgres_url"))
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    database = folder.name.replace("-", "_")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {database}"))
    engine.dispose()
    return server.set(database=database).render_as_string(hide_password=False)


def _of(database):
    """Under xdist the tests of one database run in one process, and share its system."""
    return pytest.param(database, marks=pytest.mark.xdist_group(f"faults-{database}"))


DATABASES = [_of("sqlite"), _of("postgresql")]


@pytest.fixture(params=DATABASES)
def system(systems, request):
    """A running system; what its processes said is shown with a failed test."""
    yield from _shown(systems(request.param), CLI)


@pytest.fixture(params=DATABASES)
def killing(systems, request):
    """The same system, with processes that can be killed at a point."""
    yield from _shown(systems(request.param), KILLING)


def _shown(system, module):
    system.run_as(module)
    system.wait_for_beat()
    yield system
    if system.is_running("web"):
        system.kill("web")
    print(system.logs())
