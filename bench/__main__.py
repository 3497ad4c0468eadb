"""``python -m bench``: run measurements, all or the named ones, and write their table."""

import os
import statistics

for name in [name for name in os.environ if name.startswith("ORCHESTRA_")]:
    del os.environ[name]  # before anything of ours is imported: it reads them

import argparse  # noqa: E402

from bench import throughput  # noqa: E402
from bench.servers import kill, servers  # noqa: E402
from bench.shapes import SHAPES  # noqa: E402


def main():
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("measurements", nargs="*", choices=[[], *SHAPES])
    parser.add_argument("--databases", default="postgresql,sqlite")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with servers() as running:
        for database in arguments.databases.split(","):
            found = throughput.contenders(running, database)
            for slug in arguments.measurements or SHAPES:
                shape = SHAPES[slug]
                results = throughput.rounds(found, shape, arguments.rounds)
                bare = statistics.median(r["rate"] for r in results["celery"])
                for name, runs in results.items():
                    rate = statistics.median(r["rate"] for r in runs)
                    prepared = statistics.median(r["prepare_seconds"] for r in runs)
                    each = " ".join(f"{r['rate']:.0f}" for r in runs)
                    print(
                        f"{database:10} {slug:12} {name:12} {rate:7.0f}/s  {rate / bare:5.2f}  "
                        f"prepared in {prepared:.2f} s  ({each})",
                        flush=True,
                    )
            for contender in found.values():
                for process in contender.processes.values():
                    kill(process)
                contender.dispose()


main()
