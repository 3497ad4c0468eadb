"""The whole URL map, walked by everybody: who may ask for what, and that asking changes nothing."""

import re
from enum import IntEnum

import pytest
import sqlalchemy as sa

from orchestra.database import Base
from orchestra.models import Role
from tests.test_wiring import PUBLIC
from tests.web.conftest import form_step, new_browser


class Rank(IntEnum):
    """Roles of an account, each with all that the one before may do (P-18)."""

    WORKER = 1
    PROJECT_ADMIN = 2
    ADMINISTRATOR = 3


# Who may ask at all, by blueprint or endpoint. A route that stands nowhere here fails.
GUARDS = {
    "account_settings": Rank.WORKER,
    "admin": Rank.PROJECT_ADMIN,
    "admin_accounts": Rank.ADMINISTRATOR,
    "admin_checks": Rank.PROJECT_ADMIN,
    "admin_keys": Rank.ADMINISTRATOR,
    "admin_people": Rank.PROJECT_ADMIN,
    "admin_records": Rank.PROJECT_ADMIN,
    "admin_settings": Rank.ADMINISTRATOR,
    "admin_staffing": Rank.PROJECT_ADMIN,
    "admin_time": Rank.PROJECT_ADMIN,
    "admin_workflows": Rank.PROJECT_ADMIN,
    "admin_workflows.add_certification": Rank.ADMINISTRATOR,  # P-28
    "channel": Rank.PROJECT_ADMIN,
    "checks": Rank.PROJECT_ADMIN,
    "dashboard": Rank.WORKER,
    "documents": Rank.WORKER,
    "documents_interface": Rank.WORKER,
    "files": Rank.WORKER,
    "files_interface": Rank.WORKER,
    "folders": Rank.WORKER,
    "inbox": Rank.WORKER,
    "interface": Rank.WORKER,
    "interface_inbox": Rank.WORKER,
    "interface_offers": Rank.WORKER,
    "interface_time": Rank.WORKER,
    "offers": Rank.WORKER,
    "notifications": Rank.WORKER,
    "operations": Rank.ADMINISTRATOR,
    "operations_interface": Rank.ADMINISTRATOR,
    "preview": Rank.WORKER,  # in development; else of project admins (test_preview.py)
    "project": Rank.WORKER,
    "project.prepare": Rank.PROJECT_ADMIN,
    "project_channels": Rank.PROJECT_ADMIN,
    "project_checks": Rank.PROJECT_ADMIN,
    "project_information": Rank.WORKER,
    "project_lists": Rank.PROJECT_ADMIN,
    "project_management": Rank.PROJECT_ADMIN,
    "project_management_certifications": Rank.PROJECT_ADMIN,
    "project_people": Rank.PROJECT_ADMIN,
    "project_staffing": Rank.PROJECT_ADMIN,
    "projects": Rank.PROJECT_ADMIN,
    "strange_pictures": Rank.WORKER,
    "switching.start": Rank.ADMINISTRATOR,
    "switching.stop": Rank.WORKER,  # whom an administrator acts as
    "tasks": Rank.WORKER,
    "timecard": Rank.WORKER,
    "timers": Rank.WORKER,
    "workflow_static": Rank.WORKER,
}
# Client systems and Slack, by signature: tests/web/api, tests/web/test_slack.py.
SIGNED = ("project_api.", "slack.")
OF_A_TASK = {"project.show", "tasks.show", "tasks.show_round"}


@pytest.fixture
def people(make, session, start, take, hand_over):
    """Somebody of each rank, and a task that was handed over and is being reviewed."""
    start(make.version(form_step("write")))
    found = {
        "foreign": make.worker("foreign"),
        "writer": make.worker("writer"),
        "reviewer": make.worker("reviewer"),
        "manager": make.worker("manager", is_in_project_admins=True),
        "administrator": make.worker("administrator", is_administrator=True),
    }
    hand_over(found["writer"], take(found["writer"]))
    take(found["reviewer"], Role.REVIEWER)
    session.commit()
    return found


def rank_of(worker):
    if worker.is_administrator:
        return Rank.ADMINISTRATOR
    return Rank.PROJECT_ADMIN if worker.is_project_admin else Rank.WORKER


def guard_of(endpoint):
    return GUARDS.get(endpoint) or GUARDS.get(endpoint.partition(".")[0])


def routes(app):
    """Endpoint, method and an address of each route that is not public."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint in PUBLIC or rule.endpoint.startswith(SIGNED):
            continue
        path = re.sub(r"<(\w+:)?\w+>", lambda found: "1" if found[1] else "x", rule.rule)
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            yield rule.endpoint, method, path


def test_every_route_names_its_guard(app):
    unnamed = {endpoint for endpoint, _, _ in routes(app) if guard_of(endpoint) is None}
    assert unnamed == set()


def test_every_guard_is_of_a_route(app):
    endpoints = {endpoint for endpoint, _, _ in routes(app)}
    assert set(GUARDS) <= endpoints | {endpoint.partition(".")[0] for endpoint in endpoints}


@pytest.mark.parametrize("name", ["foreign", "writer", "reviewer", "manager", "administrator"])
def test_whoever_may_not_ask_is_refused_and_whoever_may_is_answered(app, people, name):
    """P-19, P-20: forbidden, whether or not the object exists."""
    browser, rank = new_browser(app).sign_in(people[name]), rank_of(people[name])
    for endpoint, method, path in routes(app):
        if guard_of(endpoint) > rank:
            answer = ask(browser, method, path)
            assert answer.status_code == 403, (endpoint, method)
        elif method == "GET" and not is_hidden_from(name, endpoint):
            answer = ask(browser, method, path)
            assert answer.status_code not in {401, 403, 405, 500}, (endpoint, answer.status_code)
            assert "/login/" not in answer.headers.get("Location", ""), endpoint


def is_hidden_from(name, endpoint):
    return name == "foreign" and endpoint in OF_A_TASK


def ask(browser, method, path):
    if "/api/" in path:
        headers = {"X-CSRF-Token": browser.csrf_token}
        return browser.open(path, method=method, json={}, headers=headers)
    fields = None if method == "GET" else {"csrf_token": browser.csrf_token}
    return browser.open(path, method=method, data=fields)


@pytest.mark.parametrize("name", ["writer", "reviewer", "manager", "administrator"])
def test_who_is_on_a_task_and_who_manages_see_it(app, people, name):
    """W-20, W-60"""
    browser = new_browser(app).sign_in(people[name])
    for path in ("/orchestra/app/task/1", "/orchestra/app/project/1"):
        assert browser.get(path).status_code == 200, path


def test_a_foreign_worker_does_not_learn_that_a_task_exists(app, people):
    """P-20"""
    browser = new_browser(app).sign_in(people["foreign"])
    for endpoint, method, path in routes(app):
        if endpoint in OF_A_TASK:
            assert browser.open(path, method=method).status_code == 404, endpoint


def test_no_get_changes_anything(app, people, session):
    """Whoever asks for whatever; a mail scanner that follows links does nothing."""
    before = contents(session)
    for worker in people.values():
        browser = new_browser(app).sign_in(worker)
        for _endpoint, method, path in routes(app):
            if method == "GET":
                browser.get(path)
    after = contents(session)
    changed = {name for name, rows in before.items() if after[name] != rows}
    assert changed == set()


def contents(session):
    session.rollback()
    return {
        table.name: [tuple(map(str, row)) for row in session.execute(sa.select(table))]
        for table in Base.metadata.sorted_tables
    }
