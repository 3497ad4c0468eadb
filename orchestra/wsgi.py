"""The web process: ``gunicorn orchestra.wsgi:app``."""

from orchestra import logs
from orchestra.config import Settings
from orchestra.tasks import publish
from orchestra.web import create_app

settings = Settings.from_env()
logs.configure(settings)
app = create_app(settings, publish)
