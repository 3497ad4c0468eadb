"""Does a long chain stay cheap: memory of the pool's processes as it goes on."""

from bench import ending, throughput
from bench.shapes import CHAIN_1000

LOOKS = (100, 1000)  # steps at which the processes are weighed
NAMES = (throughput.PLAIN, throughput.CARRYING)


def measure(bench, database):
    """Resident bytes of the largest process of the pool, by step."""
    found = bench.contenders(database)
    results = {}
    for name in NAMES:
        sizes = _sizes(found[name])
        results[name] = {step: max(sizes[step - 1]) for step in LOOKS}
    return results


def _sizes(contender):
    """Resident bytes of each process of the pool, at each step of a chain of 1,000."""
    contender.prepare(CHAIN_1000, ("weigh", "weigh"))
    contender.publish()
    sizes = [[int(size) for size in words] for words in ending.wait(CHAIN_1000.steps)]
    contender.wait_for_completion()
    return sizes
