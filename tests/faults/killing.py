"""``python -m tests.faults.killing worker|beat|web …``: a process that can be killed at a point.

An order is a file in the folder that ``KILL_ORDERS`` names. Its name says where, for whom, when
and how much: ``in_function.7.2.child.1`` kills the process that is inside a function of project 7
for the second time; ``before_ack.any.1.whole.2`` kills a process with its parent and siblings.
Each passing adds a byte to the file, and the last one carries the order out, once.
"""

import itertools
import json
import os
import signal
import sys
import time
from functools import wraps
from pathlib import Path

import sqlalchemy as sa
from celery import beat
from celery.signals import task_postrun, task_prerun
from sqlalchemy.orm import Session

from orchestra import cli, outbox, tasks
from orchestra.cli import processes
from orchestra.domain import advancing, dispatching, execution, machine, onward, projects
from orchestra.domain.execution import Lease
from orchestra.outbox import Job
from tests.faults import steps

# Of the process that runs a step. The carried ones are passed only by a step that the process
# began without a job of its own: it went on after the step before.
STEP_POINTS = (
    "before_claim_commit",
    "after_claim_commit",
    "in_function",
    "after_effect",
    "before_result_commit",
    "after_result_commit",
    "after_publish",
    "before_ack",
)
CARRIED_POINTS = ("in_carried_function", "before_carried_commit", "after_carried_commit")
SWEEP_POINTS = ("in_relay", "in_sweep")
WEB_POINTS = ("before_web_commit", "before_answer")
BEAT_POINTS = ("before_tick_is_sent",)
POINTS = STEP_POINTS + CARRIED_POINTS + SWEEP_POINTS + WEB_POINTS + BEAT_POINTS

ANY = "any"
_serials = itertools.count(1)  # the same order may be given again
PASSING = "passing"  # in a session's notes: what its commit is about


# --- Orders -----------------------------------------------------------------------------------


def order(folder, point, project=ANY, *, nth=1, whole=False):
    """Have whoever passes the point for the n-th time killed; the file that then appears."""
    assert point in POINTS
    extent = "whole" if whole else "child"
    name = f"{point}.{project}.{nth}.{extent}.{next(_serials)}"
    (folder / name).touch()
    return folder / f"done.{name}"


def pass_by(point, project=ANY, step=None):
    """Be killed here if that was ordered."""
    for found in _orders():
        where, whose, nth, extent, _serial = found.split(".")
        if where == point and whose in {ANY, str(project)}:
            _count(found, int(nth), extent, step)


def _orders():
    return [name for name in os.listdir(_folder()) if not name.startswith("done.")]


def _folder():
    return os.environ["KILL_ORDERS"]


def _count(name, nth, extent, step):
    file = Path(_folder(), name)
    try:
        with open(os.open(file, os.O_WRONLY | os.O_APPEND), "ab") as passings:
            passings.write(b".")
        if file.stat().st_size < nth:
            return
        file.rename(file.with_name(f"done.taken.{name}"))
    except FileNotFoundError:
        return  # another process carries it out
    report = file.with_name(f"done.writing.{name}")
    report.write_text(json.dumps({"at": time.time(), "process": os.getpid(), "step": step}))
    report.rename(file.with_name(f"done.{name}"))
    if extent == "whole":
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


# --- Points -----------------------------------------------------------------------------------


class _Running:
    """What this process is doing: a process runs one job at a time."""

    lease = None
    steps = 0  # that the job has begun

    @property
    def is_carried(self):
        return self.steps > 1


_running = _Running()


