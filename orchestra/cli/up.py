"""`orchestra up`: the whole system as one command, on a broker and a database of its own (X-29)."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES, EADDRINUSE
from http.client import HTTPConnection
from pathlib import Path
from socket import create_server, gaierror
from urllib.parse import urlsplit

import click

from orchestra.cli import Unusable, broker
from orchestra.cli.checks import (
    failed_start,
    ready_application,
    refuse_public_passwords,
    refuse_unreachable_broker,
)
from orchestra.cli.database import migrate
from orchestra.cli.environment import environment, gunicorn_command
from orchestra.cli.first_start import load_examples, make_client_key, sign_ins
from orchestra.cli.supervisor import POLL_SECONDS, Supervisor
from orchestra.config import Settings
from orchestra.errors import Conflict

STATUS = "/orchestra/status/"
READY_SECONDS = 60
PORT_SECONDS = 5  # a web process whose supervisor was killed needs a moment to notice


@click.command()
@click.option("--host", help="Address of the pages.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65535), help="Their port.  [default: 8000]")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of database, broker and files.  [default: ./var]",
)
@click.option("--no-flower", is_flag=True, help="Do without Flower, the window on jobs.")
def up(host: str | None, port: int | None, data_dir: Path | None, *, no_flower: bool) -> None:
    """Run everything here: pages, worker process, scheduler, Flower, broker and database.

    The first start makes the database and loads the example workflows. Ctrl-C stops all in good
    order; a second Ctrl-C does not wait for running steps.

    Example: orchestra up --port 8001 --data-dir ./second
    """
    settings = Settings.from_env(web_host=host, web_port=port, data_dir=data_dir)
    with held_data_folder(settings):
        refuse_busy_port(settings)
        try:
            run(settings, with_flower=not no_flower)
        except Unusable as error:
            raise failed_start(error) from error


def run(settings: Settings, *, with_flower: bool) -> None:
    flower_port = broker.free_port() if with_flower else None
    os.environ |= environment_of_parts(settings, flower_port)
    supervisor = Supervisor(os.environ)
    supervisor.listen_for_signals()
    try:
        start_broker(supervisor, settings)
        sign_in_lines = prepare_database(supervisor, settings)
        start_processes(supervisor, settings)
        ready = wait_until_ready(supervisor, settings)
        start_more_processes(supervisor, flower_port)
        if ready:
            announce(supervisor, settings, sign_in_lines)
        while not supervisor.stops:
            supervisor.look_after()
            time.sleep(POLL_SECONDS)
        stop_in_order(supervisor)
    finally:
        supervisor.kill()


def environment_of_parts(settings: Settings, flower_port: int | None) -> dict[str, str]:
    """The operations page leads to our Flower, unless the settings name another address."""
    if flower_port is None or settings.flower_url:
        return environment(settings)
    return environment(settings) | {"ORCHESTRA_FLOWER_URL": f"http://127.0.0.1:{flower_port}"}


@contextmanager
def held_data_folder(settings: Settings) -> Iterator[None]:
    """Keep a second start away from the folder; the kernel lets go of it with this process."""
    with (settings.made_data_dir() / "up.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise Conflict(
                f"Another `orchestra up` uses {settings.data_dir}: {file.read().strip()}. "
                "Stop it, or give this one a --data-dir and a --port of its own."
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()} at {settings.url}\n")
        file.flush()
        yield


def refuse_busy_port(settings: Settings) -> None:
    """:raises Conflict: nothing can listen there; names the setting that must change."""
    deadline = time.monotonic() + PORT_SECONDS
    while True:
        try:
            create_server((settings.web_host, settings.web_port)).close()
        except OSError as error:
            if error.errno != EADDRINUSE or time.monotonic() > deadline:
                raise _unusable_address(settings, error) from error
            time.sleep(0.2)
        else:
            return


def _unusable_address(settings: Settings, error: OSError) -> Conflict:
    is_port = error.errno in (EADDRINUSE, EACCES)  # the second: a port that only root may use
    variable, option = (
        ("ORCHESTRA_WEB_PORT", "--port") if is_port else ("ORCHESTRA_WEB_HOST", "--host")
    )
    reason = error.strerror if isinstance(error, gaierror) else os.strerror(error.errno or 0)
    return Conflict(
        f"{variable}: {settings.web_host}:{settings.web_port} cannot be used ({reason}). "
        f"Choose another with {option}."
    )


def start_broker(supervisor: Supervisor, settings: Settings) -> None:
    if settings.embedded_broker:
        command, folder = broker.prepare(settings)
        supervisor.start("broker", command, folder)
        try:
            broker.wait_until_ready(settings.broker_address())
        except Unusable as error:
            raise Unusable(
                f"{error} Its log is {folder}/valkey.log. While nothing runs here the folder may "
                "be deleted: what is due stands in the database."
            ) from error
    else:
        refuse_unreachable_broker(settings)


def prepare_database(supervisor: Supervisor, settings: Settings) -> list[str]:
    """Migrate and fill the embedded database; return how to sign in."""
    if settings.embedded_database:
        migrate(settings)
    else:
        supervisor.say("The database is not the embedded one, so it is not migrated here.")
    with ready_application(settings):
        if settings.environment == "production":
            refuse_public_passwords()
        if settings.development:
            for line in [*load_examples(settings), *make_client_key(settings)]:
                supervisor.say(line)
        return list(sign_ins())


def start_processes(supervisor: Supervisor, settings: Settings) -> None:
    ready_file(settings).unlink(missing_ok=True)
    supervisor.start("web", gunicorn_command(settings))
    supervisor.start("worker", ["orchestra", "worker", f"--ready-file={ready_file(settings)}"])


def start_more_processes(supervisor: Supervisor, flower_port: int | None) -> None:
    """Those that nobody waits for, started when the others no longer need the processors."""
    supervisor.start("beat", ["orchestra", "beat"])
    if flower_port:
        supervisor.start("flower", ["orchestra", "flower", f"--port={flower_port}"])


def ready_file(settings: Settings) -> Path:
    return settings.data_dir / ".worker.ready"


def wait_until_ready(supervisor: Supervisor, settings: Settings) -> bool:
    deadline = time.monotonic() + READY_SECONDS
    while not supervisor.stops:
        worker_ready, web_ready = ready_file(settings).exists(), pages_answer(settings)
        if worker_ready and web_ready:
            return True
        if time.monotonic() > deadline:
            missing = "the pages" if worker_ready else "the worker process"
            supervisor.say(f"After {READY_SECONDS} s {missing} cannot be reached; see above.")
            return False
        supervisor.look_after()
        time.sleep(POLL_SECONDS * 2)
    return False


def pages_answer(settings: Settings) -> bool:
    address = urlsplit(settings.loopback_url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=5)
    try:
        connection.request("GET", STATUS, headers={"Host": settings.allowed_hosts[0]})
        return connection.getresponse().status < 500
    except OSError:
        return False
    finally:
        connection.close()


def announce(supervisor: Supervisor, settings: Settings, sign_in_lines: list[str]) -> None:
    supervisor.say(f"Orchestra is ready at {settings.url}", colour="green")
    for line in sign_in_lines:
        supervisor.say(line)
    flower = supervisor.processes.get("flower")
    if flower is not None:
        port = flower.command[-1].partition("=")[2]
        supervisor.say(f"Flower, the window on jobs: http://127.0.0.1:{port}")
    supervisor.say(f"Data is kept in {settings.data_dir}. Ctrl-C stops everything.")


def stop_in_order(supervisor: Supervisor) -> None:
    """First what asks for work, then what does it, then the broker it is given back to."""
    supervisor.say("Stopping: scheduler, Flower and pages.")
    supervisor.stop("beat", "flower", "web")
    supervisor.say("Stopping: worker process; it finishes its steps or gives them back.")
    supervisor.stop("worker", patience=None)
    supervisor.say("Stopping: broker.")
    supervisor.stop("broker")
    supervisor.say("Stopped.")
