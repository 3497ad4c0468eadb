"""The commands of StaffBot (specification S-48, S-64)."""

from contextlib import nullcontext
from datetime import timedelta

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from orchestra.cli import main
from orchestra.cli import staffing as commands
from orchestra.models import AuditEvent, Source, StaffingRequest, TaskStatus, Verb
from tests.staffers import HOUR, let_pass


@pytest.fixture
def run(app, monkeypatch):
    monkeypatch.setattr(commands, "ready_application", lambda: nullcontext(app))
    return lambda *arguments: CliRunner().invoke(main, [str(a) for a in arguments])


def test_a_task_is_staffed_and_restaffed_in_the_name_of_the_operator(run, session, make):
    """S-64"""
    work = make.work(TaskStatus.PROCESSING)
    task_id = work.task.id
    session.commit()

    refused = run("staff", task_id)
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"Error: Task {task_id} is Processing by")
    done = run("restaff", task_id, f"@{work.writer.name}")
    assert done.exit_code == 0
    assert work.writer.name in done.stdout

    opened = sa.select(AuditEvent).where(AuditEvent.verb == Verb.STAFFING_OPENED)
    event = session.scalars(opened).one()
    assert (event.actor, event.source) == ("system", Source.CLI)


def test_the_scheduled_functions_say_how_many_messages_there_were(
    run, session, make, change_settings
):
    """S-48, S-50"""
    change_settings(reminder_interval=HOUR, staffbot_staffing_min_time=timedelta(0))
    work = make.work()
    session.commit()
    assert run("staff", work.task.id).stdout.endswith("at level 0.\n")

    assert run("send-staffing-requests").stdout == "3 messages.\n"
    assert run("send-staffing-requests").stdout == "0 messages.\n"
    assert run("remind").stdout == "0 messages.\n"
    assert run("warn-unstaffed").stdout == "1 message.\n"
    assert run("warn-unstaffed").stdout == "0 messages.\n"
    request = session.scalars(sa.select(StaffingRequest)).one()
    let_pass(session, request, 2 * HOUR)
    session.commit()
    assert run("remind").stdout == "3 messages.\n"
    assert run("remind").stdout == "0 messages.\n"


@pytest.mark.parametrize("number", [2**63, 10**20, 0, -1, "x"])
def test_a_number_that_no_task_can_have_is_refused_in_words(run, session, number):
    """C-16"""
    session.commit()
    for command in (["staff", number], ["restaff", number, "ana"]):
        refused = run(*command)
        assert refused.exit_code == 2
        assert refused.stdout == ""
    assert run("staff", 2**63 - 1).stderr == f"Error: There is no task {2**63 - 1}.\n"
