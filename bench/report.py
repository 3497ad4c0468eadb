"""The tables of bench/README.md, written between two marks of it."""

from bench import figures, targets
from bench.figures import CARRYING, CELERY, GATHERED, PLAIN, WITH_CHILDREN
from bench.shapes import SHAPES

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
NAMES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}
CONTENDERS = (PLAIN, CARRYING, CELERY, GATHERED, WITH_CHILDREN)


def written_into(text, results):
    """The text of the README with new tables between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables(results)}\n{END}{after}"


def tables(results):
    databases = results["databases"]
    parts = [_machine(results), _targets(databases)]
    for database, measured in databases.items():
        name = NAMES[database]
        parts += [
            _throughput(name, measured),
            _handoff(name, measured),
            _others(name, measured),
            _anatomy(name, measured),
        ]
    return "\n".join(part for part in parts if part)


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _machine(results):
    facts = results["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in facts["packages"].items())
    postgresql = ", ".join(f"{k} {v}" for k, v in facts["postgresql_settings"].items())
    celery = ", ".join(f"`{k}={v}`" for k, v in facts["celery_settings"].items())
    rows = [
        ["Run", f"{facts['at']}, commit {facts['commit']}, {results['manner']}"],
        ["Machine", f"{facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB"],
        ["System", f"{facts['kernel']}, Python {facts['python']}, load before {facts['load']:.1f}"],
        ["Disk", f"8 KiB and fdatasync: {facts['flush_ms']:.2f} ms (median)"],
        ["PostgreSQL", f"{facts['postgresql']}: {postgresql}"],
        ["SQLite", f"{facts['sqlite']}: WAL, `synchronous=NORMAL` (no wait for the disk)"],
        ["Broker", f"Valkey {facts['valkey']}, append-only file, flushed each second"],
        ["Bare Celery", f"{celery}, no events; results only of groups in the same Valkey"],
        ["Packages", packages],
    ]
    return "### Machine\n\n" + table(["", ""], rows).replace("---:", "---")


def _targets(databases):
    head = ["What", "Target", *(NAMES[name] for name in databases)]
    return "### Targets\n\n" + table(head, targets.lines(databases))


def _throughput(database, measured):
    shapes = {slug: measured[slug] for slug in SHAPES if slug in measured}
    if not shapes:
        return ""
    rows = [_shape_row(SHAPES[slug].title, results) for slug, results in shapes.items()]
    head = ["Shape, empty steps a second", *CONTENDERS]
    head += ["plain : Celery", "carrying on : Celery", "carrying on : DBOS"]
    detail = [_detail_row(SHAPES[slug].title, results) for slug, results in shapes.items()]
    detail_head = ["Shape", "seconds, plain", "carrying on", "Celery", "to prepare"]
    detail_head += ["KB to the broker a step, plain", "carrying on", "Celery"]
    return f"### {database}: steps\n\n" + table(head, rows) + "\n" + table(detail_head, detail)


def _shape_row(title, results):
    rates = [f"{figures.rate(results[n]):,.0f}" if n in results else "-" for n in CONTENDERS]
    ratios = [figures.ratio(results, name, CELERY) for name in (PLAIN, CARRYING)]
    ratios.append(figures.to_durable(results))
    return [title, *rates, *("-" if ratio is None else f"{ratio:.2f}" for ratio in ratios)]


def _detail_row(title, results):
    names = (PLAIN, CARRYING, CELERY)
    prepare = " / ".join(
        f"{min(run['prepare_seconds'] for run in results[name]):.2f}" for name in names
    )
    return [
        title,
        *(f"{figures.seconds(results[name]):.2f}" for name in names),
        prepare,
        *(f"{figures.bytes_per_step(results[name]) / 1000:.1f}" for name in names),
    ]


def _handoff(database, measured):
    if "hand-off" not in measured:
        return ""
    kinds = {
        "rows": "end of the attempt to start of the next, by rows",
        "functions": "function to function",
        "published": "publishing to the first function",
    }
    rows = [
        [f"{name}: {kinds[kind]}", f"{figures.p50(times):.1f}", f"{figures.p99(times):.1f}"]
        for name, results in measured["hand-off"].items()
        for kind, times in results.items()
    ]
    return f"### {database}: hand-off in an idle system\n\n" + table(["ms", "p50", "p99"], rows)


def _others(database, measured):
    rows = [
        *_recovery(measured.get("recovery", {})),
        *_calls(measured.get("api", {})),
        *_memory(measured.get("memory", {})),
        *_dashboard(measured.get("dashboard")),
        *_staffing(measured.get("staffing")),
        *_million(measured.get("million", {})),
        *_photos(measured.get("photos")),
    ]
    return f"### {database}: the rest\n\n" + table(["What", "Measured"], rows) if rows else ""


def _recovery(results):
    for name, times in results.items():
        spread = f"{min(times):.1f} to {max(times):.1f} s"
        yield [f"{name}: from kill -9 to the next start of the step", spread]


def _calls(results):
    bare = results.get("bare Flask view")
    for name, rounds in results.items():
        calls = figures.calls_per_second(rounds)
        share = calls / figures.calls_per_second(bare)
        yield [f"`{name}`, calls a second", f"{calls:,.0f} ({share:.2f} of the bare view)"]


def _memory(results):
    for name, sizes in results.items():
        early, late = (sizes[step] / 2**20 for step in sorted(sizes, key=int))
        what = f"{name}: largest pool process at step 100 and 1,000 of a chain of 1,000"
        yield [what, f"{early:.1f} and {late:.1f} MiB"]


def _dashboard(results):
    if results:
        times = results["ms"]
        what = f"The dashboard with {results['tasks']:,} tasks stored, server time, p50 and p95"
        yield [what, f"{figures.p50(times):.1f} and {figures.p95(times):.1f} ms"]


def _staffing(results):
    if results:
        asking, idle = results["asking"], results["idle"]
        tick = f"A staffing tick, {results['workers']:,} workers and {results['requests']} requests"
        each = asking[0]["statements"] / results["requests"]
        for what, runs in ((f"{tick}, first batches", asking), (f"{tick}, nobody to ask", idle)):
            yield [f"{what}, p50", f"{figures.p50(figures.ms_of(runs)):.0f} ms"]
        yield [f"{tick}, statements for each request", f"{each:.1f}"]


def _million(results):
    for count, times in results.items():
        yield [f"A step with {int(count):,} tasks stored", f"{figures.p50(times):.2f} ms"]


def _photos(results):
    if results:
        early, late = (
            results["resident_bytes"][n] for n in sorted(results["resident_bytes"], key=int)
        )
        what = f"Adjusting {results['photos']} photos of 12 megapixels"
        yield [f"{what}: the process at its largest", f"{results['peak_bytes'] / 2**20:.0f} MiB"]
        yield [
            f"{what}: after a tenth of them, and after the last",
            f"{early / 2**20:.0f} and {late / 2**20:.0f} MiB",
        ]
        each, ratio = results["seconds"] / results["photos"], figures.to_bare(results)
        yield [f"{what}: seconds each", f"{each:.2f} ({ratio:.2f} of Pillow alone)"]


def _anatomy(database, measured):
    if "anatomy" not in measured:
        return ""
    modes = {name: measured["anatomy"][name] for name in (PLAIN, CARRYING)}
    rows = []
    for name, counted in modes.items():
        spent = figures.database_time(counted)
        trips = sum(counted["broker"].values())
        rows.append(
            [
                name,
                f"{counted['ms']:.2f}",
                *(f"{times:.2f} in {ms:.2f} ms" for times, ms in spent.values()),
                f"{trips:.1f}",
            ]
        )
    head = ["One step of a chain of 50", "ms", "statements", "commits", "commands to the broker"]
    statements = [
        [f"`{row['text'][:100].replace('|', ' ')}…`", f"{row['times']:.2f}", f"{row['ms']:.2f}"]
        for row in modes[CARRYING]["database"]
        if row["kind"] == "statement" and row["times"] >= 0.1
    ]
    title = f"### {database}: where the time of a step goes\n\n"
    return title + table(head, rows) + "\n" + table(["Carrying on", "a step", "ms"], statements)
