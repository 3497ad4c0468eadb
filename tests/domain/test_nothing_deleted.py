"""Whatever people and machines do in whatever order, what somebody handed in can be found again."""

import itertools
import json
from contextlib import suppress
from datetime import date
from random import Random

import pytest
import sqlalchemy as sa

from orchestra.database import reading, transaction
from orchestra.domain import (
    documents,
    interventions,
    lifecycle,
    machine,
    projects,
    remarks,
    revert,
)
from orchestra.domain import time_entries as entries
from orchestra.domain.execution import Outcome
from orchestra.domain.remarks import Said
from orchestra.errors import OrchestraError
from orchestra.models import (
    POOL,
    Assignment,
    AssignmentStatus,
    Attempt,
    AuditEvent,
    DocumentRevision,
    Iteration,
    Remark,
    StoredFile,
    Task,
    TaskStatus,
    TimeEntry,
    Worker,
)
from orchestra.project_files import ProjectFiles
from tests.walk import COMMANDS, STEPS, Walk

LENGTH = 250
DAY = date(2026, 3, 4)
# Where it may be found; not in what is in force now, which the next change replaces.
KEPT = (
    *(Iteration.submitted_data, Iteration.comment, Attempt.result, Remark.text),
    *(DocumentRevision.text, TimeEntry.description),
    *(AuditEvent.before, AuditEvent.after, AuditEvent.note),
)
_numbers = itertools.count(1)


