"""`orchestra up` as people run it: real processes, a real kill (X-29)."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestra.cli import Unusable, broker
from orchestra.cli.broker import free_port
from orchestra.cli.environment import gunicorn_command
from orchestra.cli.up import environment_of_parts, refuse_busy_port, start_broker
from orchestra.config import Settings
from orchestra.errors import Conflict

READY = "Orchestra is ready at"
# With the fault tests, one after the other: each starts many processes on few processors.
pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("faults")]


def environment(**more):
    kept = {name: text for name, text in os.environ.items() if not name.startswith("ORCHESTRA_")}
    kept.pop("DATABASE_URL", None)
    kept.pop("REDIS_URL", None)
    return kept | more


def command(data_dir, port, *more):
    return [sys.executable, "-m", "orchestra.cli", "up", f"--data-dir={data_dir}", f"--port={port}"]


@contextmanager
def up(data_dir, port, *more):
    with subprocess.Popen(
        [*command(data_dir, port), *more],
        cwd=data_dir.parent,  # not the folder of the program
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            wait_for(lambda: not running_in(data_dir))


def lines_until(process, text):
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if text in line:
            return lines
    raise AssertionError("ended without it:\n" + "\n".join(lines))


def running_in(data_dir):
    """Processes of one `orchestra up`, whoever their parent is by now, by their environment."""
    mark = f"ORCHESTRA_DATA_DIR={data_dir}\0".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except (OSError, UnicodeDecodeError):
            continue
    return found


def wait_for(condition: Callable[[], bool], seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_it_starts_anywhere_restarts_what_dies_and_stops_in_order(tmp_path):
    data_dir, port = tmp_path / "a folder", free_port()
    with up(data_dir, port) as process:
        started = "\n".join(lines_until(process, "Ctrl-C stops everything"))
        assert f"{READY} http://127.0.0.1:{port}" in started
        assert "Flower, the window on jobs: http://127.0.0.1:" in started
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/orchestra/status/") as answer:
            assert answer.read() == b"OK"

        second = subprocess.run(
            command(data_dir, free_port()), env=environment(), capture_output=True, text=True
        )
        assert second.returncode == 1
        assert f"process {process.pid} at http://127.0.0.1:{port}" in second.stderr

        (data_dir / ".worker.ready").unlink()
        worker = min(pid for pid, words in running_in(data_dir).items() if " worker " in words)
        os.kill(worker, signal.SIGKILL)
        lines_until(process, "worker ended (killed by SIGKILL); starting it again in 1 s")
        wait_for((data_dir / ".worker.ready").exists)

        process.send_signal(signal.SIGINT)
        stopped = "\n".join(lines_until(process, "Stopped."))
        assert process.wait(10) == 0
        order = ["scheduler, Flower and pages", "worker process", "Stopping: broker", "Stopped"]
        assert sorted(order, key=stopped.index) == order
        assert not running_in(data_dir)


def test_nothing_outlives_a_kill_and_the_next_start_takes_over(tmp_path):
    data_dir, port = tmp_path / "var", free_port()
    with up(data_dir, port, "--no-flower") as process:
        lines_until(process, READY)
        assert len(running_in(data_dir)) >= 6  # broker, 2 web, beat, worker and its pool

        process.kill()
        process.wait()

        wait_for(lambda: not running_in(data_dir))

    with up(data_dir, port, "--no-flower") as process:
        lines = lines_until(process, READY)
        assert not any("Loaded the workflow" in line for line in lines)


@pytest.mark.parametrize(
    ("variable", "address"),
    [
        ("ORCHESTRA_DATABASE_URL", "postgresql://user:hush-hush@127.0.0.1:1/none"),
        ("ORCHESTRA_BROKER_URL", "redis://user:hush-hush@127.0.0.1:1/0"),
    ],
)
def test_what_cannot_be_reached_is_named_without_its_password(variable, address, tmp_path):
    result = subprocess.run(
        command(tmp_path / "var", free_port()),
        env=environment(**{variable: address}),
        capture_output=True,
        text=True,
    )

    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert variable in line
    assert "user:***@127.0.0.1:1/" in line
    assert "hush-hush" not in result.stdout + result.stderr
    assert not running_in(tmp_path / "var")


def test_a_database_of_ones_own_must_be_migrated_first(tmp_path):
    """X-29, X-31"""
    result = subprocess.run(
        command(tmp_path / "var", free_port()),
        env=environment(ORCHESTRA_DATABASE_URL=f"sqlite:///{tmp_path}/mine.sqlite3"),
        capture_output=True,
        text=True,
    )

    assert result.returncode == 3
    assert "is not migrated here" in result.stdout
    assert f"no database at {tmp_path}/mine.sqlite3" in result.stderr
    assert result.stderr.endswith("`orchestra db upgrade` makes one.\n")


def test_a_broker_that_does_not_start_may_begin_anew(tmp_path, monkeypatch):
    """X-29, R-1: as when its file is damaged."""
    settings = Settings.from_env({}, data_dir=tmp_path)
    monkeypatch.setattr(broker, "START_SECONDS", 0)

    class Idle:
        def start(self, *_process):
            pass

    with pytest.raises(Unusable) as caught:
        start_broker(Idle(), settings)
    assert f"Its log is {tmp_path}/broker/valkey.log. While nothing runs" in str(caught.value)


def test_a_port_in_use_is_refused_with_a_way_out(tmp_path, monkeypatch):
    port = free_port()
    with subprocess.Popen([sys.executable, "-m", "http.server", str(port)]) as other:
        try:
            wait_for(lambda: answers(port))
            result = subprocess.run(
                [*command(tmp_path / "var", port), "--host=0.0.0.0"],
                env=environment(),
                capture_output=True,
                text=True,
            )
        finally:
            other.kill()

    assert result.returncode == 1
    assert "Choose another with --port" in result.stderr


def test_a_host_that_is_not_this_machine_is_told_as_the_host(tmp_path):
    """X-29: another port would be of no use."""
    settings = Settings.from_env({}, web_host="192.0.2.1", data_dir=tmp_path)

    with pytest.raises(Conflict) as caught:
        refuse_busy_port(settings)
    assert str(caught.value) == (
        "ORCHESTRA_WEB_HOST: 192.0.2.1:8000 cannot be used (Cannot assign requested address). "
        "Choose another with --host."
    )


def answers(port):
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/").close()
    except OSError:
        return False
    return True


def test_modules_of_the_folder_it_is_started_in_are_not_taken_for_ours(tmp_path):
    """X-29: another project may have its own Celery settings and web process there."""
    settings = Settings.from_env({}, data_dir=tmp_path / "var")
    for name in ("celeryconfig", "wsgi"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('This is another project.')\n")
    for name in ("click", "flask", "redis"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('This is another library.')\n")
    queues = "from orchestra.tasks import celery; print(len(celery.conf.task_queues))"
    child = ["-m", "orchestra.cli.child", str(os.getpid()), "orchestra", "settings"]

    assert in_folder(tmp_path, settings, [sys.executable, *child]).returncode == 0
    assert in_folder(tmp_path, settings, [sys.executable, "-c", queues]).stdout == "4\n"
    for name in ("click", "flask", "redis"):  # Gunicorn looks there before all other places
        (tmp_path / f"{name}.py").unlink()
    check = [*gunicorn_command(settings)[:-1], "--check-config", gunicorn_command(settings)[-1]]
    assert in_folder(tmp_path, settings, check).returncode == 0


def in_folder(folder, settings, command):
    env = environment() | environment_of_parts(settings, None)
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)


def test_the_parts_come_to_the_settings_of_the_whole(tmp_path, monkeypatch):
    """E-1, X-29: in a folder with a comma in its name, which no list can hold, too."""
    folder = tmp_path / "Проекты, 2025 (100% #1?)"
    (folder / "workflows").mkdir(parents=True)
    (folder / "our.env").write_text("ORCHESTRA_FLOWER_URL=https://flower.example.org\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ORCHESTRA_CONFIG_FILE", "our.env")
    for flower_url in ("https://flower.example.org", ""):
        whole = Settings.from_env()
        parts = Settings.from_env(environment_of_parts(whole, 5555))
        assert parts.workflow_dirs == whole.workflow_dirs == (folder / "workflows",)
        assert parts.data_dir == whole.data_dir == folder / "var"
        assert (parts.database_url, parts.url) == (whole.database_url, whole.url)
        assert parts.flower_url == (flower_url or "http://127.0.0.1:5555")
        monkeypatch.delenv("ORCHESTRA_CONFIG_FILE", raising=False)
