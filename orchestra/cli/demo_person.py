"""The person of the demo: signs in and works through the JSON API of the pages, as a browser would.

Unlike the client, which needs a key, a person has a session (interface.md N-1 to N-7).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from bs4 import BeautifulSoup

from orchestra.errors import Conflict, OrchestraError, Unavailable

SIGN_IN = "/orchestra/accounts/login/"
DASHBOARD = "/orchestra/app"
INTERFACE = "/orchestra/api/interface/"
TIMEOUT_SECONDS = (5, 15)


class Person:
    def __init__(self, url: str, username: str, password: str) -> None:
        self.username = username
        self._url = url
        self._password = password
        self._http = requests.Session()

    def sign_in(self) -> bool:
        """Whether name and password are accepted."""
        with _reachable(self._url):
            token = _csrf_token(self._get(SIGN_IN))
            form = {
                "username": self.username,
                "password": self._password,
                "csrf_token": token,
            }
            headers = {"X-CSRF-Token": token, "Referer": self._url + SIGN_IN}
            self._http.post(
                self._url + SIGN_IN, data=form, headers=headers, timeout=TIMEOUT_SECONDS
            )
            return not self._get(DASHBOARD).url.partition("?")[0].endswith(SIGN_IN)

    def pick_up(self) -> int | None:
        """Press "New delivery task": the id of a task, or None if none is waiting."""
        with _reachable(self._url):
            answer = self._post("new_task_assignment/entry_level/", {})
        if answer.status_code == requests.codes.not_found:
            return None
        return int(_read(answer)["id"])

    def information(self, task_id: int) -> dict[str, Any]:
        with _reachable(self._url):
            return _read(
                self._http.get(
                    f"{self._url}{INTERFACE}task_assignment_information/",
                    params={"task_id": task_id},
                    timeout=TIMEOUT_SECONDS,
                )
            )

    def submit(self, information: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        body = {
            "task_id": information["task_id"],
            "task_data": data,
            "command_type": "submit",
            "revision": information["revision"],
        }
        with _reachable(self._url):
            return _read(self._post("submit_task_assignment/", body))

    def _get(self, path: str) -> requests.Response:
        return self._http.get(self._url + path, timeout=TIMEOUT_SECONDS)

    def _post(self, path: str, body: dict[str, Any]) -> requests.Response:
        headers = {
            "X-CSRF-Token": _csrf_token(self._get(DASHBOARD)),
            "Referer": self._url + DASHBOARD,
        }
        return self._http.post(
            f"{self._url}{INTERFACE}{path}", json=body, headers=headers, timeout=TIMEOUT_SECONDS
        )


@contextmanager
def _reachable(url: str) -> Iterator[None]:
    try:
        yield
    except requests.RequestException as error:
        raise Unavailable(f"{url} does not answer: {error}") from error


def _csrf_token(page: requests.Response) -> str:
    """The token that every page carries (N-3)."""
    meta = BeautifulSoup(page.text, "html.parser").find("meta", attrs={"name": "csrf-token"})
    if meta is None:
        raise Unavailable(f"{page.url} answered with status {page.status_code}, not with our page.")
    return str(meta["content"])


def _read(answer: requests.Response) -> dict[str, Any]:
    """:raises OrchestraError: the system refused; in its own words."""
    try:
        body: dict[str, Any] = answer.json()
    except requests.JSONDecodeError as error:
        raise Unavailable(f"{answer.url} answered with status {answer.status_code}.") from error
    if answer.ok:
        return body
    message = str(body.get("message", answer.reason))
    if answer.status_code == requests.codes.conflict:
        raise Conflict(message, fields=body.get("fields"))
    raise OrchestraError(message, fields=body.get("fields"))
