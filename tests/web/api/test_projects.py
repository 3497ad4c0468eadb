"""The documented calls: what they do, refuse and cost (A-1 to A-8, A-24 to A-34)."""

import json

import pytest
import sqlalchemy as sa
import time_machine

from orchestra.database import db, utcnow
from orchestra.models import (
    AuditEvent,
    Channel,
    Message,
    Project,
    Source,
    StaffingRequest,
    TaskStatus,
    Verb,
)
from tests.builders import own, step
from tests.signing import PREFIX

CREATE = f"{PREFIX}/create_project/"


def error_of(response, status, kind):
    answer = response.get_json()
    assert (response.status_code, answer["error"]) == (status, kind)
    assert answer["message"]
    return answer


def test_create_project_starts_a_project_and_its_first_tasks(strict, body, session, jobs):
    """A-24, A-25"""
    response = strict.post("create_project", body)

    project = session.get(Project, response.get_json()["project_id"])
    assert project.short_description == "Find a picture"
    assert own(project.project_data) == {"url": "https://example.org"}
    assert [task.step for task in project.tasks] == ["crawl"]
    assert len(jobs()) == 1


def test_the_audit_names_the_key(strict, body, session):
    strict.post("create_project", body)
    created = AuditEvent.verb == Verb.PROJECT_CREATED
    event = session.scalars(sa.select(AuditEvent).where(created)).one()
    assert (event.actor, event.source) == ("key:system", Source.API)
    assert event.request_id


def test_project_data_may_be_left_out(strict, body, session):
    """A-24"""
    del body["project_data"]
    response = strict.post("create_project", body)
    assert own(session.get(Project, response.get_json()["project_id"]).project_data) == {}


def test_keys_of_project_data_come_back_as_they_were(strict, body):
    """A-6"""
    body["project_data"] = {"z": 1, "camelCase": {"Ü": [None, True, 1.5]}, "a_b": "\u2028 \x00"}
    project_id = strict.post("create_project", body).get_json()["project_id"]
    answer = strict.post("project_information", {"project_id": project_id}).get_json()
    told = own(answer["project"]["project_data"])
    assert told == body["project_data"]
    assert list(told) == ["z", "camelCase", "a_b"]


@pytest.mark.parametrize("path", [CREATE, CREATE.rstrip("/")])
def test_a_path_ends_with_or_without_slash(strict, body, path):
    """A-1"""
    request = strict.request("POST", path, json.dumps(body).encode())
    assert strict.send(request).status_code == 200


WRONG_FIELDS = {
    "workflow_slug": [None, 1, "", "a\x00b", "\ud800"],
    "workflow_version_slug": [None, ["v1"]],
    "description": [None, "", "x" * 1001, 5, "\ud83d", "a\x00b"],
    "priority": [None, "10", 1.5, True, 1_000_001, -1_000_001, 10**400],
    "task_class": [None, "Real", 1, "other"],
    "project_data": [None, [], "text", 1],
    "surplus": [1],
}


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in WRONG_FIELDS.items() for value in values],
)
def test_a_wrong_field_is_named_and_nothing_is_written(strict, body, stored, field, value):
    """A-26, C-10"""
    before = stored()
    response = strict.post("create_project", body | {field: value})
    if (field, value) == ("workflow_slug", ""):
        error_of(response, 404, "not_found")
    else:
        assert list(error_of(response, 422, "invalid")["fields"]) == [field]
    assert stored() == before


def test_every_missing_field_is_named(strict):
    answer = error_of(strict.post("create_project", {}), 422, "invalid")
    assert set(answer["fields"]) == {
        "workflow_slug",
        "workflow_version_slug",
        "description",
        "priority",
        "task_class",
    }


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"\xff\xfe",
        b'{"priority": NaN}',
        b'{"priority": 1e999}',
        b"[" * 100_000,
        b'{"priority": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda content: content[:20],
)
def test_a_body_that_is_no_json_object_is_malformed(strict, stored, content):
    """C-10"""
    before = stored()
    error_of(strict.post("create_project", content), 400, "malformed")
    assert stored() == before


def test_a_body_over_the_limit_is_too_large(strict, body, stored):
    """A-26"""
    before = stored()
    body["project_data"] = {"text": "x" * 2_000_000}
    error_of(strict.post("create_project", body), 413, "too_large")
    assert stored() == before


