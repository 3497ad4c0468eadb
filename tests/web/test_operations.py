"""The page of operations (W-73, W-74)."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from orchestra import outbox
from orchestra.database import utcnow
from orchestra.domain import execution, machine, machine_steps, projects, versions
from orchestra.domain.audit import Actor
from orchestra.domain.execution import Runner
from orchestra.models import AuditEvent, Channel, Message, MessageState, Task, Tick
from orchestra.outbox import Job, OutboxMessage
from orchestra.tasks import celery
from tests.builders import step

PAGE = "/orchestra/app/operations"
REFUSING = {"path": "tests.steps.fail_for_good"}


@pytest.fixture
def boss(make):
    return make.worker("boss", is_administrator=True)


@pytest.fixture
def at_page(client, session, boss):
    """The browser of an administrator."""
    session.commit()
    return client.sign_in(boss)


@pytest.fixture
def version(make):
    return make.version(
        step("crawl", human=False, execution_function=REFUSING), step("rate", "crawl")
    )


@pytest.fixture
def fail(session, start, version):
    """Let the first step of some projects fail; gives the ids of the tasks."""

    def failed(count=1):
        return [_fail(session, start(version, f"Project {n}")) for n in range(1, count + 1)]

    return failed


def _fail(session, project):
    lease = machine.claim(session, project.id, "crawl", Runner("host", 42))
    machine.record(session, lease, execution.call(lease))
    session.commit()
    return lease.task_id


@pytest.fixture
def dead(session, make):
    """The id of a job that was given up, in a paused project."""
    project = make.project(step("look", human=False))
    for _ in range(outbox.LAST_FAILURE):
        outbox.record_failure(session, f"step:{project.id}:look", "KeyError: 'url'")
    projects.pause(session, Actor.of(make.admin()), project.id)
    found = session.scalar(sa.select(OutboxMessage.id).where(OutboxMessage.resend_at.is_(None)))
    session.commit()
    return found


@pytest.fixture
def unsent(session, make):
    """The id of a mail that was given up."""
    message = Message(
        kind="returned",
        channel=Channel.MAIL,
        worker_id=make.worker("ana").id,
        address="ana@example.org",
        dedupe_key="1",
        subject="Returned to you",
        text="…",
        state=MessageState.DEAD,
        tries=3,
        last_error="550 unknown recipient",
    )
    session.add(message)
    session.commit()
    return message.id


def status_of(session, task_id):
    session.rollback()
    return session.get(Task, task_id, populate_existing=True).status.value


def said(client):
    notices = re.findall(r'class="notice notice-\w+">(.*?)</p>', client.get(PAGE).text, re.DOTALL)
    return " ".join(notices)


# --- Who --------------------------------------------------------------------------------------


def test_the_page_is_for_administrators(browser, make, session, boss):
    """W-73, P-20"""
    admin, worker = make.admin(), make.worker()
    session.commit()
    assert browser().sign_in(boss).get(PAGE).status_code == 200
    assert f'href="{PAGE}"' in browser().sign_in(boss).get("/orchestra/app").text
    for somebody in (admin, worker):
        client = browser().sign_in(somebody)
        assert client.get(PAGE).status_code == 403
        assert client.post_form(f"{PAGE}/tasks/1/retry").status_code == 403
        assert f'href="{PAGE}"' not in client.get("/orchestra/app").text


@pytest.mark.parametrize(
    "path",
    [
        "tasks/1/retry",
        "tasks/1/skip",
        "failed/1/crawl/retry",
        "failed/1/crawl/skip",
        "outbox/1/send_again",
        "outbox/1/discard",
        "messages/1/send_again",
        "messages/1/discard",
    ],
)
def test_a_decision_needs_the_token(at_page, path):
    """W-13"""
    assert at_page.post_form(f"{PAGE}/{path}", csrf_token="stale").status_code == 403


# --- Look -------------------------------------------------------------------------------------


def test_an_idle_system_says_that_nothing_waits(at_page):
    page = at_page.get(PAGE).text
    assert "Nothing waits for a person." in page
    assert "Failed steps, and jobs and messages that were given up, will stand here." in page
    assert "the system is new" in page
    assert "orchestra flower" in page


def test_failed_steps_stand_first_with_error_and_traceback(at_page, fail):
    """W-73"""
    fail(5)
    page = at_page.get(PAGE).text
    assert page.index("5 failed") < page.index("Queues")
    assert "PermanentFailure: there is no such page" in page
    assert "Traceback (most recent call last)" in page
    assert "The newest 3 of 5." in page
    link = re.search(r'href="(/orchestra/app/operations/failed/\d+/crawl)"', page)[1]
    assert at_page.get(link).text.count('class="decide"') == 5


def test_a_queue_that_nobody_consumes_is_reported(at_page, session, start, make):
    """L-128"""
    start(make.version(step("render", human=False, queue="gpu")))
    session.execute(sa.update(OutboxMessage).values(created_at=utcnow() - timedelta(minutes=6)))
    session.commit()
    page = at_page.get(PAGE).text
    assert "orchestra worker --queues gpu" in page
    assert "waits too long" in page


def test_what_failed_in_a_scheduled_run_is_counted(at_page, session):
    """S-24, W-73"""
    session.add(Tick(job=Job.SEND_STAFFING_REQUESTS, at=utcnow(), failures=3))
    session.commit()
    page = at_page.get(PAGE).text
    assert "3 failed, see the log" in page
    assert "Staffing requests" in page


def test_every_job_of_the_scheduler_has_a_name_in_words(at_page, session):
    """W-73"""
    scheduled = [entry["task"] for entry in celery.conf.beat_schedule.values()]
    session.add_all(Tick(job=job, at=utcnow()) for job in scheduled)
    session.commit()
    named = re.findall(r'<tr id="tick-.*?>\s*<td[^>]*>([^<]+)', at_page.get(PAGE).text)
    assert len(named) == len(scheduled)
    assert not [name for name in named if "." in name]


def test_running_steps_and_their_process_are_seen(at_page, session, start, version):
    """W-73"""
    project = start(version, "The Pope in New York")
    machine.claim(session, project.id, "crawl", Runner("machine-7", 4711))
    session.commit()
    page = at_page.get(PAGE).text
    assert "attempt 1 of 3" in page
    assert page.count("machine-7") >= 2
    assert "runs a step" in page


@pytest.mark.parametrize(
    ("address", "leads_there"),
    [("http://127.0.0.1:5555", True), ("javascript:alert(1)", False), ("", False)],
)
def test_the_page_leads_to_flower_where_it_is(at_page, change_settings, address, leads_there):
    change_settings(flower_url=address)
    page = at_page.get(PAGE).text
    assert (f'<a href="{address}">Flower</a>' in page) is leads_there
    assert ("orchestra flower" in page) is not leads_there


def test_an_unchanged_page_is_not_sent_again(at_page, session, fail):
    tag = at_page.get(PAGE).headers["ETag"]
    assert at_page.get(PAGE, headers={"If-None-Match": tag}).status_code == 304
    fail()
    assert at_page.get(PAGE, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("query", ["dead=0", "running=x", "unsent=²"])
def test_a_page_that_is_no_number_is_refused(at_page, query):
    assert at_page.get(f"{PAGE}?{query}").status_code == 400


def test_the_page_costs_the_same_however_much_waits(at_page, statements, fail, dead, unsent):
    seen = []
    for count in (1, 30):
        fail(count)
        versions._graphs.clear()
        with statements() as counted:
            assert at_page.get(PAGE).status_code == 200
        seen.append(len(counted))
    assert seen[0] == seen[1]
    assert seen[0] <= 30


# --- Decide -----------------------------------------------------------------------------------


def test_a_failed_step_is_retried(at_page, session, fail):
    """W-74"""
    (task_id,) = fail()
    answer = at_page.post_form(f"{PAGE}/tasks/{task_id}/retry", next=f"{PAGE}?running=1")
    assert answer.location == f"{PAGE}?running=1"
    assert status_of(session, task_id) == "awaiting_processing"
    assert f"Task {task_id} is tried again." in said(at_page)


def test_a_decision_that_comes_too_late_is_told(at_page, session, fail):
    (task_id,) = fail()
    for _ in range(2):
        at_page.post_form(f"{PAGE}/tasks/{task_id}/retry")
    assert "not Failed" in said(at_page)


def test_a_failed_step_is_skipped_with_data(at_page, session, fail):
    """W-74, L-123"""
    (task_id,) = fail()
    at_page.post_form(f"{PAGE}/tasks/{task_id}/skip", data='{"image": "a.png"}', note="by hand")
    assert status_of(session, task_id) == "complete"
    task = session.get(Task, task_id)
    assert (task.result, task.skip_note) == ({"image": "a.png"}, "by hand")


@pytest.mark.parametrize("data", ["", "{", "[1]", '{"a": NaN}', '{"a": "\\ud800"}'])
def test_data_that_are_no_json_object_are_shown_again(at_page, session, fail, data):
    """W-13"""
    (task_id,) = fail()
    answer = at_page.post_form(f"{PAGE}/tasks/{task_id}/skip", data=data, note="by hand")
    assert answer.status_code == 422
    assert 'value="by hand"' in answer.text
    assert f'id="skip-{task_id}-problem"' in answer.text
    assert status_of(session, task_id) == "failed"


def test_a_note_that_nobody_would_read_is_shown_again(at_page, session, fail):
    """W-13, W-74"""
    (task_id,) = fail()
    answer = at_page.post_form(f"{PAGE}/tasks/{task_id}/skip", data="{}", note="x" * 1001)
    assert answer.status_code == 422
    assert "Say why in at most 1000 characters, not 1001." in answer.text
    assert "x" * 1001 in answer.text
    assert status_of(session, task_id) == "failed"


def test_all_failed_steps_of_a_version_are_retried_at_once(at_page, session, fail, version):
    """W-74"""
    task_ids = fail(4)
    at_page.post_form(f"{PAGE}/failed/{version.id}/crawl/retry")
    assert {status_of(session, task_id) for task_id in task_ids} == {"awaiting_processing"}
    assert "4 failed tasks of crawl are tried again." in said(at_page)


def test_all_failed_steps_of_a_version_are_skipped_at_once(at_page, session, fail, version):
    """W-74"""
    task_ids = fail(3)
    path = f"{PAGE}/failed/{version.id}/crawl"
    refused = at_page.post_form(f"{path}/skip", data="[]", next=path)
    assert refused.status_code == 422
    assert "is-invalid" in refused.text
    assert at_page.post_form(f"{path}/skip", data="{}", next=path).location == path
    assert {status_of(session, task_id) for task_id in task_ids} == {"complete"}
    assert "No task of this step is failed any more." in at_page.get(path).text


def test_more_than_one_press_decides_are_decided_in_turn(
    at_page, session, fail, version, monkeypatch
):
    monkeypatch.setattr(machine_steps, "MOST_AT_ONCE", 2)
    task_ids = fail(3)
    assert "Retry 2 of 3" in at_page.get(PAGE).text
    at_page.post_form(f"{PAGE}/failed/{version.id}/crawl/retry")
    assert "Press again for the next." in said(at_page)
    assert sorted(status_of(session, task_id) for task_id in task_ids) == [
        "awaiting_processing",
        "awaiting_processing",
        "failed",
    ]


def test_tasks_of_paused_projects_are_left_out_of_a_bulk_decision(
    at_page, session, make, fail, version
):
    paused, other = fail(2)
    project_id = session.get(Task, paused).project_id
    projects.pause(session, Actor.of(make.admin()), project_id)
    session.commit()
    assert "The project is paused." in at_page.get(PAGE).text
    at_page.post_form(f"{PAGE}/failed/{version.id}/crawl/retry")
    assert "1 failed task of crawl is tried again." in said(at_page)
    assert status_of(session, paused) == "failed"
    assert status_of(session, other) == "awaiting_processing"


def test_a_job_that_was_given_up_is_sent_again_or_discarded(at_page, session, dead):
    """W-74"""
    assert "KeyError: &#39;url&#39;" in at_page.get(PAGE).text
    at_page.post_form(f"{PAGE}/outbox/{dead}/send_again")
    assert f"Job {dead} is sent again." in said(at_page)
    session.execute(sa.update(OutboxMessage).values(resend_at=None))
    session.commit()
    at_page.post_form(f"{PAGE}/outbox/{dead}/discard")
    assert session.scalar(sa.select(OutboxMessage.id)) is None
    decided = sa.select(AuditEvent.after).where(AuditEvent.verb == "dead_letter_decided")
    decisions = [after["decision"] for after in session.scalars(decided.order_by(AuditEvent.id))]
    assert decisions == ["send_again", "discard"]


def test_a_message_is_sent_again_to_another_address(at_page, session, unsent):
    """M-7"""
    page = at_page.get(PAGE).text
    assert "550 unknown recipient" in page
    path = f"{PAGE}/messages/{unsent}/send_again"
    at_page.post_form(path, address="nobody")
    assert "This is not an e-mail address." in said(at_page)
    at_page.post_form(path, address="ana@example.com")
    message = session.get(Message, unsent, populate_existing=True)
    assert (message.state, message.address) == (MessageState.WAITING, "ana@example.com")


def test_a_message_is_discarded(at_page, session, unsent):
    """M-7"""
    at_page.post_form(f"{PAGE}/messages/{unsent}/discard")
    assert session.get(Message, unsent, populate_existing=True).state is MessageState.DISCARDED


def test_a_decision_leads_back_only_to_our_own_pages(at_page, fail):
    (task_id,) = fail()
    for foreign in ("https://example.org/", "//example.org", f"{PAGE}/../../x?y=//z", "/orchestra"):
        answer = at_page.post_form(f"{PAGE}/tasks/{task_id}/retry", next=foreign)
        assert "example.org" not in answer.location
        assert answer.location.startswith(PAGE)
