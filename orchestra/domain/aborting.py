"""What an author wants done after a project was aborted."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from orchestra.domain.definitions.functions import resolve
from orchestra.errors import NotFound
from orchestra.models import Project
from orchestra.outbox import Dispatch, Job


@dataclass(frozen=True)
class ProjectDescription:
    """What an author's function is told of a project: copies, not rows (D-40)."""

    id: int
    short_description: str
    priority: int
    task_class: str
    status: str
    project_data: dict[str, Any]
    workflow: str
    version: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def key_of(project_id: int) -> str:
    return f"after_abort:{project_id}"


def dispatch_for(project: Project) -> Dispatch | None:
    """The job to ask for when the project is aborted, if its author wants one."""
    if not project.version.definition.get("abort_completion_function"):
        return None
    return Dispatch(Job.AFTER_ABORT, {"project_id": project.id}, key_of(project.id), "engine")


def completion_of(session: Session, project_id: int) -> Callable[[], Any]:
    """The author's function with its arguments, to be called outside the transaction.

    :raises NotFound: there is no such project.
    """
    project = session.get(Project, project_id)
    if project is None:
        raise NotFound(f"There is no project {project_id}.")
    reference = project.version.definition["abort_completion_function"]
    described = ProjectDescription(
        id=project.id,
        short_description=project.short_description,
        priority=project.priority,
        task_class=project.task_class.value,
        status=project.status.label,
        project_data=dict(project.project_data),
        workflow=project.version.workflow.slug,
        version=project.version.slug,
    )
    return partial(_call, reference["path"], described, reference.get("kwargs", {}))


def _call(path: str, project: ProjectDescription, kwargs: dict[str, Any]) -> None:
    resolve(path)(project, **kwargs)
