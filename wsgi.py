"""The web process, for servers that look for it here: ``gunicorn wsgi:app``."""

from orchestra.wsgi import app as app
