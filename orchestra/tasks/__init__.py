"""The Celery application; every job runs in the context of the core application."""

import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any

from celery import Celery, Task
from celery.signals import worker_process_init
from flask import Flask

from orchestra import outbox
from orchestra.application import create_core
from orchestra.config import Settings
from orchestra.database import db, retry_deadlocks, transaction
from orchestra.errors import OrchestraError, Unavailable
from orchestra.tasks.canvas import OUTBOX_KEY, publish
from orchestra.tasks.connection import PromptAMQP


@cache
def core() -> Flask:
    """This process's application; made with the first job, never before a fork."""
    return create_core(Settings.from_env().with_secret_key(), publish=publish)


class JobInContext(Task):
    """A job runs in the application's context, and again when it met a deadlock.

    An error that it does not foresee is counted, until its row is a dead letter.
    """

    abstract = True
    # Rows of another version may have other arguments. Looked at by the sender, one of them would
    # stop the whole batch of the relay; so they are looked at where the job runs.
    typing = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with core().app_context():
            run: Callable[..., Any] = retry_deadlocks(self.run)
            try:
                return run(*args, **kwargs)
            except Unavailable:
                raise  # the database or a lock is away: no fault of the job
            except Exception:
                self._count_failure(traceback.format_exc())
                raise

    def _count_failure(self, error: str) -> None:
        key = self.request.get(OUTBOX_KEY)
        if key is None:  # a tick of the scheduler, which comes again
            return
        with suppress(OrchestraError), transaction() as session:
            outbox.record_failure(session, key, error)


celery = Celery("orchestra", task_cls=JobInContext, amqp=PromptAMQP)
# Made current it is for this thread only: others, in which the pages are answered, would publish by
# an application with the settings of whatever `celeryconfig` is found first.
celery.set_default()
celery.config_from_object("orchestra.celeryconfig")
celery.conf.imports = (
    "orchestra.tasks.chat",
    "orchestra.tasks.deliveries",
    "orchestra.tasks.files",
    "orchestra.tasks.machine",
    "orchestra.tasks.messages",
    "orchestra.tasks.sanity",
    "orchestra.tasks.slack",
    "orchestra.tasks.staffing",
    "orchestra.tasks.upkeep",
)


@worker_process_init.connect
def _forget_connections(**_: Any) -> None:
    """A pool process must not share a database connection with its parent."""
    if core.cache_info().currsize:
        with core().app_context():
            db.engine.dispose(close=False)


# The scheduled functions that are documented under their own names here (specification S-48).
# Their modules need the application above, so each is imported when it is first asked for.
DOCUMENTED = {
    "send_staffing_requests": "orchestra.tasks.staffing",
    "remind_workers_about_available_tasks": "orchestra.tasks.staffing",
    "warn_staffing_team_about_unstaffed_tasks": "orchestra.tasks.staffing",
    "create_and_handle_sanity_checks": "orchestra.tasks.sanity",
}


def __getattr__(name: str) -> Any:
    if name not in DOCUMENTED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(DOCUMENTED[name]), name)


__all__ = ["celery", "core", "publish"]