def install():
    """Put the points where they are passed, from outside."""
    _note_commits(machine, "claim", "claim")
    _note_commits(machine, "record", "result")
    _note_commits(onward, "record_and_go_on", "result")
    _note_commits(outbox, "due", "relay")
    for module, name in (
        (machine, "reclaim"),
        (dispatching, "dispatch_forgotten"),
        (advancing, "advance_stuck"),
    ):
        _note_commits(module, name, "sweep")
    _note_commits(projects, "create_project", "web")
    sa.event.listen(Session, "before_commit", _before_commit)
    sa.event.listen(Session, "after_commit", _after_commit)
    task_prerun.connect(_job_begins)
    task_postrun.connect(_job_ends)
    execution.call = _calling(execution.call)
    tasks.publish = _publishing(tasks.publish)
    beat.Scheduler.apply_async = _ticking(beat.Scheduler.apply_async)
    steps.passing = _in_function


def _note_commits(module, name, kind):
    """Remember in the session what its commit will be about."""
    rule = getattr(module, name)

    @wraps(rule)
    def noting(session, *args, **kwargs):
        found = rule(session, *args, **kwargs)
        if found or kind in {"result", "sweep"}:
            session.info[PASSING] = (kind, *_subject(kind, args, found))
        return found

    setattr(module, name, noting)


def _subject(kind, args, found):
    """Project and step that a rule was about."""
    lease = next((value for value in (*args, found) if isinstance(value, Lease)), None)
    if lease is not None:
        return lease.project_id, lease.step.slug
    if kind == "relay":
        return [dispatch.kwargs.get("project_id") for dispatch in found], None
    if kind == "sweep" and isinstance(args[0], tuple):
        return args[0]
    return ANY, None


def _before_commit(session):
    kind, project, step = session.info.get(PASSING, (None, None, None))
    if kind in {"claim", "result"}:
        pass_by(f"before_{kind}_commit", project, step)
    if kind == "result" and _running.is_carried:
        pass_by("before_carried_commit", project, step)
    if kind == "web":
        pass_by("before_web_commit")


def _after_commit(session):
    kind, project, step = session.info.pop(PASSING, (None, None, None))
    if kind in {"claim", "result"}:
        pass_by(f"after_{kind}_commit", project, step)
    if kind == "result" and _running.is_carried:
        pass_by("after_carried_commit", project, step)
    if kind == "web":
        pass_by("before_answer")
    if kind == "sweep":
        pass_by("in_sweep", project, step)
    if kind == "relay":
        for taken in project:
            pass_by("in_relay", taken)


def _in_function(point):
    lease = _running.lease
    pass_by(point, lease.project_id, lease.step.slug)
    if point == "in_function" and _running.is_carried:
        pass_by("in_carried_function", lease.project_id, lease.step.slug)


def _calling(call):
    @wraps(call)
    def calling(lease):
        _running.lease = lease
        _running.steps += 1
        return call(lease)

    return calling


def _publishing(publish):
    @wraps(publish)
    def publishing(dispatches):
        publish(dispatches)
        if _running.lease is not None:
            pass_by("after_publish", _running.lease.project_id, _running.lease.step.slug)

    return publishing


def _ticking(apply_async):
    @wraps(apply_async)
    def ticking(*args, **kwargs):
        pass_by("before_tick_is_sent")
        return apply_async(*args, **kwargs)

    return ticking


def _job_begins(**_):
    _running.lease, _running.steps = None, 0


def _job_ends(task, kwargs, **_):
    """Celery has published the rest of the chain by now, and acknowledges the message next."""
    if task.name == Job.RUN_STEP.value:
        pass_by("before_ack", kwargs["project_id"], kwargs["step"])


# --- Processes --------------------------------------------------------------------------------


def application():
    """What Gunicorn serves: it starts a Python of its own, in which the points are yet to be."""
    install()
    from orchestra.wsgi import app

    return app


def _here(command):
    return lambda settings: [*command(settings)[:-1], "tests.faults.killing:application()"]


def main():
    processes.gunicorn_command = _here(processes.gunicorn_command)
    if sys.argv[1:2] != ["web"]:
        install()
    cli.main()


if __name__ == "__main__":
    from tests.faults import killing  # the instance that the functions of steps know

    killing.main()
