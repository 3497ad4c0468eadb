"""The folder of a project and its team messages (I-26, L-25)."""

from sqlalchemy.orm import Session

from orchestra.domain import folders
from orchestra.domain.audit import Actor
from orchestra.domain.folders import PROJECT_FOLDER, Wanted
from orchestra.models import FileKind, Project, StoredFile


def own_folder(session: Session, actor: Actor, project_id: int) -> StoredFile:
    """The project's own folder, made if there is none yet."""
    project = session.get_one(Project, project_id)
    name = f"{project.started_at:%Y-%m-%d} {project.short_description}".replace("/", "-")
    wanted = Wanted(kind=FileKind.FOLDER, key=PROJECT_FOLDER, name=name)
    return folders.reserve(session, actor, project_id, wanted)
