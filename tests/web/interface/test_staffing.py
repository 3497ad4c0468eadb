"""Staffing in the JSON of the pages (N-15, N-16, N-27); offers are in test_available_tasks.py."""

import pytest

from orchestra.models import OfferState, TaskStatus
from tests.builders import step

PREFIX = "/orchestra/api/interface/project_management"


@pytest.fixture
def mia(client, asking, make, session):
    admin = make.admin("boss")
    session.commit()
    return client.sign_in(admin)


@pytest.fixture
def task(make):
    return make.task(make.project(step("report")), "report")


def information(client, project_id):
    return client.call("project_management/project_information/", {"project_id": project_id}).json


def test_a_request_is_opened_shown_and_cancelled(task, mia, session):
    """S-5, S-12, N-16"""
    task_id, project_id = task.id, task.project_id
    session.commit()
    opened = mia.call("project_management/staff_task/", {"task_id": task_id})
    assert opened.json.keys() == {"request_id", "is_restaff"}
    assert opened.json["is_restaff"] is False
    [shown] = information(mia, project_id)["open_requests"]
    assert shown.pop("opened_at")
    assert shown == {
        "request_id": opened.json["request_id"],
        "task_id": task_id,
        "level": 0,
        "cause": "user",
        "state": "open",
        "requested_by": "boss",
        "replaces": None,
        "asked": 0,
        "declined": 0,
    }
    body = {"request_id": opened.json["request_id"]}
    assert mia.call("project_management/cancel_request/", body).json == {}
    assert information(mia, project_id)["open_requests"] == []
    refused = mia.call("project_management/cancel_request/", body)
    assert (refused.status_code, refused.json["error"]) == (409, "wrong_status")


def test_a_replacement_is_looked_for(make, mia, session):
    """S-8"""
    work = make.work(TaskStatus.PROCESSING)
    task_id, project_id = work.task.id, work.project.id
    session.commit()
    body = {"task_id": task_id, "worker_username": work.writer.name}
    assert mia.call("project_management/restaff_task/", body).json["is_restaff"] is True
    [shown] = information(mia, project_id)["open_requests"]
    assert (shown["cause"], shown["replaces"]) == ("restaff", work.writer.name)
    body["worker_username"] = work.reviewer.name
    refused = mia.call("project_management/restaff_task/", body)
    assert (refused.status_code, refused.json["error"]) == (404, "not_found")
    assert work.writer.name in refused.json["message"]


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("staff_task", {"task_id": 999}),
        ("restaff_task", {"task_id": 999, "worker_username": "ana"}),
        ("cancel_request", {"request_id": 999}),
    ],
)
def test_what_does_not_exist_is_not_found(mia, call, body):
    answer = mia.call(f"project_management/{call}/", body)
    assert (answer.status_code, answer.json["error"]) == (404, "not_found")


def test_why_gives_verdicts_and_answers_with_their_times(asking, make, task, mia, session):
    """S-18, N-27"""
    ana, ben = make.worker("ana"), make.worker("ben")
    request = asking.request(task)
    [offer] = asking.by_request(request, ana, verdicts={"not_certified": [ben.id]})
    offer.state = OfferState.DECLINED
    request_id, task_id = request.id, task.id
    session.commit()
    [told] = mia.get(f"{PREFIX}/why/?task_id={task_id}").json["requests"]
    assert (told["request_id"], told["level"], told["state"]) == (request_id, 0, "open")
    found = {(verdict["username"], verdict["verdict"]) for verdict in told["verdicts"]}
    assert found == {("ana", "offered"), ("ben", "not_certified")}
    assert all(verdict["at"].endswith("Z") for verdict in told["verdicts"])
    [answer] = told["offers"]
    assert (answer["username"], answer["state"]) == ("ana", "declined")
    assert answer.keys() == {"username", "state", "sent_at", "answered_at"}
    assert mia.get(f"{PREFIX}/why/?task_id={task_id}&level=1").json == {"requests": []}
    assert mia.get(f"{PREFIX}/why/?task_id=999").status_code == 404
