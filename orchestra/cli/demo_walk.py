"""The simple workflow, told call by call: a client's part, a machine's and a person's."""

import json
import time
from dataclasses import dataclass
from typing import Any

from orchestra import client as api
from orchestra.cli import demo_system as system
from orchestra.cli.demo_person import Person
from orchestra.cli.demo_story import Story
from orchestra.config import Settings
from orchestra.errors import Conflict, Unavailable

WORKFLOW, VERSION = "simple_workflow", "v1"
DEMO = "demo"  # name and public password of the workflow's sample person
GALLERY = "/orchestra/gallery/"
RATING = "5"
LOOK_SECONDS = 2
QUICK_LOOK_SECONDS = 0.2
PATIENCE_SECONDS = 45
OVER = ("Failed", "Aborted", "Skipped")

INTRODUCTION = """\
It has two steps:
  crawl   a machine step: a Python function looks for an image on a web page
  rate    a human step: a person rates the image that was found"""
YOUR_TURN = """\
It is your turn:
  1. Open {url}/orchestra/app and sign in as demo with the password demo.
  2. Press "New delivery task".
  3. Rate the image and submit. If the task belongs to another project (look at its name), do that
     one first and press the button again.
Looking every {seconds} s whether it is done. Ctrl+C ends the walk-through."""


