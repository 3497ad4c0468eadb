"""What one audit event of a project says, as a sentence."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestra.domain import sanity_story, time_story
from orchestra.domain.graph import Graph
from orchestra.models import (
    AuditEvent,
    FileKind,
    Message,
    RequestCause,
    RequestState,
    Task,
    Verb,
    Worker,
)

KEY = "key:"
OFFER = "offer"  # the way by which a task was got
_TITLES = {
    "short_description": "the description",
    "priority": "the priority",
    "project_data": "the project data",
}


@dataclass(frozen=True)
class Names:
    """What the ids and usernames of events are called."""

    graph: Graph
    steps: Mapping[int, str]  # id of a task → slug of its step
    by_username: Mapping[str, Worker]
    by_id: Mapping[int, str]

    def of_step(self, slug: str | None) -> str:
        step = self.graph.by_slug.get(slug or "")
        return step.name if step else slug or "a step"

    def of_actor(self, actor: str) -> str:
        if actor == "system":
            return "The system"
        if actor.startswith(KEY):
            return f"API key {actor.removeprefix(KEY)}"
        worker = self.by_username.get(actor)
        return worker.name if worker else actor

    def of_worker(self, worker_id: Any) -> str:
        return self.by_id.get(worker_id, "somebody")


def did(names: Names, event: AuditEvent) -> str:
    task_id = task_id_of(event)
    step = names.of_step(names.steps.get(task_id)) if task_id is not None else ""
    say = _SENTENCES.get(event.verb)
    if say is None:
        words = f"noted: {event.verb.replace('_', ' ')}"
        return f"{words} ({step})." if step else f"{words}."
    return say(names, event, step)


def task_id_of(event: AuditEvent) -> int | None:
    if event.object_kind == Task.__tablename__:
        return event.object_id
    task_id = (event.after or {}).get("task")
    return task_id if isinstance(task_id, int) else None


def note_of(event: AuditEvent) -> str | None:
    """What a person or the system remarked; how a task was assigned stands in the sentence."""
    is_way = event.verb in {Verb.TASK_ASSIGNED, Verb.STAFFING_CLOSED} or event.note == OFFER
    return None if is_way else event.note


Sentence = Callable[[Names, AuditEvent, str], str]


def _fixed(pattern: str) -> Sentence:
    return lambda _names, _event, step: pattern.format(step=step)


def _created(_names: Names, event: AuditEvent, step: str) -> str:
    is_skipped = (event.after or {}).get("status") == "skipped"
    return f"left out {step}." if is_skipped else f"created the task {step}."


def _assigned(names: Names, event: AuditEvent, step: str) -> str:
    after = event.after or {}
    worker = str(after.get("worker"))
    role = "review" if after.get("level") else "do"
    if worker == event.actor or event.note == "pick-up":
        return f"took {step} to {role} it."
    by_policy = ", by the assignment policy" if event.note == "policy" else ""
    return f"gave {step} to {names.of_actor(worker)} to {role} it{by_policy}."


def _reassigned(names: Names, event: AuditEvent, step: str) -> str:
    former = names.of_worker((event.before or {}).get("worker_id"))
    holder = names.of_worker((event.after or {}).get("worker_id"))
    if event.note == OFFER:
        return f"took {step} over from {former}."
    return f"moved {step} from {former} to {holder}."


def _unassigned(names: Names, event: AuditEvent, step: str) -> str:
    former = names.of_worker((event.before or {}).get("worker_id"))
    return f"took {step} back from {former}."


def _skipped(_names: Names, event: AuditEvent, step: str) -> str:
    with_data = " with a result given by hand" if event.after else ""
    return f"skipped {step}{with_data}."


def _attempted(_names: Names, event: AuditEvent, step: str) -> str:
    after = event.after or {}
    attempt = f" (attempt {after['attempt']})" if "attempt" in after else ""
    return f"began to run {step}{attempt}."


def _failed(_names: Names, event: AuditEvent, step: str) -> str:
    after = event.after or {}
    end = "for good" if after.get("ends") else "and tries again"
    first_line = str(after.get("error", "")).strip().split("\n")[0]
    return f"failed to run {step} in attempt {after.get('attempt')} {end}: {first_line}"


def _drawn(_names: Names, event: AuditEvent, step: str) -> str:
    is_due = (event.after or {}).get("is_due")
    return f"decided that {step} {'is to be reviewed' if is_due else 'needs no review'}."


def _policy_failed(_names: Names, event: AuditEvent, step: str) -> str:
    return f"could not assign {step}: {(event.after or {}).get('problem')}"


def _creation_failed(names: Names, event: AuditEvent, _step: str) -> str:
    after = event.after or {}
    return f"could not create {names.of_step(after.get('step'))}: {after.get('problem')}"


def _opened_request(_names: Names, event: AuditEvent, step: str) -> str:
    after = event.after or {}
    role = "review" if after.get("level") else "do"
    if after.get("cause") == RequestCause.RESTAFF:
        return f"began to look for somebody to take over {step}."
    by_policy = ", by the assignment policy" if after.get("cause") == "task_policy" else ""
    return f"began to look for somebody to {role} {step}{by_policy}."


def _closed_request(_names: Names, event: AuditEvent, step: str) -> str:
    if (event.after or {}).get("state") == RequestState.FILLED:
        return f"ended the search for {step}: somebody has it."
    return f"ended the search for {step}."


def _asked(names: Names, event: AuditEvent, step: str) -> str:
    after = event.after or {}
    asked = [names.of_worker(worker_id) for worker_id in after.get("worker_ids", ())]
    problem = f" without its detailed description: {after['problem']}" if "problem" in after else ""
    return f"offered {step} to {', '.join(asked)}{problem}."


def _answered(_names: Names, event: AuditEvent, step: str) -> str:
    return f"{(event.after or {}).get('state', 'answered')} the offer of {step}."


def _edited(_names: Names, event: AuditEvent, _step: str) -> str:
    if "preparation_problem" in (event.before or {}):
        return "asked once more for the folder of the project."
    changed = [_TITLES.get(name, name) for name in event.after or {}]
    return f"changed {' and '.join(changed)}."


def _changed_file(_names: Names, event: AuditEvent, _step: str) -> str:
    file = event.after or event.before or {}
    if "revision" in file:
        return f"wrote in the document {file.get('name')}."
    verb = "added" if event.after else "removed"
    return f"{verb} the {file.get('kind', FileKind.FILE)} {file.get('name')}."


def _changed_channel(_names: Names, event: AuditEvent, _step: str) -> str:
    after = event.after or {}
    if "name" in after:
        return f"renamed the channel {(event.before or {}).get('name')} to {after['name']}."
    moved = "brought {} into" if after.get("is_in") else "took {} out of"
    return f"{moved.format(after.get('worker'))} the channel."


def _took_up_remark(_names: Names, event: AuditEvent, step: str) -> str:
    is_resolved = (event.after or {}).get("is_resolved")
    said = "marked a remark on {} as resolved." if is_resolved else "opened a remark on {} again."
    return said.format(step)


def _decided(_names: Names, event: AuditEvent, _step: str) -> str:
    what = "a message" if event.object_kind == Message.__tablename__ else "a job"
    decision = str((event.after or {}).get("decision", "decided")).replace("_", " ")
    return f"decided about {what} that was given up: {decision}."


def _recorded(_names: Names, event: AuditEvent, _step: str) -> str:
    return time_story.told(event)


def _checked(_names: Names, event: AuditEvent, _step: str) -> str:
    return sanity_story.told(event)


def _began_project(_names: Names, event: AuditEvent, _step: str) -> str:
    after = event.after or {}
    return f"created the project, with {after.get('workflow')}, version {after.get('version')}."


_SENTENCES: dict[str, Sentence] = {
    Verb.PROJECT_CREATED: _began_project,
    Verb.PROJECT_PAUSED: _fixed("paused the project."),
    Verb.PROJECT_RESUMED: _fixed("resumed the project."),
    Verb.PROJECT_ABORTED: _fixed("aborted the project."),
    Verb.PROJECT_COMPLETED: _fixed("completed the project."),
    Verb.PROJECT_REOPENED: _fixed("opened the project again."),
    Verb.PROJECT_EDITED: _edited,
    Verb.TASK_CREATED: _created,
    Verb.TASK_ASSIGNED: _assigned,
    Verb.TASK_REASSIGNED: _reassigned,
    Verb.TASK_UNASSIGNED: _unassigned,
    Verb.DRAFT_SAVED: _fixed("saved a draft of {step}."),
    Verb.TASK_SUBMITTED: _fixed("submitted {step}."),
    Verb.TASK_ACCEPTED: _fixed("accepted {step}."),
    Verb.TASK_RETURNED: _fixed("returned {step}."),
    Verb.TASK_COMPLETED: _fixed("completed {step}."),
    Verb.TASK_SKIPPED: _skipped,
    Verb.TASK_UNSKIPPED: _fixed("wants {step} after all."),
    Verb.TASK_REVERTED: _fixed("reverted {step}."),
    Verb.TASK_ABORTED: _fixed("aborted {step}."),
    Verb.MACHINE_CLAIMED: _attempted,
    Verb.MACHINE_FAILED: _failed,
    Verb.MACHINE_RETRIED: _fixed("tries {step} again."),
    Verb.REVIEW_DRAWN: _drawn,
    Verb.REMARK_RESOLVED: _took_up_remark,
    Verb.POLICY_FAILED: _policy_failed,
    Verb.CREATION_FAILED: _creation_failed,
    Verb.STAFFING_OPENED: _opened_request,
    Verb.STAFFING_CLOSED: _closed_request,
    Verb.OFFER_SENT: _asked,
    Verb.OFFER_ANSWERED: _answered,
    Verb.FILE_CHANGED: _changed_file,
    Verb.CHANNEL_CHANGED: _changed_channel,
    Verb.MESSAGE_SENT_BY_CLIENT: _fixed("wrote to the team."),
    Verb.DEAD_LETTER_DECIDED: _decided,
    Verb.TIME_ENTRY_CHANGED: _recorded,
    **dict.fromkeys(sanity_story.VERBS, _checked),
}
