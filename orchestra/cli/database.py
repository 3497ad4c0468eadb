"""`orchestra db`: migrate the database and say where it stands (X-31)."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import flask_migrate
import sqlalchemy as sa

from orchestra.application import MIGRATIONS, create_core
from orchestra.cli.checks import (
    current_revision,
    is_older,
    newest_revision,
    refuse_older_database,
    unusable_database,
)
from orchestra.config import Settings


@click.group(name="db")
def database() -> None:
    """Migrate the database.

    Example: orchestra db upgrade
    """


@database.command()
def upgrade() -> None:
    """Migrate to the newest revision; doing it again does nothing.

    Example: orchestra db upgrade
    """
    click.echo(f"The database is at revision {migrate(Settings.from_env())}.")


@database.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def current(as_json: bool) -> None:
    """Print the revision of the database.

    Example: orchestra db current
    """
    settings = Settings.from_env()
    with create_core(settings).app_context():
        revision = current_revision(settings)
    newest = newest_revision()
    if as_json:
        click.echo(json.dumps({"revision": revision, "newest": newest}))
        return
    click.echo(f"{revision or 'none'} ({'newest' if revision == newest else f'newest: {newest}'})")


@database.command()
def check() -> None:
    """Check that the migrations make the tables of the models, on a database made for it.

    Example: orchestra db check
    """
    with TemporaryDirectory() as folder:
        settings = Settings.from_env({}, data_dir=Path(folder))
        migrate(settings)
        with create_core(settings).app_context():
            flask_migrate.check(directory=str(MIGRATIONS))


def migrate(settings: Settings) -> str | None:
    """Migrate an older database, and return the revision that it has now.

    :raises Unusable: the database is not reachable, or does not let itself be migrated.
    """
    if settings.embedded_database:
        settings.made_data_dir()
    with create_core(settings).app_context():
        if is_older(current_revision(settings)):
            try:
                flask_migrate.upgrade(directory=str(MIGRATIONS))
            except sa.exc.DBAPIError as error:
                raise unusable_database(settings, error) from error
        refuse_older_database(settings)
        return current_revision(settings)