@dataclass
class Walk:
    """One project from its creation to its rating."""

    settings: Settings
    story: Story
    page: str
    unattended: bool

    def __post_init__(self) -> None:
        self.person = Person(self.settings.url, DEMO, DEMO)

    def go(self) -> None:
        self.story.heading("The simple workflow, step by step")
        self.story.say(INTRODUCTION)
        if not self.unattended:
            self.story.ask("Go on?")
        self.client = self.connected_client()
        self.load_if_missing()
        self.project_id = self.create_project()
        self.follow_the_crawl()
        self.have_it_rated()
        self.conclude()

    def connected_client(self) -> api.OrchestraClient:
        """A client with a key that the system knows; one is made if none is."""
        self.story.heading("1. A client and its key")
        self.story.say("Other programs send signed calls; the key is in the settings or in a file.")
        key = system.kept_key(self.settings)
        if key is None or not self._is_known(key):
            command = system.new_key_command()
            self.story.command(f"orchestra {' '.join(command)}")
            key = system.make_key(self.settings, command)
        self.story.call(system.connecting_code(self.settings, key["key_id"]))
        return self._client(key)

    def _client(self, key: dict[str, str]) -> api.OrchestraClient:
        return api.OrchestraClient(self.settings.url, key["key_id"], key["secret"])

    def _is_known(self, key: dict[str, str]) -> bool:
        try:
            self._client(key).workflow_types()
        except api.OrchestraError as error:
            if error.kind != "unauthenticated" or self.settings.project_api_secret:
                raise
            return False
        return True

    def load_if_missing(self) -> None:
        self.story.heading("2. The workflow and its people")
        workflows = self.client.workflow_types()["workflows"]
        if VERSION not in workflows.get(WORKFLOW, {}).get("versions", {}):
            self._run("workflows", "load", f"{WORKFLOW}/{VERSION}")
            workflows = self.client.workflow_types()["workflows"]
        self.story.call(f'client.workflow_types()["workflows"]["{WORKFLOW}"]', workflows[WORKFLOW])
        if not self.person.sign_in():
            self._run("workflows", "load-sample-data", f"{WORKFLOW}/{VERSION}")
            if not self.person.sign_in():
                raise Conflict(f"{DEMO} cannot sign in with the password {DEMO}.")

    def _run(self, *command: str) -> None:
        self.story.command(f"orchestra {' '.join(command)}")
        self.story.say(system.run(*command).strip())

    def create_project(self) -> int:
        self.story.heading("3. A project")
        project_id: int = self.client.create_project(
            WORKFLOW,
            VERSION,
            description="Rate a picture",
            priority=10,
            project_data={"url": self.page},
            task_class="real",
        )
        code = (
            "project_id = client.create_project(\n"
            f'    "{WORKFLOW}",\n'
            f'    "{VERSION}",\n'
            '    description="Rate a picture",\n'
            "    priority=10,\n"
            f"    project_data={json.dumps({'url': self.page})},\n"
            '    task_class="real",\n'
            ")\n"
            "project_id"
        )
        self.story.call(code, project_id)
        self.story.say("The call does not wait: a worker process looks for the image meanwhile.")
        return project_id

    def follow_the_crawl(self) -> None:
        self.story.heading("4. The machine step")
        crawl = self._wait_for("crawl", "Complete", PATIENCE_SECONDS, QUICK_LOOK_SECONDS)
        self._show_task("crawl", crawl)
        if crawl["latest_data"].get("image") is None:
            self.story.say("No image was found, so the person is told why and asked for no rating.")
        rate = self._wait_for("rate", "Awaiting Processing", PATIENCE_SECONDS, QUICK_LOOK_SECONDS)
        self._show_task("rate", rate)
        self.rate_id = rate["id"]

    def _show_task(self, step: str, task: dict[str, Any]) -> None:
        self.story.say(f"{step} is {task['status']}.")
        for part in ("status", "latest_data"):
            if task[part] is not None:
                code = f'client.project_information(project_id)["tasks"]["{step}"]["{part}"]'
                self.story.call(code, task[part])

    def _wait_for(
        self, step: str, status: str, patience_seconds: float, look_seconds: float
    ) -> dict[str, Any]:
        deadline = time.monotonic() + patience_seconds
        while True:
            tasks = self.client.project_information(self.project_id)["tasks"]
            task: dict[str, Any] = tasks.get(step, {"status": "not there yet"})
            if task["status"] == status:
                return task
            where = f"{self.settings.url}/orchestra/app/project/{self.project_id}"
            if task["status"] in OVER:
                raise Conflict(f"{step} is {task['status']}; see {where}")
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"{step} is still {task['status']} after {patience_seconds:g} s. "
                    "`orchestra doctor` says whether a worker process runs."
                )
            time.sleep(look_seconds)

    def have_it_rated(self) -> None:
        self.story.heading("5. The human step")
        if self.unattended:
            self.story.say("Acting as demo through the calls of the pages.")
            self._work_until_rated()
            return
        self.story.say(YOUR_TURN.format(url=self.settings.url, seconds=LOOK_SECONDS))
        self._wait_for("rate", "Complete", float("inf"), LOOK_SECONDS)

    def _work_until_rated(self) -> None:
        """Take tasks until ours has come; those of projects that waited longer come first."""
        while True:
            task_id = self.person.pick_up()
            if task_id is None:
                raise Conflict("Somebody else took the task of the demo.")
            self._rate(self.person.information(task_id))
            if task_id == self.rate_id:
                return

    def _rate(self, task: dict[str, Any]) -> None:
        step, project = task["step"]["slug"], task["project"]["id"]
        if (task["workflow"]["slug"], step) != (WORKFLOW, "rate"):
            raise Conflict(
                f"demo got the task {task['task_id']} ({step}) of another workflow. Finish it at "
                f"{self.settings.url}/orchestra/app/task/{task['task_id']} and start again."
            )
        found = task["prerequisites"].get("crawl", {}).get("image")
        self.person.submit(task, {"rating": RATING} if found else {})
        waited = "" if project == self.project_id else ", which waited longer"
        self.story.say(f"demo pressed New delivery task and rated project {project}{waited}.")

    def conclude(self) -> None:
        self.story.heading("6. The result")
        rate = self._wait_for("rate", "Complete", PATIENCE_SECONDS, QUICK_LOOK_SECONDS)
        rating = (rate["latest_data"] or {}).get("rating")
        self.story.say(f"The rating is {rating} of 5." if rating else "Nothing was there to rate.")
        information = self.client.project_information(self.project_id)
        self.story.call("client.project_information(project_id)", information)