def test_project_data_over_the_limit_is_too_large(strict, body, stored, change_settings):
    change_settings(max_task_data_bytes=1024)
    before = stored()
    body["project_data"] = {"text": "x" * 2000}
    error_of(strict.post("create_project", body), 413, "too_large")
    assert stored() == before


@pytest.mark.parametrize(
    ("field", "named"), [("workflow_slug", "workflow 'none'"), ("workflow_version_slug", "version")]
)
def test_an_unknown_workflow_or_version_is_named(strict, body, stored, field, named):
    """A-26"""
    before = stored()
    response = strict.post("create_project", body | {field: "none"})
    assert named in error_of(response, 404, "not_found")["message"]
    assert stored() == before


def test_fields_do_not_come_in_the_query(strict, body):
    """A-2, A-54"""
    request = strict.request("POST", f"{CREATE}?priority=1", json.dumps(body).encode())
    assert "priority" in error_of(strict.send(request), 400, "malformed")["message"]


@pytest.mark.parametrize(
    ("method", "name", "allowed"),
    [("GET", "create_project", "POST"), ("DELETE", "workflow_types", "GET, HEAD")],
)
def test_a_wrong_method_is_told_the_right_ones(strict, method, name, allowed):
    """A-4"""
    response = strict.client.open(f"{PREFIX}/{name}/", method=method)
    error_of(response, 405, "method_not_allowed")
    assert set(response.headers["Allow"].split(", ")) == set(allowed.split(", "))


def test_an_unknown_call_is_not_found(client):
    error_of(client.get(f"{PREFIX}/nothing/"), 404, "not_found")


def test_information_of_one_project_is_the_object_itself(strict, body):
    """A-28"""
    project_id = strict.post("create_project", body).get_json()["project_id"]
    answer = strict.post("project_information", {"project_id": str(project_id)}).get_json()
    assert answer["project"]["id"] == project_id
    assert list(answer["tasks"]) == ["crawl"]


def test_information_of_several_leaves_out_unknown_ids(strict, body):
    """A-32"""
    project_id = strict.post("create_project", body).get_json()["project_id"]
    answer = strict.post("project_information", {"project_ids": [project_id, 999]}).get_json()
    assert list(answer) == [str(project_id)]
    alone = strict.post("project_information", {"project_id": project_id}).get_json()
    assert answer[str(project_id)] == alone


def test_information_of_an_unknown_project_is_not_found(strict):
    """A-32"""
    error_of(strict.post("project_information", {"project_id": 2**62}), 404, "not_found")


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"project_id": 1, "project_ids": [1]},
        {"project_id": 0},
        {"project_id": -1},
        {"project_id": "one"},
        {"project_id": "1.0"},
        {"project_id": True},
        {"project_id": None},
        {"project_id": 2**63},
        {"project_id": "9" * 5000},
        {"project_ids": []},
        {"project_ids": list(range(1, 102))},
        {"project_ids": [1, None]},
        {"project_ids": 1},
    ],
    ids=lambda asked: json.dumps(asked)[:40],
)
def test_wrong_ids_are_invalid(strict, asked):
    """A-27, A-5"""
    assert error_of(strict.post("project_information", asked), 422, "invalid")["fields"]


def test_workflow_types_lists_what_is_stored(strict, body):
    """A-34"""
    workflows = strict.get("workflow_types").get_json()["workflows"]
    assert workflows == {
        "simple": {
            "name": "Simple",
            "description": "…",
            "versions": {"v1": {"name": "One", "description": "…"}},
        }
    }


def test_a_key_may_make_so_many_requests_a_minute(strict, change_settings):
    """A-8"""
    change_settings(api_requests_per_minute=3)
    with time_machine.travel(utcnow().replace(second=20, microsecond=0), tick=False):
        assert [strict.get("workflow_types").status_code for _ in range(3)] == [200, 200, 200]
        refused = strict.get("workflow_types")
    error_of(refused, 429, "rate_limited")
    assert refused.headers["Retry-After"] == "40"


def test_create_project_takes_thirteen_statements_and_one_commit(strict, body, statements):
    commits = []

    def note(connection):
        commits.append(connection)

    sa.event.listen(db.engine, "commit", note)
    try:
        with statements() as seen:
            assert strict.post("create_project", body).status_code == 200
    finally:
        sa.event.remove(db.engine, "commit", note)
    assert len(seen) <= 13, "\n".join(seen)
    assert len(commits) == 1


