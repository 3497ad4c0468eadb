"""The people of the newsroom at work, through the JSON API of the pages (X-23, X-27)."""

import re

import requests
from journalism_workflow.v1.sample_data import PEOPLE

from tests import photographs

PLAN = {
    "who": "Captain Ines Alvarez and her passengers",
    "what": "The harbour ferry makes its last trip before the new bridge opens.",
    "when": "Saturday, at sunset",
    "where": "Pier 3, Old Harbour",
    "notes": "Ask the captain what she will do with her Sundays. Photograph the ship, the people, "
    "and a detail.",
}
HEADLINE = "One last time across the water"
PHOTOS = {
    "ferry.jpg": photographs.ferry,
    "passengers.jpg": photographs.passengers,
    "life-ring.jpg": photographs.life_ring,
}
CAPTIONS = {
    "ferry.jpg": "The ferry leaves Pier 3 for the last time.",
    "passengers.jpg": "They have come to wave, as their grandparents did.",
    "life-ring.jpg": "Never used in forty years: the life ring at the bow.",
}


class Member:
    """One of the six people, signed in."""

    PREFIX = "/orchestra/api/interface/"

    def __init__(self, url, username):
        self.username, self.url, self.http = username, url, requests.Session()
        password = PEOPLE[username][0]
        self._learn_token("/orchestra/accounts/login/")
        form = {"username": username, "password": password, "csrf_token": self.token}
        self.http.post(f"{url}/orchestra/accounts/login/", data=form, headers=self._headers())
        self._learn_token("/orchestra/app")

    def pick_up(self, role="entry_level"):
        """Press the button: the id of a task."""
        return self.call(f"new_task_assignment/{role}/")["id"]

    def try_to_pick_up(self, role="entry_level"):
        """The id of a task, or None if none waits."""
        answer = self._post(f"new_task_assignment/{role}/", json={})
        return None if answer.status_code == requests.codes.not_found else _read(answer)["id"]

    def look_at(self, task_id):
        path = f"{self.PREFIX}task_assignment_information/?task_id={task_id}"
        return _read(self.get(path))

    def comments_on(self, task_id):
        return [past["comment"] for past in self.look_at(task_id)["history"]]

    def hand_over(self, task_id, data=None, command="submit", comment=None):
        task = self.look_at(task_id)
        return self.call(
            "submit_task_assignment/",
            task_id=task_id,
            task_data=task["task"]["data"] if data is None else data,
            command_type=command,
            revision=task["revision"],
            comment=comment,
        )

    def upload(self, task_id, folder, name, content):
        body = {"task_id": task_id, "folder": folder}
        _read(self._post("files/", data=body, files={"file": (name, content)}))

    def write(self, document, text):
        """Replace the text of a document that is edited in the app."""
        address = f"{self.url}{self.PREFIX}documents/{document}/"
        revision = _read(self.http.get(address))["revision"]
        body = {"text": text, "revision": revision}
        _read(self.http.put(address, json=body, headers=self._headers()))

    def call(self, path, **body):
        return _read(self._post(path, json=body))

    def get(self, path):
        return self.http.get(f"{self.url}{path}")

    def _post(self, path, **sent):
        return self.http.post(f"{self.url}{self.PREFIX}{path}", headers=self._headers(), **sent)

    def _headers(self):
        return {"X-CSRF-Token": self.token, "Referer": self.url}

    def _learn_token(self, path):
        page = self.http.get(f"{self.url}{path}").text
        self.token = re.search(r'<meta name="csrf-token" content="([^"]+)"', page)[1]


def _read(answer):
    assert answer.ok, answer.text
    return answer.json()


def captioned(photos, captions=CAPTIONS):
    """What the copy editor hands over about the adjusted photos."""
    return [{"src": photo["src"], "caption": captions[photo["name"]]} for photo in photos]
