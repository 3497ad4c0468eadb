"""Figures computed from raw results: medians, ratios of the same round, percentiles."""

import json
from statistics import median, quantiles

from bench.throughput import CARRYING, CELERY, GATHERED, PLAIN, WITH_CHILDREN


def loaded(results):
    """Results as they are after a trip through a file: all keys are text."""
    return json.loads(json.dumps(results))


def rates(runs):
    return [run["steps"] / run["seconds"] for run in runs]


def rate(runs):
    return median(rates(runs))


def seconds(runs):
    return median(run["seconds"] for run in runs)


def ratio(results, name, other):
    """Median over the rounds: what disturbed a round disturbed both."""
    pairs = zip(rates(results[name]), rates(results[other]), strict=True)
    return median(one / two for one, two in pairs)


def best_durable(results):
    """The quicker way of DBOS to run this shape; None where it did not take part."""
    names = [name for name in (GATHERED, WITH_CHILDREN) if name in results]
    return max(names, key=lambda name: rate(results[name]), default=None)


def to_durable(results, name=CARRYING):
    other = best_durable(results)
    return ratio(results, name, other) if other else None


def bytes_per_step(runs):
    return median(run["broker_bytes"] / run["steps"] for run in runs)


def ms_of(runs):
    return [run["ms"] for run in runs]


def p50(values):
    return median(values)


def p95(values):
    return quantiles(values, n=100, method="inclusive")[94]


def p99(values):
    return quantiles(values, n=100, method="inclusive")[98]


def calls_per_second(rounds):
    return median(one["calls"] / one["seconds"] for one in rounds)


def to_bare(results):
    """Time as a multiple of what it takes without us."""
    return results["seconds"] / results["bare_seconds"]


def slowdown(times):
    """Step time with many rows as a multiple of that with few; median over the rounds."""
    few, many = (times[count] for count in sorted(times, key=int))
    return median(after / before for before, after in zip(few, many, strict=True))


def database_time(counted):
    """Statements, commits, and milliseconds in each, a step."""
    rows = counted["database"]
    kinds = {kind: [row for row in rows if row["kind"] == kind] for kind in ("statement", "commit")}
    return {
        kind: (sum(row["times"] for row in found), sum(row["ms"] for row in found))
        for kind, found in kinds.items()
    }


__all__ = ["CARRYING", "CELERY", "GATHERED", "PLAIN", "WITH_CHILDREN"]
