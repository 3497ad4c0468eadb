"""Processes of two versions side by side, before and after a migration."""

import threading
import time
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from orchestra.client import OrchestraError
from orchestra.database import seconds_from_now
from orchestra.domain import dead_jobs
from orchestra.models import Project, ProjectStatus
from orchestra.outbox import LAST_FAILURE, OutboxMessage
from orchestra.tasks import celery
from tests.faults.conftest import DATABASES, database_url_of
from tests.faults.kit import CLI, System, bind, machine
from tests.faults.oracle import all_is_well, has_ended

NEWER = "tests.faults.newer"
GREET = "newer.greet"  # a job that only the newer version knows
ENOUGH = 5  # projects that complete while processes of both versions run


# --- Jobs of another version ------------------------------------------------------------------

UNKNOWN, LONGER, SHORTER = ("newer:unknown", "newer:more", "former:less")
FOREIGN = {
    UNKNOWN: (GREET, {"project_id": 1}),
    LONGER: ("files.copy_document", {"document_id": "none", "of_newer_version": 1}),
    SHORTER: ("chat.find_person", {}),
}


@pytest.fixture
def foreign(system):
    """Rows of other versions, due now; and the first of them is on its way already."""
    with system.transaction() as session:
        for key, (job, kwargs) in FOREIGN.items():
            due = seconds_from_now(-1)
            session.add(
                OutboxMessage(
                    job=job, dedupe_key=key, kwargs=kwargs, queue="messages", resend_at=due
                )
            )
    bind(system.settings.broker_address())
    celery.send_task(GREET, kwargs={"project_id": 1}, queue="messages")
    yield
    with system.transaction() as session:
        session.execute(sa.delete(OutboxMessage).where(OutboxMessage.dedupe_key.in_(FOREIGN)))


def test_jobs_of_other_versions_stop_no_other_and_wait_for_somebody(system, foreign):
    """R-18: unknown ones for processes that know them, those with wrong arguments for a person."""
    project = system.run(machine("first"), machine("second", "first"))

    system.wait_until(lambda: has_ended(system, project), "the project has ended")
    system.wait_until(
        lambda: all(_row(system, key).failures > 0 for key in (LONGER, SHORTER)),
        "both have failed",
    )
    for key, named in ((LONGER, "of_newer_version"), (SHORTER, "worker_id")):
        assert named in _row(system, key).last_error
    _fail_for_the_last_time(system)
    system.wait_until(
        lambda: all(_row(system, key).resend_at is None for key in (LONGER, SHORTER)),
        "both are given up",
    )
    with system.reading() as session:
        shown = {job.message.dedupe_key for job in dead_jobs.dead(session).rows}
    assert shown == {LONGER, SHORTER}
    unknown = _row(system, UNKNOWN)
    assert (unknown.sends, unknown.failures, unknown.last_error) == (0, 0, None)
    assert unknown.resend_at is not None


def _row(system, key):
    with system.reading() as session:
        return session.scalars(
            sa.select(OutboxMessage).where(OutboxMessage.dedupe_key == key)
        ).one()


def _fail_for_the_last_time(system):
    with system.transaction() as session:
        session.execute(
            sa.update(OutboxMessage)
            .where(OutboxMessage.dedupe_key.in_([LONGER, SHORTER]))
            .values(failures=LAST_FAILURE - 1, resend_at=seconds_from_now(-1))
        )


# --- An update under load ---------------------------------------------------------------------


@pytest.fixture(params=DATABASES)
def own_system(request, tmp_path_factory):
    """A system whose database nobody else needs."""
    folder = tmp_path_factory.mktemp(f"updated-{request.param}")
    system = System(folder, database_url_of(request, request.param, folder))
    system.start()
    system.start_web()
    yield system
    system.stop()
    print(system.logs())


class Load:
    """A client that goes on creating projects, and asks again where it got no answer."""

    def __init__(self, system):
        self.system, self.slug = system, system.version(machine("first"), machine("next", "first"))
        self.client, self.ids, self.ended = system.client(), [], threading.Event()

    @contextmanager
    def running(self):
        thread = threading.Thread(target=self._create)
        thread.start()
        try:
            yield
        finally:
            self.ended.set()
            thread.join()

    def _create(self):
        while not self.ended.wait(0.1):
            self.ids.append(self._created(f"load-{len(self.ids)}"))

    def _created(self, key):
        data = {"folder": str(self.system.folder)}
        while True:
            try:
                return self.client.create_project(self.slug, "v1", "Load", 1, data, "real", key)
            except OrchestraError:
                time.sleep(0.2)

    def wait_for_more(self):
        """Until some projects have ended that were begun from now on."""
        first = len(self.ids) + 1  # one may be under way
        self.system.wait_until(
            lambda: self._ended_since(first) >= ENOUGH, "projects begun from now on have ended"
        )

    def _ended_since(self, first):
        with self.system.reading() as session:
            return session.scalar(
                sa.select(sa.func.count()).where(
                    Project.id.in_(self.ids[first:]), Project.status == ProjectStatus.COMPLETED
                )
            )


@pytest.mark.timeout(600)
def test_nothing_is_lost_while_a_system_is_updated_under_load(own_system):
    """R-18: former processes through a migration, and both versions side by side either way."""
    load = Load(own_system)
    with load.running():
        load.wait_for_more()
        done = own_system.command("db", "upgrade", module=NEWER)
        assert done.returncode == 0, done.stderr
        load.wait_for_more()
        _restart(own_system, web=CLI, worker=CLI, beat=CLI)
        load.wait_for_more()
        _restart(own_system, web=NEWER)
        load.wait_for_more()
        own_system.wait_until(lambda: _overdue_greetings(own_system), "the relay meets a new job")
        load.wait_for_more()
        _restart(own_system, web=CLI, worker=NEWER)
        load.wait_for_more()
        _restart(own_system, web=NEWER, beat=NEWER)
        load.wait_for_more()

    all_is_well(own_system, many=3)
    _require_each_once(own_system, load)


def _restart(system, **modules):
    """Let the old process end before the new one starts, as a process manager does."""
    for name, module in modules.items():
        system.terminate(name)
        getattr(system, f"start_{name}")(module)


def _overdue_greetings(system):
    with system.reading() as session:
        return session.scalar(
            sa.select(sa.func.count())
            .select_from(OutboxMessage)
            .where(OutboxMessage.job == GREET, OutboxMessage.resend_at < seconds_from_now(-1))
        )


def _require_each_once(system, load):
    with system.reading() as session:
        moods = dict(session.execute(sa.text("SELECT id, mood FROM project")).all())
        greeted = dict(session.execute(sa.text("SELECT project_id, runs FROM greeting")).all())
    assert sorted(moods) == sorted(load.ids)
    assert set(moods.values()) == {"calm", "merry"}
    assert greeted.keys() == {project for project, mood in moods.items() if mood == "merry"}
