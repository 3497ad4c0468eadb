"""Nothing is named without being there: jobs, queues, errors, routes, settings, functions."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from orchestra import errors
from orchestra.config import Settings
from orchestra.domain import (
    documents,
    offer_links,
    people_in_chat,
    projects,
    slack_requests,
    staffing,
)
from orchestra.domain.audit import SYSTEM
from orchestra.domain.definitions.functions import BUILT_IN, resolve
from orchestra.domain.folders import Wanted
from orchestra.domain.messages import send_mail
from orchestra.models import FileKind, TaskStatus
from orchestra.outbox import Job, OutboxMessage
from orchestra.tasks import core
from orchestra.web import create_app
from orchestra.web.errors import HTTP_STATUS, KIND_OF_STATUS
from tests.builders import step
from tests.web.conftest import new_browser

ROOT = Path(__file__).parent.parent


# --- Jobs -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def celery():
    from orchestra.tasks import celery

    celery.loader.import_default_modules()
    return celery


@pytest.mark.parametrize("job", list(Job))
def test_every_job_has_a_task(celery, job):
    assert job.value in celery.tasks


def test_every_task_of_ours_is_a_job(celery):
    ours = {name for name in celery.tasks if not name.startswith("celery.")}
    assert ours == {job.value for job in Job}


def test_every_beat_entry_names_a_task_and_a_queue(celery):
    queues = {queue.name for queue in celery.conf.task_queues}
    for entry in celery.conf.beat_schedule.values():
        assert entry["task"] in celery.tasks
        assert entry["options"]["queue"] in queues


def test_every_job_goes_to_a_queue_that_is_consumed(celery, make, session, change_settings):
    """All jobs are either asked for by a rule or ticked by beat."""
    function = {"path": "tests.steps.echo"}
    change_settings(slack_experts_enabled=True)
    people_in_chat.follow(session, make.worker().id)
    slack_requests.answer_later(session, "digest", {}, None)
    project = make.project(step("a", human=False), abort_completion_function=function)
    staffing.staff(session, SYSTEM, make.work().task.id)
    change_settings(file_backend="google_drive")
    work = make.work(TaskStatus.PROCESSING)
    draft = Wanted(kind=FileKind.DOCUMENT, key="draft", name="Draft")
    documents.reserve(session, SYSTEM, work.project.id, draft, "Text")
    asked = session.execute(sa.select(OutboxMessage.job, OutboxMessage.queue)).all()
    send_mail(session, kind="test", address="a@example.org", subject="", text="", dedupe_key="1")
    projects.abort(session, SYSTEM, project.id)
    asked += session.execute(sa.select(OutboxMessage.job, OutboxMessage.queue)).all()

    assert {queue for _, queue in asked} <= {queue.name for queue in celery.conf.task_queues}
    ticked = {entry["task"] for entry in celery.conf.beat_schedule.values()}
    assert {job for job, _ in asked} | ticked == {job.value for job in Job}


# --- Errors -----------------------------------------------------------------------------------


def _classes(base):
    yield base
    for derived in base.__subclasses__():
        yield from _classes(derived)


@pytest.mark.parametrize("error", [*_classes(errors.OrchestraError)], ids=lambda e: e.__name__)
def test_every_error_has_a_kind_with_a_status_code(error):
    assert error.kind in HTTP_STATUS


def test_the_kinds_are_those_of_the_specification():
    """C-13: the list is closed."""
    conflicts = """conflict wrong_status project_paused project_closed already_taken
        already_on_task returned_work_first limit_reached dependency_open stale_revision
        timer_running timer_not_running offer_closed idempotency_mismatch"""
    refusals = "invalid not_certified worker_inactive wrong_step_kind invalid_revert"
    statuses = {
        "malformed": 400,
        "unauthenticated": 401,
        "forbidden": 403,
        "not_found": 404,
        "method_not_allowed": 405,
        "too_large": 413,
        "rate_limited": 429,
        "internal": 500,
        "unavailable": 503,
    }
    statuses |= dict.fromkeys(conflicts.split(), 409) | dict.fromkeys(refusals.split(), 422)
    assert statuses == HTTP_STATUS
    assert set(KIND_OF_STATUS.values()) <= set(HTTP_STATUS)


# --- Routes -----------------------------------------------------------------------------------

PUBLIC = {  # endpoints that need neither a sign-in nor a signature, each with its reason
    "static": "styles and scripts",
    "status.running": "probes",
    "status.ready": "probes",
    "schemas.schema": "schemas of definitions, for editors",
    "api_description.openapi": "description of the API",
    "api_description.docs": "description of the API",
    "accounts.login_page": "signing in",
    "accounts.login": "signing in; carries the form token",
    "accounts.logout": "signing out; carries the form token",
    "accounts.ask_to_log_out": "signing out",
    "accounts.logout_then_login": "signing out; carries the form token",
    "registration.register_page": "getting an account",
    "registration.register": "getting an account; carries the form token",
    "registration.registered": "getting an account",
    "registration.activation_page": "has a secret link",
    "registration.activate": "has a secret link; carries the form token",
    "registration.activated": "getting an account",
    "registration.resend_page": "getting an account",
    "registration.resend": "getting an account; carries the form token",
    "registration.email_page": "has a secret link",
    "registration.confirm_email": "has a secret link; carries the form token",
    "passwords.ask_page": "forgotten passwords",
    "passwords.ask": "forgotten passwords; carries the form token",
    "passwords.asked": "forgotten passwords",
    "passwords.choose_page": "has a secret link",
    "passwords.choose": "has a secret link; carries the form token",
    "passwords.chosen": "forgotten passwords",
    "unsubscribing.ask": "has a signed link",
    "unsubscribing.unsubscribe": "has a signed link; mail programs send no token (RFC 8058)",
    "gallery.gallery": "pictures for the example workflow, read by its crawler",
    "gallery.picture": "pictures for the example workflow, read by its crawler",
}


def _routes(app):
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(\w+:)?\w+>", lambda found: "1" if found[1] else "x", rule.rule)
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            yield rule.endpoint, method, path


SIGNED = ("project_api.", "slack.")


def test_every_route_refuses_strangers_or_is_listed_as_public(app, change_settings):
    change_settings(slack_signing_secret="without it the address is not there")
    for endpoint, method, path in _routes(app):
        answer = new_browser(app).open(path, method=method)
        asks = answer.status_code == 401 or "/accounts/login/" in answer.headers.get("Location", "")
        assert asks != (endpoint in PUBLIC), (endpoint, method)


def test_what_strangers_may_post_carries_a_token(app):
    for endpoint, method, path in _routes(app):
        if endpoint in PUBLIC and method != "GET":
            answer = new_browser(app).open(path, method=method)
            assert answer.status_code in (400, 401, 403), endpoint


def test_every_public_endpoint_exists(app):
    assert {rule.endpoint for rule in app.url_map.iter_rules()} >= set(PUBLIC)


def test_every_call_of_project_management_refuses_workers(app, make, session):
    """P-20: forbidden, whether or not the object exists."""
    worker = make.worker()
    session.commit()
    browser = new_browser(app).sign_in(worker)
    headers = {"X-CSRF-Token": browser.csrf_token}
    found = [route for route in _routes(app) if route[0].startswith("project_management.")]
    assert found
    for endpoint, method, path in found:
        answer = browser.open(path, method=method, json={}, headers=headers)
        assert (answer.status_code, answer.get_json()["error"]) == (403, "forbidden"), endpoint


def test_every_change_by_a_page_needs_the_token(app, make, session):
    admin = make.admin()
    make.project(step("a"))
    session.commit()
    browser = new_browser(app).sign_in(admin)
    for endpoint, method, path in _routes(app):
        if method != "GET" and endpoint not in PUBLIC and not endpoint.startswith(SIGNED):
            answer = browser.open(path, method=method, json={})
            assert answer.status_code in (400, 403), endpoint


# --- Settings ---------------------------------------------------------------------------------

READ_THROUGH = {  # by another one, which takes its value where it is unset itself
    "broker_url": "broker_address",
    "default_from_email": "notifications_from_email",
}


def _sources():
    for folder in ("orchestra", "workflows"):
        for path in (ROOT / folder).rglob("*.py"):
            if "config" not in path.relative_to(ROOT).parts[1:2]:
                yield path


def test_what_others_look_for_beside_the_package_is_that_of_the_package(tmp_path):
    """The customer knows both modules by these places."""
    program = (
        "import celeryconfig, wsgi, orchestra.wsgi, orchestra.celeryconfig as ours;"
        "names = [name for name in vars(ours) if not name.startswith('_')];"
        "assert all(getattr(celeryconfig, name) is getattr(ours, name) for name in names);"
        "assert wsgi.app is orchestra.wsgi.app"
    )
    env = os.environ | {"ORCHESTRA_DATA_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, check=True)


# Read by the check of the settings themselves, which refuses a start that would not work (E-57).
READ_AT_START = {"google_p12_path", "google_service_email"}


def test_every_setting_has_a_reader():
    text = "\n".join(path.read_text(encoding="utf-8") for path in _sources())
    ours = [f.name for f in dataclasses.fields(Settings) if "setting" in f.metadata]
    unread = [
        name
        for name in ours
        if name not in READ_AT_START and not re.search(rf"\.{READ_THROUGH.get(name, name)}\b", text)
    ]
    assert unread == []


# --- Functions of workflows -------------------------------------------------------------------


def _paths(value):
    if isinstance(value, dict):
        if isinstance(value.get("path"), str):
            yield value["path"]
        for inner in value.values():
            yield from _paths(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner)


def test_pages_know_the_links_that_jobs_send(tmp_path, monkeypatch):
    """E-10, S-31, M-13: with the key that is made at the first start, too."""
    monkeypatch.setenv("ORCHESTRA_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("ORCHESTRA_SECRET_KEY", raising=False)
    jobs = core.__wrapped__().config["SETTINGS"]
    pages = create_app(Settings.from_env()).config["SETTINGS"]

    assert offer_links.offer_of(pages, offer_links.token_of(jobs, 17)) == 17


def test_every_function_of_the_example_workflows_resolves(app):
    found = [
        path
        for file in (ROOT / "workflows").rglob("*.json")
        for path in _paths(json.loads(file.read_text(encoding="utf-8")))
    ]
    assert found
    for path in found:
        assert path in BUILT_IN or callable(resolve(path))
