"""Python client of the signed API (A-45 to A-51); needs ``requests`` and ``httpsig``, no server.

client = OrchestraClient("https://orchestra.example.org", key_id, secret)
project_id = client.create_project("simple_workflow", "v1", "A picture", 10, {}, "real")
client.project_information(project_id)["project"]["status"]
"""

import base64
import hashlib
import json
import os
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any
from urllib.parse import urlencode

import requests

with warnings.catch_warnings():
    # httpsig asks pkg_resources for its version, and that warns of its own end.
    warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
    from httpsig.requests_auth import HTTPSignatureAuth

Json = dict[str, Any]

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_KEY_ID = "orchestra-user"
PREFIX = "/orchestra/api/project/"
SIGNED_HEADERS: tuple[str, ...] = ("(request-target)", "host", "date", "digest")
RETRIES = 3
FIRST_PAUSE_SECONDS = 0.5


class OrchestraError(Exception):
    """The server refused, or could not be reached (``status`` None, ``kind`` unavailable)."""

    def __init__(
        self,
        message: str,
        *,
        kind: str,
        status: int | None = None,
        fields: Mapping[str, list[str]] | None = None,
        retry_after: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.status = status
        self.fields = dict(fields or {})
        self.retry_after = retry_after  # the header of the answer

    def __str__(self) -> str:
        fields = (f"{name}: {' '.join(texts)}" for name, texts in self.fields.items())
        return " ".join([self.message, *fields])

    @property
    def is_passing(self) -> bool:
        """Whether the same call may succeed in a moment: also while its first try still runs."""
        if self.status is None or self.status >= 500:
            return True
        return self.kind == "conflict" and self.retry_after is not None


class OrchestraClient:
    """A client system's access to Orchestra.

    :param url: base address; unset arguments are read from ``ORCHESTRA_URL``,
        ``ORCHESTRA_PROJECT_API_KEY`` and ``ORCHESTRA_PROJECT_API_SECRET``.
    :param timeout: seconds to wait for a connection, and for each answer.
    """

    def __init__(
        self,
        url: str | None = None,
        key_id: str | None = None,
        secret: str | None = None,
        timeout: float = 30,
    ) -> None:
        env = os.environ
        self.url = (url or env.get("ORCHESTRA_URL") or DEFAULT_URL).rstrip("/")
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"The address {self.url!r} must begin with http:// or https://.")
        key_id = key_id or env.get("ORCHESTRA_PROJECT_API_KEY") or DEFAULT_KEY_ID
        secret = secret or env.get("ORCHESTRA_PROJECT_API_SECRET")
        if not secret:
            raise ValueError("No secret: give `secret` or set ORCHESTRA_PROJECT_API_SECRET.")
        self.timeout = timeout
        self._key_id, self._secret = key_id, secret

    def create_project(
        self,
        workflow_slug: str,
        workflow_version_slug: str,
        description: str,
        priority: int,
        project_data: Mapping[str, Any],
        task_class: str,
        idempotency_key: str | None = None,
    ) -> int:
        """Start a project and return its id.

        It is tried again when the connection breaks, and still creates one project only.

        :param task_class: ``real`` or ``training``.
        :param idempotency_key: your own name for this call, to repeat it safely for 7 days.
        """
        body = {
            "workflow_slug": workflow_slug,
            "workflow_version_slug": workflow_version_slug,
            "description": description,
            "priority": priority,
            "project_data": dict(project_data),
            "task_class": task_class,
        }
        key = idempotency_key or uuid.uuid4().hex
        answer = self._call("POST", "create_project/", body, idempotency_key=key)
        project_id: int = answer["project_id"]
        return project_id

    def project_information(self, project_id: int) -> Json:
        """The project with its tasks, assignments and data."""
        return self._call("POST", "project_information/", {"project_id": project_id})

    def project_informations(self, project_ids: Sequence[int]) -> dict[int, Json]:
        """Up to 100 projects by id; unknown ids are left out."""
        body = {"project_ids": list(project_ids)}
        answer = self._call("POST", "project_information/", body)
        return {int(project_id): project for project_id, project in answer.items()}

    def workflow_types(self) -> Json:
        """``{"workflows": {slug: {"name", "description", "versions"}}}``."""
        return self._call("GET", "workflow_types/")

    def project_details_url(self, project_id: int) -> str:
        """The address of a project's page, for people who may see it."""
        answer = self._call("POST", "project_details_url/", {"project_id": project_id})
        url: str = answer["project_details_url"]
        return url

    def projects(self, **filters: Any) -> Iterator[Json]:
        """All projects that fit, the newest first, fetched page by page.

        :param filters: ``status`` (one or a list), ``workflow_slug``, ``workflow_version_slug``,
            ``task_class``, ``started_after``, ``started_before``, ``q``, ``limit`` (of a page).
        """
        while True:
            page = self._call("GET", "projects/", query=filters)
            yield from page["projects"]
            if page["next_cursor"] is None:
                return
            filters |= {"cursor": page["next_cursor"]}

    def events(self, after: str | None = None, **filters: Any) -> Iterator[Json]:
        """What happened since, in order, up to now; none is missed, none is told twice.

        :param after: ``cursor`` of the last event that you know; None: from the beginning.
        :param filters: ``project_id``, ``verb`` (one or a list), ``limit`` (of a page).
        """
        while True:
            page = self._call("GET", "events/", query={"after": after} | filters)
            yield from page["events"]
            if not page["events"]:
                return
            after = page["next"]

    def set_project_status(self, project_id: int, status: str) -> str:
        """Set it to ``Paused``, ``Active`` or ``Aborted``; the status that it has then."""
        body = {"project_id": project_id, "status": status}
        return str(self._change("set_project_status/", body)["status"])

    def assign_worker_to_task(self, task_id: int, worker: int | str) -> int:
        """Give a task that waits to a worker, by id or username; the id of the assignment."""
        field = "worker_id" if isinstance(worker, int) else "worker_username"
        answer = self._change("assign_worker_to_task/", {"task_id": task_id, field: worker})
        assignment_id: int = answer["assignment_id"]
        return assignment_id

    def message_project_team(self, project_id: int, message: str) -> None:
        """Write to everybody on a project; tried again, it is still one message."""
        body = {"project_id": project_id, "message": message}
        self._change("message_project_team/", body)

    def staff_task(self, task_id: int) -> int:
        """Look for somebody to do or review a task that waits; the id of the request."""
        return self._staff("staff_task/", {"task_id": task_id})

    def restaff_task(self, task_id: int, username: str) -> int:
        """Look for somebody to take a task over from this worker; the id of the request."""
        return self._staff("restaff_task/", {"task_id": task_id, "worker_username": username})

    def _staff(self, path: str, body: Json) -> int:
        request_id: int = self._change(path, body)["request_id"]
        return request_id

    def _change(self, path: str, body: Json) -> Json:
        """Tried again when the connection breaks, and still done once only."""
        return self._call("POST", path, body, idempotency_key=uuid.uuid4().hex)

    def _call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Json:
        content = b"" if body is None else json.dumps(body).encode()
        if query:
            path += f"?{_encoded(query)}"
        for retry in range(RETRIES if idempotency_key else 0):
            try:
                return self._answer(self._send(method, path, content, idempotency_key))
            except OrchestraError as error:
                if not error.is_passing:
                    raise
            time.sleep(FIRST_PAUSE_SECONDS * 2**retry)
        return self._answer(self._send(method, path, content, idempotency_key))

    def _send(
        self, method: str, path: str, content: bytes, idempotency_key: str | None
    ) -> requests.Response:
        """Each try is signed anew, with the date and the digest of now.

        The idempotency key is signed, too: two calls of one second are different calls by it.
        """
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        headers = {"Date": formatdate(usegmt=True), "Digest": f"SHA-256={digest}"}
        signed = SIGNED_HEADERS
        if content:
            headers["Content-Type"] = "application/json"
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
            signed += ("idempotency-key",)
        try:
            return requests.request(
                method,
                self.url + PREFIX + path,
                data=content,
                headers=headers,
                auth=self._signature_over(signed),
                timeout=self.timeout,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise OrchestraError(
                f"No answer from {self.url}: {error}", kind="unavailable"
            ) from error

    def _signature_over(self, headers: tuple[str, ...]) -> HTTPSignatureAuth:
        return HTTPSignatureAuth(
            key_id=self._key_id, secret=self._secret, algorithm="hmac-sha256", headers=headers
        )

    @staticmethod
    def _answer(response: requests.Response) -> Json:
        try:
            answer = response.json()
        except requests.JSONDecodeError:
            answer = None
        if response.status_code == 200 and isinstance(answer, dict):
            return answer
        problem = answer if isinstance(answer, dict) else {}
        unknown = (
            f"{response.url} answered with status {response.status_code} and no message of "
            "Orchestra. Is the address right?"
        )
        raise OrchestraError(
            problem.get("message") or unknown,
            kind=problem.get("error") or "internal",
            status=response.status_code,
            fields=problem.get("fields"),
            retry_after=response.headers.get("Retry-After"),
        )


def _encoded(query: Mapping[str, Any]) -> str:
    """Lists are given once for each entry, times as the server reads them; None is left out."""
    given = {}
    for name, value in query.items():
        values = value if isinstance(value, list | tuple | set) else [value]
        given[name] = [
            one.astimezone(UTC).isoformat() if isinstance(one, datetime) else one
            for one in values
            if one is not None
        ]
    return urlencode(given, doseq=True)


def create_orchestra_project(
    client: OrchestraClient | None,
    workflow_slug: str,
    workflow_version_slug: str,
    description: str,
    priority: int,
    project_data: Mapping[str, Any],
    task_class: str,
) -> int:
    """Start a project and return its id; ``client`` None: one from the environment."""
    return (client or OrchestraClient()).create_project(
        workflow_slug, workflow_version_slug, description, priority, project_data, task_class
    )


def get_project_information(project_id: int) -> Json:
    """As :meth:`OrchestraClient.project_information`, with a client from the environment."""
    return OrchestraClient().project_information(project_id)


def get_workflow_types() -> Json:
    """As :meth:`OrchestraClient.workflow_types`, with a client from the environment."""
    return OrchestraClient().workflow_types()
