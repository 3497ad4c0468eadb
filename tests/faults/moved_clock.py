"""``python -m tests.faults.moved_clock worker``: a process whose clock is wrong.

``MOVED_SECONDS`` says by how much; children of the process inherit it. Only Python's clock is
moved: the database has its own.
"""

import os
from datetime import UTC, datetime, timedelta

import time_machine

from orchestra import cli


def move():
    moved = timedelta(seconds=float(os.environ["MOVED_SECONDS"]))
    time_machine.travel(datetime.now(UTC) + moved, tick=True).start()


if __name__ == "__main__":
    move()
    cli.main()
