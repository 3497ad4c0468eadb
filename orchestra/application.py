"""The core application that web, jobs and commands share: settings, database, publisher."""

from pathlib import Path

from flask import Flask
from flask_migrate import Migrate

from orchestra import models as models  # every table is known before the first query
from orchestra.config import Settings
from orchestra.connections import engine_options, prepare_postgresql, prepare_sqlite
from orchestra.database import db
from orchestra.domain.definitions import extend_import_path
from orchestra.outbox import Publisher

MIGRATIONS = Path(__file__).parent / "migrations"
migrate = Migrate(render_as_batch=False)


def create_core(
    settings: Settings, name: str = "orchestra", publish: Publisher | None = None
) -> Flask:
    """Make a Flask application with settings and database, and nothing to be asked over HTTP.

    :param publish: hands jobs to the broker after a commit; without it the relay sends them.
    """
    app = Flask(name)
    app.config["SETTINGS"] = settings
    app.config["SECRET_KEY"] = settings.secret_key
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(
        settings.database_url, settings.lock_timeout_seconds
    )
    extend_import_path(settings.workflow_dirs)  # policies and machine steps are found there
    db.init_app(app)
    migrate.init_app(app, db, directory=str(MIGRATIONS))
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            prepare_sqlite(db.engine)
        else:
            prepare_postgresql(db.engine)
    if publish is not None:
        app.extensions["orchestra_publisher"] = publish
    return app
