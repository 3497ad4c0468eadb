"""The process group: real processes, real signals (X-29)."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestra.cli.supervisor import Supervisor

PYTHON = sys.executable
SLEEPER = [PYTHON, "-c", "import time; time.sleep(600)"]
STUBBORN = [
    PYTHON,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True);"
    "time.sleep(600)",
]


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def supervisor():
    group = Supervisor(os.environ)
    yield group
    group.kill()


def test_lines_of_a_process_carry_its_name(supervisor, capfd):
    process = supervisor.start("web", [PYTHON, "-c", "print('hello')"])

    assert process.wait(10)
    assert "web    | hello" in capfd.readouterr().out


def test_a_process_that_dies_is_reported_and_started_again_later_each_time(supervisor, capfd):
    process = supervisor.start("beat", [PYTHON, "-c", "raise SystemExit(7)"])
    assert process.wait(10)

    supervisor.look_after()
    assert process.start_at is not None
    assert "beat ended (exit code 7); starting it again in 1 s" in capfd.readouterr().out

    process.start_at = 0
    supervisor.look_after()
    assert process.wait(10)
    supervisor.look_after()
    assert "starting it again in 2 s" in capfd.readouterr().out


def test_a_process_that_does_not_listen_is_killed_when_patience_ends(supervisor, capfd):
    process = supervisor.start("web", STUBBORN)
    wait_for(lambda: "deaf" in capfd.readouterr().out)

    supervisor.stop("web", patience=0.2)

    assert process.running.returncode == -signal.SIGKILL


def test_asking_again_does_not_wait_for_the_work(supervisor, capfd):
    process = supervisor.start("worker", STUBBORN)
    wait_for(lambda: "deaf" in capfd.readouterr().out)
    supervisor.stops = 2

    supervisor.stop("worker", patience=None)

    assert process.running.returncode == -signal.SIGQUIT


def test_no_process_outlives_a_supervisor_that_was_killed():
    script = (
        "import os, time; from orchestra.cli.supervisor import Supervisor\n"
        f"group = Supervisor(os.environ)\nprocess = group.start('one', {SLEEPER!r})\n"
        "print(process.running.pid, flush=True)\ntime.sleep(600)"
    )
    with subprocess.Popen([PYTHON, "-c", script], stdout=subprocess.PIPE) as parent:
        child = int(parent.stdout.readline())
        wait_for(lambda: "time.sleep" in Path(f"/proc/{child}/cmdline").read_text())

        parent.kill()

        wait_for(lambda: not is_running(child))
