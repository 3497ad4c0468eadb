"""Signed API calls a second over HTTP, beside a bare Flask view with one SELECT."""

import base64
import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.utils import formatdate
from http.client import HTTPConnection

from httpsig import HeaderSigner

from bench.ours import Orchestra
from bench.shapes import Shape
from orchestra.cli.broker import free_port
from orchestra.cli.environment import gunicorn_command
from orchestra.database import transaction
from orchestra.domain import keys
from orchestra.domain.audit import SYSTEM

PROCESSES = "2"  # of Gunicorn, which has 8 threads in each
CONNECTIONS = 8
PREFIX = "/orchestra/api/project"
SIGNED = ("(request-target)", "host", "date", "digest")
ONE_STEP = Shape("one-step", "one step", (1,))
CREATE, INFORM, BARE = "create_project", "project_information", "bare Flask view"
START_SECONDS = 60


def measure(bench, database):
    """Calls and seconds of each kind, by round. No worker process runs meanwhile."""
    bench.stop_contenders()
    ports = {"ours": free_port(), "bare": free_port()}
    ours = Orchestra(
        bench.servers,
        "web",
        database,
        ORCHESTRA_WEB_PORT=str(ports["ours"]),
        ORCHESTRA_API_REQUESTS_PER_MINUTE="0",
        WEB_CONCURRENCY=PROCESSES,
    )
    ours.launch("web", "web")
    command = gunicorn_command(replace(ours.settings, web_port=ports["bare"]))
    ours.processes["bare"] = bench.servers.launch(
        f"{ours.name}-bare", [*command[:-1], "bench.view:app"], env=ours.env
    )
    try:
        return _measured(bench, ours, ports)
    finally:
        ours.stop()


def _measured(bench, ours, ports):
    slug = ours.workflow(ONE_STEP)
    project_id = ours.create(slug)
    with ours.app.app_context(), transaction() as session:
        _key, secret = keys.create_key(session, SYSTEM, "bench", label="")
    caller = Caller(ports["ours"], secret)
    for port in ports.values():
        _wait_for(port)
    calls = 200 if bench.quick else 1000
    kinds = {
        CREATE: lambda number: caller.signed(CREATE, _new_project(slug, number)),
        INFORM: lambda _: caller.signed(INFORM, {"project_id": project_id}),
        BARE: lambda _: ("GET", f"/{project_id}", b"", {}),
    }
    results = {kind: [] for kind in kinds}
    for number in range(-1, bench.rounds):  # the first one warms up
        for kind, make in kinds.items():
            requests = [make(f"{number}-{call}") for call in range(calls)]
            seconds = _send_all(ports["bare" if kind == BARE else "ours"], requests)
            if number >= 0:
                results[kind].append({"calls": calls, "seconds": seconds})
    return results


def _new_project(slug, number):
    return {
        "workflow_slug": slug,
        "workflow_version_slug": "v1",
        "description": f"Project {number}",
        "priority": 0,
        "project_data": {},
        "task_class": "real",
    }


class Caller:
    """Signs requests before the clock runs: what a client spends is not the server's."""

    def __init__(self, port, secret):
        self.host = f"127.0.0.1:{port}"
        self.signer = HeaderSigner("bench", secret, "hmac-sha256", SIGNED)

    def signed(self, name, body):
        path, content = f"{PREFIX}/{name}/", json.dumps(body).encode()
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        headers = {
            "Host": self.host,
            "Date": formatdate(usegmt=True),
            "Digest": f"SHA-256={digest}",
            "Content-Type": "application/json",
        }
        return "POST", path, content, self.signer.sign(headers, method="POST", path=path)


def _send_all(port, requests):
    """Send requests over several connections at once; the seconds it took."""
    shares = [requests[start::CONNECTIONS] for start in range(CONNECTIONS)]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        began = time.perf_counter()
        list(pool.map(lambda share: _send(port, share), shares))
        return time.perf_counter() - began


def _send(port, requests):
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    for method, path, content, headers in requests:
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise ValueError(f"{path} answered {response.status}: {answer[:300]!r}")
    connection.close()


def _wait_for(port):
    deadline = time.monotonic() + START_SECONDS
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
