"""Carrying on: a job that has finished its step may run the next ones itself, for a while.

A trip through the broker costs more than a short step. Each step keeps its own claim, attempt,
record, Celery id and events. Of several steps that became due, one is run at once; the jobs of
the others are held for an instant, in which this process may run them, too. As soon as a step
proves not to be short, they are published, for other processes to run beside it.
"""

import logging
import os
import socket
import threading
from collections.abc import Sequence
from time import monotonic, sleep, time
from typing import Any

from celery import current_app as celery_app
from celery import uuid
from flask import current_app
from kombu.exceptions import OperationalError

from orchestra import outbox
from orchestra.domain.execution import Lease, Runner
from orchestra.domain.graph import Step
from orchestra.domain.onward import Waiting

logger = logging.getLogger(__name__)
HOST = socket.gethostname()
SHORT_STEP_SECONDS = 0.02  # a step that runs longer has others started beside it
LONGEST_HOLD_SECONDS = 0.1  # however short the steps are


class Held:
    """Steps that are due, whose jobs this process has not published yet.

    Their rows stand in the outbox: should the process die, the relay sends them.
    """

    def __init__(self) -> None:
        app: Any = current_app
        self._app = app._get_current_object()
        self._steps: list[Waiting] = []
        self._lock = threading.Lock()
        self._is_watched = False
        self._since = self._step_since = 0.0

    def add(self, steps: Sequence[Waiting]) -> None:
        if not steps:
            return
        with self._lock:
            if not self._steps:
                self._since = monotonic()
            self._steps.extend(steps)
            if not self._is_watched:
                self._is_watched = True
                threading.Thread(target=self._watch, name="held", daemon=True).start()

    def step_begins(self) -> None:
        self._step_since = monotonic()

    @property
    def first(self) -> Waiting | None:
        """The step whose job has been held longest."""
        with self._lock:
            return self._steps[0] if self._steps else None

    def drop(self, slug: str) -> None:
        """A step runs here: its job is not published."""
        with self._lock:
            self._steps = [step for step in self._steps if step.slug != slug]

    def publish(self) -> None:
        with self._lock:
            steps, self._steps = self._steps, []
        outbox.publish_now([step.job for step in steps])

    def _watch(self) -> None:
        """Publish in time; the work of a thread beside the steps."""
        while True:
            sleep(SHORT_STEP_SECONDS / 2)
            with self._lock:
                if not self._steps:
                    self._is_watched = False
                    return
            now = monotonic()
            if (
                now - self._step_since > SHORT_STEP_SECONDS
                or now - self._since > LONGEST_HOLD_SECONDS
            ):
                with self._app.app_context():
                    self.publish()


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
        self.held = Held()
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
        self.held.drop(lease.step.slug)
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
        if not events:
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
