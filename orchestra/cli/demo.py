"""`orchestra demo`: a walk through a workflow; its calls can be repeated (X-9 to X-13)."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from orchestra import client as api
from orchestra.cli import demo_system as system
from orchestra.cli.demo_story import Stopped, Story
from orchestra.cli.demo_walk import GALLERY, Walk
from orchestra.config import Settings
from orchestra.errors import Conflict, Forbidden


@click.group()
def demo() -> None:
    """Walk through an example workflow.

    Example: orchestra demo simple
    """


@demo.command()
@click.option("--yes", "unattended", is_flag=True, help="Do the person's part, too; ask nothing.")
@click.option("--url", "page", help="Page to look for an image on; unset: our own gallery.")
@click.option("--slow", is_flag=True, help="Rest a moment after each part.")
def simple(page: str | None, *, unattended: bool, slow: bool) -> None:
    """Take a project through the simple workflow: a machine finds an image, a person rates it.

    Works on the system at ORCHESTRA_URL; if none answers, starts one and stops it at the end.

    Example: orchestra demo simple --yes
    """
    story = Story(slow=slow)
    try:
        with running_system(Settings.from_env(), story, unattended=unattended) as settings:
            Walk(settings, story, page or settings.url + GALLERY, unattended=unattended).go()
    except api.OrchestraError as error:
        raise Conflict(f"The call was refused: {error}") from error
    except (Stopped, KeyboardInterrupt):
        story.say("\nThe walk-through ends here.")


@contextmanager
def running_system(settings: Settings, story: Story, *, unattended: bool) -> Iterator[Settings]:
    """Settings of the system that answers, or of one that runs for the time of the block."""
    if settings.environment == "production":
        raise Forbidden("The demo has a person with a public password: not in production.")
    if system.answers(settings.url):
        story.say(f"Orchestra answers at {settings.url}.")
        yield settings
        return
    story.say(f"No Orchestra answers at {settings.url} (ORCHESTRA_URL).")
    if not unattended:
        story.ask("Start one for the time of the demo?")
    settings = system.settings_to_start(settings)
    story.command(" ".join(system.up_command(settings)))
    with system.started(settings):
        story.say(f"Orchestra answers at {settings.url}.")
        yield settings
        story.say("Stopping the Orchestra of this demo.")
