"""How pages put things: times, and what just happened."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orchestra.database import utcnow
from orchestra.domain.lifecycle import Command
from orchestra.models import Task, TaskStatus, Worker
from orchestra.web.auth import find_worker


def zone_of(worker: Worker | None) -> ZoneInfo:
    try:
        return ZoneInfo(worker.time_zone if worker else "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def in_words(moment: datetime) -> str:
    """Recent times as people say them, in the time zone of the reader (W-11)."""
    return _in_words(moment, utcnow(), zone_of(find_worker()))


def _in_words(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    passed = now - moment
    if timedelta(0) <= passed < timedelta(minutes=1):
        return "just now"
    if timedelta(0) <= passed < timedelta(hours=1):
        return f"{int(passed.total_seconds() // 60)} min ago"
    local, today = moment.astimezone(zone), now.astimezone(zone)
    days = (today.date() - local.date()).days
    if days in (0, 1):
        return f"{'yesterday' if days else 'today'}, {local:%H:%M}"
    if local.year == today.year:
        return f"{local.day} {local:%b, %H:%M}"
    return f"{local.day} {local:%b %Y}"


def since_in_words(moment: datetime) -> str:
    """How long something lasts already: "since today, 14:05", "for 12 min"."""
    words = in_words(moment)
    if words.endswith(" ago"):
        return f"for {words.removesuffix(' ago')}"
    return "since a moment ago" if words == "just now" else f"since {words}"


_UNITS = {"day": 86_400, "hour": 3600, "minute": 60, "second": 1}


def span_in_words(seconds: int) -> str:
    """A time that somebody set, exactly, in the largest unit that does: "36 hours"."""
    unit, number = next((u, seconds // n) for u, n in _UNITS.items() if not seconds % n)
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def exact(moment: datetime) -> str:
    zone = zone_of(find_worker())
    local = moment.astimezone(zone)
    return f"{local.day} {local:%B %Y, %H:%M:%S} ({zone.key})"


def weekday(day: date) -> str:
    return f"{day:%A}, {day.day} {day:%B}"


def greeting(worker: Worker) -> str:
    hour = datetime.now(UTC).astimezone(zone_of(worker)).hour
    part = "morning" if 5 <= hour < 12 else "afternoon" if 12 <= hour < 18 else "evening"
    return f"Good {part}, {worker.first_name or worker.username}"


def handed_over(task: Task, command: Command) -> str:
    """What the dashboard says after a hand-over (W-24)."""
    if command in (Command.RETURN, Command.REJECT):
        return f"Task {task.id} went back to the person before you."
    done = "accepted" if command is Command.ACCEPT else "submitted"
    goes_on = {
        TaskStatus.COMPLETE: "It is complete.",
        TaskStatus.PENDING_REVIEW: "It waits for a reviewer now.",
        TaskStatus.REVIEWING: "Its reviewer has it again.",
    }
    return f"Task {task.id} was {done}. {goes_on.get(task.status, '')}".strip()
