"""The timer and time entries as JSON (N-7, T-1 to T-17)."""

import hashlib
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from marshmallow import Schema, ValidationError, fields, validate
from sqlalchemy.orm import Session

from orchestra.database import reading, retry_deadlocks, transaction, utcnow
from orchestra.domain import durations, time_entries, timecards, timers, worked_tasks
from orchestra.domain.audit import Actor
from orchestra.domain.information import timestamp
from orchestra.domain.time_entries import Change
from orchestra.domain.time_records import LONGEST_DESCRIPTION
from orchestra.domain.timecards import Line, Search
from orchestra.domain.worked_tasks import WorkedTask
from orchestra.models import TimeEntry, Timer, Worker
from orchestra.web.api.idempotency import as_json, json_response
from orchestra.web.api.schemas import Text
from orchestra.web.auth import current_actor, current_worker, guard_interface
from orchestra.web.interface.calls import Answer, changing, looking
from orchestra.web.interface.schemas import Id, Nothing

blueprint = Blueprint("interface_time", __name__, url_prefix="/orchestra/api/interface")
guard_interface(blueprint)

DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Day(fields.Field[date]):
    """A date as year, month and day."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> date:
        if isinstance(value, str) and value.isascii() and DATE.fullmatch(value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass
        raise ValidationError("Give a date as YYYY-MM-DD.")


class TimeWorked(fields.Field[int]):
    """Seconds, in any of the forms of T-12."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        try:
            return durations.read_seconds(value)
        except ValueError as error:
            raise ValidationError(str(error)) from error


def _description() -> Text:
    too_long = f"Use at most {LONGEST_DESCRIPTION} characters."
    return Text(validate=validate.Length(max=LONGEST_DESCRIPTION, error=too_long))


def _assignment() -> Id:
    return Id(required=False, allow_none=True)


class StartTimer(Schema):
    assignment = _assignment()


class UpdateTimer(Schema):
    description = _description()
    assignment = _assignment()


class NewEntry(Schema):
    date = Day(required=True)
    time_worked = TimeWorked(required=True)
    description = _description()
    assignment = _assignment()


class ChangeEntry(Schema):
    date = Day()
    time_worked = TimeWorked()
    description = _description()
    assignment = _assignment()


class EntriesQuery(Schema):
    min_date = Day(load_default=None)
    max_date = Day(load_default=None)
    assignment = Id(in_query=True, required=False, load_default=None)
    page = fields.Integer(load_default=1, validate=validate.Range(min=1, max=1_000_000))


class ChoicesQuery(Schema):
    assignment = Id(in_query=True, required=False, load_default=None)


# --- The timer --------------------------------------------------------------------------------


@blueprint.get("/timer/")
def timer() -> ResponseReturnValue:
    """Asked for again and again: what has not changed is not sent again."""
    worker = current_worker()
    with reading() as session:
        running = timers.find_running(session, worker.id)
        invalid = timecards.count_incomplete(session, worker.id)
    answer = _described_timer(running) | {"invalid_entries": invalid}
    content = as_json({key: answer[key] for key in answer if key != "elapsed_seconds"})
    response = json_response(as_json(answer))
    response.set_etag(hashlib.sha256(f"{worker.id}:{content}".encode()).hexdigest(), weak=True)
    return response.make_conditional(request)


def _described_timer(timer: Timer | None) -> Answer:
    ran = (utcnow() - timer.started_at).total_seconds() if timer else 0
    return {
        "running": timer is not None,
        "start_time": timestamp(timer.started_at if timer else None),
        "assignment": timer.assignment_id if timer else None,
        "description": timer.description if timer else "",
        "elapsed_seconds": max(0, int(ran)),
    }


@blueprint.post("/timer/start/")
@changing(StartTimer())
def start_timer(session: Session, actor: Actor, assignment: int | None = None) -> Answer:
    return _described_timer(timers.start(session, actor, assignment))


@blueprint.post("/timer/update/")
@changing(UpdateTimer())
def update_timer(session: Session, actor: Actor, **given: Any) -> Answer:
    if "assignment" in given:
        given["assignment_id"] = given.pop("assignment")
    return _described_timer(timers.update(session, actor, **given))


@blueprint.post("/timer/stop/")
@changing(Nothing())
def stop_timer(session: Session, actor: Actor) -> Answer:
    return _described(session, timers.stop(session, actor))


@blueprint.get("/timer/choices/")
@looking(ChoicesQuery())
def choices(session: Session, worker: Worker, assignment: int | None) -> Answer:
    """The tasks that time can be recorded for (T-27)."""
    found = worked_tasks.choices(session, worker, assignment)
    return {"choices": [_described_task(task) for task in found]}


