"""The calls of workers (N-1 to N-13): per call a success, a refusal and bad input."""

import pytest

from orchestra.domain import projects
from orchestra.domain.audit import Actor
from orchestra.models import Assignment, AuditEvent, Role, Verb
from tests.builders import own
from tests.web.conftest import form_step

PREFIX = "/orchestra/api/interface/"


@pytest.fixture
def version(make):
    return make.version(form_step("reporting"), slug="journalism")


@pytest.fixture
def ana(make):
    return make.worker("ana", first_name="Ana", last_name="Silva")


@pytest.fixture
def task_id(session, start, take, version, ana):
    """A task that ana works on, in a project with data."""
    start(version, data={"url": "https://example.org"})
    task_id = take(ana)
    session.commit()
    return task_id


@pytest.fixture
def at_ana(client, task_id, ana):
    return client.sign_in(ana)


def revision_of(session, task_id):
    with session.begin():
        return session.query(Assignment).filter_by(task_id=task_id).one().revision


def refused(answer, status, kind):
    assert (answer.status_code, answer.json["error"]) == (status, kind)
    return answer.json


def test_the_dashboard_lists_every_bucket(at_ana, task_id):
    """N-25, P-66"""
    answer = at_ana.get(f"{PREFIX}dashboard_tasks/")
    assert answer.headers["Cache-Control"] == "no-store"
    (entry,) = answer.json["tasks"]
    assert list(entry) == [
        "task_id", "assignment_id", "step", "workflow", "version", "short_description",
        "priority", "bucket", "role", "assigned_at", "url",
    ]  # fmt: skip
    assert entry["url"] == f"/orchestra/app/task/{task_id}"
    assert entry["assigned_at"].endswith("Z")
    assert answer.json["counts"]["in_progress"] == 1
    assert answer.json["pool"] == {"entry_level": 0, "reviewer": 0}
    assert answer.json["blocked"] is None
    assert answer.json["has_reviewer_role"] is True  # nothing is certified here (P-32)


def test_the_dashboard_lists_one_bucket(at_ana):
    assert at_ana.get(f"{PREFIX}dashboard_tasks/?bucket=complete").json["tasks"] == []


@pytest.mark.parametrize("query", ["bucket=fast", "page=0", "page=x", "colour=red"])
def test_a_wrong_parameter_is_malformed(at_ana, query):
    """C-13"""
    refused(at_ana.get(f"{PREFIX}dashboard_tasks/?{query}"), 400, "malformed")


def test_a_worker_picks_up_a_task(client, session, start, version, ana):
    """P-44"""
    project = start(version)
    session.commit()
    answer = client.sign_in(ana).call("new_task_assignment/entry_level/")
    assert answer.json == {
        "id": answer.json["id"],
        "assignment_id": answer.json["assignment_id"],
        "step": "reporting",
        "project": "v1",
        "detail": project.short_description,
    }


def test_nothing_to_pick_up_is_not_found(at_ana):
    """P-41"""
    problem = refused(at_ana.call("new_task_assignment/reviewer/"), 404, "not_found")
    assert problem["message"] == "No review is waiting at the moment."


def test_a_pick_up_takes_no_arguments(at_ana):
    problem = refused(at_ana.call("new_task_assignment/entry_level/", {"fast": 1}), 422, "invalid")
    assert "fast" in problem["fields"]


def test_an_unknown_role_is_not_found(at_ana):
    refused(at_ana.call("new_task_assignment/boss/"), 404, "not_found")


def test_the_task_object_has_all_that_a_page_needs(at_ana, task_id):
    """N-9, N-10, N-13"""
    task = at_ana.get(f"{PREFIX}task_assignment_information/?task_id={task_id}").json
    assert task["workflow"] == {"slug": "journalism", "name": "Journalism"}
    assert task["step"]["slug"] == "reporting"
    assert own(task["project"]["project_data"]) == {"url": "https://example.org"}
    assert task["task"] == {"data": {}, "status": "Processing"}
    assert task["worker"] == {"username": "ana", "first_name": "Ana", "last_name": "Silva"}
    assert (task["status"], task["level"], task["revision"]) == ("Processing", 0, 1)
    assert (task["is_reviewer"], task["is_read_only"], task["read_only_reason"]) == (
        False, False, None,
    )  # fmt: skip
    assert task["submit_blocked_reason"] is None
    assert [past["worker"]["username"] for past in task["history"]] == ["ana"]
    assert "form" in task["interface"]


