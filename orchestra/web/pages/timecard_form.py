"""The form of the timecard: an entry of time as a person types it (T-10, T-11)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import request

from orchestra.errors import Invalid, OrchestraError
from orchestra.models import TimeEntry
from orchestra.web import requests

MOST_HOURS, MOST_MINUTES = 24, 59


@dataclass(frozen=True)
class Form:
    """An entry that is made or changed on the page: what stands in its fields, what is wrong."""

    entry_id: int | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    problem: OrchestraError | None = None

    @property
    def assignment_id(self) -> int | None:
        text = self.values.get("assignment", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

    @classmethod
    def asked_for(cls, opened: TimeEntry | None) -> "Form | None":
        """Of the entry that is opened, or of a new one on the day that the address names."""
        if opened is not None:
            return cls.of(opened)
        day = requests.day_argument("add")
        return cls(values={"date": day.isoformat()}) if day else None

    @classmethod
    def of(cls, entry: TimeEntry) -> "Form":
        """What is stored, to be changed; its time in whole minutes, rounded up."""
        hours, minutes = divmod(entry.rounded_minutes, 60)
        values = {
            "date": entry.worked_on.isoformat(),
            "hours": str(hours),
            "minutes": str(minutes),
            "description": entry.description,
            "assignment": str(entry.assignment_id or ""),
        }
        return cls(entry.id, values)


def given() -> dict[str, Any]:
    """What stands in the form.

    :raises Invalid: ``fields`` names each that is wrong.
    """
    problems: dict[str, list[str]] = {}
    day = requests.read_day(request.form.get("date", ""))
    if day is None:
        problems["date"] = ["Give a date."]
    hours, minutes = (
        _number(name, most, problems)
        for name, most in (("hours", MOST_HOURS), ("minutes", MOST_MINUTES))
    )
    if not request.form.get("hours", "").strip() and not request.form.get("minutes", "").strip():
        problems["hours"] = ["Say how long it took."]
    if problems:
        raise Invalid("The entry is not saved yet.", fields=problems)
    return {
        "worked_on": day,
        "work_seconds": (hours * 60 + minutes) * 60,
        "description": requests.text_field("description"),
        "assignment_id": requests.whole_field("assignment"),
    }


def _number(name: str, most: int, problems: dict[str, list[str]]) -> int:
    text = request.form.get(name, "").strip() or "0"
    if text.isascii() and text.isdigit() and len(text) < 4 and int(text) <= most:
        return int(text)
    problems[name] = [f"Give a number from 0 to {most}."]
    return 0
