"""The Python client against a real server (A-45 to A-51)."""

import doctest
import subprocess
import sys
from datetime import timedelta
from email.utils import formatdate
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa
from werkzeug.wrappers import Response

from orchestra import client as client_module
from orchestra.client import (
    HTTPSignatureAuth,
    OrchestraClient,
    OrchestraError,
    create_orchestra_project,
    get_project_information,
    get_workflow_types,
)
from orchestra.database import utcnow
from orchestra.domain import keys
from orchestra.domain.audit import SYSTEM
from orchestra.models import Message, Project
from tests.builders import own, step
from tests.serving import serving_app


class Between:
    """Stands in front of the application and spoils what it is told to."""

    def __init__(self, app):
        self.app = app
        self.requests = []
        self.failing = 0
        self.losing = 0

    def __call__(self, environ, start_response):
        self.requests.append(dict(environ))
        if self.losing:  # it has happened, and nobody hears of it
            self.losing -= 1
            self.app(environ, lambda *_: None).close()
        elif self.failing:
            self.failing -= 1
        else:
            return self.app(environ, start_response)
        return Response("<h1>Bad gateway</h1>", 502)(environ, start_response)


@pytest.fixture
def between(app):
    return Between(app)


@pytest.fixture
def url(between):
    with serving_app(between) as url:
        yield url


@pytest.fixture
def secret(session):
    _key, secret = keys.create_key(session, SYSTEM, "system")
    session.commit()
    return secret


@pytest.fixture
def client(url, secret, monkeypatch):
    monkeypatch.setattr(client_module, "FIRST_PAUSE_SECONDS", 0.01)
    return OrchestraClient(url, "system", secret)


@pytest.fixture
def workflow(make, session):
    make.version(step("crawl", human=False), slug="simple")
    session.commit()
    return ("simple", "v1", "Ein Bild für Zürich", 10, {"url": "https://example.org/ü"}, "real")


@pytest.fixture
def projects(session):
    def counted():
        session.rollback()
        return session.scalar(sa.select(sa.func.count(Project.id)))

    return counted


def test_a_project_is_created_and_followed(client, workflow):
    """A-47"""
    project_id = client.create_project(*workflow)
    told = client.project_information(project_id)
    assert told["project"]["short_description"] == "Ein Bild für Zürich"
    assert own(told["project"]["project_data"]) == {"url": "https://example.org/ü"}
    assert client.project_informations([project_id, 999]) == {project_id: told}
    assert list(client.workflow_types()["workflows"]) == ["simple"]


def test_the_team_of_a_project_is_written_to(client, workflow, session):
    """A-47"""
    project_id = client.create_project(*workflow)
    client.message_project_team(project_id, "The deadline is Friday.")
    told = session.scalars(sa.select(Message).where(Message.kind == "team_message")).all()
    assert [message.project_id for message in told] == [project_id]  # the channel; nobody is on it


def test_somebody_is_looked_for(client, make, session):
    """A-47"""
    work = make.work()
    session.commit()
    first, second = client.staff_task(work.task.id), client.staff_task(work.task.id)
    assert first < second
    work.assign(work.writer)
    session.commit()
    assert client.restaff_task(work.task.id, work.writer.name) > second


def test_a_task_is_assigned_by_username_or_id(client, make, session):
    """A-47"""
    first, second = make.work(), make.work()
    session.commit()
    assignments = [
        client.assign_worker_to_task(first.task.id, first.writer.name),
        client.assign_worker_to_task(second.task.id, second.writer.worker_id),
    ]
    session.rollback()
    assert [first.at(0).id, second.at(0).id] == assignments


def test_a_project_is_found_paused_and_resumed(client, workflow, url, app):
    """A-47"""
    project_id = client.create_project(*workflow)
    base = app.config["SETTINGS"].url
    assert client.project_details_url(project_id) == f"{base}/orchestra/app/project/{project_id}"
    assert client.set_project_status(project_id, "Paused") == "Paused"
    assert client.set_project_status(project_id, "Active") == "Active"


