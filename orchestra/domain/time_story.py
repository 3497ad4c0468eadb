"""Recorded time in the words of a project's history."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from orchestra.domain.durations import hours_and_minutes, rounded_minutes
from orchestra.domain.time_records import day_words
from orchestra.models import AuditEvent

_COLUMNS = {
    "date": "the date",
    "work_seconds": "the time",
    "description": "the description",
    "assignment": "the task",
}


def told(event: AuditEvent) -> str:
    """Whose time it is needs no saying: people record their own only (T-13)."""
    before, after = event.before or {}, event.after or {}
    if not after:
        return f"deleted {_worked(before)}."
    if before:
        changed = [_COLUMNS[key] for key in after if key in _COLUMNS]
        return f"changed {' and '.join(changed)} of recorded time."
    return f"{'brought back' if event.note == BROUGHT_BACK else 'recorded'} {_worked(after)}."


BROUGHT_BACK = "brought back"


def _worked(columns: Mapping[str, Any]) -> str:
    minutes = rounded_minutes(columns.get("work_seconds", 0))
    day = date.fromisoformat(columns["date"])
    return f"{hours_and_minutes(minutes)} h of work on {day_words(day)}"
