"""What must be there before a command or a process starts: database, its revision, the broker."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from kombu.connection import Connection
from kombu.exceptions import KombuError

from orchestra.application import MIGRATIONS, create_core
from orchestra.cli import Unusable
from orchestra.config import Settings
from orchestra.config.declaring import without_password
from orchestra.database import db, reading
from orchestra.domain import people
from orchestra.errors import BadConfiguration, OrchestraError, Unavailable
from orchestra.models import Worker
from orchestra.tasks import publish

PATIENCE = 8  # seconds; a broker on a busy machine may take long
# The people of the example workflows and of `create-admin --demo`, with their passwords, which
# everybody can read.
PUBLIC_PASSWORDS = {
    "admin": "admin",
    "demo": "demo",
    "journalism-editor": "editor",
    "journalism-reporter-1": "reporter",
    "journalism-reporter-2": "reporter",
    "journalism-photographer-1": "photographer",
    "journalism-photographer-2": "photographer",
    "journalism-copy-editor": "copy-editor",
}


# What may be done about what a driver says.
ADVICE = {
    "unable to open database file": "Is its folder there, and may this user write into it?",
    "readonly database": "May this user write into the file and its folder?",
    "database is locked": "Another process holds it: end that one, or try again.",
    "file is not a database": "Put a backup in its place, or move it away to begin anew.",
    "malformed": "Put a backup in its place, or move it away to begin anew.",
    "connection": "Is the server running, and is this its address?",
    "resolve host": "Is this its address?",
}


@contextmanager
def ready_application(settings: Settings | None = None) -> Iterator[Flask]:
    """The application, in whose context a command may open transactions.

    :raises BadConfiguration: the settings have errors.
    :raises Unusable: the database is not reachable, or is older than this program (X-31).
    """
    settings = settings or Settings.from_env()
    refuse_missing_database(settings)
    app = create_core(settings.with_secret_key(), publish=publish)
    with app.app_context():
        refuse_older_database(settings)
        yield app


def newest_revision() -> str | None:
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


def current_revision(settings: Settings) -> str | None:
    """Revision of the database of the current application; None: it was never migrated.

    :raises Unusable: the database is not reachable.
    """
    if missing_file(settings):
        return None
    try:
        with db.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except sa.exc.DBAPIError as error:
        raise unusable_database(settings, error) from error


def missing_file(settings: Settings) -> Path | None:
    """The file of an SQLite database that is not there; to connect would make an empty one."""
    address = sa.make_url(settings.database_url)
    if address.get_backend_name() != "sqlite":
        return None
    path = Path(address.database or "")
    return None if path.exists() else path


def refuse_missing_database(settings: Settings) -> None:
    """:raises Unusable: nobody has made the database yet, or the command looks elsewhere."""
    path = missing_file(settings)
    if path:
        makers = "`orchestra db upgrade` makes one"
        if settings.embedded_database:
            makers = "`orchestra up` makes one, and so does `orchestra db upgrade`"
        raise Unusable(
            f"There is no database at {path} (ORCHESTRA_DATA_DIR, ORCHESTRA_DATABASE_URL). "
            f"{makers}.",
            details={"older": True},
        )


def unusable_database(settings: Settings, error: sa.exc.DBAPIError) -> Unusable:
    """What the driver says, in a line, with what may be done about it."""
    address = without_password(settings.database_url)
    reason = str(error.orig).strip().splitlines()[0]
    advice = next((f". {text}" for words, text in ADVICE.items() if words in reason), "")
    return Unusable(
        f"ORCHESTRA_DATABASE_URL: the database at {address} cannot be used: {reason}{advice}"
    )


def is_older(revision: str | None) -> bool:
    """Whether a database of this revision lacks something that this program needs.

    Revisions are numbered in their order. A newer one is none of our business: in an update the
    database comes first, and the processes of the former version may be started again meanwhile.
    """
    return (revision or "") < (newest_revision() or "")


def refuse_older_database(settings: Settings) -> None:
    """:raises Unusable: the database lacks something that this program needs (X-31)."""
    refuse_missing_database(settings)
    current, newest = current_revision(settings), newest_revision()
    if current and not current.isdigit():
        raise Unusable(
            f"The database is at revision {current}, which is none of Orchestra's: it belongs to "
            "another program. Name one of its own with ORCHESTRA_DATABASE_URL."
        )
    if is_older(current):
        raise Unusable(
            f"The database is at revision {current or 'none'}, this program needs {newest}. "
            "Run `orchestra db upgrade`.",
            details={"older": True},
        )


def failed_start(error: Unusable) -> OrchestraError:
    """Why a process cannot start: it failed (1), or the database must be migrated first (3)."""
    return error if error.details.get("older") else Unavailable(str(error))


def refuse_public_passwords() -> None:
    """:raises BadConfiguration: a sample person still has the public password (E-5)."""
    with reading() as session:
        found = session.scalars(sa.select(Worker).where(Worker.username.in_(PUBLIC_PASSWORDS)))
        open_accounts = [
            worker.username
            for worker in found
            if worker.is_active
            and worker.password_hash
            and people.password_fits(PUBLIC_PASSWORDS[worker.username], worker.password_hash)
        ]
    if open_accounts:
        raise BadConfiguration(
            [f"The account {name} has a public password; change it." for name in open_accounts]
        )


def refuse_unreachable_broker(settings: Settings) -> None:
    """:raises Unusable: the broker does not answer, or would throw work away."""
    address = settings.broker_address()
    shown = without_password(address)
    # Without a limit for reading, what listens there and says nothing would be waited for.
    limits = {"max_retries": 1}
    if address.startswith("redis"):
        limits["socket_timeout"] = PATIENCE
    try:
        with Connection(address, connect_timeout=PATIENCE, transport_options=limits) as broker:
            broker.ensure_connection(max_retries=1, timeout=PATIENCE)
        policy = eviction_policy(address)
    except (KombuError, redis.RedisError, OSError) as error:
        advice = f" Is `orchestra up` running in {settings.data_dir}?"
        raise Unusable(
            f"ORCHESTRA_BROKER_URL: no broker answers at {shown}: {error}"
            f"{advice if settings.embedded_broker else ''}"
        ) from error
    if policy not in (None, "noeviction"):
        raise Unusable(
            f"ORCHESTRA_BROKER_URL: the broker at {shown} may throw work away when its memory is "
            f"full (maxmemory-policy {policy}). Set it to noeviction."
        )


def eviction_policy(address: str) -> str | None:
    """Which keys Redis gives up when its memory is full; None: not Redis, or it does not say."""
    if not address.startswith(("redis://", "rediss://")):
        return None
    with redis.Redis.from_url(address, socket_timeout=PATIENCE) as client:
        try:
            policy: str = client.info("memory").get("maxmemory_policy")
        except redis.ResponseError:  # hosted services may forbid the question
            return None
        return policy
