"""What SanityBot looks for in the projects of a newsroom."""

from datetime import UTC, datetime, timedelta
from typing import Any

from orchestra.workflow_kit import SanityCheck

LATE = {"reporting": "reporting_is_late", "photography": "photography_is_late"}


def find_problems(project: Any, days: float = 3) -> list[SanityCheck]:
    """Steps that somebody took more than ``days`` ago and has not handed over.

    When they were saved says nothing here: the work is in a document and in a folder.
    """
    long_ago = datetime.now(UTC) - timedelta(days=days)
    return [
        SanityCheck(check_slug=slug)
        for step, slug in LATE.items()
        if step in project.tasks and _is_late(project.tasks[step], long_ago)
    ]


def _is_late(task: Any, long_ago: datetime) -> bool:
    return any(
        held.level == 0 and held.status == "processing" and held.started_at < long_ago
        for held in task.assignments
    )
