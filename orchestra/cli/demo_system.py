"""The system that the demo shows: the one that answers, or one that the demo starts and stops."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from orchestra.cli.broker import free_port, write_private
from orchestra.cli.environment import environment
from orchestra.config import Settings
from orchestra.errors import Conflict, Unavailable

STATUS = "/orchestra/status/"
START_SECONDS = 90
STOP_SECONDS = 30
POLL_SECONDS = 0.2
EXTERNAL = ("ORCHESTRA_DATABASE_URL", "DATABASE_URL", "ORCHESTRA_BROKER_URL", "REDIS_URL")
KEY_FILE = "client_key.json"


def answers(url: str) -> bool:
    """Whether an Orchestra is there."""
    try:
        answer = requests.get(url + STATUS, timeout=5)
    except requests.RequestException:
        return False
    return answer.ok and answer.text.strip() == "OK"


def settings_to_start(settings: Settings) -> Settings:
    """The same data folder, a free port, and only the embedded database and broker."""
    port = free_port()
    child = {
        **environment(settings),
        **dict.fromkeys((*EXTERNAL, "ORCHESTRA_ALLOWED_HOSTS"), ""),
        "ORCHESTRA_WEB_HOST": "127.0.0.1",
        "ORCHESTRA_WEB_PORT": str(port),
        "ORCHESTRA_URL": f"http://127.0.0.1:{port}",
    }
    os.environ |= child  # for the commands that the demo runs against it, too
    return Settings.from_env(os.environ)


def up_command(settings: Settings) -> list[str]:
    return [
        "orchestra",
        "up",
        f"--data-dir={shown(settings.data_dir)}",
        f"--port={settings.web_port}",
        "--no-flower",
    ]


@contextmanager
def started(settings: Settings) -> Iterator[None]:
    """Run `orchestra up` for the time of the block; its log is a file in the data folder."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    log = settings.data_dir / "demo.log"
    wrapper = [sys.executable, "-m", "orchestra.cli.child", str(os.getpid())]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            wrapper + up_command(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # else a Ctrl-C would reach it, too
        ) as process,
    ):
        try:
            _wait_until_ready(process, settings, log)
            yield
        finally:
            _stop(process)


def _wait_until_ready(process: subprocess.Popen[bytes], settings: Settings, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers(settings.url):
        if process.poll() is not None:
            said = log.read_text(errors="replace").strip().splitlines()
            raise Unavailable(f"`orchestra up` did not start: {said[-1] if said else log}")
        if time.monotonic() > deadline:
            raise Unavailable(f"`orchestra up` is not ready after {START_SECONDS} s; see {log}.")
        time.sleep(POLL_SECONDS)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def run(*arguments: str) -> str:
    """What a command of ours prints; it sees the database of the settings.

    :raises Conflict: with what it said, if it failed.
    """
    command = [sys.executable, "-m", "orchestra.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip()
        raise Conflict(f"`orchestra {' '.join(arguments)}` failed: {said}")
    return done.stdout


def kept_key(settings: Settings) -> dict[str, str] | None:
    """The key of the settings, else the one beside the data."""
    if settings.project_api_secret:
        return {"key_id": settings.project_api_key, "secret": settings.project_api_secret}
    try:
        key: dict[str, str] = json.loads(key_file(settings).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return key


def key_file(settings: Settings) -> Path:
    return settings.data_dir / KEY_FILE


def new_key_command() -> tuple[str, ...]:
    return "api-key", "create", f"demo-{secrets.token_hex(3)}"


def make_key(settings: Settings, command: tuple[str, ...]) -> dict[str, str]:
    key: dict[str, str] = json.loads(run(*command))
    write_private(key_file(settings), json.dumps(key) + "\n")
    return key


def shown(path: Path) -> Path:
    """As short as it can be typed in this folder."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def connecting_code(settings: Settings, key_id: str) -> str:
    """What a reader types to get the same client; the secret itself is not shown."""
    if settings.project_api_secret:
        return (
            "import os\n"
            "from orchestra.client import OrchestraClient\n"
            f'client = OrchestraClient("{settings.url}", "{key_id}", '
            'os.environ["ORCHESTRA_PROJECT_API_SECRET"])'
        )
    return (
        "import json, pathlib\n"
        "from orchestra.client import OrchestraClient\n"
        f'key = json.loads(pathlib.Path("{shown(key_file(settings))}").read_text())\n'
        f'client = OrchestraClient("{settings.url}", **key)'
    )
