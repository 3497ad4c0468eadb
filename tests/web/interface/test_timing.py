"""The timer and time entries as JSON (N-7, T-1 to T-17)."""

from datetime import date, timedelta

import pytest
import time_machine

from orchestra.domain import acting, timers
from orchestra.models import TaskStatus, TimeEntry
from tests.recording import NOON

API = "/orchestra/api/interface/"
TIMER, ENTRIES = f"{API}timer/", f"{API}time_entries/"

pytestmark = pytest.mark.usefixtures("wednesday")


@pytest.fixture
def assignment_id(work, session):
    found = work.at(0).id
    session.commit()
    return found


def send(browser, method, path, body=None):
    headers = {"X-CSRF-Token": browser.csrf_token}
    return browser.open(path, method=method, json=body or {}, headers=headers)


def entry_of(browser, **fields):
    given = {"date": "2026-03-04", "time_worked": 61, "description": "Wrote"} | fields
    return send(browser, "POST", ENTRIES, given)


def test_a_timer_is_started_described_and_stopped(her, assignment_id):
    """T-2 to T-5"""
    assert her.get(TIMER).json == {
        "running": False,
        "start_time": None,
        "assignment": None,
        "description": "",
        "elapsed_seconds": 0,
        "invalid_entries": 0,
    }
    started = send(her, "POST", f"{TIMER}start/", {"assignment": assignment_id})
    assert started.status_code == 200
    assert started.json["start_time"].startswith("2026-03-04T12:00:00")
    send(her, "POST", f"{TIMER}update/", {"description": "Called"})
    with time_machine.travel(NOON + timedelta(seconds=90), tick=False):
        now = her.get(TIMER).json
        assert (now["running"], now["elapsed_seconds"]) == (True, 90)
        assert (now["description"], now["assignment"]) == ("Called", assignment_id)
        stopped = send(her, "POST", f"{TIMER}stop/").json
    assert (stopped["time_worked"], stopped["time_worked_seconds"]) == ("00:01:30", 90)
    assert (stopped["rounded_minutes"], stopped["date"]) == (2, "2026-03-04")
    assert (stopped["description"], stopped["assignment"]) == ("Called", assignment_id)
    assert stopped["timer_stop_time"].startswith("2026-03-04T12:01:30")
    assert not stopped["is_incomplete"]


def test_the_timer_refuses_in_its_own_kinds(her, assignment_id):
    for path in ("stop/", "update/"):
        answer = send(her, "POST", f"{TIMER}{path}")
        assert (answer.status_code, answer.json["error"]) == (409, "timer_not_running")
    send(her, "POST", f"{TIMER}start/")
    answer = send(her, "POST", f"{TIMER}start/", {"assignment": 10**6})
    assert (answer.status_code, answer.json["error"]) == (409, "timer_running")
    answer = send(her, "POST", f"{TIMER}update/", {"assignment": 10**6})
    assert (answer.status_code, answer.json["error"]) == (404, "not_found")
    answer = send(her, "POST", f"{TIMER}update/", {"description": "x" * 201})
    assert list(answer.json["fields"]) == ["description"]


def test_a_timer_that_did_not_change_is_not_sent_again(her):
    """Asked for by every open page."""
    send(her, "POST", f"{TIMER}start/")
    first = her.get(TIMER)
    with time_machine.travel(NOON + timedelta(minutes=5), tick=False):
        again = her.get(TIMER, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        send(her, "POST", f"{TIMER}update/", {"description": "Called"})
        changed = her.get(TIMER, headers={"If-None-Match": first.headers["ETag"]})
    assert changed.json["elapsed_seconds"] == 300


@pytest.mark.parametrize("time", [5400, "1:30", "01:30:00", "PT1H30M"])
def test_an_entry_is_made_from_time_in_each_form(her, time, assignment_id):
    """T-12"""
    answer = entry_of(her, time_worked=time, assignment=assignment_id)
    assert answer.status_code == 201
    assert answer.json["time_worked_seconds"] == 5400
    assert answer.json["worker"].startswith("worker-")
    assert answer.json["task"]["label"] == "Write: A project"
    assert her.get(f"{ENTRIES}{answer.json['id']}/").json == answer.json


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"date": "soon"}, "date"),
        ({"date": "2026-02-29"}, "date"),
        ({"date": "20260304"}, "date"),
        ({"date": 20260304}, "date"),
        ({"date": "2026-03-06"}, "date"),
        ({"time_worked": -1}, "time_worked"),
        ({"time_worked": "24:01"}, "time_worked"),
        ({"time_worked": None}, "time_worked"),
        ({"description": "x" * 201}, "description"),
        ({"description": "\0"}, "description"),
        ({"assignment": 10**6}, "assignment"),
        ({"assignment": "1"}, "assignment"),
        ({"worker": "ben"}, "worker"),
    ],
)
def test_what_is_wrong_is_named(her, fields, named):
    """T-11, T-13"""
    answer = entry_of(her, **fields)
    assert (answer.status_code, answer.json["error"]) == (422, "invalid")
    assert list(answer.json["fields"]) == [named]


