"""One tick of StaffBot: a hundred requests that are due, and a thousand workers to look at."""

import time

import sqlalchemy as sa

from bench.ours import Orchestra
from orchestra.database import db, transaction
from orchestra.domain import staffing
from orchestra.domain.audit import SYSTEM
from orchestra.models import StaffingRequest, Task, Worker
from orchestra.tasks.staffing import send_staffing_requests

WORKERS, REQUESTS = 1000, 100
STEPS = [{"slug": "write", "name": "Write", "description": "Write a story."}]


def measure(bench, database):
    """Milliseconds and statements of a tick: all are due, and then nobody is left to be asked."""
    bench.stop_contenders()
    ours = Orchestra(bench.servers, "staffing", database)
    ours.store("human", STEPS)
    share = 10 if bench.quick else 1
    try:
        with ours.app.app_context():
            _hire(WORKERS // share)
            _create(ours, REQUESTS // share)
            asking = [_asked(REQUESTS // share) for _ in range(bench.rounds + 1)][1:]
            _dismiss_everybody()
            send_staffing_requests.run()  # notes once that nobody is there
            idle = [_timed() for _ in range(bench.rounds)]
    finally:
        with ours.app.app_context():
            db.engine.dispose()
        ours.stop()
    return {
        "workers": WORKERS // share,
        "requests": REQUESTS // share,
        "asking": asking,
        "idle": idle,
    }


def _hire(number):
    with transaction() as session:
        for n in range(number):
            name = f"worker-{n}"
            session.add(Worker(username=name, email=f"{name}@example.org", session_key=name))


def _create(ours, number):
    for _ in range(number):
        ours.create("human")


def _asked(number):
    """Look for somebody for every task anew, and let one tick ask the first of them."""
    with transaction() as session:
        for task_id in session.scalars(sa.select(Task.id)).all():
            staffing.staff(session, SYSTEM, task_id)
    measured = _timed()
    if measured["asked"] != 5 * number:
        raise ValueError(f"{measured['asked']} workers were asked, not {5 * number}")
    return measured


def _dismiss_everybody():
    with transaction() as session:
        session.execute(sa.update(Worker).values(is_active=False))
        session.execute(sa.update(StaffingRequest).values(last_batch_at=None))


def _timed():
    seen = []

    def note(_connection, _cursor, statement, *_):
        seen.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        began = time.perf_counter()
        asked = send_staffing_requests.run()
        seconds = time.perf_counter() - began
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)
    return {"asked": asked, "ms": seconds * 1000, "statements": len(seen)}