class Handing(Walk):
    """A walk in which each datum is told from all others, and kept in mind once it is handed in."""

    def __init__(self, *arguments, document_id):
        super().__init__(*arguments, leases=[])
        self.document_id = document_id
        self.handed_in, self.offered = {}, []
        self.last_saved = None  # of the document: by whom, and what

    def take(self, session):
        """The name of an operation, and a call that does it and keeps in mind what it handed in."""
        self.offered = []
        name, call = self.choose(session, self.HANDING)

        def done(session):
            call(session)
            self.handed_in |= dict.fromkeys(self.offered, name)

        return name, call and done

    def _datum(self):
        datum = f"<{next(_numbers)}>"
        self.offered.append(datum)
        return datum

    def _data(self):
        return {"said": self._datum()}

    # Where there is something to do: a walk among refusals hands in nothing.

    def _held(self, session):
        query = sa.select(Assignment.worker_id, Assignment.task_id, Assignment.revision).where(
            Assignment.status == AssignmentStatus.PROCESSING,
            Assignment.worker_id.is_not(None),
            Assignment.discarded_at.is_(None),
        )
        held = session.execute(query.order_by(Assignment.id)).all()
        return self.random.choice(held) if held else super()._held(session)

    def give_out(self, session):
        waiting = sa.select(Task.id).where(Task.status.in_(POOL), Task.is_human).order_by(Task.id)
        task_ids, worker_id = session.scalars(waiting).all(), self.random.choice(self.workers)
        task_id = self.random.choice(task_ids) if task_ids else None
        return task_id and (
            lambda s: lifecycle.assign_task(s, self.admin, task_id, s.get_one(Worker, worker_id))
        )

    def open_again(self, session):
        """Take a task that is complete back to one of its rounds."""
        rounds = sa.select(Iteration.task_id, Iteration.id).join(Iteration.assignment)
        of_complete = rounds.where(
            Task.id == Iteration.task_id,
            *(Task.status == TaskStatus.COMPLETE, Task.is_human),
            *(Iteration.discarded_at.is_(None), Assignment.discarded_at.is_(None)),
        )
        found = session.execute(of_complete.order_by(Iteration.id)).all()
        task_id, iteration_id = self.random.choice([*found, (None, None)])
        return task_id and (
            lambda s: revert.revert_task(
                s, self.admin, task_id, iteration_id=iteration_id, commit=True
            )
        )

    # People, with words.

    def save(self, session):
        """A draft is not handed in: the next one may replace it."""
        call = super().save(session)
        self.offered.clear()
        return call

    def hand_over(self, session):
        held, command = self._held(session), self.random.choice(COMMANDS)
        if not held:
            return None
        words = {"data": self._data(), "comment": self._datum()}
        if command == "return":
            words["said"] = [Said(self._datum()), Said(self._datum(), "/said")]
        actor, task_id = self.actors[held.worker_id], held.task_id
        return lambda s: lifecycle.hand_over(
            s, actor, task_id, command, revision=held.revision, **words
        )

    def resolve(self, session):
        ids = session.scalars(sa.select(Remark.id).order_by(Remark.id.desc()).limit(5)).all()
        held = self._held(session)
        if not (ids and held):
            return None
        actor, remark_id = self.actors[held.worker_id], self.random.choice(ids)
        act = self.random.choice([remarks.resolve, remarks.reopen])
        return lambda s: act(s, actor, remark_id)

    def skip(self, session):
        task_id, note = self._task(session), self._datum()
        return lambda s: interventions.skip_task(s, self.admin, task_id, note)

    def pause(self, _session):
        reason = self._datum()
        return lambda s: projects.pause(s, self.admin, self.project_id, reason)

    def record(self, _session):
        lease, result = self._lease(), self._data()

        def call(session):
            machine.record(session, lease, Outcome(result=result))
            if session.get_one(Task, lease.task_id).result != result:
                self.offered.clear()  # it came too late

        return lease and call

    # Time.

    def _worker(self):
        return self.actors[self.random.choice(self.workers)]

    def _entry(self, session):
        query = sa.select(TimeEntry.id, TimeEntry.worker_id).order_by(TimeEntry.id.desc())
        return self.random.choice([*session.execute(query.limit(6)), None])

    def note_time(self, _session):
        actor, text, seconds = self._worker(), self._datum(), self.random.randrange(9999)
        return lambda s: entries.create(
            s, actor, worked_on=DAY, work_seconds=seconds, description=text
        )

    def change_time(self, session):
        entry, change = self._entry(session), entries.Change(description=self._datum())
        return entry and (
            lambda s: entries.change(s, self.actors[entry.worker_id], entry.id, change)
        )

    def hide_time(self, session):
        entry, act = self._entry(session), self.random.choice([entries.delete, entries.restore])
        return entry and (lambda s: act(s, self.actors[entry.worker_id], entry.id))

    # Documents.

    def write(self, session):
        revision = session.get_one(StoredFile, self.document_id).revision
        actor, text = self.random.choice([self.admin, *self.actors.values()]), self._datum()

        def call(session):
            saved = documents.save(session, actor, self.document_id, revision=revision, text=text)
            self._forget_of_same_sitting(actor)
            self.last_saved = (actor, text)
            return saved

        return call

    def _forget_of_same_sitting(self, actor):
        """I-31: saves of one person within ten minutes are one entry of the history."""
        if self.last_saved and self.last_saved[0] is actor:
            self.handed_in.pop(self.last_saved[1])

    def restore(self, session):
        numbers = session.scalars(
            sa.select(DocumentRevision.revision).where(
                DocumentRevision.document_id == self.document_id
            )
        ).all()
        number = self.random.choice(numbers)

        def call(session):
            revision = session.get_one(StoredFile, self.document_id).revision
            document = documents.restore(session, self.admin, self.document_id, number)
            if document.revision != revision:
                self.last_saved = None  # what comes next begins an entry of its own
            return document

        return call

    HANDING = (
        *(give_out, hand_over, hand_over) * 8,
        *(Walk.claim, record, Walk.resume, Walk.resume, Walk.unskip, open_again) * 4,
        *(
            Walk.assign,
            Walk.pick_up,
            Walk.reassign,
            Walk.unassign,
            Walk.accept,
            Walk.staff,
            Walk.ask,
        ),
        *(save, resolve, skip, pause, Walk.edit, Walk.retry, Walk.skip_machine),
        *(Walk.lose, Walk.wait),
        *(note_time, change_time, hide_time, write, write, restore),
    )


@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", range(4))
def test_what_somebody_handed_in_can_be_found_whatever_came_after(
    session, make, any_seed, number, many
):
    """R-20: in iterations, attempts, revisions or the audit."""
    project = make.project(*STEPS)
    workers, admin = [make.worker() for _ in range(4)], make.admin()
    session.commit()
    document_id = ProjectFiles(project.id).make_document("Draft", "New", key="draft")
    random = Random(f"{any_seed}-{number}")
    walk = Handing(project, workers, admin, random, document_id=document_id)

    for _ in range(LENGTH * many):
        _go_one_step(walk)
    with suppress(OrchestraError), transaction() as opened:
        projects.abort(opened, walk.admin, project.id)

    assert _lost(walk) == {}
    assert len(walk.handed_in) > LENGTH / 25


def _go_one_step(walk):
    with reading() as session:
        _, call = walk.take(session)
    if call:
        with suppress(OrchestraError), transaction() as session:
            call(session)


def _lost(walk):
    """What was handed in and is nowhere, with the operation that did it."""
    with reading() as session:
        kept = "".join(
            json.dumps(value)
            for column in KEPT
            for value in session.scalars(sa.select(column).where(column.is_not(None)))
        )
    return {datum: name for datum, name in walk.handed_in.items() if datum not in kept}