def test_a_stranger_may_not_know_of_the_task(client, make, session, task_id):
    """P-20, W-20"""
    stranger = make.worker()
    session.commit()
    path = f"{PREFIX}task_assignment_information/?task_id={task_id}"
    refused(client.sign_in(stranger).get(path), 404, "not_found")


def test_a_project_admin_reads_the_task_of_somebody_else(client, make, session, task_id):
    """N-11, N-12"""
    admin = make.admin()
    session.commit()
    path = f"{PREFIX}task_assignment_information/?task_id={task_id}"
    task = client.sign_in(admin).get(path).json
    assert task["worker"]["username"] == "ana"
    assert (task["is_read_only"], task["read_only_reason"]) == (True, "not_yours")
    assert task["is_project_admin"] is True


def test_a_project_admin_reads_a_task_that_nobody_holds(client, make, session, start, version):
    """N-11"""
    start(version)
    admin = make.admin()
    session.commit()
    task = client.sign_in(admin).get(f"{PREFIX}task_assignment_information/?task_id=1").json
    assert (task["assignment_id"], task["task"]["data"]) == (None, {})


@pytest.mark.parametrize("query", ["", "task_id=x", "task_id=0", "task_id=1&x=1", "task_id=1e3"])
def test_a_task_is_asked_for_by_a_number(at_ana, query):
    refused(at_ana.get(f"{PREFIX}task_assignment_information/?{query}"), 400, "malformed")


def test_the_reason_why_a_task_is_read_only_follows_the_work(
    client, make, session, task_id, ana, take, hand_over
):
    """N-12"""
    path = f"{PREFIX}task_assignment_information/?task_id={task_id}"
    ben = make.worker("ben")
    hand_over(ana, task_id)
    take(ben, Role.REVIEWER)
    session.commit()
    client.sign_in(ana)
    assert client.get(path).json["read_only_reason"] == "waiting_for_review"
    hand_over(ben, task_id, "return")
    session.commit()
    assert client.get(path).json["read_only_reason"] is None
    assert client.sign_in(ben).get(path).json["read_only_reason"] == "returned_below"
    hand_over(ana, task_id)
    hand_over(ben, task_id, "accept")
    session.commit()
    assert client.get(path).json["read_only_reason"] == "project_closed"


def test_a_draft_is_saved(at_ana, session, task_id):
    """L-53"""
    body = {"task_id": task_id, "task_data": {"headline": "R"}, "revision": 1}
    answer = at_ana.call("save_task_assignment/", body)
    assert answer.json["revision"] == 2
    assert answer.json["saved_at"].endswith("Z")


def test_a_stale_draft_gets_the_newer_one(at_ana, task_id):
    """L-143, C-8"""
    body = {"task_id": task_id, "task_data": {"headline": "R"}, "revision": 1}
    at_ana.call("save_task_assignment/", body)
    body["task_data"] = {"headline": "Another"}
    problem = refused(at_ana.call("save_task_assignment/", body), 409, "stale_revision")
    assert problem["data"] == {"headline": "R"}
    assert (problem["revision"], problem["saved_by"]) == (2, "ana")
    assert problem["saved_at"].endswith("Z")


@pytest.mark.parametrize(
    "change",
    [{"revision": "1"}, {"revision": None}, {"task_id": True}, {"task_data": []}, {"more": 1}],
)
def test_a_wrong_draft_is_invalid_and_named(at_ana, session, task_id, change):
    body = {"task_id": task_id, "task_data": {}, "revision": 1} | change
    problem = refused(at_ana.call("save_task_assignment/", body), 422, "invalid")
    assert next(iter(change)) in problem["fields"]
    assert revision_of(session, task_id) == 1


def test_work_is_submitted_and_the_dashboard_says_so(at_ana, task_id):
    """N-24, W-24"""
    body = {
        "task_id": task_id,
        "task_data": {"headline": "Rain"},
        "command_type": "submit",
        "revision": 1,
    }
    answer = at_ana.call("submit_task_assignment/", body)
    assert answer.json == {"status": "Pending Review", "next": "/orchestra/app"}
    assert f"Task {task_id} was submitted. It waits for a reviewer now." in at_ana.get(
        "/orchestra/app"
    ).text.replace("\n", "")


