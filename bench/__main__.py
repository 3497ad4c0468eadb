"""``python -m bench``: run measurements, all or the named ones, and write their tables."""

import os
import warnings

for name in [name for name in os.environ if name.startswith("ORCHESTRA_")]:
    del os.environ[name]  # before anything of ours is imported: it reads them
warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)  # from httpsig

import argparse  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from functools import partial  # noqa: E402

from bench import (  # noqa: E402
    anatomy,
    dashboard,
    facts,
    figures,
    flames,
    handoff,
    memory,
    million,
    photos,
    plot,
    recovery,
    report,
    staffing,
    throughput,
    web,
)
from bench.context import Bench  # noqa: E402
from bench.servers import ROOT, servers  # noqa: E402
from bench.shapes import SHAPES  # noqa: E402

FOLDER = ROOT / "bench"
RESULTS, README = FOLDER / "results.json", FOLDER / "README.md"
DATABASES = ("postgresql", "sqlite")
# In this order: those that share the running contenders stand together.
MEASUREMENTS = {
    **{slug: partial(throughput.measure, shape=shape) for slug, shape in SHAPES.items()},
    "hand-off": handoff.measure,
    "memory": memory.measure,
    "recovery": recovery.measure,
    "api": web.measure,
    "dashboard": dashboard.measure,
    "staffing": staffing.measure,
    "million": million.measure,
    "photos": photos.measure,
    "anatomy": anatomy.measure,
}


def main():
    options = _options()
    with servers() as running:
        results = {"manner": _manner(options), "machine": facts.gather(running), "databases": {}}
        bench = Bench(running, options.rounds, options.quick)
        try:
            for database in options.databases:
                measured = results["databases"][database] = {}
                _measure(bench, database, options.measurements, measured)
        finally:  # what was measured before a failure may have taken long
            results = figures.loaded(results)
            print(report.tables(results), flush=True)
            if options.write:
                write(results)


def _options():
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "measurements", nargs="*", metavar="MEASUREMENT", help=f"of {', '.join(MEASUREMENTS)}"
    )
    parser.add_argument("--databases", help="postgresql,sqlite; with --quick postgresql")
    parser.add_argument("--rounds", type=int, help="5; with --quick 2")
    parser.add_argument("--quick", action="store_true", help="smaller, in 2 to 3 minutes")
    parser.add_argument(
        "--write", action="store_true", help="write tables and pictures after a partial run too"
    )
    options = parser.parse_args()
    everywhere = DATABASES[:1] if options.quick else DATABASES
    options.databases = (options.databases or ",".join(everywhere)).split(",")
    for given, known in ((options.measurements, MEASUREMENTS), (options.databases, DATABASES)):
        if unknown := set(given) - set(known):
            parser.error(f"{', '.join(sorted(unknown))}: must be of {', '.join(known)}")
    is_whole = not options.measurements and not options.quick and len(options.databases) == 2
    options.write |= is_whole
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.measurements = options.measurements or list(MEASUREMENTS)
    return options


def _manner(options):
    smaller = (
        ", a quick look: a quarter of the larger shapes, a tenth of the rows"
        if options.quick
        else ""
    )
    return f"{options.rounds} rounds{smaller}"


def _measure(bench, database, names, results):
    try:
        for name in names:
            began = time.monotonic()
            results[name] = MEASUREMENTS[name](bench, database)
            spent = time.monotonic() - began
            print(f"{database}: {name} took {spent:.0f} s", file=sys.stderr, flush=True)
    finally:
        bench.stop_contenders()


def write(results):
    """Store raw numbers, tables and pictures beside this program."""
    for measured in results["databases"].values():
        stacks = measured.get("anatomy", {}).pop("flame", None)
        if stacks:
            title = "One process of the pool, plain canvases: all samples"
            (FOLDER / "step.svg").write_text(flames.draw(stacks, title), encoding="utf-8")
    RESULTS.write_text(json.dumps(_rounded(results), indent=1) + "\n", encoding="utf-8")
    picture = plot.draw(results["databases"])
    if picture:
        (FOLDER / "steps.svg").write_text(picture, encoding="utf-8")
    readme = README.read_text(encoding="utf-8")
    README.write_text(report.written_into(readme, results), encoding="utf-8")


def _rounded(value):
    """Five digits say all that such numbers can."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value


main()
