"""Work that is cut off at one of its statements."""

import itertools
from contextlib import contextmanager

import sqlalchemy as sa

from orchestra.database import db


class Killed(BaseException):
    """The process ends here."""


@contextmanager
def killed_at(number):
    """Die before this statement, commits included; gives whether it came to that."""
    seen = itertools.count(1)
    died = []

    def die(*_):
        if next(seen) == number:
            died.append(True)
            raise Killed

    events = ("before_cursor_execute", "commit")
    for name in events:
        sa.event.listen(db.engine, name, die)
    try:
        yield died
    except Killed:
        pass
    finally:
        for name in events:
            sa.event.remove(db.engine, name, die)
        db.session.remove()
