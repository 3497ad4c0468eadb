"""`orchestra journalism`: the newsroom as its client system sees it (X-25, X-26)."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from orchestra import client as api
from orchestra.cli import demo_system as system
from orchestra.cli.ids import ROW_ID
from orchestra.cli.journalism_words import outstanding
from orchestra.config import Settings
from orchestra.errors import Conflict, NotFound, OrchestraError, Unauthenticated, Unavailable

WORKFLOW, VERSION = "journalism", "v1"
FIRST, LAST = "document_creation", "copy_editing"
PRIORITY = 10
DESCRIPTION = "An article for the newsroom"
PATIENCE_SECONDS = 60
LOOK_SECONDS = 0.2
PROJECT_PAGE = "/orchestra/app/project/"

Json = dict[str, Any]
ID_HELP = "Id of the project, as `new` prints it."
description_option = click.option(
    "--description", default=DESCRIPTION, show_default=True, help="What the article is about."
)


@click.group(invoke_without_command=True)
@click.option("--new", "form", flag_value="new", help="Like the command new.")
@click.option("--status", "form", flag_value="status", help="Like the command status.")
@click.option("--finish", "form", flag_value="finish", help="Like the command finish.")
@click.option("-p", "project_id", type=ROW_ID, metavar="ID", help=ID_HELP)
@description_option
@click.pass_context
def journalism(
    context: click.Context, form: str | None, project_id: int | None, description: str
) -> None:
    """Order an article from the newsroom, follow it, and fetch it when it is finished.

    Works on the system at ORCHESTRA_URL, with the client key of the settings or the one that
    `orchestra up` keeps beside the data.

    Example: orchestra journalism new --description "The Pope in New York"
    """
    if context.invoked_subcommand:
        return
    if form is None:
        click.echo(context.get_help())
    elif form == "new":
        order(description)
    elif project_id is None:
        raise click.UsageError(f"--{form} needs the id of a project: --{form} -p ID")
    elif form == "status":
        tell(project_id)
    else:
        fetch(project_id)


@journalism.command()
@description_option
def new(description: str) -> None:
    """Start a project, wait until its documents are made, and print its id and information.

    Example: orchestra journalism new --description "The Pope in New York"
    """
    order(description)


@journalism.command()
@click.option("-p", "project_id", type=ROW_ID, metavar="ID", required=True, help=ID_HELP)
def status(project_id: int) -> None:
    """Print all that the system tells a client of a project.

    Example: orchestra journalism status -p 1
    """
    tell(project_id)


@journalism.command()
@click.option("-p", "project_id", type=ROW_ID, metavar="ID", required=True, help=ID_HELP)
def finish(project_id: int) -> None:
    """Print the finished article: document, headline, photos with captions.

    As long as it is not finished, says what the project waits for and ends with 1.

    Example: orchestra journalism finish -p 1
    """
    fetch(project_id)


def order(description: str) -> None:
    settings = Settings.from_env()
    with newsroom(settings) as client:
        project_id = client.create_project(
            WORKFLOW, VERSION, description, PRIORITY, project_data={}, task_class="training"
        )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            information = client.project_information(project_id)
            state = information["tasks"][FIRST]["status"]
            if state in ("Complete", "Failed") or time.monotonic() > deadline:
                break
            time.sleep(LOOK_SECONDS)
    show({"project_id": project_id} | information)
    if state == "Complete":
        return
    if state == "Failed":
        raise Conflict(outstanding(information, page_of(settings, project_id)))
    raise Unavailable(
        f"Project {project_id} is there, but its documents are not made after "
        f"{PATIENCE_SECONDS} s. `orchestra doctor` says whether a worker process runs."
    )


def tell(project_id: int) -> None:
    settings = Settings.from_env()
    with newsroom(settings) as client:
        show(information_of(client, project_id))


def fetch(project_id: int) -> None:
    """:raises Conflict: the article is not finished; says what it waits for."""
    settings = Settings.from_env()
    with newsroom(settings) as client:
        information = information_of(client, project_id)
    last = information["tasks"].get(LAST)
    if last is None or last["status"] != "Complete":
        raise Conflict(outstanding(information, page_of(settings, project_id)))
    show(last["latest_data"])


def show(answer: Json) -> None:
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def page_of(settings: Settings, project_id: int) -> str:
    return f"{settings.url}{PROJECT_PAGE}{project_id}"


def information_of(client: api.OrchestraClient, project_id: int) -> Json:
    """:raises NotFound: there is no such project, or it is none of the newsroom."""
    try:
        information = client.project_information(project_id)
    except api.OrchestraError as error:
        if error.kind != "not_found":
            raise
        raise NotFound(
            f"There is no project {project_id} at {client.url}. "
            "`orchestra journalism new` starts one; `orchestra projects list` lists all."
        ) from error
    slug = information["project"]["workflow_slug"]
    if slug != WORKFLOW:
        raise NotFound(
            f"Project {project_id} is none of the newsroom but of the workflow {slug}. "
            f"`orchestra projects list --workflow {WORKFLOW}` lists those of the newsroom."
        )
    return information


@contextmanager
def newsroom(settings: Settings) -> Iterator[api.OrchestraClient]:
    """A client of the system that runs; its errors in words, with what to do about them."""
    key = system.kept_key(settings)
    if key is None:
        raise Unauthenticated(
            f"There is no client key in {system.key_file(settings)}. `orchestra up` makes one on "
            "its first start; or make one with `orchestra api-key create NAME` and set "
            "ORCHESTRA_PROJECT_API_KEY and ORCHESTRA_PROJECT_API_SECRET to it."
        )
    client = api.OrchestraClient(settings.url, key["key_id"], key["secret"])
    try:
        yield client
    except api.OrchestraError as error:
        raise explained(error, client.url, key["key_id"]) from error


def explained(error: api.OrchestraError, url: str, key_id: str) -> OrchestraError:
    if error.status is None:
        return Unavailable(
            f"No Orchestra answers at {url}. Start it with `orchestra up`, "
            "or say where it is with ORCHESTRA_URL."
        )
    if error.kind == "unauthenticated":
        return Unauthenticated(
            f"The system at {url} does not accept the client key {key_id}: {error} "
            "Make another with `orchestra api-key create NAME` and set ORCHESTRA_PROJECT_API_KEY "
            "and ORCHESTRA_PROJECT_API_SECRET to it."
        )
    if error.kind == "not_found":
        return NotFound(
            f"{error} Load the newsroom with `orchestra workflows load {WORKFLOW}/{VERSION}`, its "
            f"people with `orchestra workflows load-sample-data {WORKFLOW}/{VERSION}`."
        )
    return Conflict(f"The system at {url} refused the call: {error}")
