"""The embedded broker (E-13)."""

import os
import signal
import stat
import subprocess
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from orchestra.cli import broker
from orchestra.config import Settings


@contextmanager
def running(settings):
    command, folder = broker.prepare(settings)
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
        broker.wait_until_ready(settings.broker_address())
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def settings(tmp_path):
    return Settings.from_env({}, data_dir=tmp_path)


def test_what_the_broker_holds_survives_a_kill_and_its_address_stays(settings):
    with running(settings):
        address = settings.broker_address()
        redis.Redis.from_url(address).rpush("machine", *range(500))

    with running(settings):
        assert settings.broker_address() == address
        assert redis.Redis.from_url(address).llen("machine") == 500


def test_only_who_reads_the_data_folder_gets_in(settings):
    with running(settings):
        port = urlsplit(settings.broker_address()).port
        with (
            redis.Redis(port=port, retry=Retry(NoBackoff(), 0)) as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.ping()

    for path in (settings.broker_address_file, settings.data_dir / "broker/valkey.conf"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_port_that_somebody_took_meanwhile_is_left_to_them(settings):
    with running(settings):
        first = settings.broker_address()
        broker.prepare(settings)
        assert settings.broker_address() != first


def test_the_broker_gives_nothing_up_when_memory_is_full(settings):
    with running(settings), redis.Redis.from_url(settings.broker_address()) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_a_stopped_broker_ends_by_itself(settings):
    with running(settings) as process:
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == 0