def test_projects_are_iterated_over_all_pages(client, workflow):
    """A-47"""
    ids = [client.create_project(*workflow) for _ in range(5)]
    told = [project["id"] for project in client.projects(limit=2, status=["Active", "Paused"])]
    assert told == ids[::-1]
    client.set_project_status(ids[0], "Paused")
    assert [project["id"] for project in client.projects(status="Paused", q="Zürich")] == ids[:1]
    today = utcnow() - timedelta(hours=1)
    assert len(list(client.projects(started_after=today, task_class=None))) == 5
    assert list(client.projects(started_before=today)) == []


def test_events_are_iterated_and_gone_on_with(client, workflow):
    """A-47"""
    project_id = client.create_project(*workflow)
    known = list(client.events(limit=1, project_id=project_id))
    assert [event["verb"] for event in known] == ["project_created", "task_created"]
    client.set_project_status(project_id, "Paused")
    new = list(client.events(after=known[-1]["cursor"], verb=["project_paused", "task_created"]))
    assert [event["verb"] for event in new] == ["project_paused"]
    assert list(client.events(after=new[-1]["cursor"])) == []


def test_what_a_list_cannot_be_asked_for_is_told(client):
    with pytest.raises(OrchestraError, match="colour") as refusal:
        list(client.projects(colour="blue"))
    assert (refusal.value.kind, refusal.value.status) == ("malformed", 400)


def test_every_request_is_signed_strictly(client, workflow, between):
    """A-49"""
    client.create_project(*workflow)
    client.workflow_types()
    creating, reading = (request["HTTP_AUTHORIZATION"] for request in between.requests)
    assert 'headers="(request-target) host date digest idempotency-key"' in creating
    assert 'headers="(request-target) host date digest"' in reading


def test_two_equal_calls_in_one_second_are_two(client, workflow, projects, monkeypatch):
    """A-19: the key of the call is signed, and so no two signatures are the same"""
    now = formatdate(usegmt=True)
    monkeypatch.setattr(client_module, "formatdate", lambda usegmt: now)
    assert client.create_project(*workflow) != client.create_project(*workflow)
    assert projects() == 2


def test_a_refusal_is_raised_with_all_that_is_known(client, workflow):
    """A-48"""
    with pytest.raises(OrchestraError) as refusal:
        client.create_project("simple", "v1", "", "high", {}, "real")
    assert (refusal.value.kind, refusal.value.status) == ("invalid", 422)
    assert set(refusal.value.fields) == {"description", "priority"}
    assert refusal.value.message
    assert "description: Length must be between 1 and 1000." in str(refusal.value)


def test_a_wrong_secret_is_refused(url, secret):
    with pytest.raises(OrchestraError, match="signature") as refusal:
        OrchestraClient(url, "system", "wrong").workflow_types()
    assert refusal.value.kind == "unauthenticated"


def test_a_server_error_is_tried_again_three_times(client, workflow, between, projects):
    """A-48"""
    between.failing = 3
    client.create_project(*workflow)
    assert projects() == 1
    assert len({request["HTTP_IDEMPOTENCY_KEY"] for request in between.requests}) == 1
    assert len(between.requests) == 4


def test_a_broken_connection_is_tried_again_three_times(client, workflow, monkeypatch):
    """A-48"""
    tries = []

    def unreachable(*_arguments, **options):
        tries.append((options["headers"]["Idempotency-Key"], options["timeout"]))
        raise requests.ConnectionError("no route")

    monkeypatch.setattr(client_module.requests, "request", unreachable)
    with pytest.raises(OrchestraError) as failure:
        client.create_project(*workflow)
    assert (failure.value.kind, failure.value.status) == ("unavailable", None)
    assert len(tries) == 4
    assert set(tries) == {(tries[0][0], 30)}


def test_after_three_retries_the_error_is_raised(client, workflow, between, projects):
    """A-48"""
    between.failing = 5
    with pytest.raises(OrchestraError) as failure:
        client.create_project(*workflow)
    assert failure.value.status == 502
    assert (len(between.requests), projects()) == (4, 0)


def test_a_lost_answer_does_not_create_a_second_project(client, workflow, between, projects):
    """R-14, A-48"""
    between.losing = 2
    project_id = client.create_project(*workflow)
    assert client.project_information(project_id)
    assert projects() == 1


