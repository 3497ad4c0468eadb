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
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from typing import Any

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
        return self._call("POST", "project_information/", {"project_id": project_id})

    def project_informations(self, project_ids: Sequence[int]) -> dict[int, Json]:
        """Up to 100 projects by id; unknown ids are left out."""
        body = {"project_ids": list(project_ids)}
        answer = self._call("POST", "project_information/", body)
        return {int(project_id): project for project_id, project in answer.items()}

    def workflow_types(self) -> Json:
        """``{"workflows": {slug: {"name", "description", "versions"}}}``."""
        return self._call("GET", "workflow_types/")

    def message_project_team(self, project_id: int, message: str) -> None:
        """Write to everybody on a project; tried again, it is still one message."""
        body = {"project_id": project_id, "message": message}
        self._call("POST", "message_project_team/", body, idempotency_key=uuid.uuid4().hex)

    def staff_task(self, task_id: int) -> int:
        """Look for somebody to do or review a task that waits; the id of the request."""
        return self._staff("staff_task/", {"task_id": task_id})

    def restaff_task(self, task_id: int, username: str) -> int:
        """Look for somebody to take a task over from this worker; the id of the request."""
        return self._staff("restaff_task/", {"task_id": task_id, "worker_username": username})

    def _staff(self, path: str, body: Json) -> int:
        answer = self._call("POST", path, body, idempotency_key=uuid.uuid4().hex)
        request_id: int = answer["request_id"]
        return request_id

    def _call(
        self, method: str, path: str, body: Json | None = None, idempotency_key: str | None = None
    ) -> Json:
        content = b"" if body is None else json.dumps(body).encode()
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
        raise OrchestraError(
            problem.get("message") or f"Unexpected answer with status {response.status_code}.",
            kind=problem.get("error") or "internal",
            status=response.status_code,
            fields=problem.get("fields"),
            retry_after=response.headers.get("Retry-After"),
        )


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
    return OrchestraClient().project_information(project_id)


def get_workflow_types() -> Json:
    return OrchestraClient().workflow_types()
