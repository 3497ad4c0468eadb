"""For whom a task waits, and what comes next, in words (specification W-52, W-53, W-55)."""

from dataclasses import dataclass
from datetime import datetime

from orchestra.models import Task, TaskStatus


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """An open task and the one whose turn it is."""

    step: str  # name
    task_id: int
    words: str
    since: datetime

    @property
    def sentence(self) -> str:
        """Without its end: "since …" is the page's to say, in the time zone of the reader."""
        return f"{self.step}: {self.words}"


def words_for(task: Task, holder: str | None) -> str:
    """Whose turn it is, to be followed by since when.

    :param holder: name of the one who works on the task now.
    """
    if not task.is_human:
        return _words_for_machine(task)
    who = holder or "somebody"
    return {
        TaskStatus.AWAITING_PROCESSING: "waiting for a worker",
        TaskStatus.PROCESSING: f"{who} has been working on it",
        TaskStatus.PENDING_REVIEW: "waiting for a reviewer",
        TaskStatus.REVIEWING: f"{who} has been reviewing it",
        TaskStatus.POST_REVIEW_PROCESSING: f"{who} has been reworking it",
    }.get(task.status, task.status.label)


def _words_for_machine(task: Task) -> str:
    if task.status is TaskStatus.AWAITING_PROCESSING:
        return "waiting for its next try" if task.attempts else "waiting for the machine"
    return {
        TaskStatus.PROCESSING: "the machine has been working on it",
        TaskStatus.FAILED: "failed and waiting for a project admin",
    }.get(task.status, task.status.label)


def next_action(task: Task, holder: str | None) -> str:
    """What has to happen so that the task goes on; nothing, when it is finished."""
    if not task.is_human:
        return _next_for_machine(task)
    who = holder or "Somebody"
    return {
        TaskStatus.AWAITING_PROCESSING: "A worker takes it",
        TaskStatus.PROCESSING: f"{who} submits it",
        TaskStatus.PENDING_REVIEW: "A reviewer takes it",
        TaskStatus.REVIEWING: f"{who} accepts or returns it",
        TaskStatus.POST_REVIEW_PROCESSING: f"{who} reworks it",
    }.get(task.status, "")


def _next_for_machine(task: Task) -> str:
    if task.status is TaskStatus.AWAITING_PROCESSING:
        return "The machine tries again" if task.attempts else "The machine runs it"
    return {
        TaskStatus.PROCESSING: "The machine finishes it",
        TaskStatus.FAILED: "A project admin retries it, or skips it with data",
    }.get(task.status, "")
