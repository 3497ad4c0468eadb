"""The machine and the versions that numbers belong to."""

import os
import platform
import sqlite3
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

import sqlalchemy as sa

from bench.bare import SETTINGS
from bench.servers import ROOT

PACKAGES = ("celery", "kombu", "redis", "sqlalchemy", "psycopg", "flask", "gunicorn", "dbos")
WAITS = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "wal_sync_method")
FLUSHES = 200


def gather(servers):
    engine = sa.create_engine(servers.postgres())
    with engine.connect() as connection:
        shown = {name: connection.scalar(sa.text(f"SHOW {name}")) for name in WAITS}
        server = connection.scalar(sa.text("SHOW server_version"))
    engine.dispose()
    return {
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "flush_ms": flush_ms(servers.folder),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "postgresql": server,
        "sqlite": sqlite3.sqlite_version,
        "valkey": servers.broker().info("server").get("valkey_version", "unknown"),
        "packages": {name: version(name) for name in PACKAGES},
        "postgresql_settings": shown,
        "celery_settings": SETTINGS,
    }


def flush_ms(folder):
    """What the disk takes for the least that a commit can be: 8 KiB and fdatasync."""
    times = []
    with (folder / "flush").open("wb", buffering=0) as file:
        for _ in range(FLUSHES):
            began = time.perf_counter()
            file.write(b"x" * 8192)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return median(times) * 1000


def _processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit():
    """The commit that was measured; a plus sign when files were changed since."""
    git = ["git", "-C", str(ROOT)]
    found = subprocess.run(
        [*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    changed = subprocess.run(
        [*git, "status", "--porcelain", "--", "orchestra"],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() + ("+" if changed.stdout else "")