def test_a_repeat_with_ones_own_key_returns_the_same_project(client, workflow, projects):
    ids = {client.create_project(*workflow, idempotency_key="order-7") for _ in range(2)}
    assert len(ids) == projects() == 1


def test_reading_calls_are_not_tried_again(client, between):
    """A-48: only calls with an idempotency key"""
    between.failing = 1
    with pytest.raises(OrchestraError):
        client.workflow_types()
    assert len(between.requests) == 1


def test_a_server_that_is_not_there_is_unavailable(secret):
    with pytest.raises(OrchestraError) as failure:
        OrchestraClient("http://127.0.0.1:9", "system", secret, timeout=1).workflow_types()
    assert (failure.value.kind, failure.value.status) == ("unavailable", None)


def test_without_arguments_the_environment_is_read(url, secret, workflow, monkeypatch):
    """A-46, A-51"""
    monkeypatch.setenv("ORCHESTRA_URL", f"{url}/")
    monkeypatch.setenv("ORCHESTRA_PROJECT_API_KEY", "system")
    monkeypatch.setenv("ORCHESTRA_PROJECT_API_SECRET", secret)
    project_id = create_orchestra_project(OrchestraClient(), *workflow)
    assert get_project_information(project_id)["project"]["id"] == project_id
    assert list(get_workflow_types()["workflows"]) == ["simple"]


def test_the_page_about_the_client_is_true(url, secret, make, session, monkeypatch):
    """A-45 to A-48: every example of docs/api.md does what stands below it"""
    make.version(step("crawl", human=False), step("rate"), slug="simple_workflow")
    make.worker("demo")
    session.commit()
    monkeypatch.setenv("ORCHESTRA_URL", url)
    monkeypatch.setenv("ORCHESTRA_PROJECT_API_KEY", "system")
    monkeypatch.setenv("ORCHESTRA_PROJECT_API_SECRET", secret)
    page = Path(__file__).parents[1] / "docs" / "api.md"
    examples = doctest.DocTestParser().get_doctest(page.read_text(), {}, page.name, str(page), 0)
    told = []
    result = doctest.DocTestRunner(verbose=False).run(examples, out=told.append)
    assert result.attempted > 15
    assert result.failed == 0, "".join(told)


def test_an_address_that_is_none_of_orchestra_is_told(url):
    """A-48"""
    with pytest.raises(OrchestraError, match=r"status 404 .* Is the address right\?") as refusal:
        OrchestraClient(f"{url}/orchestra", "system", "secret").workflow_types()
    assert refusal.value.status == 404

    with pytest.raises(ValueError, match="must begin with http"):
        OrchestraClient("127.0.0.1:8000", "system", "secret")


def test_without_a_secret_there_is_no_client(monkeypatch):
    monkeypatch.delenv("ORCHESTRA_PROJECT_API_SECRET", raising=False)
    with pytest.raises(ValueError, match="ORCHESTRA_PROJECT_API_SECRET"):
        OrchestraClient("http://127.0.0.1:9")


def test_the_plain_snippet_works_with_a_legacy_key(url, session, workflow, projects):
    """A-50; the client library signs a Date header and does not make one."""
    _key, secret = keys.create_key(session, SYSTEM, "old", is_legacy=True)
    session.commit()
    names = ("workflow_slug", "workflow_version_slug", "description", "priority")
    body = dict(zip(names, workflow, strict=False)) | {"task_class": "real"}
    response = requests.post(
        f"{url}/orchestra/api/project/create_project/",
        json=body,
        headers={"Date": formatdate(usegmt=True)},
        auth=HTTPSignatureAuth(key_id="old", secret=secret, algorithm="hmac-sha256"),
        timeout=10,
    )
    assert response.status_code == 200
    assert projects() == 1


def test_the_client_needs_none_of_the_servers_packages():
    """A-45"""
    code = (
        "import sys, orchestra.client\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'flask', 'sqlalchemy', 'celery', 'marshmallow', 'werkzeug'}\n"
    )
    assert subprocess.run([sys.executable, "-W", "error", "-c", code], check=False).returncode == 0
