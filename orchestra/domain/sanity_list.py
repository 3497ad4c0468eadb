"""Checks as people see them: those of one project, and those of all (SB-16, W-69)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra.database import seconds_from_now, utcnow
from orchestra.domain import allowed_actions
from orchestra.domain.allowed_actions import CheckAction
from orchestra.domain.graph import Check
from orchestra.domain.information import timestamp
from orchestra.domain.versions import graph_of
from orchestra.models import (
    CheckProblem,
    Project,
    ProjectCheck,
    ProjectStatus,
    WorkflowVersion,
)

PER_PAGE = 50


# --- Of one project ---------------------------------------------------------------------------


@dataclass(frozen=True)
class ShownCheck:
    """A check of a project, and what is known of it; one that never found anything has no row."""

    slug: str
    check: Check | None  # None: the workflow has it no more
    row: ProjectCheck | None = None
    allowed: Sequence[CheckAction] = ()

    @property
    def is_found(self) -> bool:
        return self.row is not None and self.row.found_at is not None

    @property
    def is_snoozed(self) -> bool:
        return is_snoozed(self.row)

    def as_json(self) -> dict[str, Any]:
        row = self.row or ProjectCheck(times_handled=0)
        return {
            "slug": self.slug,
            "found_at": timestamp(row.found_at),
            "last_handled_at": timestamp(row.last_handled_at),
            "times_handled": row.times_handled,
            "muted": row.muted_at is not None,
            "snoozed_until": timestamp(row.snoozed_until) if self.is_snoozed else None,
            "resolved_at": timestamp(row.resolved_at),
            "allowed_actions": self.allowed,
        }


@dataclass(frozen=True)
class ChecksOfProject:
    """All checks of a project, and why they do not work, if so."""

    checks: Sequence[ShownCheck] = ()
    problem: CheckProblem | None = None


def of_project(session: Session, project: Project) -> ChecksOfProject:
    """In the order of the workflow, then those that it has no more; in one query at most."""
    checks = graph_of(project.version).checks
    if checks is None:
        return ChecksOfProject()
    stored = session.execute(
        sa.select(ProjectCheck, CheckProblem)
        .select_from(Project)
        .outerjoin(ProjectCheck, ProjectCheck.project_id == Project.id)
        .outerjoin(CheckProblem, CheckProblem.project_id == Project.id)
        .where(Project.id == project.id)
        .order_by(ProjectCheck.slug)
    ).all()
    rows = {row.slug: row for row, _ in stored if row}
    slugs = dict.fromkeys([*checks.by_slug, *rows])
    return ChecksOfProject(
        [_shown(project, slug, checks.by_slug.get(slug), rows.get(slug)) for slug in slugs],
        problem=next((problem for _, problem in stored), None),
    )


def _shown(
    project: Project, slug: str, check: Check | None, row: ProjectCheck | None
) -> ShownCheck:
    allowed = []
    if check is not None:
        allowed = allowed_actions.on_check(project.status, row, is_snoozed=is_snoozed(row))
    return ShownCheck(slug, check, row, allowed)


def is_snoozed(row: ProjectCheck | None) -> bool:
    return bool(row and row.snoozed_until and row.snoozed_until > utcnow())


# --- Of all projects --------------------------------------------------------------------------


class Finding(StrEnum):
    """Which checks are listed."""

    FOUND = "found"
    MUTED = "muted"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Page:
    checks: Sequence[ProjectCheck]  # with their projects and versions
    total: int
    problems: Sequence[CheckProblem] = field(default_factory=list)  # of functions, by project

    @property
    def snoozed(self) -> set[int]:
        return {row.id for row in self.checks if is_snoozed(row)}

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PER_PAGE))


def of_all(
    session: Session, *, finding: Finding | None = None, text: str = "", page: int = 1
) -> Page:
    """One page of the checks of open projects that found something or were decided about.

    What was found and is open comes first, then the newest. In a fixed number of queries.

    :param text: words of the description of the project or of the slug of the check.
    """
    is_open = Project.status.in_([ProjectStatus.ACTIVE, ProjectStatus.PAUSED])
    conditions = [is_open, *(_has_word(word) for word in text.split())]
    if finding is not None:
        conditions.append(_CONDITIONS[finding])
    chosen = sa.select(ProjectCheck).join(Project, Project.id == ProjectCheck.project_id)
    chosen = chosen.where(*conditions)
    total = session.scalar(sa.select(sa.func.count()).select_from(chosen.subquery())) or 0
    rows = session.scalars(
        chosen.options(_with_version(ProjectCheck.project))
        .order_by(_CONDITIONS[Finding.FOUND].desc(), ProjectCheck.id.desc())
        .limit(PER_PAGE)
        .offset((page - 1) * PER_PAGE)
    ).all()
    problems = session.scalars(
        sa.select(CheckProblem)
        .join(Project, Project.id == CheckProblem.project_id)
        .where(is_open)
        .options(_with_version(CheckProblem.project))
        .order_by(CheckProblem.since.desc(), CheckProblem.project_id)
        .limit(PER_PAGE)
    ).all()
    return Page(rows, total, problems)


_CONDITIONS: dict[Finding, sa.ColumnElement[bool]] = {
    Finding.FOUND: sa.and_(ProjectCheck.found_at.is_not(None), ProjectCheck.resolved_at.is_(None)),
    Finding.MUTED: ProjectCheck.muted_at.is_not(None),
    Finding.SNOOZED: ProjectCheck.snoozed_until > seconds_from_now(0),
    Finding.RESOLVED: ProjectCheck.resolved_at.is_not(None),
}


def _has_word(word: str) -> sa.ColumnElement[bool]:
    texts = (Project.short_description, ProjectCheck.slug)
    return sa.or_(*(text.icontains(word, autoescape=True) for text in texts))


def _with_version(project: Any) -> Any:
    version = joinedload(project).joinedload(Project.version, innerjoin=True)
    return version.joinedload(WorkflowVersion.workflow, innerjoin=True)
