"""How long the next step waits in an idle system, seen by rows and by the functions themselves."""

import time
from itertools import pairwise

import sqlalchemy as sa

from bench import ending, throughput
from bench.shapes import Shape
from orchestra.models import Attempt, Task

TWO_STEPS = Shape("two-steps", "a chain of 2", (1, 1))
PAUSE_SECONDS = 0.05  # long enough for everything to be idle again


def measure(bench, database):
    """Milliseconds: rows by the clock of the database, functions by the clock of the machine."""
    count = 30 if bench.quick else 200
    found = bench.contenders(database)
    names = (throughput.PLAIN, throughput.CARRYING, throughput.CELERY)
    results = {name: {"functions": [], "published": []} for name in names}
    for name in names[:2]:
        results[name]["rows"] = []
    for _ in range(count):
        for name in names:
            _once(found[name], results[name])
    return results


def _once(contender, results):
    contender.prepare(TWO_STEPS, ("timed", "timed"))
    published = time.time()
    contender.publish()
    first, second = (float(words[0]) for words in ending.wait(2))
    results["published"].append((first - published) * 1000)
    results["functions"].append((second - first) * 1000)
    if "rows" in results:
        contender.wait_for_completion()
        results["rows"].append(_by_rows(contender))
    time.sleep(PAUSE_SECONDS)


def _by_rows(contender):
    """From the end of the first attempt to the start of the second."""
    times = contender.rows(
        sa.select(Attempt.started_at, Attempt.ended_at)
        .join(Task, Attempt.task_id == Task.id)
        .where(Task.project_id.in_(contender.created))
        .order_by(Attempt.id)
    )
    [gap] = [after.started_at - before.ended_at for before, after in pairwise(times)]
    return gap.total_seconds() * 1000