def test_a_submit_that_does_not_fit_the_form_names_the_fields(at_ana, session, task_id):
    """L-142"""
    body = {"task_id": task_id, "task_data": {}, "command_type": "submit", "revision": 1}
    problem = refused(at_ana.call("submit_task_assignment/", body), 422, "invalid")
    assert "/headline" in problem["fields"]
    assert revision_of(session, task_id) == 1


def test_an_unknown_command_is_invalid(at_ana, task_id):
    body = {"task_id": task_id, "task_data": {}, "command_type": "burn", "revision": 1}
    problem = refused(at_ana.call("submit_task_assignment/", body), 422, "invalid")
    assert "command_type" in problem["fields"]


def test_a_repeated_submit_gets_the_first_answer(at_ana, session, task_id):
    """N-4, L-66"""
    body = {
        "task_id": task_id,
        "task_data": {"headline": "Rain"},
        "command_type": "submit",
        "revision": 1,
    }
    headers = {"X-CSRF-Token": at_ana.csrf_token, "Idempotency-Key": "once"}
    path = f"{PREFIX}submit_task_assignment/"
    answers = [at_ana.post(path, json=body, headers=headers) for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert session.query(AuditEvent).filter_by(verb=Verb.TASK_SUBMITTED).count() == 1


def test_the_check_of_a_form_changes_nothing(at_ana, session, task_id):
    """N-7"""
    wrong = at_ana.call("validate_task_data/", {"task_id": task_id, "task_data": {"headline": ""}})
    assert wrong.json["valid"] is False
    assert "/headline" in wrong.json["fields"]
    right = at_ana.call(
        "validate_task_data/", {"task_id": task_id, "task_data": {"headline": "Rain"}}
    )
    assert right.json == {"valid": True, "fields": {}}
    assert revision_of(session, task_id) == 1


def test_the_check_of_a_foreign_task_is_not_found(at_ana):
    refused(at_ana.call("validate_task_data/", {"task_id": 99, "task_data": {}}), 404, "not_found")


def test_a_pause_blocks_the_submit_and_not_the_draft(at_ana, make, session, task_id):
    """N-12, W-26"""
    projects.pause(session, Actor.of(make.admin()), 1)
    session.commit()
    path = f"{PREFIX}task_assignment_information/?task_id={task_id}"
    assert at_ana.get(path).json["submit_blocked_reason"] == "project_paused"
    draft = {"task_id": task_id, "task_data": {"headline": "Rain"}, "revision": 1}
    assert at_ana.call("save_task_assignment/", draft).status_code == 200
    refused(
        at_ana.call("submit_task_assignment/", draft | {"revision": 2, "command_type": "submit"}),
        409,
        "project_paused",
    )


def test_a_nul_in_a_comment_is_no_internal_error(at_ana, task_id):
    body = {
        "task_id": task_id,
        "task_data": {"headline": "Rain\0"},
        "command_type": "submit",
        "comment": "a\0b",
        "revision": 1,
    }
    assert at_ana.call("submit_task_assignment/", body).status_code in (200, 400, 422)


def test_a_return_carries_remarks_and_the_task_object_tells_them(
    at_ana, browser, session, make, task_id, ana, take, hand_over
):
    """W-23"""
    ben = make.worker("ben")
    hand_over(ana, task_id)
    take(ben, Role.REVIEWER)
    session.commit()
    work = {"task_id": task_id, "task_data": {}, "revision": 1, "command_type": "return"}
    at_ben = browser().sign_in(ben)
    wrong = at_ben.call("submit_task_assignment/", work | {"remarks": [{"pointer": "/text"}]})
    assert list(refused(wrong, 422, "invalid")["fields"]) == ["remarks.0.text"]
    remarks = [{"pointer": "/text", "text": "Who says so?"}]
    assert at_ben.call("submit_task_assignment/", work | {"remarks": remarks}).status_code == 200
    task = at_ana.get(f"{PREFIX}task_assignment_information/?task_id={task_id}").json
    (remark,) = task["history"][1]["remarks"]
    assert task["remarks"] == [remark]
    assert remark["worker"]["username"] == "ben"
    assert (remark["pointer"], remark["text"]) == ("/text", "Who says so?")
    assert at_ana.call(f"remarks/{remark['id']}/resolve/").json["resolved_at"].endswith("Z")
    assert at_ana.call(f"remarks/{remark['id']}/reopen/").json["resolved_at"] is None


def test_a_remark_of_others_is_not_there(at_ana):
    refused(at_ana.call("remarks/1/resolve/"), 404, "not_found")
