"""`orchestra staff|restaff`, and the scheduled functions of StaffBot, once (S-48, S-64)."""

import click

from orchestra.cli.actor import operator
from orchestra.cli.checks import ready_application
from orchestra.cli.ids import ROW_ID
from orchestra.database import retry_deadlocks, transaction
from orchestra.domain import staffing
from orchestra.tasks.staffing import (
    remind_workers_about_available_tasks,
    send_staffing_requests,
    warn_staffing_team_about_unstaffed_tasks,
)

task_id = click.argument("task_id", metavar="TASK_ID", type=ROW_ID)


@click.command()
@task_id
@retry_deadlocks
def staff(task_id: int) -> None:
    """Look for somebody to do or review a task that waits.

    Example: orchestra staff 34
    """
    with ready_application(), transaction() as session:
        request = staffing.staff(session, operator(), task_id)
    click.echo(f"StaffBot looks for somebody for task {task_id} at level {request.level}.")


@click.command()
@task_id
@click.argument("name", metavar="USERNAME")
@retry_deadlocks
def restaff(task_id: int, name: str) -> None:
    """Look for somebody to take a task over from the worker who has it until then.

    Example: orchestra restaff 34 alice
    """
    with ready_application(), transaction() as session:
        request = staffing.restaff(session, operator(), task_id, name)
    click.echo(
        f"StaffBot looks for somebody instead of {name} for task {task_id} at level "
        f"{request.level}."
    )


@click.command(name="send-staffing-requests")
def send() -> None:
    """Ask the next workers of every staffing request that is due, once.

    Example: orchestra send-staffing-requests
    """
    with ready_application():
        _say(send_staffing_requests.run())


@click.command()
def remind() -> None:
    """Remind workers of offers that they left unanswered, once.

    Example: orchestra remind
    """
    with ready_application():
        _say(remind_workers_about_available_tasks.run())


@click.command(name="warn-unstaffed")
def warn() -> None:
    """Warn the staffing team of tasks that nobody takes, once.

    Example: orchestra warn-unstaffed
    """
    with ready_application():
        _say(warn_staffing_team_about_unstaffed_tasks.run())


def _say(messages: int) -> None:
    click.echo("1 message." if messages == 1 else f"{messages} messages.")
