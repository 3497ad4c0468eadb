"""A repeated request has one effect (R-14; A-19, A-21 to A-23, A-53)."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine

from orchestra.database import db, utcnow
from orchestra.domain import repeats
from orchestra.models import AnsweredRequest, Project
from tests.signing import PREFIX, Signed

CREATE = f"{PREFIX}/create_project/"


@pytest.fixture
def projects(session):
    def counted():
        session.rollback()
        return session.scalar(sa.select(sa.func.count(Project.id)))

    return counted


def keyed(key):
    return {"Idempotency-Key": key}


def test_the_same_key_and_body_get_the_stored_answer(strict, body, projects):
    """A-22"""
    first = strict.post("create_project", body, keyed("once"))
    later = utcnow() + timedelta(days=6, hours=23)
    with time_machine.travel(later):
        again = strict.post("create_project", body, keyed("once"))

    assert again.get_json() == first.get_json()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert projects() == 1


def test_a_key_is_forgotten_after_seven_days(strict, body, projects):
    """A-21"""
    strict.post("create_project", body, keyed("once"))
    with time_machine.travel(utcnow() + timedelta(days=7, hours=1)):
        again = strict.post("create_project", body, keyed("once"))
    assert "Idempotency-Replayed" not in again.headers
    assert projects() == 2


def test_the_sweep_can_delete_old_answers(strict, body, session):
    strict.post("create_project", body, keyed("once"))
    repeats.forget_old(session)
    session.commit()
    assert session.scalar(sa.select(sa.func.count(AnsweredRequest.id))) == 1
    with time_machine.travel(utcnow() + timedelta(days=7, hours=1)):
        repeats.forget_old(session)
    assert session.scalar(sa.select(sa.func.count(AnsweredRequest.id))) == 0


def test_the_same_key_with_another_body_is_a_mismatch(strict, body, projects):
    """A-22"""
    strict.post("create_project", body, keyed("once"))
    response = strict.post("create_project", body | {"priority": 11}, keyed("once"))
    assert response.status_code == 409
    assert response.get_json()["error"] == "idempotency_mismatch"
    assert projects() == 1


def test_the_ending_of_the_path_makes_no_other_request(strict, body, projects):
    strict.post("create_project", body, keyed("once"))
    request = strict.request("POST", CREATE.rstrip("/"), json.dumps(body).encode())
    again = strict.send(request, headers=keyed("once"))
    assert again.headers["Idempotency-Replayed"] == "true"
    assert projects() == 1


def test_two_systems_may_use_the_same_key(new_key, body, projects):
    """A-21: per API key"""
    for name in ("one", "two"):
        answer = new_key(name).post("create_project", body, keyed("once"))
        assert "Idempotency-Replayed" not in answer.headers
    assert projects() == 2


def test_a_refused_call_does_not_use_up_its_key_or_signature(strict, body, projects):
    """A-53"""
    wrong = json.dumps(body | {"workflow_slug": "none"}).encode()
    request = strict.request("POST", CREATE, wrong)
    for _ in range(2):
        assert strict.send(request, headers=keyed("once")).status_code == 404
    assert strict.post("create_project", body, keyed("once")).status_code == 200
    assert projects() == 1


@pytest.mark.parametrize("key", ["", "a b", "ü", "x" * 129, "a\tb"])
def test_an_unusable_key_is_malformed(strict, body, key, stored):
    """A-21"""
    before = stored()
    response = strict.post("create_project", body, keyed(key))
    assert response.get_json()["error"] == "malformed"
    assert stored() == before


def test_an_answer_of_too_many_requests_or_a_failure_is_not_stored(
    strict, body, projects, change_settings, app, monkeypatch
):
    """A-23"""

    def fail(*_arguments, **_options):
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("orchestra.domain.projects.create_project", fail)
        patch.setattr(app, "testing", False)
        assert strict.post("create_project", body, keyed("once")).status_code == 500
    change_settings(api_requests_per_minute=1)
    assert strict.post("create_project", body, keyed("once")).status_code == 429
    change_settings(api_requests_per_minute=0)
    answer = strict.post("create_project", body, keyed("once"))
    assert (answer.status_code, "Idempotency-Replayed" in answer.headers) == (200, False)
    assert projects() == 1


def test_a_replayed_signature_is_refused(strict, body, projects):
    """A-19"""
    request = strict.request("POST", CREATE, json.dumps(body).encode())
    assert strict.send(request).status_code == 200

    again = strict.send(request)

    assert (again.status_code, again.get_json()["error"]) == (409, "conflict")
    assert "Idempotency-Key" in again.get_json()["message"]
    assert projects() == 1


@pytest.mark.parametrize("other", [keyed("other"), {}], ids=["other key", "no key"])
def test_a_replay_under_another_key_is_refused(strict, body, projects, other):
    """A-19: the Idempotency-Key is not signed, whoever repeats a request can change it."""
    request = strict.request("POST", CREATE, json.dumps(body).encode())
    strict.send(request, headers=keyed("mine"))
    assert strict.send(request, headers=other).status_code == 409
    assert projects() == 1


def test_a_replay_in_another_notation_is_still_a_replay(strict, body, projects):
    request = strict.request("POST", CREATE, json.dumps(body).encode())
    strict.send(request)
    respelt = request["headers"]["Authorization"].replace("hmac-sha256", "hs2019")
    assert strict.send(request, headers={"Authorization": respelt}).status_code == 409
    assert projects() == 1


def test_a_replay_with_its_key_gets_the_stored_answer(strict, body, projects):
    """A-19"""
    request = strict.request("POST", CREATE, json.dumps(body).encode())
    first = strict.send(request, headers=keyed("mine"))
    again = strict.send(request, headers=keyed("mine"))
    assert again.get_json() == first.get_json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert projects() == 1


def test_reading_calls_may_be_repeated(strict, body):
    """A-19"""
    project_id = strict.post("create_project", body).get_json()["project_id"]
    asked = json.dumps({"project_id": project_id}).encode()
    request = strict.request("POST", f"{PREFIX}/project_information/", asked)
    assert [strict.send(request).status_code for _ in range(2)] == [200, 200]


def test_date_only_signatures_cannot_be_told_from_replays(legacy, body, projects):
    """A-20"""
    request = legacy.request("POST", CREATE, json.dumps(body).encode(), signed=("date",))
    assert [legacy.send(request).status_code for _ in range(2)] == [200, 200]
    assert projects() == 2


def test_a_legacy_key_can_repeat_safely_with_an_idempotency_key(legacy, body, projects):
    for _ in range(2):
        legacy.post("create_project", body, keyed("once"), signed=("date",))
    assert projects() == 1


@pytest.mark.parametrize("headers", [keyed("once"), {}], ids=["key", "signature"])
def test_of_parallel_repeats_one_has_an_effect(app, strict, body, projects, headers):
    """R-14, A-22"""
    request = strict.request("POST", CREATE, json.dumps(body).encode())

    def send(_):
        client = app.test_client()
        return Signed(client, strict.key_id, strict.secret, strict.document).send(
            request, headers=headers
        )

    with ThreadPoolExecutor(8) as threads:
        responses = list(threads.map(send, range(16)))

    assert projects() == 1
    answers = {response.get_json().get("project_id") for response in responses} - {None}
    assert len(answers) == 1
    refused = [response for response in responses if response.status_code != 200]
    assert {response.get_json()["error"] for response in refused} <= {"conflict"}


def test_while_the_first_runs_a_repeat_is_told_to_wait(strict, body, projects):
    """A-22; on SQLite the repeat waits for the first instead."""
    if db.engine.dialect.name == "sqlite":
        pytest.skip("writers follow one another")
    call = repeats.Repeatable(
        owner="key:system", path=CREATE.rstrip("/"), body_hash="", idempotency_key="once"
    )
    with db.engine.connect() as connection, sa.orm.Session(connection) as other:
        assert repeats.earlier_answer(other, call) is None
        response = strict.post("create_project", body, keyed("once"))
    assert (response.status_code, response.get_json()["error"]) == (409, "conflict")
    assert response.headers["Retry-After"] == "1"
    assert projects() == 0
