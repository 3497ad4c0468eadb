"""The `orchestra` command. A command's module is imported when the command is used, not before."""

import errno
import logging
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from orchestra.errors import BadConfiguration, OrchestraError

COMMANDS = {
    "api-key": "orchestra.cli.api_keys:api_key",
    "beat": "orchestra.cli.processes:beat",
    "create-admin": "orchestra.cli.accounts:create_admin",
    "db": "orchestra.cli.database:database",
    "demo": "orchestra.cli.demo:demo",
    "doctor": "orchestra.cli.doctor:doctor",
    "flower": "orchestra.cli.processes:flower",
    "journalism": "orchestra.cli.journalism:journalism",
    "projects": "orchestra.cli.projects:projects",
    "remind": "orchestra.cli.staffing:remind",
    "restaff": "orchestra.cli.staffing:restaff",
    "sanity-check": "orchestra.cli.sanity:sanity_check",
    "send-staffing-requests": "orchestra.cli.staffing:send",
    "settings": "orchestra.cli.settings:settings",
    "staff": "orchestra.cli.staffing:staff",
    "sweep": "orchestra.cli.processes:sweep",
    "tasks": "orchestra.cli.projects:tasks",
    "up": "orchestra.cli.up:up",
    "warn-unstaffed": "orchestra.cli.staffing:warn",
    "web": "orchestra.cli.processes:web",
    "worker": "orchestra.cli.processes:worker",
    "workflows": "orchestra.cli.workflows:workflows",
}
# What servers log of a database that fails and of unusable keys, commands say in their lines.
TOLD_OTHERWISE = ("orchestra.database", "orchestra.domain.keys")
OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
REFUSED = 1
UNUSABLE = 3


class Unusable(OrchestraError):
    """The database or the broker cannot be used; the message names the setting."""

    kind = "unavailable"


class Commands(click.Group):
    """Finds commands by name and turns our errors into a line on stderr and an exit code (C-16)."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = get_close_matches(args[0], COMMANDS, n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        for name in TOLD_OTHERWISE:
            logging.getLogger(name).addHandler(logging.NullHandler())
        try:
            return super().invoke(ctx)
        except BadConfiguration as error:
            for problem in error.problems:
                click.echo(problem, err=True)
            raise click.exceptions.Exit(UNUSABLE) from error
        except OrchestraError as error:
            click.echo(f"Error: {_told(error)}", err=True)
            code = UNUSABLE if isinstance(error, Unusable) else REFUSED
            raise click.exceptions.Exit(code) from error
        except OSError as error:
            if error.filename is None and error.errno not in OF_THE_DISK:
                raise  # it is about no file: the traceback tells more
            where = f"{error.filename}: " if error.filename else ""
            click.echo(f"Error: {where}{error.strerror}.", err=True)
            raise click.exceptions.Exit(UNUSABLE) from error


def _told(error: OrchestraError) -> str:
    """The message, what is wrong with each field if it does not say so, and what a driver said."""
    fields = {name: " ".join(texts) for name, texts in error.fields.items()}
    more = [f"{name}: {text}" for name, text in fields.items() if text not in error.message]
    reason = str(getattr(error.__cause__, "orig", "")).strip().partition("\n")[0]
    if reason and reason not in error.message:
        more.append(f"({reason})")
    return " ".join([error.message, *more])


@click.group(cls=Commands)
@click.version_option(package_name="orchestra")
def main() -> None:
    """Teams of experts and machines complete complex projects together.

    Example: orchestra up
    """
