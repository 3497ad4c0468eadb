"""Every setting with its value, source and meaning; secrets as ``***`` (specification E-4)."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from orchestra.config import Settings, declared
from orchestra.config.declaring import declaration, variable


def rows(current: Settings) -> list[dict[str, Any]]:
    """``name``, ``value`` as JSON has it, ``source`` and ``meaning`` of each."""
    shown = current.shown()
    return [
        {
            "name": variable(field),
            "value": _plain(shown[variable(field)]),
            "source": current.sources.get(field.name, "default"),
            "meaning": declaration(field).meaning,
        }
        for field in declared()
    ]


def text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return json.dumps(value) if isinstance(value, dict | bool) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
