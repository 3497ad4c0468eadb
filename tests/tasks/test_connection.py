"""How soon a lost broker is found again."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from kombu.exceptions import OperationalError

from orchestra.cli.broker import free_port
from orchestra.outbox import Dispatch, Job
from orchestra.tasks import celery
from orchestra.tasks.canvas import build


def test_a_lost_broker_is_asked_for_at_least_every_two_seconds(monkeypatch):
    """R-1: an outage of minutes is over when it is over, not half a minute later"""
    pauses = []
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda seconds: None)
    with (
        celery.connection_for_read(f"redis://127.0.0.1:{free_port()}/0") as connection,
        pytest.raises(OperationalError),
    ):
        connection.ensure_connection(lambda error, pause: pauses.append(pause), 9)

    assert pauses[:4] == [0.5, 1, 1.5, 2]
    assert max(pauses) == 2
    assert all(before <= after for before, after in pairwise(pauses))


def test_jobs_of_every_thread_go_to_the_broker_of_the_settings():
    """R-1: the threads in which the pages are answered did not know our application."""
    with ThreadPoolExecutor(1) as threads:
        job = threads.submit(build, Dispatch(Job.SWEEP, {}, "key", "engine")).result()
        found = threads.submit(lambda: job.app.conf.broker_transport_options).result()

    assert job.app == celery
    assert found == celery.conf.broker_transport_options
