"""Which queues a worker process consumes: those of the system, and those that versions name."""

from functools import partial
from typing import Any

import sqlalchemy as sa
from celery import Celery, bootsteps
from flask import Flask
from sqlalchemy.orm import Session

from orchestra.database import db, reading
from orchestra.domain.graph import Graph
from orchestra.models.definitions import WorkflowVersion

LOOK_SECONDS = 15


def system_queues(celery: Celery) -> list[str]:
    return [queue.name for queue in celery.conf.task_queues]


def queues_of_versions(session: Session) -> set[str]:
    definitions = session.scalars(sa.select(WorkflowVersion.definition))
    return {
        step.queue
        for definition in definitions
        for step in Graph.from_json(definition).steps
        if not step.is_human
    }


def queues_now(celery: Celery, app: Flask) -> list[str]:
    """All queues, the system's first. Leaves no connection open, because the caller forks."""
    with app.app_context():
        with reading() as session:
            own = queues_of_versions(session)
        db.engine.dispose()
    system = system_queues(celery)
    return system + sorted(own.difference(system))


class QueueWatch(bootsteps.StartStopStep):
    """Has a running worker process consume the queues of versions that are loaded meanwhile."""

    requires = ("celery.worker.consumer.tasks:Tasks",)
    look: Any = None  # set by watch(): returns the names of all queues
    timer: Any = None

    def start(self, consumer: Any) -> None:
        self.timer = consumer.timer.call_repeatedly(LOOK_SECONDS, self._add_new, (consumer,))

    def stop(self, consumer: Any) -> None:
        if self.timer is not None:
            self.timer.cancel()

    def _add_new(self, consumer: Any) -> None:
        consumed = {queue.name for queue in consumer.task_consumer.queues}
        for name in type(self).look():
            if name not in consumed:
                consumer.add_task_queue(name)


def watch(celery: Celery, app: Flask) -> None:
    look = staticmethod(partial(queues_now, celery, app))
    celery.steps["consumer"].add(type("QueueWatch", (QueueWatch,), {"look": look}))
