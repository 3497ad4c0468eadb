"""Settings of Celery, for tools that look for them here: those of the package."""

from orchestra.celeryconfig import *  # noqa: F403
