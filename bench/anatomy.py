"""Where the time of one step goes: statements, commits, trips to the broker."""

import json
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from bench import flames, throughput
from bench.ours import Orchestra
from bench.processes import children
from bench.shapes import CHAIN_50, CHAINS
from bench.traced import FILE

MODES = {throughput.PLAIN: "0", throughput.CARRYING: "1"}
RUNS = 4
WAITING = ("BRPOP", "SUBSCRIBE", "INFO", "BLPOP", "RPUSH", "CONFIG", "CLIENT", "HELLO", "SELECT")
FLAME_SECONDS = 6


def measure(bench, database):
    """For each way to run steps: statements and commits a step with their time, and trips."""
    results = {name: _counted(bench, database, name) for name in MODES}
    flame = record_flame(bench, database) if database == "postgresql" else None
    return results | {"flame": flame}


def _counted(bench, database, mode):
    bench.stop_contenders()
    name = f"traced-{MODES[mode]}"
    trace = bench.servers.folder / f"{name}-{database}.jsonl"
    contender = Orchestra(
        bench.servers,
        name,
        database,
        module="bench.traced",
        ORCHESTRA_CARRY_ON_SECONDS=MODES[mode],
        **{FILE: str(trace)},
    )
    contender.start()
    contender.wait_until_ready()
    try:
        throughput.run(contender, CHAIN_50)
        trace.unlink()
        broker = bench.servers.broker()
        before = broker.info("commandstats")
        runs = [throughput.run(contender, CHAIN_50) for _ in range(RUNS)]
        after = broker.info("commandstats")
    finally:
        contender.stop()
    steps = RUNS * CHAIN_50.steps
    return {
        "ms": sum(run["seconds"] for run in runs) * 1000 / steps,
        "database": _by_text(trace, steps),
        "broker": _commands(before, after, steps),
    }


def _by_text(trace, steps):
    """How often each statement ran a step, and for how many milliseconds a step."""
    found = defaultdict(lambda: [0, 0.0])
    for line in trace.read_text(encoding="utf-8").splitlines():
        kind, text, seconds = json.loads(line)
        entry = found[kind, text]
        entry[0] += 1
        entry[1] += seconds
    rows = [
        {"kind": kind, "text": text, "times": count / steps, "ms": seconds * 1000 / steps}
        for (kind, text), (count, seconds) in found.items()
    ]
    return sorted(rows, key=lambda row: -row["ms"])


def _commands(before, after, steps):
    """Commands that the broker was sent a step; waiting for work, and our own, left out."""
    found = {}
    for name, stats in after.items():
        command = name.removeprefix("cmdstat_").upper()
        calls = stats["calls"] - before.get(name, {"calls": 0})["calls"]
        if calls and command.split("|")[0] not in WAITING:
            found[command] = calls / steps
    return found


def record_flame(bench, database):
    """Where a process of the pool spends its time, as stacks with their samples.

    None without py-spy, or where the machine does not let it look.
    """
    program = shutil.which("py-spy", path=Path(sys.executable).parent)
    if program is None:
        return None
    contender = Orchestra(bench.servers, "flame", database, ORCHESTRA_CARRY_ON_SECONDS="0")
    contender.start()
    contender.wait_until_ready()
    try:
        throughput.run(contender, CHAIN_50)
        contender.prepare(CHAINS)
        spy = _watch(program, contender, file := bench.servers.folder / "stacks")
        contender.run(CHAINS)
        seen = spy.wait(FLAME_SECONDS + 30) == 0 and file.exists()
    finally:
        contender.stop()
    return flames.read(file.read_text(encoding="utf-8")) if seen else None


def _watch(program, contender, file):
    [child, *_] = children(contender.processes["worker"].pid)
    command = [program, "record", "--pid", str(child), "--format", "raw", "--rate", "200"]
    command += ["--duration", str(FLAME_SECONDS), "--output", str(file)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
