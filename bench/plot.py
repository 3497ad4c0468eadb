"""Steps per second of each contender and shape as bars, in SVG."""

from html import escape

from bench import figures
from bench.figures import CARRYING, CELERY, GATHERED, PLAIN, WITH_CHILDREN
from bench.shapes import CHAINS, DIAMONDS

COLOURS = {
    PLAIN: "#a9d3a8",
    CARRYING: "#3f8f3e",
    CELERY: "#8fb3d9",
    GATHERED: "#e3b7a0",
    WITH_CHILDREN: "#c98a6b",
}
TITLES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}
LABEL, WIDTH, BAR, GAP = 190, 860, 20, 34


def draw(databases):
    groups = [
        (f"{shape.title}, {TITLES[database]}", measured[shape.slug])
        for database, measured in databases.items()
        for shape in (CHAINS, DIAMONDS)
        if shape.slug in measured
    ]
    rates = [
        rate for _, results in groups for runs in results.values() for rate in figures.rates(runs)
    ]
    if not rates:
        return None
    scale = (WIDTH - LABEL - 80) / max(rates)
    parts, top = [], 30
    for title, results in groups:
        parts.append(f'<text x="8" y="{top}" font-weight="bold">{escape(title)}</text>')
        top += 8
        for name, runs in results.items():
            parts.append(_bar(name, runs, top, scale))
            top += BAR
        top += GAP
    head = "Empty steps a second; the line spans the rounds"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" '
        f'font-family="sans-serif" font-size="12" fill="#222">\n'
        f'<rect width="{WIDTH}" height="{top}" fill="#ffffff"/>\n'
        f'<text x="{WIDTH - 8}" y="16" text-anchor="end">{head}</text>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _bar(name, runs, top, scale):
    rate, all_rates = figures.rate(runs), figures.rates(runs)
    low, high = (LABEL + bound * scale for bound in (min(all_rates), max(all_rates)))
    middle = top + BAR / 2
    return (
        f'<text x="{LABEL - 8}" y="{top + 14}" text-anchor="end">{escape(name)}</text>'
        f'<rect x="{LABEL}" y="{top + 2}" width="{rate * scale:.1f}" height="{BAR - 4}" '
        f'fill="{COLOURS[name]}"/>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}" stroke="#222"/>'
        f'<text x="{high + 6:.1f}" y="{top + 14}">{rate:,.0f}</text>'
    )
