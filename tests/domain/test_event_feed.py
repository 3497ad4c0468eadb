"""The feed of events while others write: nothing missed, nothing twice (A-42, A-43)."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import pytest
import sqlalchemy as sa

from orchestra.database import after_commit, db, reading, transaction
from orchestra.domain import audit, event_feed
from orchestra.domain.audit import SYSTEM
from orchestra.domain.event_feed import Filters
from orchestra.errors import Conflict, OrchestraError
from orchestra.models import AuditEvent, Project, Verb
from tests.builders import step

ALL = Filters()
WRITERS, CHANGES = 6, 20
LIMITS = (1, 7, 500)  # each of a reader


@pytest.fixture
def project_id(session, make):
    project = make.project(step("write"))
    session.commit()
    return project.id


def newest():
    """The id of the newest event that can be seen."""
    with reading() as session:
        return session.scalar(sa.select(sa.func.max(AuditEvent.id)))


def record(session, project_id, note):
    project = session.get(Project, project_id)
    audit.record(session, SYSTEM, Verb.PROJECT_EDITED, project, project_id=project_id, note=note)
    session.flush()


def read(position, filters=ALL, limit=100):
    with reading() as session:
        page = event_feed.events_after(session, position, filters, limit)
        return [event.note for event in page.events], page.next


@pytest.fixture
def writer(app, project_id):
    """A transaction of somebody else, in which events are recorded and that stays open."""
    if db.engine.dialect.name == "sqlite":
        pytest.skip("writers follow one another")
    sessions = []

    def opened():
        session = sa.orm.Session(db.engine)
        sessions.append(session)
        return session

    yield opened
    for session in sessions:
        session.close()


def test_an_event_that_is_committed_late_is_told_in_its_place(writer, project_id):
    """A-43: the reader waits for whoever was writing, and does not pass by"""
    before = newest()
    slow, quick = writer(), writer()
    record(slow, project_id, "first")
    record(quick, project_id, "second")
    quick.commit()
    threading.Timer(0.1, slow.commit).start()
    assert read(before)[0] == ["first", "second"]


def test_a_reader_waits_for_nobody_who_began_later(writer, project_id):
    before = newest()
    slow = writer()
    record(slow, project_id, "first")
    quick = writer()
    record(quick, project_id, "second")
    quick.commit()
    endless = writer()

    def go_on():
        record(endless, project_id, "later")
        slow.commit()

    threading.Timer(0.1, go_on).start()
    started = time.monotonic()
    assert read(before)[0] == ["first", "second"]
    assert time.monotonic() - started < event_feed.PATIENCE_SECONDS


def test_whoever_writes_for_long_holds_up_what_follows_and_no_more(writer, project_id, monkeypatch):
    """A-43"""
    monkeypatch.setattr(event_feed, "PATIENCE_SECONDS", 0.05)
    before = newest()
    early, stuck, late = writer(), writer(), writer()
    record(early, project_id, "early")
    early.commit()
    record(stuck, project_id, "stuck")
    record(late, project_id, "late")
    late.commit()

    told, following = read(before)
    assert told == ["early"]
    assert read(following) == ([], following)
    stuck.commit()
    assert read(following)[0] == ["stuck", "late"]


def test_what_was_rolled_back_holds_up_nothing(writer, project_id):
    before = newest()
    gone, kept = writer(), writer()
    record(gone, project_id, "gone")
    record(kept, project_id, "kept")
    gone.rollback()
    kept.commit()
    assert read(before)[0] == ["kept"]


def write(app, project_id, changes, number):
    """Record events, slowly, in transactions of which some are rolled back; what stayed."""
    chance, kept = random.Random(number), []
    for change in range(changes):
        notes = [f"{number}.{change}.{part}" for part in range(chance.randint(1, 3))]
        with app.app_context(), suppress(OrchestraError), transaction() as session:
            for note in notes:
                record(session, project_id, note)
                time.sleep(chance.uniform(0, 0.004))
            if chance.random() < 0.2:
                raise Conflict("This is taken back.")
            after_commit(session, partial(kept.extend, notes))
    return kept


def follow(app, position, limit, is_over):
    """Every event from here on, until there is none and nobody writes any more."""
    told = []
    while True:
        is_last = is_over.is_set()
        with app.app_context():
            notes, position = read(position, limit=limit)
        told += notes
        if is_last and not notes:
            return told


def test_nothing_is_missed_and_nothing_repeated_while_others_commit(app, project_id, many):
    """A-43: writers commit in another order than they began, and some roll back"""
    before, is_over = newest(), threading.Event()
    with ThreadPoolExecutor(WRITERS + len(LIMITS)) as threads:
        readers = [threads.submit(follow, app, before, limit, is_over) for limit in LIMITS]
        kept = list(threads.map(partial(write, app, project_id, CHANGES * many), range(WRITERS)))
        is_over.set()
        told = [reader.result() for reader in readers]

    with reading() as session:
        stored = session.scalars(
            sa.select(AuditEvent.note).where(AuditEvent.id > before).order_by(AuditEvent.id)
        ).all()
    assert len(stored) > WRITERS * CHANGES * many / 2
    assert sorted(stored) == sorted(note for notes in kept for note in notes)
    assert told == [stored] * len(LIMITS)


def test_a_page_that_is_not_full_leads_past_what_does_not_fit(session, make):
    """A-42: whoever follows one project does not look through the others again"""
    project = make.project(step("write"))
    make.project(step("write"))
    session.commit()
    filters = Filters(project_id=project.id)
    told, following = read(0, filters)
    assert len(told) == 2
    assert following == newest()
    assert read(following, filters) == ([], following)


def test_a_cursor_of_the_future_stays_where_it_is(app, project_id):
    assert read(2**31 - 1) == ([], 2**31 - 1)


def test_changes_hold_nothing_that_people_wrote(session):
    """A-43, L-95"""
    event = AuditEvent(before={"status": "complete", "data": {"7": {"draft": "secret"}}})
    assert event_feed.changes(event) == {"before": {"status": "complete"}, "after": {}}
