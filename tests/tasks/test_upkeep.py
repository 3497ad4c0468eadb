"""The sweep (specification L-136 to L-139), run in this process."""

from datetime import timedelta
from io import BytesIO

import pytest
import sqlalchemy as sa

from orchestra.database import utcnow
from orchestra.domain import files, folders, machine, upkeep
from orchestra.domain.execution import Runner
from orchestra.domain.files import Upload
from orchestra.errors import NotFound
from orchestra.integrations.files import store_of
from orchestra.models import AnsweredRequest, FileKind, StoredFile, Task, TaskStatus, Tick
from orchestra.outbox import Job, OutboxMessage
from orchestra.tasks.upkeep import sweep, sweep_all
from tests.builders import step

LONG_AGO = timedelta(days=8)


@pytest.fixture
def project(session, make):
    project = make.project(step("fetch", human=False), step("rate", "fetch"))
    session.commit()
    return project


def fetch_of(session, project):
    session.expire_all()
    return session.scalars(sa.select(Task).where(Task.project_id == project.id)).one()


def test_a_sweep_leaves_word_that_the_scheduler_is_alive(session):
    assert upkeep.last_tick(session, Job.SWEEP) is None
    session.commit()

    sweep_all()
    sweep_all()

    assert utcnow() - upkeep.last_tick(session, Job.SWEEP) < timedelta(minutes=1)


def test_ticks_that_piled_up_are_not_all_paid_back_in_sweeps(session, project):
    """L-136: one due message; only the first of two ticks sends it again."""
    session.execute(sa.update(OutboxMessage).values(resend_at=utcnow() - timedelta(seconds=1)))
    session.commit()
    assert sweep.run() == 1
    session.execute(sa.update(OutboxMessage).values(resend_at=utcnow() - timedelta(seconds=1)))
    session.commit()
    assert sweep.run() == 0
    session.execute(sa.update(Tick).values(at=utcnow() - timedelta(minutes=1)))
    session.commit()
    assert sweep.run() == 1


def test_a_lost_process_gives_its_step_back_and_the_attempt_counts(session, project, jobs):
    """L-121"""
    machine.claim(session, project.id, "fetch", Runner("gone", 1))
    session.execute(sa.update(Task).values(lease_until=utcnow() - timedelta(seconds=1)))
    session.commit()

    sweep_all()

    task = fetch_of(session, project)
    assert (task.status, task.attempts, task.lease_until) == ("awaiting_processing", 1, None)
    assert task.last_error == "worker process lost"
    assert jobs() == [(Job.RUN_STEP, {"project_id": project.id, "step": "fetch"})]


def test_a_step_that_nobody_asked_for_is_asked_for(session, project, jobs):
    """L-127: there should be none, but a row too few must not stop a project."""
    session.execute(sa.delete(OutboxMessage))
    session.commit()

    sweep_all()

    assert jobs() == [(Job.RUN_STEP, {"project_id": project.id, "step": "fetch"})]


def test_a_message_that_is_overdue_is_sent_again_and_later_the_next_time(session, app, project):
    app.extensions["published"].clear()
    session.execute(sa.update(OutboxMessage).values(resend_at=utcnow() - timedelta(seconds=1)))
    session.commit()

    sweep_all()
    sweep_all()  # not overdue any more

    (dispatch,) = app.extensions["published"]
    assert dispatch.kwargs == {"project_id": project.id, "step": "fetch"}
    assert session.scalar(sa.select(OutboxMessage.sends)) == 1


def test_an_item_that_fails_is_counted_and_stops_no_other(
    app, session, project, monkeypatch, caplog
):
    """M-3, R-16: whatever is wrong with one, what was lost of the others is sent again."""
    session.execute(sa.update(Task).values(status=TaskStatus.PROCESSING, lease_until=utcnow()))
    session.execute(sa.update(OutboxMessage).values(resend_at=utcnow() - timedelta(seconds=1)))
    session.commit()
    app.extensions["published"].clear()

    def fail(_session, _task_id):
        raise KeyError("nobody thought of this")

    monkeypatch.setattr(machine, "reclaim", fail)

    sweep_all()

    assert len(app.extensions["published"]) == 1
    assert session.get_one(Tick, Job.SWEEP).failures == 1
    assert "item left to the next run" in caplog.text


def test_answers_of_long_ago_are_forgotten(session):
    """A-21"""
    for name, age in (("new", timedelta(0)), ("old", LONG_AGO)):
        session.add(
            AnsweredRequest(
                owner="key:a",
                path="/",
                idempotency_key=name,
                body_hash="",
                status=200,
                answer="{}",
                at=utcnow() - age,
            )
        )
    session.commit()

    sweep_all()

    assert session.scalars(sa.select(AnsweredRequest.idempotency_key)).all() == ["new"]


def test_hidden_files_are_removed_after_thirty_days(app, session, make):
    """I-29: content and row; those that were hidden lately stay."""
    work = make.work(TaskStatus.PROCESSING)
    store = store_of(app.config["SETTINGS"])
    kept, old, lately = (_file(session, work, store) for _ in range(3))
    for file_id, days in ((old, 31), (lately, 29)):
        session.get(StoredFile, file_id).deleted_at = utcnow() - timedelta(days=days)
    places = dict(session.execute(sa.select(StoredFile.id, StoredFile.place)).all())
    session.commit()

    sweep_all()
    sweep_all()

    left = sa.select(StoredFile.id).where(StoredFile.kind == FileKind.FILE)
    assert set(session.scalars(left)) == {kept, lately}
    for file_id in (kept, lately):
        store.open(places[file_id]).close()
    with pytest.raises(NotFound):
        store.open(places[old])


def _file(session, work, store):
    file_id = folders.new_id()
    key = folders.store_key(work.project.id, file_id)
    stored = store.put(key, "a.txt", None, BytesIO(b"Words"), "text/plain", at_most_bytes=10)
    upload = Upload(
        id=file_id, place=stored.place, name="a.txt", content_type="text/plain", size_bytes=5
    )
    files.add(session, work.writer, work.task.id, upload)
    return file_id
