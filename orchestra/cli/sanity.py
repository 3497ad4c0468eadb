"""`orchestra sanity-check`: check projects once, or see what would be said (SB-17)."""

import json
from dataclasses import asdict

import click

from orchestra.cli.checks import ready_application
from orchestra.cli.ids import ROW_ID
from orchestra.cli.workflows import as_json_option
from orchestra.database import reading
from orchestra.domain.sanity_messages import Said
from orchestra.errors import NotFound, WrongStatus
from orchestra.models import Project, ProjectStatus
from orchestra.tasks.sanity import check, create_and_handle_sanity_checks


@click.command(name="sanity-check")
@click.option("--project", "project_id", metavar="ID", type=ROW_ID, help="Only this.")
@click.option("--dry-run", is_flag=True, help="Print what would be said; record nothing.")
@as_json_option
def sanity_check(project_id: int | None, *, dry_run: bool, as_json: bool) -> None:
    """Check all active projects whose workflow asks for it, or one of them, once.

    Example: orchestra sanity-check --project 17 --dry-run
    """
    with ready_application():
        _require_project(project_id)
        if project_id is None and not dry_run:
            number = create_and_handle_sanity_checks.run()
            click.echo(json.dumps({"messages": number}) if as_json else _count(number))
            return
        messages = list(check(project_id, is_kept=not dry_run))
    if as_json:
        said = [asdict(message) for message in messages]
        click.echo(json.dumps({"messages": len(said), "said": said}, indent=2))
        return
    for message in messages:
        click.echo(_line(message))
    click.echo(_count(len(messages), " would be recorded" if dry_run else ""))


def _require_project(project_id: int | None) -> None:
    """:raises NotFound: there is no such project.
    :raises WrongStatus: it is not one of those that are checked (SB-8).
    """
    if project_id is None:
        return
    with reading() as session:
        project = session.get(Project, project_id)
    if project is None:
        raise NotFound(f"There is no project {project_id}.")
    if project.status is not ProjectStatus.ACTIVE:
        raise WrongStatus(
            f"Project {project_id} is {project.status.label}; only active projects are checked."
        )


def _line(said: Said) -> str:
    place = "in the channel" if said.is_post else "in inboxes"
    return f"project {said.project_id}, {said.check_slug}, {place}: {said.text}"


def _count(messages: int, more: str = "") -> str:
    return f"{messages} {'message' if messages == 1 else 'messages'}{more}."
