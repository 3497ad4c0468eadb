"""Settings of Celery, for tools that look for them here; they are in ``orchestra/celeryconfig.py``."""

from orchestra.celeryconfig import *  # noqa: F403