def test_the_same_request_makes_one_entry(her):
    """N-4"""
    headers = {"X-CSRF-Token": her.csrf_token, "Idempotency-Key": "once"}
    body = {"date": "2026-03-04", "time_worked": 60}
    first, second = (her.post(ENTRIES, json=body, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json == second.json
    assert her.get(ENTRIES).json["total"] == 1


def test_a_change_keeps_what_it_does_not_name_and_a_replacement_does_not(her, assignment_id):
    """T-17"""
    made = entry_of(her, assignment=assignment_id).json
    path = f"{ENTRIES}{made['id']}/"
    changed = send(her, "PATCH", path, {"description": "Read"}).json
    assert (changed["time_worked_seconds"], changed["assignment"]) == (61, assignment_id)
    replaced = send(her, "PUT", path, {"date": "2026-03-03", "time_worked": "0:05"}).json
    assert (replaced["description"], replaced["assignment"]) == ("", None)
    assert replaced["is_incomplete"]
    missing = send(her, "PUT", path, {"date": "2026-03-03"})
    assert list(missing.json["fields"]) == ["time_worked"]


def test_an_entry_is_deleted_and_brought_back(her):
    """T-15"""
    path = f"{ENTRIES}{entry_of(her).json['id']}/"
    assert send(her, "DELETE", path).status_code == 204
    assert her.get(path).status_code == 404
    assert her.get(ENTRIES).json["entries"] == []
    assert send(her, "POST", f"{path}restore/").status_code == 200
    assert her.get(ENTRIES).json["total"] == 1


def test_entries_of_others_are_not_found_except_for_project_admins(
    her, browser, make, session, assignment_id
):
    """T-14"""
    bare = f"{ENTRIES}{entry_of(her).json['id']}/"
    on_task = f"{ENTRIES}{entry_of(her, assignment=assignment_id).json['id']}/"
    other, admin = make.worker(), make.admin()
    session.commit()
    other, admin = browser().sign_in(other), browser().sign_in(admin)
    assert admin.get(on_task).status_code == 200
    for one, hidden in ((other, bare), (other, on_task), (admin, bare)):
        assert one.get(hidden).status_code == 404
    for one in (other, admin):
        for method in ("PATCH", "DELETE"):
            assert send(one, method, on_task, {"description": "x"}).status_code == 404
        assert one.get(ENTRIES).json["entries"] == []


def test_the_list_is_of_a_range_and_a_task_with_the_sums_of_its_days(her, assignment_id):
    """N-8, T-19, T-21: both ends count."""
    for day, fields in [
        ("2026-03-01", {}),
        ("2026-03-02", {"assignment": assignment_id}),
        ("2026-03-02", {"assignment": assignment_id, "time_worked": 1}),
        ("2026-03-03", {"description": ""}),
        ("2026-03-04", {}),
    ]:
        assert entry_of(her, date=day, **fields).status_code == 201
    answer = her.get(f"{ENTRIES}?min_date=2026-03-02&max_date=2026-03-03").json
    assert [entry["date"] for entry in answer["entries"]] == ["2026-03-03", *["2026-03-02"] * 2]
    assert answer["days"] == [
        {"date": "2026-03-03", "total_minutes": None, "invalid": True},
        {"date": "2026-03-02", "total_minutes": 3, "invalid": False},
    ]
    only = her.get(f"{ENTRIES}?assignment={assignment_id}").json
    assert (only["total"], only["pages"]) == (2, 1)


@pytest.mark.parametrize(
    "query", ["min_date=soon", "max_date=2026-02-30", "page=0", "assignment=x", "other=1"]
)
def test_parameters_that_make_no_sense_are_malformed(her, query):
    """N-8"""
    answer = her.get(f"{ENTRIES}?{query}")
    assert (answer.status_code, answer.json["error"]) == (400, "malformed")


def test_tasks_are_offered_that_are_open_or_ended_lately(her, make, session, work, assignment_id):
    """T-27"""
    worker = work.workers[work.writer.name]
    ended = {}
    for days in (1, 15):
        other = make.work(TaskStatus.PROCESSING)
        other.at(0).worker_id = worker.id
        session.flush()
        ended[days] = other.at(0).id
        other.task.status, other.task.ended_at = "complete", NOON - timedelta(days=days)
    foreign = make.work(TaskStatus.PROCESSING).at(0).id
    session.commit()

    def offered(query=""):
        found = her.get(f"{TIMER}choices/{query}").json["choices"]
        return [choice["assignment"] for choice in found]

    assert offered() == [assignment_id, ended[1]]
    assert offered(f"?assignment={ended[15]}") == [assignment_id, ended[1], ended[15]]
    assert offered(f"?assignment={foreign}") == [assignment_id, ended[1]]


def test_what_is_asked_costs_a_fixed_number_of_statements(her, session, work, statements):
    """N-22"""
    timers.start(session, work.writer)
    session.commit()
    costs = set()
    for number in (1, 150):
        session.add_all(
            TimeEntry(
                worker_id=work.writer.worker_id,
                worked_on=date(2026, 3, 1) + timedelta(days=n % 3),
                work_seconds=60,
                assignment_id=work.at(0).id,
            )
            for n in range(number)
        )
        session.commit()
        with statements() as seen:
            listed = her.get(ENTRIES)
            her.get(TIMER)
            her.get(f"{TIMER}choices/")
        costs.add(len(seen))
    assert len(costs) == 1
    assert len(listed.json["entries"]) == 100
    assert her.get(f"{ENTRIES}?page=2").json["pages"] == 2


def test_whoever_acts_as_a_worker_records_their_time_in_both_names(session, work, make):
    """P-54"""
    administrator = make.worker(is_administrator=True)
    worker = work.workers[work.writer.name]
    actor = acting.as_worker(administrator, worker, "r")
    assert timers.start(session, actor).worker_id == worker.id
