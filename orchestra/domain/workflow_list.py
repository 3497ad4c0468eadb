"""Workflows and versions as they are loaded, for people who look (specification W-69)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload, undefer

from orchestra.domain.definitions.shapes import SLUG_PATTERN
from orchestra.domain.graph import Graph
from orchestra.domain.versions import graph_of
from orchestra.errors import NotFound
from orchestra.models import Certification, Project, ProjectStatus, Workflow, WorkflowVersion

SLUG = re.compile(SLUG_PATTERN)


@dataclass(frozen=True)
class Loaded:
    """All workflows with their versions, and the open projects of each version."""

    workflows: Sequence[Workflow]
    open_projects: Mapping[int, int]


@dataclass(frozen=True, kw_only=True)
class VersionView:
    version: WorkflowVersion
    graph: Graph
    definition: Mapping[str, object]
    workflow_definition: Mapping[str, object]


def workflows(session: Session, text: str = "") -> Loaded:
    """The workflows whose name or slug holds the text."""
    word = text.lower()
    names = (Workflow.name, Workflow.slug)
    found = session.scalars(
        sa.select(Workflow)
        .where(sa.or_(*(sa.func.lower(name).contains(word, autoescape=True) for name in names)))
        .options(selectinload(Workflow.versions))
        .order_by(Workflow.name)
    ).all()
    rows = session.execute(
        sa.select(Project.version_id, sa.func.count())
        .where(Project.status.in_([ProjectStatus.ACTIVE, ProjectStatus.PAUSED]))
        .group_by(Project.version_id)
    )
    return Loaded(found, {row[0]: row[1] for row in rows})


def get_workflow(session: Session, slug: str) -> Workflow:
    """The workflow with its versions and certifications, and what these build on.

    :raises NotFound: it is not loaded.
    """
    _require_slug(slug)
    workflow = session.scalars(
        sa.select(Workflow)
        .where(Workflow.slug == slug)
        .options(
            selectinload(Workflow.versions),
            selectinload(Workflow.certifications).selectinload(Certification.required),
        )
    ).one_or_none()
    if workflow is None:
        raise NotFound(f"There is no workflow {slug!r}.")
    return workflow


def version_view(session: Session, workflow_slug: str, version_slug: str) -> VersionView:
    """:raises NotFound: it is not loaded."""
    _require_slug(workflow_slug)
    _require_slug(version_slug)
    version = session.scalars(
        sa.select(WorkflowVersion)
        .join(WorkflowVersion.workflow)
        .where(Workflow.slug == workflow_slug, WorkflowVersion.slug == version_slug)
        .options(undefer(WorkflowVersion.definition))
        .execution_options(populate_existing=True)
    ).one_or_none()
    if version is None:
        raise NotFound(f"Workflow {workflow_slug!r} has no version {version_slug!r}.")
    return VersionView(
        version=version,
        graph=graph_of(version),
        definition=version.definition,
        workflow_definition=version.workflow.definition,
    )


def _require_slug(text: str) -> None:
    """:raises NotFound: nothing is called that, and some of it the database could not be asked."""
    if not SLUG.fullmatch(text):
        raise NotFound(f"There is no workflow or version {text!r}.")
