"""Definitions in the database: loading a version, for the first time or again (D-46 to D-55)."""

import json
from hashlib import sha256
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, selectinload, undefer

from orchestra.database import lock_all, seconds_from_now
from orchestra.domain import advancing, audit
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.definitions.comparing import Difference, differences, reload_offences
from orchestra.domain.definitions.problems import Findings, Place
from orchestra.domain.definitions.reading import VERSION_FILE, WORKFLOW_FILE, Package, file_name
from orchestra.domain.definitions.shapes import JSON
from orchestra.domain.locking import LockedProject
from orchestra.errors import InvalidDefinition
from orchestra.models import (
    Certification,
    Project,
    ProjectStatus,
    StepRequirement,
    Verb,
    Workflow,
    WorkflowVersion,
)

Outcome = Literal["loaded", "unchanged", "updated"]


def store(
    session: Session,
    package: Package,
    version_slug: str,
    *,
    force: bool = False,
    actor: Actor = SYSTEM,
) -> Outcome:
    """Store a validated version and its workflow. Of two loads at once the second waits.

    :raises InvalidDefinition: other content is stored under this slug, and ``force`` is not
        given or does not allow this change.
    """
    workflow = _lock_workflow(session, package)
    version = session.scalars(
        sa.select(WorkflowVersion)
        .where(WorkflowVersion.workflow_id == workflow.id, WorkflowVersion.slug == version_slug)
        .options(undefer(WorkflowVersion.definition))
        .execution_options(populate_existing=True)
    ).one_or_none()
    changes: list[Difference] = []
    if version is not None:
        changes = _changes(workflow, version, package)
        if not changes or version.checksum == checksum(package, version_slug):
            return "unchanged"
        _refuse_changes(version, package, changes, force=force)
    stored = version or WorkflowVersion(workflow=workflow, slug=version_slug)
    _write(session, stored, package)
    _record(session, actor, stored, changes)
    if version is None:
        return "loaded"
    _advance_projects(session, version)
    return "updated"


def checksum(package: Package, version_slug: str) -> str:
    """SHA-256 of the canonical JSON of both files (D-47)."""
    content = [package.workflow, package.versions[version_slug]]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def _lock_workflow(session: Session, package: Package) -> Workflow:
    """The row of the workflow, made if it is not there, locked either way (D-66)."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    values = {key: package.workflow[key] for key in ("slug", "name", "description")}
    new = dialect.insert(Workflow).values(**values, definition=package.workflow)
    session.execute(new.on_conflict_do_nothing(index_elements=["slug"]))
    statement = sa.select(Workflow).where(Workflow.slug == package.slug)
    return lock_all(session, statement.options(undefer(Workflow.definition)))[0]


def _changes(workflow: Workflow, version: WorkflowVersion, package: Package) -> list[Difference]:
    return [
        *differences(
            workflow.definition, package.workflow, file_name(package.folder, WORKFLOW_FILE)
        ),
        *differences(
            version.definition,
            package.versions[version.slug],
            file_name(package.folder, f"{version.slug}/{VERSION_FILE}"),
        ),
    ]


def _refuse_changes(
    version: WorkflowVersion, package: Package, changes: list[Difference], *, force: bool
) -> None:
    if not force:
        raise InvalidDefinition(
            [
                f"{change}; load it as a new version or use --force [version_changed]"
                for change in changes
            ]
        )
    findings = Findings()
    place = Place(file_name(package.folder, f"{version.slug}/{VERSION_FILE}"), findings)
    reload_offences(version.definition, package.versions[version.slug], place)
    if findings.errors:
        raise InvalidDefinition(findings.errors)


def _write(session: Session, version: WorkflowVersion, package: Package) -> None:
    session.add(version)
    workflow, definition = version.workflow, package.versions[version.slug]
    workflow.name = package.workflow["name"]
    workflow.description = package.workflow["description"]
    workflow.definition = package.workflow
    version.name = definition["name"]
    version.description = definition["description"]
    version.definition = definition
    version.checksum = checksum(package, version.slug)
    version.loaded_at = seconds_from_now(0)
    certifications = _write_certifications(session, workflow, package.workflow)
    session.flush()
    _write_requirements(session, version, definition, certifications)


def _write_certifications(
    session: Session, workflow: Workflow, definition: JSON
) -> dict[str, Certification]:
    statement = sa.select(Certification).where(Certification.workflow_id == workflow.id)
    stored = session.scalars(statement.options(selectinload(Certification.required)))
    found = {certification.slug: certification for certification in stored}
    entries = {entry["slug"]: entry for entry in definition.get("certifications", ())}
    for slug, entry in entries.items():
        certification = found.get(slug) or Certification(workflow_id=workflow.id, slug=slug)
        certification.name = entry["name"]
        certification.description = entry["description"]
        certification.retired_at = None
        certification.is_manual = False
        session.add(certification)
        found[slug] = certification
    for slug, entry in entries.items():
        found[slug].required = [found[s] for s in entry.get("required_certifications", ())]
    for slug, certification in found.items():
        if slug not in entries and not certification.is_manual and not certification.retired_at:
            certification.retired_at = seconds_from_now(0)
    session.flush()
    return found


def _write_requirements(
    session: Session,
    version: WorkflowVersion,
    definition: JSON,
    certifications: dict[str, Certification],
) -> None:
    session.execute(sa.delete(StepRequirement).where(StepRequirement.version_id == version.id))
    rows = [
        {
            "version_id": version.id,
            "step": step["slug"],
            "certification_id": certifications[slug].id,
        }
        for step in definition["steps"]
        for slug in step.get("required_certifications", ())
    ]
    if rows:
        session.execute(sa.insert(StepRequirement), rows)


def _record(
    session: Session, actor: Actor, version: WorkflowVersion, changes: list[Difference]
) -> None:
    audit.record(
        session,
        actor,
        Verb.VERSION_LOADED,
        version,
        after={
            "workflow": version.workflow.slug,
            "version": version.slug,
            "checksum": version.checksum,
            "differences": [str(change) for change in changes],
        },
    )


def _advance_projects(session: Session, version: WorkflowVersion) -> None:
    """Let new steps and dropped dependencies take effect in running projects (D-50)."""
    statement = sa.select(Project).where(
        Project.version_id == version.id, Project.status == ProjectStatus.ACTIVE
    )
    for project in lock_all(session, statement.order_by(Project.id)):
        advancing.advance(session, LockedProject.of(project))
