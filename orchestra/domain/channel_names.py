"""How channels of projects are called: a drawn name at first, later as project admins like."""

import re
import secrets

from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.domain import audit
from orchestra.domain.audit import Actor
from orchestra.domain.channel_members import job_of, lock_changeable
from orchestra.domain.locking import lock_project
from orchestra.errors import Conflict, Invalid
from orchestra.models import ProjectChannel, Verb

LONGEST_SLUG, LETTERS = 16, 4
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
LONGEST_NAME = 80  # that Slack takes
ALLOWED = "Use at most 80 lower-case letters, digits, - and _, without spaces."


def draw(description: str) -> str:
    """At most 21 characters, of which the last four are drawn (I-12)."""
    words = re.sub(r"[^a-z0-9]+", "-", description.lower()).strip("-")
    slug = words[:LONGEST_SLUG].strip("-") or "project"
    return f"{slug}-{''.join(secrets.choice(ALPHABET) for _ in range(LETTERS))}"


def rename(session: Session, actor: Actor, project_id: int, name: str) -> None:
    """Ask for another name of the channel of a project.

    Whether it is taken only the service knows; what it says stands on the page of the project.

    :raises NotFound: there is no such project.
    :raises Invalid: a channel cannot be called so.
    :raises Conflict: there is no channel, or it is closed.
    """
    project = lock_changeable(session, actor, project_id)
    row = session.get(ProjectChannel, project_id)
    if row is None or project.channel_id is None:
        raise Conflict("The project has no channel yet.")
    wanted = _clean(name)
    audit.record(
        session,
        actor,
        Verb.CHANNEL_CHANGED,
        project,
        project_id=project_id,
        before={"name": row.wanted_name or row.name},
        after={"name": wanted},
    )
    row.wanted_name, row.name_problem = wanted, None
    outbox.enqueue(session, job_of(project_id))


def _clean(name: str) -> str:
    cleaned = name.strip().removeprefix("#").lower()
    is_fine = len(cleaned) <= LONGEST_NAME and re.fullmatch(r"[\w-]*[^\W_][\w-]*", cleaned)
    if not is_fine:
        problem = f"A channel cannot be called {name.strip()[:LONGEST_NAME]!r}. {ALLOWED}"
        raise Invalid(problem, fields={"name": [ALLOWED]})
    return cleaned


def renamed(session: Session, project_id: int, name: str) -> None:
    row = _locked(session, project_id)
    row.name = name
    _settle(row, name)


def refused(session: Session, project_id: int, name: str, why: str) -> None:
    """It keeps its name, and its page says why."""
    row = _locked(session, project_id)
    if row.wanted_name == name:
        row.name_problem = f"The channel cannot be called {name}. {why}"
    _settle(row, name)


def _settle(row: ProjectChannel, name: str) -> None:
    """Unless somebody asked for another one meanwhile."""
    if row.wanted_name == name:
        row.wanted_name = None


def _locked(session: Session, project_id: int) -> ProjectChannel:
    lock_project(session, project_id)
    return session.get_one(ProjectChannel, project_id)
