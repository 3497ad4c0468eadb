"""``python -m orchestra.cli.child PARENT COMMAND…``: a process that dies with its supervisor."""

import ctypes
import os
import signal
import sys

from orchestra.cli import main as orchestra

PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Have the kernel kill this process when ``parent`` ends in whatever way, `kill -9` included.

    The wish survives ``exec`` but not ``fork``: Gunicorn's workers watch their own parent, and
    Celery's pool processes make the same wish. Elsewhere than on Linux only an orderly stop works.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the wish was made
        sys.exit(1)


def main(arguments: list[str]) -> None:
    parent, *command = arguments
    die_with(int(parent))
    if command[0] == "orchestra":
        orchestra(command[1:], prog_name="orchestra")
    else:
        os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
