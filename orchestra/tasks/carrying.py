"""Carrying on: a job that has finished its step may run the next ones itself, for a while.

A trip through the broker costs more than a short step. Each step keeps its own claim, attempt,
record, Celery id and events.
"""

import logging
import os
import socket
from time import monotonic, time
from typing import Any

from celery import current_app as celery_app
from celery import uuid
from kombu.exceptions import OperationalError

from orchestra.domain.execution import Lease, Runner
from orchestra.domain.graph import Step

logger = logging.getLogger(__name__)
HOST = socket.gethostname()


class Carrying:
    """What one job has run, and may still run.

    :param request: of the job, as Celery hands it to a bound task. Its ``chain`` holds the links
        that follow, the next one last; a link that is run here is taken out of it.
    :param seconds: for how long steps are begun that the job was not sent for.
    """

    def __init__(self, request: Any, project_id: int, seconds: float) -> None:
        self.request, self.project_id = request, project_id
        self.ends_at = monotonic() + seconds
        self.runner = _runner(request.id)
        self._began_at: float | None = None  # of a further step
        self._events: list[dict[str, Any]] = []

    @property
    def has_time(self) -> bool:
        return monotonic() < self.ends_at

    @property
    def carried(self) -> frozenset[str]:
        """The step whose job follows in the same chain, once this job ends."""
        link = self._next_link()
        return frozenset({link["kwargs"]["step"]}) if link else frozenset()

    def _next_link(self) -> Any:
        chain = self.request.chain
        return chain[-1] if chain and chain[-1]["kwargs"]["project_id"] == self.project_id else None

    def drop_chain(self) -> None:
        """What follows in the chain cannot run now; when it can, it is dispatched again."""
        self.request.chain = None

    def runner_for(self, step: Step) -> Runner:
        """Who runs a further step: this process, under the id that the step's own job has."""
        link = self._next_link()
        is_its_link = link and link["kwargs"]["step"] == step.slug
        return _runner((is_its_link and link["options"].get("task_id")) or uuid())

    def begin(self, lease: Lease) -> None:
        """A further step is claimed and begins here; its own job is not sent."""
        if lease.step.slug in self.carried:
            self.request.chain.pop()
        parent, self.runner = self.runner, lease.runner
        self._began_at = time()
        self._note(
            "task-received",
            name=self.request.task,
            args="()",
            kwargs=repr({"project_id": lease.project_id, "step": lease.step.slug}),
            retries=0,
            root_id=self.request.root_id,
            parent_id=parent.celery_id,
        )
        self._note("task-started")

    def end(self) -> None:
        """The step has run, whatever came of it: a failure is a row, not a failed job."""
        if self._began_at is not None:
            self._note("task-succeeded", result="None", runtime=time() - self._began_at)

    def _note(self, kind: str, **fields: Any) -> None:
        now = {"timestamp": time(), "uuid": self.runner.celery_id}
        self._events.append({"type": kind} | now | fields)

    def tell(self) -> None:
        """Send the events noted so far, in one message."""
        events, self._events = self._events, []
        if not events or not celery_app.conf.worker_send_task_events:
            return
        try:
            with celery_app.events.default_dispatcher(self.request.hostname) as dispatcher:
                dispatcher.buffer_group = frozenset({"task"})
                dispatcher.buffer_limit = len(events) + 1
                for event in events:
                    dispatcher.send(**event)
                dispatcher.flush()
        except (OperationalError, OSError) as error:
            logger.warning("broker not reachable, events are lost: %s", error)


def _runner(celery_id: str) -> Runner:
    return Runner(HOST, os.getpid(), celery_id)