def _described_task(task: WorkedTask) -> Answer:
    return {
        "assignment": task.assignment_id,
        "task_id": task.task_id,
        "step": task.step,
        "project": task.project,
        "workflow": task.workflow,
        "role": task.role,
        "is_open": task.is_open,
        "label": task.label,
    }


# --- Entries ----------------------------------------------------------------------------------


@blueprint.get("/time_entries/")
@looking(EntriesQuery())
def entries(session: Session, worker: Worker, **asked: Any) -> Answer:
    search = Search(
        worker_id=worker.id,
        first=asked["min_date"],
        last=asked["max_date"],
        assignment_id=asked["assignment"],
    )
    sums = timecards.day_sums(session, search)
    lines = timecards.lines_of(session, search, asked["page"])
    total = sum(day.entries for day in sums.values())
    return {
        "entries": [_as_answer(line, worker.username) for line in lines],
        "days": [
            {
                "date": day.date.isoformat(),
                "total_minutes": day.total,
                "invalid": bool(day.incomplete),
            }
            for day in sums.values()
        ],
        "page": asked["page"],
        "pages": max(1, -(-total // timecards.PER_PAGE)),
        "total": total,
    }


def _described(session: Session, entry: TimeEntry) -> Answer:
    (line,) = timecards.as_lines(session, [entry])
    worker = session.get_one(Worker, entry.worker_id)
    return _as_answer(line, worker.username)


def _as_answer(line: Line, username: str) -> Answer:
    entry = line.entry
    return {
        "id": entry.id,
        "worker": username,
        "date": entry.worked_on.isoformat(),
        "time_worked": durations.clock(entry.work_seconds),
        "time_worked_seconds": entry.work_seconds,
        "rounded_minutes": entry.rounded_minutes,
        "description": entry.description,
        "assignment": entry.assignment_id,
        "task": _described_task(line.task) if line.task else None,
        "timer_start_time": timestamp(entry.timer_started_at),
        "timer_stop_time": timestamp(entry.timer_stopped_at),
        "is_incomplete": entry.is_incomplete,
        "was_cut_off": entry.was_cut_off,
        "overlaps": line.overlaps,
        "created_at": timestamp(entry.created_at),
        "changed_at": timestamp(entry.changed_at),
    }


@blueprint.post("/time_entries/")
@changing(NewEntry(), status=201)
def create_entry(session: Session, actor: Actor, **given: Any) -> Answer:
    entry = time_entries.create(
        session,
        actor,
        worked_on=given["date"],
        work_seconds=given["time_worked"],
        description=given.get("description", ""),
        assignment_id=given.get("assignment"),
    )
    return _described(session, entry)


@blueprint.get("/time_entries/<int:entry_id>/")
@looking(Nothing())
def get_entry(session: Session, worker: Worker, entry_id: int) -> Answer:
    return _described(session, time_entries.get(session, worker, entry_id))


@blueprint.patch("/time_entries/<int:entry_id>/")
@changing(ChangeEntry())
def change_entry(session: Session, actor: Actor, entry_id: int, **given: Any) -> Answer:
    columns = {_COLUMNS[name]: value for name, value in given.items()}
    return _described(session, time_entries.change(session, actor, entry_id, Change(**columns)))


@blueprint.put("/time_entries/<int:entry_id>/")
@changing(NewEntry())
def replace_entry(session: Session, actor: Actor, entry_id: int, **given: Any) -> Answer:
    """As a change, but what is not given is emptied."""
    columns = {_COLUMNS[name]: value for name, value in (_EMPTY | given).items()}
    return _described(session, time_entries.change(session, actor, entry_id, Change(**columns)))


_COLUMNS = {
    "date": "worked_on",
    "time_worked": "work_seconds",
    "description": "description",
    "assignment": "assignment_id",
}
_EMPTY = {"description": "", "assignment": None}


@blueprint.delete("/time_entries/<int:entry_id>/")
def delete_entry(entry_id: int) -> Response:
    _delete(current_actor(), entry_id)
    return Response(status=204)


@retry_deadlocks
def _delete(actor: Actor, entry_id: int) -> None:
    with transaction() as session:
        time_entries.delete(session, actor, entry_id)


@blueprint.post("/time_entries/<int:entry_id>/restore/")
@changing(Nothing())
def restore_entry(session: Session, actor: Actor, entry_id: int) -> Answer:
    return _described(session, time_entries.restore(session, actor, entry_id))
