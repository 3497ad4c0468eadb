"""`orchestra sanity-check`: check projects once, or see what would be said (SB-17)."""

import click

from orchestra.cli.checks import ready_application
from orchestra.database import reading
from orchestra.domain.sanity_messages import Said
from orchestra.errors import NotFound
from orchestra.models import Project
from orchestra.tasks.sanity import check, create_and_handle_sanity_checks


@click.command(name="sanity-check")
@click.option("--project", "project_id", metavar="ID", type=click.IntRange(1), help="Only this.")
@click.option("--dry-run", is_flag=True, help="Print what would be said; record nothing.")
def sanity_check(project_id: int | None, *, dry_run: bool) -> None:
    """Check all active projects whose workflow asks for it, or one of them, once.

    Example: orchestra sanity-check --project 17 --dry-run
    """
    with ready_application():
        _require_project(project_id)
        if project_id is None and not dry_run:
            _say(create_and_handle_sanity_checks.run())
            return
        number = 0
        for said in check(project_id, is_kept=not dry_run):
            click.echo(_line(said))
            number += 1
        _say(number, " would be recorded" if dry_run else "")


def _require_project(project_id: int | None) -> None:
    """:raises NotFound: there is no such project."""
    if project_id is None:
        return
    with reading() as session:
        if session.get(Project, project_id) is None:
            raise NotFound(f"There is no project {project_id}.")


def _line(said: Said) -> str:
    place = "in the channel" if said.is_post else "in inboxes"
    return f"project {said.project_id}, {said.check_slug}, {place}: {said.text}"


def _say(messages: int, more: str = "") -> None:
    click.echo(f"{messages} {'message' if messages == 1 else 'messages'}{more}.")
