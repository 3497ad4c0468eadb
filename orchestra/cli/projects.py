"""`orchestra projects` and `orchestra tasks`: look at projects, steer them, help failed steps."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import sqlalchemy as sa
from rich import box
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from orchestra.cli.actor import operator
from orchestra.cli.checks import ready_application
from orchestra.cli.ids import ROW_ID
from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import information, interventions, repair
from orchestra.domain import projects as rules
from orchestra.errors import Invalid, NotFound, WrongStepKind
from orchestra.models import (
    TERMINAL,
    Project,
    ProjectStatus,
    Task,
    Workflow,
    WorkflowVersion,
)

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
project_id = click.argument("project_id", metavar="ID", type=ROW_ID)
task_id = click.argument("task_id", metavar="TASK_ID", type=ROW_ID)
COLUMNS = ("id", "short_description", "workflow", "status", "priority", "open_tasks", "started_at")


@click.group()
def projects() -> None:
    """Look at projects, pause, resume and abort them.

    Example: orchestra projects list --status paused
    """


@projects.command("list")
@click.option("--status", type=click.Choice([s.value for s in ProjectStatus]), help="Only these.")
@click.option("--workflow", help="Only projects of the workflow with this slug.")
@as_json
def list_projects(status: str | None, workflow: str | None, *, as_json: bool) -> None:
    """List projects, newest first.

    Example: orchestra projects list --status active --workflow simple_workflow
    """
    with ready_application(), reading() as session:
        rows = _rows(session, status, workflow)
    if as_json:
        click.echo(json.dumps(rows, indent=2, default=str))
        return
    if not rows:
        click.echo("No projects.")
        return
    table = Table(*(name.replace("_", " ") for name in COLUMNS), box=box.SIMPLE)
    for row in rows:
        table.add_row(*(str(row[name]) for name in COLUMNS))
    Console().print(table)


def _rows(session: Session, status: str | None, workflow: str | None) -> list[dict[str, Any]]:
    open_tasks = (
        sa.select(sa.func.count())
        .where(Task.project_id == Project.id, Task.status.not_in(TERMINAL))
        .scalar_subquery()
    )
    slug = Workflow.slug.concat("/").concat(WorkflowVersion.slug)
    query = (
        sa.select(
            Project.id,
            Project.short_description,
            slug.label("workflow"),
            Project.status,
            Project.priority,
            open_tasks.label("open_tasks"),
            Project.started_at,
        )
        .join(WorkflowVersion, WorkflowVersion.id == Project.version_id)
        .join(Workflow, Workflow.id == WorkflowVersion.workflow_id)
        .order_by(Project.id.desc())
    )
    if status:
        query = query.where(Project.status == ProjectStatus(status))
    if workflow:
        query = query.where(Workflow.slug == workflow)
    return [
        row._asdict() | {"status": row.status.label, "started_at": f"{row.started_at:%F %R} UTC"}
        for row in session.execute(query)
    ]


@projects.command()
@project_id
def show(project_id: int) -> None:
    """Print all that is known of a project, as the client API tells it, as JSON.

    Example: orchestra projects show 12
    """
    with ready_application(), reading() as session:
        found = information.project_information(session, [project_id])
    if project_id not in found:
        raise NotFound(f"There is no project {project_id}.")
    click.echo(json.dumps(found[project_id], indent=2, default=str))


@contextmanager
def _changing() -> Iterator[Session]:
    with ready_application(), transaction() as session:
        yield session


@projects.command()
@project_id
@click.option("--reason", help="Why; shown to the people of the project.")
@retry_deadlocks
def pause(project_id: int, reason: str | None) -> None:
    """Hold a project: nothing new starts until it is resumed.

    Example: orchestra projects pause 12 --reason "waiting for the client"
    """
    with _changing() as session:
        rules.pause(session, operator(), project_id, reason)
    click.echo(f"Project {project_id} is paused.")


@projects.command()
@project_id
@retry_deadlocks
def resume(project_id: int) -> None:
    """Go on with a paused project.

    Example: orchestra projects resume 12
    """
    with _changing() as session:
        rules.resume(session, operator(), project_id)
    click.echo(f"Project {project_id} goes on.")


@projects.command()
@project_id
@click.option("--yes", is_flag=True, help="Do not ask.")
@retry_deadlocks
def abort(project_id: int, *, yes: bool) -> None:
    """End a project for good; this cannot be undone.

    Example: orchestra projects abort 12
    """
    if not yes:
        click.confirm(f"Abort project {project_id}? This cannot be undone", abort=True)
    with _changing() as session:
        rules.abort(session, operator(), project_id)
    click.echo(f"Project {project_id} is aborted.")


@click.group()
def tasks() -> None:
    """Help single tasks: retry a failed machine step, skip a step.

    Example: orchestra tasks retry 34
    """


@tasks.command()
@task_id
@retry_deadlocks
def retry(task_id: int) -> None:
    """Try a failed machine step again, from the first attempt.

    Example: orchestra tasks retry 34
    """
    with _changing() as session:
        repair.retry_task(session, operator(), task_id)
    click.echo(f"Task {task_id} is tried again.")


@tasks.command()
@task_id
@click.option("--data", help="Result of a machine step, as a JSON object.")
@click.option("--note", help="Why; kept in the history.")
@retry_deadlocks
def skip(task_id: int, data: str | None, note: str | None) -> None:
    """Complete a task without further work; a machine step needs the data of its result.

    Example: orchestra tasks skip 34 --data '{"image": null}' --note "page is gone"
    """
    with _changing() as session:
        if data is None:
            _skip_human(session, task_id, note)
        else:
            repair.skip_with_data(session, operator(), task_id, _parsed(data), note)
    click.echo(f"Task {task_id} is complete.")


def _skip_human(session: Session, task_id: int, note: str | None) -> None:
    """:raises Invalid: the step is a machine's; says what is missing."""
    try:
        interventions.skip_task(session, operator(), task_id, note)
    except WrongStepKind as error:
        raise Invalid(
            f"Task {task_id} is a machine step: give its result, a JSON object, with --data."
        ) from error


def _parsed(data: str) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        raise Invalid(f"--data is not JSON: {error}") from error
