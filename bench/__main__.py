"""``python -m bench``: run measurements, all or the named ones, and write their tables."""

import os

for name in [name for name in os.environ if name.startswith("ORCHESTRA_")]:
    del os.environ[name]  # before anything of ours is imported: it reads them

import argparse  # noqa: E402
import time  # noqa: E402
from functools import partial  # noqa: E402

from bench import handoff, memory, million, recovery, throughput, web  # noqa: E402
from bench.context import Bench  # noqa: E402
from bench.servers import servers  # noqa: E402
from bench.shapes import SHAPES  # noqa: E402

DATABASES = ("postgresql", "sqlite")
# In this order: those that share the running contenders stand together.
MEASUREMENTS = {
    **{slug: partial(throughput.measure, shape=shape) for slug, shape in SHAPES.items()},
    "hand-off": handoff.measure,
    "memory": memory.measure,
    "recovery": recovery.measure,
    "api": web.measure,
    "million": million.measure,
}


def main():
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("measurements", nargs="*", metavar="MEASUREMENT")
    parser.add_argument("--databases", default=",".join(DATABASES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    import json

    with servers() as running:
        bench = Bench(running, arguments.rounds, arguments.quick)
        for database in arguments.databases.split(","):
            for slug in arguments.measurements or MEASUREMENTS:
                t = time.time()
                results = MEASUREMENTS[slug](bench, database)
                print(
                    database,
                    slug,
                    round(time.time() - t, 1),
                    json.dumps(results)[:3000],
                    flush=True,
                )
            bench.stop_contenders()


main()
