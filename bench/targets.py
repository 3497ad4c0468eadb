"""What issue and promises ask for, and whether it holds."""

from dataclasses import dataclass
from operator import ge, le, lt

from bench import figures
from bench.figures import CARRYING, CELERY, PLAIN

SIGNS = {ge: "≥", le: "≤", lt: "<"}


@dataclass(frozen=True)
class Target:
    what: str
    measurement: str
    figure: object  # from the results of the measurement to a number
    holds: object
    asked: float
    unit: str = ""


def _to_celery(name):
    return lambda results: figures.ratio(results, name, CELERY)


def _handoff(name, kind):
    return lambda results: figures.p50(results[name][kind])


TARGETS = (
    Target("Plain canvases to bare Celery, chains", "chains", _to_celery(PLAIN), ge, 0.45),
    Target("Plain canvases to bare Celery, diamonds", "diamonds", _to_celery(PLAIN), ge, 0.45),
    Target("Carrying on to bare Celery, chains", "chains", _to_celery(CARRYING), ge, 1.1),
    Target("Carrying on to bare Celery, diamonds", "diamonds", _to_celery(CARRYING), ge, 0.7),
    Target("Carrying on to DBOS, chains", "chains", figures.to_durable, ge, 2.4),
    Target("Carrying on to DBOS, diamonds", "diamonds", figures.to_durable, ge, 1.6),
    Target("Hand-off, plain, p50 by rows", "hand-off", _handoff(PLAIN, "rows"), lt, 15, "ms"),
    Target(
        "Hand-off, carrying on, p50 by functions",
        "hand-off",
        _handoff(CARRYING, "functions"),
        lt,
        15,
        "ms",
    ),
    Target("One chain of 50", "chain-50", lambda r: figures.seconds(r[CARRYING]), lt, 0.5, "s"),
    Target(
        "Dashboard with 100,000 tasks, server time, p95",
        "dashboard",
        lambda results: figures.p95(results["ms"]),
        lt,
        60,
        "ms",
    ),
    Target(
        "A staffing tick, 1,000 workers and 100 requests, the longest",
        "staffing",
        lambda results: max(figures.ms_of(results["asking"])),
        lt,
        1000,
        "ms",
    ),
    Target(
        "Statements of a staffing tick that finds nobody",
        "staffing",
        lambda results: results["idle"][0]["statements"],
        le,
        20,
    ),
    Target("Step time, 1,000,000 tasks to 1,000", "million", figures.slowdown, le, 1.1),
    Target(
        "Adjusting 200 photos of 12 megapixels, peak memory",
        "photos",
        lambda results: results["peak_bytes"] / 2**20,
        lt,
        600,
        "MiB",
    ),
    Target(
        "Recovery after kill -9, the longest",
        "recovery",
        lambda results: max(results["Orchestra"]),
        le,
        11,
        "s",
    ),
)


def lines(databases):
    """Rows of a table: what, target, and for each database the figure and whether it holds."""
    for target in TARGETS:
        unit = f" {target.unit}" if target.unit else ""
        row = [target.what, f"{SIGNS[target.holds]} {target.asked}{unit}"]
        for results in databases.values():
            measured = results.get(target.measurement)
            figure = target.figure(measured) if measured else None
            if figure is None:
                row.append("-")
            else:
                verdict = "holds" if target.holds(figure, target.asked) else "**does not hold**"
                row.append(f"{figure:.3g}{unit}, {verdict}")
        yield row
