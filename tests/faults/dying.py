"""``DIE_AT=7 python -m tests.faults.dying workflows load …``: a command killed at its 7th moment.

Moments are those before each statement, and before and after each commit.
"""

import itertools
import os
import signal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra import cli

_moments = itertools.count(1)


def _pass_by(*_):
    if next(_moments) == int(os.environ["DIE_AT"]):
        os.kill(os.getpid(), signal.SIGKILL)


def main():
    sa.event.listen(sa.Engine, "before_cursor_execute", _pass_by)
    sa.event.listen(sa.Engine, "commit", _pass_by)
    sa.event.listen(Session, "after_commit", _pass_by)
    cli.main()


if __name__ == "__main__":
    main()
