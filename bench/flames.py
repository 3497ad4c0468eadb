"""A flame graph as SVG: a bar for each function, as wide as its share, above what called it."""

from dataclasses import dataclass, field
from html import escape

WIDTH, ROW, MARGIN = 1200, 16, 8
SMALLEST = 1.5  # pixels
CHARACTER = 6.2


@dataclass
class Frame:
    name: str
    samples: int = 0
    inner: dict = field(default_factory=dict)


def read(stacks):
    """Stacks as py-spy writes them, ``caller;called 12``, as ``[[functions, samples], …]``.

    Only of the thread that runs jobs: py-spy takes the waiting of the others for work.
    """
    found = []
    for line in stacks.splitlines():
        functions, _, samples = line.rpartition(" ")
        names = [_short(name) for name in functions.split(";")]
        loops = [depth for depth, name in enumerate(names) if "workloop" in name]
        if loops:  # what is above is the same everywhere, and long
            found.append([names[loops[-1] :], int(samples)])
    return found


def _short(name):
    """``run_step (orchestra/tasks/machine.py:20)`` without its line and the folders above."""
    function, _, place = name.partition(" (")
    path = place.rpartition(":")[0]
    for above in ("site-packages/", "/lib/python3"):
        path = path.rpartition(above)[2]
    return f"{function} ({path})" if path else function


def draw(stacks, title):
    root = Frame(title)
    for names, samples in stacks:
        frame = root
        frame.samples += samples
        for name in names:
            frame = frame.inner.setdefault(name, Frame(name))
            frame.samples += samples
    scale = (WIDTH - 2 * MARGIN) / root.samples
    bars = list(_bars(root, MARGIN, 0, scale))
    height = (max(depth for *_, depth in bars) + 1) * (ROW + 1) + 2 * MARGIN
    drawn = "\n".join(
        _bar(frame, left, width, height - MARGIN - (depth + 1) * (ROW + 1), root.samples)
        for frame, left, width, depth in bars
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="monospace" font-size="10">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#fffdf8"/>\n{drawn}\n</svg>\n'
    )


def _bars(frame, left, depth, scale):
    yield frame, left, frame.samples * scale, depth
    for inner in sorted(frame.inner.values(), key=lambda inner: inner.name):
        if inner.samples * scale >= SMALLEST:
            yield from _bars(inner, left, depth + 1, scale)
        left += inner.samples * scale


def _bar(frame, left, width, top, whole):
    room = int((width - 4) / CHARACTER)
    text = frame.name if len(frame.name) <= room else frame.name[: max(0, room - 1)] + "…"
    label = f'<text x="{left + 3:.1f}" y="{top + 12}">{escape(text)}</text>' if room > 3 else ""
    share = f"{frame.name}: {frame.samples / whole:.1%}"
    return (
        f'<g><title>{escape(share)}</title><rect x="{left:.1f}" y="{top}" width="{width:.1f}" '
        f'height="{ROW}" fill="{_colour(frame.name)}" stroke="#fffdf8"/>{label}</g>'
    )


def _colour(name):
    """One colour for each kind of code, so that the picture can be read from afar."""
    kinds = {
        "orchestra/": "#7fb77e",
        "sqlalchemy/": "#f3b562",
        "psycopg": "#e5806f",
        "celery/": "#8fb3d9",
        "kombu/": "#a9c6e6",
        "redis/": "#a9c6e6",
        "billiard/": "#c9d7e8",
    }
    return next((colour for part, colour in kinds.items() if part in name), "#d9d4c7")
