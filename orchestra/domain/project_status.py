"""Set the status of a project: pause it, resume it, abort it."""

from sqlalchemy.orm import Session

from orchestra.domain import projects
from orchestra.domain.audit import Actor, explained
from orchestra.errors import Invalid
from orchestra.models import Project, ProjectStatus


def set_status(
    session: Session,
    actor: Actor,
    project_id: int,
    status: ProjectStatus,
    reason: str | None = None,
) -> Project:
    """Do what leads to this status (L-102 to L-107).

    :raises Invalid: nobody can set a project to this status, or the reason is too long.
    :raises WrongStatus: the project cannot get there from where it is.
    """
    reason = explained(reason)
    if status is ProjectStatus.PAUSED:
        return projects.pause(session, actor, project_id, reason)
    if status is ProjectStatus.ACTIVE:
        return projects.resume(session, actor.noting(reason), project_id)
    if status is ProjectStatus.ABORTED:
        return projects.abort(session, actor.noting(reason), project_id)
    wrong = {"status": ["Give Active, Paused or Aborted; a project completes by itself."]}
    raise Invalid("A project cannot be set to this status.", fields=wrong)
