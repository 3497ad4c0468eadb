"""What administrators see and decide, as JSON (N-20 to N-22)."""

import pytest
import sqlalchemy as sa

from orchestra import outbox
from orchestra.domain import execution, machine
from orchestra.domain.execution import Runner
from orchestra.models import Channel, Message, MessageState
from orchestra.outbox import OutboxMessage
from tests.builders import step

PREFIX = "/orchestra/api/interface/operations"
MOST_QUERIES = 20


@pytest.fixture
def ask(client, make, session):
    boss = make.worker("boss", is_administrator=True)
    session.commit()
    client.sign_in(boss)
    return lambda path, **query: client.get(f"{PREFIX}/{path}/", query_string=query)


@pytest.fixture
def decide(client, ask):
    return lambda path, **body: client.call(f"operations/{path}/", body)


@pytest.fixture
def steps(make, session):
    """One step that runs, one that waits, one that has failed."""
    refusing = {"path": "tests.steps.fail_for_good"}
    waits, runs, fails = (
        make.project(step("crawl", human=False, execution_function=refusing)) for _ in range(3)
    )
    machine.claim(session, runs.id, "crawl", Runner("host", 42))
    lease = machine.claim(session, fails.id, "crawl", Runner("host", 43))
    machine.record(session, lease, execution.call(lease))
    session.commit()
    return {"waiting": waits.id, "running": runs.id, "failed": fails.id}


@pytest.fixture
def dead(make, session):
    """The id of the job of a step, given up."""
    project = make.project(step("look", human=False))
    for _ in range(outbox.LAST_FAILURE):
        outbox.record_failure(session, f"step:{project.id}:look", "KeyError: 'url'")
    found = session.scalar(sa.select(OutboxMessage.id).where(OutboxMessage.resend_at.is_(None)))
    session.commit()
    return found


def test_only_administrators_may_ask(client, make, session):
    """N-2, N-20"""
    admin = make.admin()
    session.commit()
    client.sign_in(admin)
    for path in ("outbox", "machine", "health"):
        answer = client.get(f"{PREFIX}/{path}/")
        assert (answer.status_code, answer.json["error"]) == (403, "forbidden")


def test_machine_steps_are_listed_by_state(ask, steps, statements):
    """N-20, N-22"""
    with statements() as seen:
        answer = ask("machine").json
    assert {state: answer[state][0]["project_id"] for state in steps} == steps
    assert answer["counts"] == {"running": 1, "waiting": 1, "failed": 1}
    assert answer["running"][0]["host"] == "host"
    assert answer["failed"][0]["error"] == "PermanentFailure: there is no such page"
    assert len(seen) <= MOST_QUERIES
    assert "waiting" not in ask("machine", state="failed").json


def test_jobs_are_listed_by_state(ask, steps, dead, statements):
    """N-20, N-22"""
    with statements() as seen:
        answer = ask("outbox").json
    assert [job["id"] for job in answer["dead"]] == [dead]
    assert answer["dead"][0]["error"] == "KeyError: 'url'"
    assert answer["counts"]["dead"] == 1
    assert answer["waiting"][0]["kwargs"]["step"] == "crawl"
    assert len(seen) <= MOST_QUERIES


@pytest.mark.parametrize("query", [{"state": "other"}, {"page": "0"}, {"other": "1"}])
def test_a_wrong_parameter_is_malformed(ask, query):
    """C-13"""
    answer = ask("machine", **query)
    assert (answer.status_code, answer.json["error"]) == (400, "malformed")
    assert f"{next(iter(query))}: " in answer.json["message"]


def test_a_page_beyond_the_last_is_empty(ask, dead):
    """N-21"""
    answer = ask("outbox", state="dead", page=2).json
    assert (answer["dead"], answer["counts"], answer["page"]) == ([], {"dead": 1}, 2)


def test_health_tells_queues_scheduler_processes_and_integrations(ask, steps, statements):
    """N-20, N-22"""
    with statements() as seen:
        answer = ask("health").json
    queues = {queue["name"]: queue for queue in answer["queues"]}
    assert (queues["machine"]["waiting_steps"], queues["machine"]["is_slow"]) == (1, False)
    assert answer["scheduler"][0]["job"] == "upkeep.sweep"
    assert answer["scheduler"][0]["failures"] == 0
    assert [one["host"] for one in answer["worker_processes"]] == ["host", "host"]
    assert [one["name"] for one in answer["integrations"]] == ["mail", "chat", "files"]
    assert len(seen) <= MOST_QUERIES


def test_a_dead_job_is_decided(decide, dead, session):
    """N-20"""
    assert decide(f"outbox/{dead}", decision="send_again").status_code == 200
    answer = decide(f"outbox/{dead}", decision="discard")
    assert (answer.status_code, answer.json["error"]) == (409, "conflict")
    answer = decide("outbox/4711", decision="discard")
    assert (answer.status_code, answer.json["error"]) == (404, "not_found")
    answer = decide(f"outbox/{dead}", decision="forget")
    assert (answer.status_code, list(answer.json["fields"])) == (422, ["decision"])


def test_a_dead_message_gets_a_new_address(decide, ask, make, session):
    """N-20, M-7"""
    message = Message(
        kind="returned",
        channel=Channel.MAIL,
        worker_id=make.worker("ana").id,
        address="ana@example.org",
        dedupe_key="1",
        subject="Returned to you",
        text="…",
        state=MessageState.DEAD,
        last_error="550 unknown recipient",
    )
    session.add(message)
    session.commit()
    (shown,) = ask("outbox", state="dead_messages").json["dead_messages"]
    assert (shown["worker"], shown["error"]) == ("ana", "550 unknown recipient")
    path = f"outbox/messages/{message.id}"
    assert decide(path, decision="send_again", address="x").status_code == 422
    assert decide(path, decision="send_again", address="ana@example.com").status_code == 200
    session.refresh(message)
    session.commit()
    assert (message.state, message.address) == (MessageState.WAITING, "ana@example.com")
    assert decide(path, decision="discard").status_code == 409
