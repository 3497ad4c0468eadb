"""Looking at processes through /proc."""

import os
import signal
from contextlib import suppress
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def children(pid):
    """Process ids of the children of a process."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in found.split()]


def resident_bytes(parent):
    """Resident memory of each child of a process."""
    sizes = []
    for pid in children(parent):
        with suppress(FileNotFoundError):  # it ended meanwhile
            pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
            sizes.append(int(pages) * PAGE_BYTES)
    return sizes


def kill(process):
    """``kill -9`` of a process and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
