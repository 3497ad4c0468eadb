"""A real browser, and real systems for it to visit."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect, sync_playwright

from orchestra.client import OrchestraClient
from orchestra.domain import projects
from orchestra.domain.audit import Actor
from orchestra.models import Role, TaskClass
from tests.builders import step
from tests.serving import serving_app
from tests.web.conftest import form_step

SHOTS = Path(__file__).parent / "shots"
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 320, "height": 640}
# A hand that is quicker than a page's scripts meets the plain form, which works, too, but answers
# with the browser's words. Tests of it say so; in the others a press waits as most people do.
WAIT_FOR_SCRIPTS = """
const hold = () => { if (document.documentElement) document.documentElement.inert = true; };
const waiting = new MutationObserver(hold);
waiting.observe(document, { childList: true });
hold();
document.addEventListener("DOMContentLoaded", () => {
  waiting.disconnect();
  document.documentElement.inert = false;
});
"""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Under xdist all of them run in one process: they share the browser and the system."""
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def chromium():
    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path, "Chromium is missing: make test installs it."
    expect.set_options(timeout=15_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


class Visit:
    """One person at one browser; what the browser complains about fails the test."""

    def __init__(self, chromium, url, options, *, waits_for_scripts=True):
        self.url = url
        self.context = chromium.new_context(
            **({"viewport": DESKTOP, "reduced_motion": "reduce"} | options)
        )
        if waits_for_scripts:
            self.context.add_init_script(WAIT_FOR_SCRIPTS)
        self.page = self.context.new_page()
        self.complaints = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._listen)
        self.page.on("request", self._watch)

    def _listen(self, message):
        # A refused call is shown by the page itself; the browser's own line about it is not news.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def _watch(self, request):
        """No page asks another host for anything (W-1)."""
        if not request.url.startswith((f"{self.url}/", "data:", "blob:")):
            self.complaints.append(f"asked another host: {request.url}")

    def sign_in(self, username, password=None):
        self.page.goto(f"{self.url}/orchestra/app")
        self.page.get_by_label("User name or e-mail").fill(username)
        self.page.get_by_label("Password").fill(password or username)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", level=1)).to_contain_text("Good")
        return self.page

    def shot(self, name):
        """A picture to be looked at; the folder is not kept in git."""
        SHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    def check(self):
        """No sideways scrolling (W-4), and nothing that the automatic check finds (W-5)."""
        page = self.page
        page.wait_for_load_state()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        seen = page.viewport_size
        page.set_viewport_size({"width": seen["width"], "height": 2400})  # the bar covers nothing
        page.context.new_cdp_session(page).send("Runtime.evaluate", {"expression": AXE})
        found = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)["violations"]
        nodes = [(rule["id"], node["html"]) for rule in found for node in rule["nodes"]]
        page.set_viewport_size(seen)
        assert nodes == []


@pytest.fixture
def visiting(chromium):
    """Open a browser for a person: ``visiting(url, color_scheme="dark")``."""
    visits = []

    def opened(url, *, waits_for_scripts=True, **options):
        visits.append(Visit(chromium, url, options, waits_for_scripts=waits_for_scripts))
        return visits[-1]

    yield opened
    for visit in visits:
        visit.context.close()
        assert visit.complaints == []


@pytest.fixture
def served(app):
    """The address of the application of this test, served to browsers."""
    with serving_app(app) as url:
        yield url


@pytest.fixture(params=["sqlite"], scope="session")
def database_url(tmp_path_factory):
    """The browser does not see which database it is."""
    return f"sqlite:///{tmp_path_factory.mktemp('database')}/test.sqlite3"


@pytest.fixture
def version(make, session):
    """A workflow with a reviewed step; ana writes, ben reviews, and a project of it runs."""
    reporting = form_step(
        "reporting",
        name="Reporting",
        description="Report what happened.",
        required_certifications=["reporter"],
    )
    version = make.version(
        reporting, step("photos", "reporting"), certifications=["reporter"], slug="journalism"
    )
    ana = make.worker("ana", first_name="Ana", password="ana")
    ben = make.worker("ben", first_name="Ben", password="ben")
    certification = version.workflow.certifications[0]
    make.grant(ana, certification)
    make.grant(ben, certification, Role.REVIEWER)
    start(session, make.admin("mia"))
    session.commit()
    return version


def start(session, admin, description="The Pope in New York"):
    return projects.create_project(
        session,
        Actor.of(admin),
        workflow_slug="journalism",
        version_slug="v1",
        short_description=description,
        priority=10,
        task_class=TaskClass.REAL,
        project_data={},
    )


class Running:
    """What `orchestra up` runs, on a folder of its own."""

    def __init__(self, folder, port):
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder
        command = [sys.executable, "-m", "orchestra.cli", "up", "--no-flower"]
        command += ["--port", str(port), "--data-dir", str(folder)]
        kept = {k: v for k, v in os.environ.items() if not k.startswith("ORCHESTRA_")}
        self.log = (folder / "up.log").open("w")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env=kept)

    def wait(self):
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if requests.get(f"{self.url}/orchestra/status/ready", timeout=5).ok:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.2)
        raise AssertionError((self.folder / "up.log").read_text())

    @property
    def client(self):
        key = json.loads((self.folder / "client_key.json").read_text())
        return OrchestraClient(self.url, key["key_id"], key["secret"])

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)
        self.log.close()


@pytest.fixture(scope="session")
def system(tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = Running(tmp_path_factory.mktemp("orchestra-up"), port)
    try:
        running.wait()
        yield running
    finally:
        running.stop()
