"""Steps per second of each shape, in interleaved rounds."""

import time

from bench.bare import BareCelery
from bench.ours import Orchestra
from bench.shapes import WARM_UP

PLAIN, CARRYING, CELERY = "plain", "carrying on", "celery"
SETTLE_SECONDS = 0.3  # for acknowledgements that are still on their way


def contenders(servers, database):
    """Running contenders by name, warm: every process of every pool has worked."""
    found = {
        PLAIN: Orchestra(servers, "plain", database, ORCHESTRA_CARRY_ON_SECONDS="0"),
        CARRYING: Orchestra(servers, "carrying", database),
        CELERY: BareCelery(servers),
    }
    for contender in found.values():
        contender.start()
    for contender in found.values():
        contender.wait_until_ready()
        measure(contender, WARM_UP)
    return found


def measure(contender, shape):
    """One run: what it took to prepare, and from publishing to the end."""
    prepared = contender.prepare(shape)
    seconds = contender.run(shape)
    time.sleep(SETTLE_SECONDS)
    return {"prepare_seconds": prepared, "seconds": seconds, "rate": shape.steps / seconds}


def rounds(found, shape, count):
    """``count`` rounds, in each every contender once; the order turns, so that none is first."""
    names = list(found)
    results = {name: [] for name in names}
    for number in range(count):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            results[name].append(measure(found[name], shape))
    return results
