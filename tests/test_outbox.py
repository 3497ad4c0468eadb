"""The outbox: asked for with the change, sent after the commit, kept until it happened."""

import pytest
import sqlalchemy as sa

from orchestra import outbox
from orchestra.database import db, seconds_from_now, transaction
from orchestra.outbox import Dispatch, Job, OutboxMessage

SWEEP = 10  # seconds, the default


def wish(key="step:1:crawl", **more):
    kwargs = {"project_id": 1, "step": key.rsplit(":")[-1]}
    return Dispatch(Job.RUN_STEP, kwargs, key, "machine", **more)


def ask_in_vain(dispatch):
    with transaction() as session:
        outbox.enqueue(session, dispatch)
        raise ZeroDivisionError


@pytest.fixture
def published(app):
    """What was handed to the broker."""
    return app.extensions["published"]


@pytest.fixture
def rows(app):
    def found():
        with transaction() as session:
            return session.scalars(sa.select(OutboxMessage).order_by(OutboxMessage.id)).all()

    return found


@pytest.fixture
def pass_time(app):
    """Let every message be due now."""

    def passed():
        with transaction() as session:
            session.execute(sa.update(OutboxMessage).values(resend_at=seconds_from_now(-1)))

    return passed


def test_a_job_is_published_after_the_commit_and_its_row_stays(published, rows):
    with transaction() as session:
        outbox.enqueue(session, wish())
        assert published == []
    assert published == [wish()]
    assert [row.kwargs for row in rows()] == [{"project_id": 1, "step": "crawl"}]


def test_a_rollback_leaves_no_ghost(published, rows):
    with pytest.raises(ZeroDivisionError):
        ask_in_vain(wish())
    with transaction():
        pass
    assert published == []
    assert rows() == []


def test_a_rolled_back_wish_is_not_sent_by_the_next_transaction(published):
    with pytest.raises(ZeroDivisionError):
        ask_in_vain(wish("step:1:ghost"))
    with transaction() as session:
        outbox.enqueue(session, wish())
    assert published == [wish()]


def test_all_jobs_of_a_transaction_are_published_together(app):
    batches = []
    former = app.extensions["orchestra_publisher"]
    app.extensions["orchestra_publisher"] = batches.append
    try:
        with transaction() as session:
            outbox.enqueue(session, wish("step:1:a"))
            outbox.enqueue(session, wish("step:1:b"), wish("step:1:c"))
    finally:
        app.extensions["orchestra_publisher"] = former
    assert [[d.dedupe_key for d in batch] for batch in batches] == [
        ["step:1:a", "step:1:b", "step:1:c"]
    ]


def test_asking_twice_is_one_wish(rows):
    for _ in range(2):
        with transaction() as session:
            outbox.enqueue(session, wish())
    assert len(rows()) == 1


def test_a_job_on_its_way_is_only_noted(published, rows):
    with transaction() as session:
        outbox.enqueue(session, wish(), publish=False)
    assert published == []
    assert len(rows()) == 1


def test_a_job_of_the_far_future_is_left_to_the_relay(published, rows):
    """L-129"""
    with transaction() as session:
        outbox.enqueue(session, wish(delay_seconds=61))
    assert published == []
    with transaction() as session:
        assert outbox.due(session) == []


def test_the_relay_waits_longer_each_time(rows, pass_time):
    with transaction() as session:
        outbox.enqueue(session, wish())
    with transaction() as session:
        assert outbox.due(session) == []
    waits = []
    for _ in range(6):
        pass_time()
        with transaction() as session:
            assert outbox.due(session) == [wish()]
        with transaction() as session:
            now = session.scalar(sa.select(seconds_from_now(0)))
        waits.append((rows()[0].resend_at - now).total_seconds())
    expected = [60, 120, 240, 300, 300, 300]
    assert waits == pytest.approx(expected, abs=5)
    assert rows()[0].sends == 6


def test_a_job_of_a_newer_version_is_left_to_its_processes(rows, pass_time):
    """R-18: the relay of this version sends the others."""
    with transaction() as session:
        outbox.enqueue(session, wish())
        row = {"job": "newer.greet", "dedupe_key": "greet:1", "kwargs": {}, "queue": "engine"}
        session.add(OutboxMessage(**row))
    pass_time()
    with transaction() as session:
        assert outbox.due(session) == [wish()]
    assert {row.job: row.sends for row in rows()} == {Job.RUN_STEP: 1, "newer.greet": 0}


def test_a_done_job_is_forgotten(rows):
    with transaction() as session:
        outbox.enqueue(session, wish("step:1:a"), wish("step:1:b"))
    with transaction() as session:
        outbox.done(session, "step:1:a")
    assert [row.dedupe_key for row in rows()] == ["step:1:b"]


def test_after_the_last_failure_a_row_is_dead_and_sent_no_more(rows, pass_time):
    with transaction() as session:
        outbox.enqueue(session, wish())
    for _ in range(outbox.LAST_FAILURE):
        pass_time()
        with transaction() as session:
            outbox.record_failure(session, "step:1:crawl", "Traceback …")
    (row,) = rows()
    assert (row.failures, row.resend_at) == (outbox.LAST_FAILURE, None)
    assert row.last_error == "Traceback …"
    with transaction() as session:
        assert outbox.due(session) == []


def test_a_long_backlog_is_taken_in_batches(rows, pass_time, monkeypatch):
    """L-138"""
    monkeypatch.setattr(outbox, "BATCH", 2)
    with transaction() as session:
        outbox.enqueue(session, *(wish(f"step:1:{n}") for n in range(3)))
    pass_time()
    for expected in (["step:1:0", "step:1:1"], ["step:1:2"], []):
        with transaction() as session:
            assert [d.dedupe_key for d in outbox.due(session)] == expected


def test_without_a_broker_the_row_waits(app, rows):
    former = app.extensions.pop("orchestra_publisher")
    try:
        with transaction() as session:
            outbox.enqueue(session, wish())
    finally:
        app.extensions["orchestra_publisher"] = former
    assert len(rows()) == 1
    assert db.session().info.get("dispatches") is None
