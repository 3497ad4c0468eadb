"""`orchestra demo simple` as people run it: real processes, real pages (X-9 to X-13)."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestra.cli import demo_system, main
from orchestra.cli.broker import free_port
from orchestra.cli.demo_person import Person
from orchestra.cli.demo_story import Story
from orchestra.cli.demo_system import connecting_code, kept_key
from orchestra.client import OrchestraClient
from orchestra.config import Settings
from tests.builders import own

READY = "Orchestra is ready at"
pytestmark = pytest.mark.xdist_group("demo")  # one running system for all of them
COMMAND = [sys.executable, "-m", "orchestra.cli"]


def environment(data_dir, port):
    kept = {name: text for name, text in os.environ.items() if not name.startswith("ORCHESTRA_")}
    return {name: text for name, text in kept.items() if name not in demo_system.EXTERNAL} | {
        "ORCHESTRA_DATA_DIR": str(data_dir),
        "ORCHESTRA_WEB_PORT": str(port),
    }


class Instance:
    """A running `orchestra up`, and the demo on it."""

    def __init__(self, data_dir):
        self.port = free_port()
        self.environment = environment(data_dir, self.port)
        self.settings = Settings.from_env(self.environment)
        self.url = self.settings.url

    def demo(self, *options, **more):
        return subprocess.run(
            [*COMMAND, "demo", "simple", *options],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            **more,
        )

    @contextmanager
    def demo_with_a_person(self):
        """The interactive demo, after "Go on?" was answered."""
        with subprocess.Popen(
            [*COMMAND, "demo", "simple"],
            env=self.environment | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                process.stdin.write("y\n")
                process.stdin.flush()
                yield process
            finally:
                process.kill()

    def client(self):
        return OrchestraClient(self.url, **kept_key(self.settings))


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    instance = Instance(folder / "var")
    with subprocess.Popen(
        [*COMMAND, "up", "--no-flower"],
        env=instance.environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if READY in line:
                break
        assert READY in lines[-1], "".join(lines)
        yield instance
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def said_until(process, text):
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError("ended without it:\n" + "".join(lines))


def sources(transcript):
    """The Python statements of the transcript, as a reader would copy them."""
    found = []
    for line in transcript.splitlines():
        prompt, text = line[2:6], line[6:]
        if prompt == ">>> ":
            found.append(text)
        elif prompt in ("... ", "..."):
            found[-1] += "\n" + text
    return found


def wait_for_the_crawl(client, project_id):
    deadline = time.monotonic() + 30
    while "rate" not in client.project_information(project_id)["tasks"]:
        assert time.monotonic() < deadline, "the crawl takes too long"
        time.sleep(0.1)


def final_json(transcript):
    last = sources(transcript)[-1]
    lines = transcript.split(f">>> {last}\n")[-1].splitlines()
    return json.loads("\n".join(line for line in lines if line.startswith("  ")))


def test_it_completes_a_project_unattended(instance):
    """X-11, X-12"""
    started = time.monotonic()

    done = instance.demo("--yes")

    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - started < 60
    assert "The rating is 5 of 5." in done.stdout
    project = final_json(done.stdout)
    assert project["project"]["status"] == "Completed"
    assert own(project["project"]["project_data"]) == {"url": f"{instance.url}/orchestra/gallery/"}
    crawl, rate = project["tasks"]["crawl"], project["tasks"]["rate"]
    assert crawl["latest_data"]["image"].startswith(f"{instance.url}/orchestra/gallery/")
    assert rate["latest_data"] == {"rating": "5"}
    assert [assignment["worker"] for assignment in rate["assignments"]] == ["demo"]


def test_every_call_of_the_transcript_can_be_repeated(instance):
    """X-13"""
    transcript = instance.demo("--yes").stdout
    names = {}
    for source in sources(transcript):
        exec(compile(source, "transcript", "single"), names)
        if source == "project_id":
            wait_for_the_crawl(names["client"], names["project_id"])
    assert len(sources(transcript)) > 8
    assert isinstance(names["project_id"], int)
    assert instance.client().project_information(names["project_id"])


def test_the_transcript_of_the_readme_is_a_real_one(instance):
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    printed = readme.partition("$ orchestra demo simple --yes\n")[2].partition("```")[0]
    transcript = instance.demo("--yes").stdout.replace(instance.url, "http://127.0.0.1:8000")

    def without_the_file(text):
        return [source for source in sources(text) if "client_key.json" not in source]

    assert without_the_file(printed) == without_the_file(transcript)


def test_a_project_that_waited_longer_is_rated_first(instance):
    older = instance.client().create_project(
        "simple_workflow", "v1", "An older one", 10, {"url": None}, "real"
    )

    done = instance.demo("--yes")

    assert done.returncode == 0
    assert f"rated project {older}, which waited longer" in done.stdout
    assert instance.client().project_information(older)["project"]["status"] == "Completed"


def test_without_an_image_the_project_ends_without_a_rating(instance):
    """X-6: the address is refused, because it is not a public one"""
    done = instance.demo("--yes", "--url", "http://127.0.0.1:1/")

    assert done.returncode == 0
    assert "Nothing was there to rate." in done.stdout
    project = final_json(done.stdout)
    assert "not a public address" in project["tasks"]["crawl"]["latest_data"]["error_message"]
    assert project["tasks"]["rate"]["latest_data"] == {}


def test_it_waits_for_a_person(instance):
    """X-11"""
    with instance.demo_with_a_person() as process:
        assert "sign in as demo" in said_until(process, "Ctrl+C ends")
        person = Person(instance.url, "demo", "demo")
        assert person.sign_in()
        while task_id := person.pick_up():  # other tests may have left some
            person.submit(person.information(task_id), {"rating": "2"})

        assert "The rating is 2 of 5." in process.communicate(timeout=30)[0]
        assert process.returncode == 0


def test_ctrl_c_ends_the_waiting_cleanly(instance):
    """X-11"""
    with instance.demo_with_a_person() as process:
        said_until(process, "Ctrl+C ends")
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[0]

    assert process.returncode == 0
    assert "The walk-through ends here." in said
    assert "Traceback" not in said
    assert instance.demo("--yes").returncode == 0  # rates what was left


def test_a_missing_sample_person_is_loaded(instance):
    """X-10"""
    os_environ = instance.environment
    change = (
        "from orchestra.cli.checks import ready_application\n"
        "from orchestra.database import transaction\n"
        "from orchestra.models import Worker\n"
        "with ready_application(), transaction() as session:\n"
        "    person = session.query(Worker).filter_by(username='demo').one()\n"
        "    person.username, person.email = 'somebody', 'somebody@example.org'\n"
    )
    subprocess.run([sys.executable, "-c", change], env=os_environ, check=True)

    done = instance.demo("--yes")

    assert done.returncode == 0, done.stderr
    assert "$ orchestra workflows load-sample-data simple_workflow/v1" in done.stdout


def test_a_lost_key_is_replaced_by_a_new_one(instance):
    """X-10, A-12"""
    demo_system.key_file(instance.settings).unlink()

    done = instance.demo("--yes")

    assert done.returncode == 0, done.stderr
    assert "$ orchestra api-key create demo-" in done.stdout
    assert kept_key(instance.settings)["secret"] not in done.stdout


def test_it_starts_a_system_if_none_answers_and_stops_it_at_the_end(tmp_path):
    """X-9, X-37"""
    data_dir = tmp_path / "var"
    instance = Instance(data_dir)

    done = instance.demo("--yes")

    assert (done.returncode, done.stderr) == (0, "")
    assert f"No Orchestra answers at {instance.url}" in done.stdout
    assert f"$ orchestra up --data-dir={data_dir}" in done.stdout
    assert "The rating is 5 of 5." in done.stdout
    assert not processes_with(f"ORCHESTRA_DATA_DIR={data_dir}\0".encode())


def processes_with(mark):
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_text())
        except OSError:
            continue
    return found


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setenv("ORCHESTRA_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ORCHESTRA_WEB_PORT", str(free_port()))
    monkeypatch.delenv("ORCHESTRA_URL", raising=False)
    return lambda *arguments, **options: CliRunner().invoke(main, arguments, **options)


def test_it_asks_before_it_starts_a_system(run):
    """X-9"""
    done = run("demo", "simple", input="n\n")

    assert done.exit_code == 0
    assert "Start one for the time of the demo? [Y/n]" in done.output
    assert "orchestra up" not in done.output


def test_without_anybody_to_answer_it_says_so(run):
    done = run("demo", "simple", input="")

    assert done.exit_code == 1
    assert "--yes" in done.stderr


def test_it_refuses_production(run):
    """D-62: its person has a public password"""
    environment = {
        "ORCHESTRA_ENVIRONMENT": "production",
        "ORCHESTRA_URL": "https://orchestra.example.org",
        "ORCHESTRA_SECRET_KEY": "k" * 32,
    }
    done = run("demo", "simple", "--yes", env=environment)

    assert done.exit_code == 1
    assert "not in production" in done.stderr


def test_only_embedded_parts_are_started(monkeypatch, tmp_path):
    """X-9: whatever database and broker the settings name"""
    for name in list(os.environ):
        if name.startswith("ORCHESTRA_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    os.environ["DATABASE_URL"] = "postgresql://somewhere/important"
    os.environ["ORCHESTRA_BROKER_URL"] = "redis://somewhere"
    os.environ["ORCHESTRA_URL"] = "https://orchestra.example.org"
    settings = Settings.from_env(os.environ, data_dir=tmp_path)

    started = demo_system.settings_to_start(settings)

    assert started.embedded_broker
    assert started.embedded_database
    assert started.data_dir == tmp_path
    assert started.url == f"http://127.0.0.1:{started.web_port}"


def test_a_secret_of_the_settings_is_used_and_not_shown(tmp_path):
    """X-13"""
    settings = Settings.from_env({}, data_dir=tmp_path)
    settings = replace(settings, project_api_secret="hush", project_api_key="mine")

    assert kept_key(settings) == {"key_id": "mine", "secret": "hush"}
    assert "hush" not in connecting_code(settings, "mine")


def test_the_story_is_plain_text_when_it_is_not_told_in_a_terminal(capsys):
    story = Story()

    story.call("client.call(\n    7,\n)", {"a": [1]})

    assert capsys.readouterr().out == (
        '  >>> client.call(\n  ...     7,\n  ... )\n  {\n    "a": [\n      1\n    ]\n  }\n\n'
    )
