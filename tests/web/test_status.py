"""Whether the process runs, and whether it can work (A-44)."""

import subprocess
from contextlib import contextmanager
from datetime import timedelta

import pytest

from orchestra.cli import broker
from orchestra.config import Settings
from orchestra.database import utcnow
from orchestra.errors import Unavailable
from orchestra.models import Project, ProjectStatus, Task, TaskClass, TaskStatus
from orchestra.outbox import Job, OutboxMessage
from orchestra.web import status
from tests.builders import step


@pytest.fixture
def running_broker(change_settings, tmp_path):
    change_settings(broker_url="", data_dir=tmp_path)
    settings = Settings.from_env({}, data_dir=tmp_path)
    command, folder = broker.prepare(settings)
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
        broker.wait_until_ready(settings.broker_address())
        yield
        process.kill()


@pytest.mark.parametrize("path", ["/orchestra/status/", "/orchestra/api/status/"])
def test_a_running_process_says_ok(client, path):
    for ending in (path, path.rstrip("/")):
        response = client.get(ending)
        assert (response.status_code, response.text) == (200, "OK")


def test_with_database_and_broker_it_is_ready(client, running_broker):
    response = client.get("/orchestra/status/ready")
    assert response.status_code == 200
    assert response.get_json() == {
        "ready": True,
        "database": True,
        "broker": True,
        "oldest_outbox_row_seconds": None,
        "oldest_waiting_machine_step_seconds": None,
        "last_sweep_seconds": None,
    }


def test_without_a_broker_it_is_not_ready(client):
    response = client.get("/orchestra/status/ready")
    assert response.status_code == 503
    assert (response.get_json()["database"], response.get_json()["broker"]) == (True, False)


def test_an_embedded_broker_that_never_ran_is_not_ready(client, change_settings, tmp_path):
    change_settings(broker_url="", data_dir=tmp_path)
    assert client.get("/orchestra/status/ready").get_json()["broker"] is False


def test_without_a_database_it_is_not_ready(app, monkeypatch):
    """The answer comes all the same, and says which part is missing."""

    @contextmanager
    def unreachable():
        raise Unavailable("The database is not reachable at the moment. Try again later.")
        yield

    monkeypatch.setattr(status, "reading", unreachable)
    response = app.test_client().get("/orchestra/status/ready")
    assert response.status_code == 503
    assert response.get_json()["database"] is False


def test_the_longest_waiting_rows_are_told(client, make, session):
    version = make.version(step("crawl", human=False), step("other", human=False))
    hour_ago = utcnow() - timedelta(hours=1)
    for name, resend_at in (("a", utcnow()), ("dead", None)):
        row = OutboxMessage(job=Job.SWEEP, dedupe_key=name, kwargs={}, queue="engine")
        row.resend_at = resend_at
        row.created_at = hour_ago if name == "a" else hour_ago - timedelta(days=1)
        session.add(row)
    for project_status in (ProjectStatus.ACTIVE, ProjectStatus.PAUSED):
        project = Project(
            version=version,
            short_description="…",
            priority=1,
            task_class=TaskClass.REAL,
            project_data={},
            status=project_status,
            created_by="system",
        )
        session.add(project)
        session.flush()
        paused = project_status is ProjectStatus.PAUSED
        session.add(
            Task(
                project_id=project.id,
                step="crawl",
                is_human=False,
                status=TaskStatus.AWAITING_PROCESSING,
                created_at=hour_ago - timedelta(hours=5 if paused else 1),
            )
        )
    session.commit()
    state = client.get("/orchestra/status/ready").get_json()
    assert 3600 <= state["oldest_outbox_row_seconds"] < 3660
    assert 7200 <= state["oldest_waiting_machine_step_seconds"] < 7260
