"""Stored versions: look them up, and read the graph of each once."""

from collections import OrderedDict
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session, undefer

from orchestra.domain.graph import Graph, Step
from orchestra.errors import NotFound
from orchestra.models import Project, Task, Workflow, WorkflowVersion

Key = tuple[str, str, str]  # slug of the workflow, slug of the version, checksum
_CACHED = 256
_graphs: OrderedDict[Key, Graph] = OrderedDict()


def graph_of(version: WorkflowVersion) -> Graph:
    """The steps of a version; read from the database and parsed once for each content."""
    key = _key(version)
    return _graphs.get(key) or _remember(key, version)


def graph_by_key(session: Session, key: Key) -> Graph:
    """Like :func:`graph_of`, for who has only read what identifies the content."""
    return _graphs.get(key) or _remember(key, get_version(session, *key[:2]))


def _remember(key: Key, version: WorkflowVersion) -> Graph:
    graph = _graphs[key] = Graph.from_json(version.definition)
    while len(_graphs) > _CACHED:
        _graphs.popitem(last=False)
    return graph


def _key(version: WorkflowVersion) -> Key:
    return version.workflow.slug, version.slug, version.checksum


def load_graphs(session: Session, versions: Iterable[WorkflowVersion]) -> None:
    """Read the definitions that :func:`graph_of` would read one by one, in one statement."""
    unread = {version.id for version in versions if _key(version) not in _graphs}
    if unread:
        session.scalars(
            sa.select(WorkflowVersion)
            .where(WorkflowVersion.id.in_(unread))
            .options(undefer(WorkflowVersion.definition))
            .execution_options(populate_existing=True)
        ).all()


def step_of(project: Project, task: Task) -> Step:
    return graph_of(project.version).by_slug[task.step]


def get_version(session: Session, workflow_slug: str, version_slug: str) -> WorkflowVersion:
    """:raises NotFound: workflow or version is not loaded; the message says which."""
    version = session.scalars(
        sa.select(WorkflowVersion)
        .join(Workflow)
        .where(Workflow.slug == workflow_slug, WorkflowVersion.slug == version_slug)
    ).one_or_none()
    if version is not None:
        return version
    known = session.scalar(sa.select(Workflow.id).where(Workflow.slug == workflow_slug))
    if known is None:
        raise NotFound(f"There is no workflow {workflow_slug!r}. Load it first.")
    raise NotFound(f"Workflow {workflow_slug!r} has no version {version_slug!r}. Load it first.")
