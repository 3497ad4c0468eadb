"""The history of a project: its audit events in words (specification P-60, N-27)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.domain import sanity_story, time_story
from orchestra.domain.graph import Graph
from orchestra.domain.versions import graph_of, load_graphs
from orchestra.errors import NotFound
from orchestra.models import (
    Assignment,
    AuditEvent,
    Message,
    Project,
    RequestCause,
    RequestState,
    Source,
    Task,
    Verb,
    Worker,
)

EVENTS_PER_PAGE = 50
KEY = "key:"
OFFER = "offer"  # the way by which a task was got
_TITLES = {
    "short_description": "the description",
    "priority": "the priority",
    "project_data": "the project data",
}


@dataclass(frozen=True, kw_only=True)
class Told:
    """One event: who, and what they did."""

    id: int
    at: datetime
    actor: str
    acting_as: str | None
    source: Source
    verb: str
    who: str  # name for people
    person: Worker | None  # who did it, if it was one
    did: str  # the rest of the sentence
    task_id: int | None
    note: str | None

    @property
    def text(self) -> str:
        return f"{self.who} {self.did}"


@dataclass(frozen=True)
class Story:
    events: Sequence[Told]
    next_before: int | None  # where the next page begins, if there is one


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


def history(
    session: Session,
    project_id: int,
    *,
    task_id: int | None = None,
    person: str | None = None,
    before: int | None = None,
) -> Story:
    """One page of the events of a project, newest first.

    :param person: a username; events that they caused, or that gave or took a task of theirs.
    :param before: only events older than the one with this id.
    :raises NotFound: there is no such project.
    """
    project = session.get(Project, project_id)
    if project is None:
        raise NotFound(f"There is no project {project_id}.")
    query = sa.select(AuditEvent).where(AuditEvent.project_id == project_id)
    if task_id is not None:
        query = query.where(_is_about(task_id))
    if person is not None:
        query = query.where(_concerns(person))
    if before is not None:
        query = query.where(AuditEvent.id < before)
    newest_first = query.order_by(AuditEvent.id.desc()).limit(EVENTS_PER_PAGE + 1)
    events = session.scalars(newest_first).all()
    shown = events[:EVENTS_PER_PAGE]
    names = _names(session, project, shown)
    more = len(events) > EVENTS_PER_PAGE
    return Story([_told(names, event) for event in shown], shown[-1].id if more else None)


def people(session: Session, project_id: int) -> Sequence[tuple[str, str]]:
    """Username and name of everybody whom the history of a project is about, by name."""
    acted = sa.select(AuditEvent.actor).where(AuditEvent.project_id == project_id)
    acted_as = sa.select(AuditEvent.acting_as).where(AuditEvent.project_id == project_id)
    held = (
        sa.select(Assignment.worker_id)
        .join(Task, Task.id == Assignment.task_id)
        .where(Task.project_id == project_id)
    )
    found = session.scalars(
        sa.select(Worker).where(
            sa.or_(Worker.username.in_(acted), Worker.username.in_(acted_as), Worker.id.in_(held))
        )
    )
    pairs = [(worker.username, worker.name) for worker in found]
    return sorted(pairs, key=lambda pair: pair[1].lower())


def _is_about(task_id: int) -> sa.ColumnElement[bool]:
    is_task = sa.and_(AuditEvent.object_kind == Task.__tablename__, AuditEvent.object_id == task_id)
    of_task = sa.select(Assignment.id).where(Assignment.task_id == task_id)
    is_assignment = sa.and_(
        AuditEvent.object_kind == Assignment.__tablename__, AuditEvent.object_id.in_(of_task)
    )
    return sa.or_(is_task, is_assignment, _text(AuditEvent.after, "task") == str(task_id))


def _concerns(username: str) -> sa.ColumnElement[bool]:
    worker_id = (
        sa.select(sa.cast(Worker.id, sa.Text()))
        .where(Worker.username == username)
        .scalar_subquery()
    )
    return sa.or_(
        AuditEvent.actor == username,
        AuditEvent.acting_as == username,
        _text(AuditEvent.after, "worker") == username,
        _text(AuditEvent.after, "worker_id") == worker_id,
        _text(AuditEvent.before, "worker_id") == worker_id,
    )


def _text(changes: Any, key: str) -> sa.ColumnElement[str]:
    """As text whatever it is: of other verbs a key may hold something else."""
    return sa.cast(changes[key].as_string(), sa.Text())


def _names(session: Session, project: Project, events: Sequence[AuditEvent]) -> Names:
    load_graphs(session, [project.version])
    tasks = session.execute(sa.select(Task.id, Task.step).where(Task.project_id == project.id))
    usernames = {name for event in events for name in (event.actor, event.acting_as) if name}
    usernames |= {str(value) for event in events for value in _values(event, "worker")}
    ids = [value for event in events for value in _values(event, "worker_id")]
    ids += [
        worker for event in events for asked in _values(event, "worker_ids") for worker in asked
    ]
    workers = session.scalars(
        sa.select(Worker).where(sa.or_(Worker.username.in_(usernames), Worker.id.in_(ids)))
    ).all()
    return Names(
        graph=graph_of(project.version),
        steps={task.id: task.step for task in tasks},
        by_username={worker.username: worker for worker in workers},
        by_id={worker.id: worker.name for worker in workers},
    )


def _values(event: AuditEvent, key: str) -> list[Any]:
    both = (event.before or {}, event.after or {})
    return [value for changes in both if (value := changes.get(key)) is not None]


def _told(names: Names, event: AuditEvent) -> Told:
    who = names.of_actor(event.actor)
    if event.acting_as:
        who = f"{who}, acting as {names.of_actor(event.acting_as)},"
    return Told(
        id=event.id,
        at=event.at,
        actor=event.actor,
        acting_as=event.acting_as,
        source=event.source,
        verb=event.verb,
        who=who,
        person=names.by_username.get(event.actor),
        did=_did(names, event),
        task_id=_task_id(event),
        note=_note(event),
    )


def _task_id(event: AuditEvent) -> int | None:
    if event.object_kind == Task.__tablename__:
        return event.object_id
    task_id = (event.after or {}).get("task")
    return task_id if isinstance(task_id, int) else None


def _note(event: AuditEvent) -> str | None:
    """What a person or the system remarked; how a task was assigned stands in the sentence."""
    is_way = event.verb in {Verb.TASK_ASSIGNED, Verb.STAFFING_CLOSED} or event.note == OFFER
    return None if is_way else event.note


def _did(names: Names, event: AuditEvent) -> str:
    task_id = _task_id(event)
    step = names.of_step(names.steps.get(task_id)) if task_id is not None else ""
    say = _SENTENCES.get(event.verb)
    if say is None:
        words = f"noted: {event.verb.replace('_', ' ')}"
        return f"{words} ({step})." if step else f"{words}."
    return say(names, event, step)


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
    if event.after:
        return f"added the file {event.after.get('name')}."
    return f"removed the file {(event.before or {}).get('name')}."


def _changed_channel(_names: Names, event: AuditEvent, _step: str) -> str:
    after = event.after or {}
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
