"""What every call asks first (N-2, N-3, N-5, N-23)."""

import re

import pytest

PREFIX = "/orchestra/api/interface/"


def routes(app):
    return [
        (re.sub(r"<int:\w+>", "1", rule.rule).replace("<role>", "reviewer"), method)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(PREFIX)
        for method in rule.methods & {"GET", "POST", "PUT", "PATCH", "DELETE"}
    ]


def test_every_call_needs_a_login_before_anything_else(client, app):
    """N-2, N-23: also before the token and the body."""
    found = routes(app)
    assert len(found) > 20
    for path, method in found:
        answer = client.open(path, method=method)
        assert (answer.status_code, answer.json["error"]) == (401, "unauthenticated"), path


def test_every_changing_call_needs_the_token(client, app, make, session):
    """N-3"""
    admin = make.admin()
    session.commit()
    client.sign_in(admin)
    for path, method in routes(app):
        if method != "GET":
            for token in ({}, {"X-CSRF-Token": "wrong"}):
                answer = client.open(path, method=method, json={}, headers=token)
                assert (answer.status_code, answer.json["error"]) == (403, "forbidden"), path


def test_management_is_for_project_admins(client, app, make, session):
    """N-14, P-20: whether or not the object exists."""
    worker = make.worker()
    session.commit()
    client.sign_in(worker)
    headers = {"X-CSRF-Token": client.csrf_token}
    for path, method in routes(app):
        if "project_management" in path and not path.endswith("project_information/"):
            answer = client.open(path, method=method, json={}, headers=headers)
            assert (answer.status_code, answer.json["error"]) == (403, "forbidden"), path


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"\xff", b'{"task_id": NaN}'])
def test_a_body_that_is_no_json_object_is_malformed(client, make, session, body):
    """C-10, N-23"""
    worker = make.worker()
    session.commit()
    client.sign_in(worker)
    answer = client.post(
        f"{PREFIX}save_task_assignment/",
        data=body,
        headers={"X-CSRF-Token": client.csrf_token},
        content_type="application/json",
    )
    assert (answer.status_code, answer.json["error"]) == (400, "malformed")


def test_a_form_is_not_taken_for_json(client, make, session):
    """N-3"""
    worker = make.worker()
    session.commit()
    client.sign_in(worker)
    headers = {"X-CSRF-Token": client.csrf_token}
    answer = client.post(f"{PREFIX}save_task_assignment/", data={"task_id": 1}, headers=headers)
    assert (answer.status_code, answer.json["error"]) == (400, "malformed")


def test_the_wrong_method_is_405_in_json(client, make, session):
    """N-2"""
    worker = make.worker()
    session.commit()
    answer = client.sign_in(worker).get(f"{PREFIX}save_task_assignment/")
    assert (answer.status_code, answer.json["error"]) == (405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]
