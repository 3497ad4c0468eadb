"""The `orchestra` command, with each statement and commit of its database noted in a file."""

import json
import os
import time

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect

from orchestra.cli import main

FILE = "BENCH_TRACE"  # variable with the file that the notes are appended to


def listen():
    sa.event.listen(sa.Engine, "before_cursor_execute", _begin)
    sa.event.listen(sa.Engine, "after_cursor_execute", _end)
    # There is no event after a commit.
    DefaultDialect.do_commit = _noted("commit", DefaultDialect.do_commit)
    DefaultDialect.do_rollback = _noted("rollback", DefaultDialect.do_rollback)


def _note(kind, text, began):
    line = json.dumps([kind, " ".join(text.split()), time.perf_counter() - began])
    with open(os.environ[FILE], "a", encoding="utf-8") as file:
        file.write(line + "\n")  # one short write: lines of two processes do not mix


def _begin(connection, _cursor, _statement, *_):
    connection.info["bench_began"] = time.perf_counter()


def _end(connection, _cursor, statement, *_):
    _note("statement", statement, connection.info["bench_began"])


def _noted(kind, method):
    def timed(self, connection):
        began = time.perf_counter()
        method(self, connection)
        _note(kind, kind, began)

    return timed


if __name__ == "__main__":
    listen()
    main()
