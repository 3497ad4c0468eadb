"""Log lines of every process: one line each, as text for people or as JSON for machines (E-14)."""

import json
import logging
import sys
from datetime import UTC, datetime
from io import TextIOWrapper
from typing import Any

from orchestra.config import Settings

TEXT = "%(levelname)s %(name)s: %(message)s"
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
LOUD = ("celery.beat", "celery.worker.strategy", "celery.app.trace", "kombu.connection")


def configure(settings: Settings) -> None:
    """Send the log of this process to standard output, in the manner that the settings say."""
    if isinstance(sys.stdout, TextIOWrapper):  # an author's error may hold half a character
        sys.stdout.reconfigure(errors="backslashreplace")
    stream = logging.StreamHandler(sys.stdout)
    stream.setFormatter(JsonLines() if settings.log_json else TextLines(TEXT))
    logging.basicConfig(level=settings.log_level, handlers=[stream], force=True)
    if settings.log_level != "DEBUG":
        for name in LOUD:  # two lines for each job would drown everything else
            logging.getLogger(name).setLevel(logging.WARNING)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in STANDARD}


class TextLines(logging.Formatter):
    """The message, followed by its extra values as ``name=value``."""

    def format(self, record: logging.LogRecord) -> str:
        extra = "".join(f" {name}={value}" for name, value in _extra(record).items())
        message, *traceback = super().format(record).split("\n", 1)
        return "\n".join([message + extra, *traceback])


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, extra values, traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
