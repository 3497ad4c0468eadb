"""`orchestra web|worker|beat|flower|sweep`: one part each, for production and `up`."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from celery.platforms import SecurityWarning
from celery.signals import worker_ready
from flask import Flask

from orchestra.cli import Unusable
from orchestra.cli.checks import (
    failed_start,
    ready_application,
    refuse_public_passwords,
    refuse_unreachable_broker,
)
from orchestra.cli.environment import environment, gunicorn_command
from orchestra.cli.queues import queues_now, watch
from orchestra.config import Settings
from orchestra.database import db
from orchestra.tasks import celery
from orchestra.tasks.upkeep import sweep_all


@contextmanager
def startable(settings: Settings) -> Iterator[Flask]:
    """The application of a process that may start: database and broker answer.

    :raises Unavailable: one of them does not; to start anyway would only fail later.
    """
    try:
        refuse_unreachable_broker(settings)
        with ready_application(settings) as app:
            if settings.environment == "production":
                refuse_public_passwords()
            yield app
            db.engine.dispose()  # what comes next forks, and a connection must not be shared
    except Unusable as error:
        raise failed_start(error) from error


@click.command()
@click.option("--host", help="Address to bind; ORCHESTRA_WEB_HOST if absent.")
@click.option("--port", type=click.IntRange(1, 65535), help="ORCHESTRA_WEB_PORT if absent.")
def web(host: str | None, port: int | None) -> None:
    """Run the web process (Gunicorn). GUNICORN_CMD_ARGS and WEB_CONCURRENCY work as usual.

    Example: orchestra web --port 8000
    """
    settings = Settings.from_env(web_host=host, web_port=port)
    with startable(settings):
        pass
    address = f"http://{settings.web_host}:{settings.web_port}"
    click.echo(f"The pages are at {address}; Ctrl-C ends the process.")
    sys.stdout.flush()  # what follows takes the place of this program
    os.execve(sys.executable, gunicorn_command(settings), environment(settings))


@click.command()
@click.option("--queues", help="Comma-separated; all queues if absent.")
@click.option("--concurrency", type=click.IntRange(1), help="Processes of the pool.")
@click.option("--ready-file", type=click.Path(path_type=Path), hidden=True)
def worker(queues: str | None, concurrency: int | None, ready_file: Path | None) -> None:
    """Run a worker process (Celery), which runs machine steps and the jobs of the system.

    Example: orchestra worker --queues engine,messages
    """
    settings = Settings.from_env(worker_concurrency=concurrency)
    with startable(settings) as app:
        named = [name.strip() for name in (queues or "").split(",") if name.strip()]
        chosen = named or queues_now(celery, app)
    if not named:
        watch(celery, app)
    if ready_file is not None:
        worker_ready.connect(lambda **_: ready_file.touch(), weak=False)
    warnings.simplefilter("ignore", SecurityWarning)  # about root and pickle, which we refuse
    celery.worker_main(
        [
            "--quiet",  # no banner
            "worker",
            f"--concurrency={settings.worker_concurrency}",
            f"--queues={','.join(chosen)}",
            f"--loglevel={settings.log_level}",
            f"--hostname=orchestra-{os.getpid()}@%h",
            "--without-gossip",
            "--without-mingle",  # waits a second for neighbours whose state we do not use
        ]
    )


@click.command()
def beat() -> None:
    """Run the scheduler (Celery beat). A second one does no harm.

    Example: orchestra beat
    """
    settings = Settings.from_env()
    with startable(settings):
        pass
    celery.start(
        [
            "--quiet",
            "beat",
            "--pidfile=",  # a second beat does no harm, a stale file would
            f"--loglevel={settings.log_level}",
        ]
    )


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=5555, show_default=True)
def flower(port: int) -> None:
    """Run Flower, the window on jobs and worker processes, on loopback only.

    Its figures answer without a password, so nothing but this machine may reach it.

    Example: orchestra flower --port 5555
    """
    refuse_unreachable_broker(Settings.from_env())
    celery.start(["flower", "--address=127.0.0.1", f"--port={port}", "--logging=error"])


@click.command()
def sweep() -> None:
    """Find what should have happened and start it, once (L-139).

    Example: orchestra sweep
    """
    with ready_application():
        sweep_all()
    click.echo("Swept.")
