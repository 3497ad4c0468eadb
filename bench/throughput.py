"""Steps per second of each shape, in interleaved rounds."""

import time

PLAIN, CARRYING, CELERY = "plain", "carrying on", "Celery"
GATHERED, WITH_CHILDREN = "DBOS, gathered", "DBOS, children"
SETTLE_SECONDS = 0.3  # for acknowledgements that are still on their way


def measure(bench, database, shape):
    """``bench.rounds`` rounds, each contender once in each; the order turns, so none is first."""
    shape = shape.smaller() if bench.quick else shape
    found = {
        name: contender
        for name, contender in bench.contenders(database).items()
        if shape.is_layered or name != WITH_CHILDREN  # without layers both are the same
    }
    names = list(found)
    results = {name: [] for name in names}
    for number in range(bench.rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            results[name].append(run(found[name], shape))
    return results


def run(contender, shape):
    """One run: what it took to prepare, from publishing to the end, and what the broker got."""
    broker = contender.servers.broker()
    prepared = contender.prepare(shape)
    before = broker.info("stats")["total_net_input_bytes"]
    seconds = contender.run(shape)
    received = broker.info("stats")["total_net_input_bytes"] - before
    time.sleep(SETTLE_SECONDS)
    return {
        "prepare_seconds": prepared,
        "seconds": seconds,
        "steps": shape.steps,
        "broker_bytes": received,
    }
