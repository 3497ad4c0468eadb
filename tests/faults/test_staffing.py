"""Three schedulers and three worker processes look for people, and the broker forgets it all."""

import sys

import pytest
import sqlalchemy as sa

from orchestra.domain import projects, staffing
from orchestra.domain.audit import SYSTEM
from orchestra.domain.message_texts import Kind
from orchestra.models import Channel, Message, Offer, RequestState, StaffingRequest, Worker
from tests.builders import Builders, step
from tests.faults.kit import CLI
from tests.faults.oracle import all_is_well

PEOPLE, TASKS = 6, 4
HASTE = {
    "ORCHESTRA_STAFFBOT_INTERVAL": "1",
    "ORCHESTRA_STAFFBOT_BATCH_FREQUENCY": "1",
    "ORCHESTRA_STAFFBOT_WORKER_BATCH_SIZE": "2",
}


@pytest.fixture
def crowd(system):
    """Two more schedulers, which tick every second, and two more worker processes."""
    names = []
    for part, arguments in (("beat", []), ("worker", ["--concurrency=1"])):
        for number in (2, 3):
            names.append(f"{part}-{number}")
            command = [sys.executable, "-m", CLI, part, *arguments]
            system.launch(names[-1], command, **HASTE)
    yield system
    for name in names:
        system.kill(name)


def test_everybody_is_asked_once_by_many_processes_though_the_broker_is_wiped(crowd):
    """S-21, S-50, M-2, M-3: each has one offer of each task, and is told of it once."""
    kind = crowd.version(step("write"))
    project_ids = [crowd.create(kind) for _ in range(TASKS)]
    with crowd.transaction() as session:
        make = Builders(session)
        people = [make.worker().id for _ in range(PEOPLE)]
    requests = []
    for project_id in project_ids:
        task_id = crowd.task(project_id, "write").id
        with crowd.transaction() as session:
            requests.append(staffing.staff(session, SYSTEM, task_id).id)
        crowd.broker().flushall()

    crowd.wait_until(lambda: _are_exhausted(crowd, requests), "everybody was asked", 60)

    with crowd.reading() as session:
        offers = session.execute(
            sa.select(Offer.id, Offer.request_id, Offer.worker_id).where(
                Offer.request_id.in_(requests), Offer.worker_id.in_(people)
            )
        ).all()
        assert len(offers) == TASKS * PEOPLE
        for channel in (Channel.INBOX, Channel.MAIL):
            told = session.scalars(
                sa.select(Message.cause).where(
                    Message.kind == Kind.OFFER,
                    Message.channel == channel,
                    Message.worker_id.in_(people),
                )
            ).all()
            assert sorted(told) == sorted(f"offer:{offer.id}" for offer in offers)
    with crowd.transaction() as session:
        session.execute(sa.update(Worker).where(Worker.id.in_(people)).values(is_active=False))
    for project_id in project_ids:
        with crowd.transaction() as session:
            projects.abort(session, SYSTEM, project_id)
    all_is_well(crowd)


def _are_exhausted(system, request_ids):
    with system.reading() as session:
        states = session.scalars(
            sa.select(StaffingRequest.state).where(StaffingRequest.id.in_(request_ids))
        )
        return set(states) == {RequestState.EXHAUSTED}