def test_project_information_costs_the_same_for_twenty_projects(strict, make, session, statements):
    """A-33"""
    slugs = [f"workflow-{number}" for number in range(20)]
    for slug in slugs:
        make.version(step("crawl", human=False), step("rate"), slug=slug)
    session.commit()
    asked = {
        "workflow_version_slug": "v1",
        "description": "…",
        "priority": 1,
        "task_class": "training",
    }
    ids = [
        strict.post("create_project", asked | {"workflow_slug": slug}).get_json()["project_id"]
        for slug in slugs
    ]
    session.expunge_all()
    with statements() as of_one:
        strict.post("project_information", {"project_ids": ids[:1]})
    session.expunge_all()
    with statements() as of_all:
        assert len(strict.post("project_information", {"project_ids": ids}).get_json()) == 20
    assert len(of_one) == len(of_all) <= 10


def test_project_information_costs_the_same_for_twenty_tasks(strict, make, session, statements):
    """A-33"""
    small = make.project(step("write"))
    large = make.project(*(step(f"write-{number}") for number in range(20)))
    session.commit()
    strict.get("workflow_types")  # notes the use of the key
    costs = []
    for project in (small, large):
        session.expunge_all()
        with statements() as seen:
            strict.post("project_information", {"project_id": project.id})
        costs.append(len(seen))
    assert costs[0] == costs[1] <= 8


def test_the_team_of_a_project_is_written_to_once(strict, make, session):
    """A-37, A-22"""
    work = make.work(TaskStatus.REVIEWING)
    session.commit()
    body = {"project_id": work.project.id, "message": "The deadline is Friday."}
    for _ in range(2):
        response = strict.post("message_project_team", body, {"Idempotency-Key": "friday"})
        assert (response.status_code, response.get_json()) == (200, {"success": True})
    told = session.scalars(
        sa.select(Message).where(Message.kind == "team_message", Message.channel == Channel.INBOX)
    ).all()
    assert {message.worker_id for message in told} == {
        work.writer.worker_id,
        work.reviewer.worker_id,
    }
    assert len(told) == 2
    assert told[0].subject == "A client system wrote to the team of A project"


@pytest.mark.parametrize("message", ["", "x" * 3001, 7, None, " "])
def test_a_message_that_is_none_is_refused(strict, make, session, message):
    """A-37"""
    project = make.project(step("write"))
    session.commit()
    body = {"project_id": project.id, "message": message}
    answer = error_of(strict.post("message_project_team", body), 422, "invalid")
    assert list(answer["fields"]) == ["message"]


def test_the_team_of_no_project_is_not_found(strict):
    """A-37"""
    answer = strict.post("message_project_team", {"project_id": 999, "message": "Hello"})
    error_of(answer, 404, "not_found")


# --- Staffing -----------------------------------------------------------------------------------


def test_somebody_is_looked_for_once_for_one_idempotency_key(strict, make, session):
    """A-38, S-5, S-8, P-56"""
    work = make.work()
    session.commit()
    answers = [
        strict.post("staff_task", {"task_id": work.task.id}, {"Idempotency-Key": "staff"})
        for _ in range(2)
    ]
    work.assign(work.writer)
    session.commit()
    body = {"task_id": work.task.id, "worker_username": work.writer.name}
    answers.append(strict.post("restaff_task", body))

    requests = session.scalars(sa.select(StaffingRequest).order_by(StaffingRequest.id)).all()
    expected = [requests[0].id, requests[0].id, requests[1].id]
    assert [answer.get_json() for answer in answers] == [
        {"success": True, "request_id": request_id} for request_id in expected
    ]
    assert len(requests) == 2
    assert {request.requested_by for request in requests} == {"key:system"}


def test_refusals_of_staffing_say_why(strict, make, session):
    """A-38"""
    work = make.work(TaskStatus.PROCESSING)
    task_id = work.task.id
    session.commit()
    error_of(strict.post("staff_task", {"task_id": task_id}), 409, "wrong_status")
    error_of(strict.post("staff_task", {"task_id": 999}), 404, "not_found")
    error_of(strict.post("staff_task", {}), 422, "invalid")
    body = {"task_id": task_id, "worker_username": "nobody"}
    error_of(strict.post("restaff_task", body), 404, "not_found")
