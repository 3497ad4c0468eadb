"""Which projects are checked, and what is done about what was found (SB-8 to SB-15, SB-18)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra.database import seconds_from_now
from orchestra.domain import audit, notices, sanity_built_in, sanity_function, sanity_messages
from orchestra.domain.audit import SYSTEM
from orchestra.domain.graph import Check, Checks, FunctionReference
from orchestra.domain.locking import lock_project
from orchestra.domain.sanity_function import Answer, Question
from orchestra.domain.sanity_messages import Said
from orchestra.domain.versions import graph_of, load_graphs
from orchestra.models import (
    CheckProblem,
    Project,
    ProjectCheck,
    ProjectStatus,
    Verb,
    WorkflowVersion,
)

IN_ORDER = Answer()

# --- Which projects ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Candidate:
    """An Active project of a version that takes part."""

    project_id: int
    version_id: int
    slow_at: datetime | None  # when its function last took too long, if it did so the last time


def to_be_checked(session: Session, project_id: int | None = None) -> list[Candidate]:
    """All of them, in a fixed number of statements (SB-8).

    :param project_id: only this one.
    """
    is_wanted = Project.status == ProjectStatus.ACTIVE
    if project_id is not None:
        is_wanted = sa.and_(is_wanted, Project.id == project_id)
    used = sa.select(Project.version_id).where(is_wanted).distinct()
    stored = session.scalars(sa.select(WorkflowVersion).where(WorkflowVersion.id.in_(used))).all()
    load_graphs(session, stored)
    taking_part = [version.id for version in stored if graph_of(version).checks]
    took_too_long = sa.and_(CheckProblem.project_id == Project.id, CheckProblem.is_timeout)
    rows = session.execute(
        sa.select(Project.id, Project.version_id, CheckProblem.at)
        .outerjoin(CheckProblem, took_too_long)
        .where(is_wanted, Project.version_id.in_(taking_part))
        .order_by(Project.id)
    )
    return [Candidate(*row) for row in rows]


@dataclass(frozen=True)
class Examined:
    """What is known of a project before its function is asked."""

    project_id: int
    version_id: int
    checks: Checks
    now: datetime
    question: Question | None  # None: its version uses built-in checks only
    built_in: Collection[str] = ()  # what those found
    rows: Mapping[str, ProjectCheck] = field(default_factory=dict)  # by slug
    has_problem: bool = False  # the last time

    def result(self, answer: Answer) -> "Result":
        found = dict.fromkeys([*answer.slugs, *sorted(self.built_in)])
        configured = [slug for slug in found if slug in self.checks.by_slug]
        unknown = [slug for slug in found if slug not in self.checks.by_slug]
        if unknown and self.checks.function:
            error = sanity_function.unknown(self.checks.function.path, unknown)
            answer = Answer(error=error)
            return Result(self.project_id, configured, answer, is_complete=True)
        return Result(self.project_id, configured, answer, is_complete=answer.error is None)

    def changes_nothing(self, result: "Result") -> bool:
        """Whether there is nothing to write: most projects are in order most of the time."""
        if result.answer.error or self.has_problem:
            return False
        plan = Plan.of(self.checks, self.rows, result, self.now)
        return not (plan.due or plan.appeared or plan.gone)


@dataclass(frozen=True)
class Result:
    """What was found in a project."""

    project_id: int
    found: Sequence[str]  # configured slugs, each once (SB-11)
    answer: Answer = IN_ORDER
    is_complete: bool = True  # not so when the function failed: what it did not name may be there


def examine(session: Session, project_ids: Sequence[int]) -> list[Examined]:
    """Look at projects, in a fixed number of statements; the functions are called later."""
    projects = _projects(session, project_ids)
    asking = [project for project in projects if _checks_of(project).function]
    described = sanity_function.describe(session, asking) if asking else {}
    built_in = sanity_built_in.find(session, projects)
    rows = _rows(session, project_ids)
    failing = CheckProblem.project_id.in_(project_ids)
    problems = set(session.scalars(sa.select(CheckProblem.project_id).where(failing)))
    now = session.scalars(sa.select(seconds_from_now(0))).one()
    return [
        Examined(
            project_id=project.id,
            version_id=project.version_id,
            checks=_checks_of(project),
            now=now,
            question=_question(_checks_of(project).function, described.get(project.id)),
            built_in=built_in[project.id],
            rows=rows.get(project.id, {}),
            has_problem=project.id in problems,
        )
        for project in projects
    ]


def _projects(session: Session, project_ids: Sequence[int]) -> Sequence[Project]:
    version = joinedload(Project.version, innerjoin=True)
    projects = session.scalars(
        sa.select(Project)
        .where(Project.id.in_(project_ids), Project.status == ProjectStatus.ACTIVE)
        .options(version.joinedload(WorkflowVersion.workflow, innerjoin=True))
        .order_by(Project.id)
    ).all()
    load_graphs(session, {project.version for project in projects})
    return [project for project in projects if graph_of(project.version).checks]


def _checks_of(project: Project) -> Checks:
    return graph_of(project.version).checks or Checks({})


def _question(
    function: FunctionReference | None, project: sanity_function.ProjectDescription | None
) -> Question | None:
    return Question(function, project) if function and project else None


def _rows(session: Session, project_ids: Sequence[int]) -> dict[int, dict[str, ProjectCheck]]:
    found: dict[int, dict[str, ProjectCheck]] = {}
    query = sa.select(ProjectCheck).where(ProjectCheck.project_id.in_(project_ids))
    for row in session.scalars(query.execution_options(populate_existing=True)):
        found.setdefault(row.project_id, {})[row.slug] = row
    return found


# --- What is to be done -----------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """What a result changes."""

    due: Sequence[Check]  # to be handled now
    appeared: Sequence[str]  # slugs that were not found the last time
    gone: Sequence[ProjectCheck]  # not found any more

    @classmethod
    def of(
        cls, checks: Checks, rows: Mapping[str, ProjectCheck], result: Result, now: datetime
    ) -> "Plan":
        found = [checks.by_slug[slug] for slug in result.found if slug in checks.by_slug]
        is_known = {slug for slug, row in rows.items() if row.found_at}
        gone = [rows[slug] for slug in sorted(is_known - set(result.found))]
        return cls(
            due=[check for check in found if is_due(check, rows.get(check.slug), now)],
            appeared=[check.slug for check in found if check.slug not in is_known],
            gone=gone if result.is_complete else [],
        )


def is_due(check: Check, row: ProjectCheck | None, now: datetime) -> bool:
    """Whether a check that found something is to be handled (SB-12).

    Whoever has resolved it hears of it when it is found anew, and whoever has put it off when the
    time is over, however often it was handled before.
    """
    if row is None:
        return True
    if (row.resolved_at and row.found_at) or (row.snoozed_until and row.snoozed_until > now):
        return False
    if row.last_handled_at is None or row.resolved_at:
        return True
    if row.snoozed_until and row.last_handled_at < row.snoozed_until:
        return True
    # In seconds: a workflow may name more of them than a date can take.
    repetition, passed = check.repetition_seconds, now - row.last_handled_at
    return bool(repetition) and passed.total_seconds() >= (repetition or 0)


# --- Doing it ---------------------------------------------------------------------------------


def handle(session: Session, result: Result) -> list[Said]:
    """Record what was found in a project, and say what is due; what was said (SB-13).

    A project that was paused or closed meanwhile is left alone (SB-18).
    """
    project = lock_project(session, result.project_id)
    checks = graph_of(project.version).checks
    if project.status is not ProjectStatus.ACTIVE or checks is None:
        return []
    _note_problem(session, project, result.answer)
    rows = _rows(session, [project.id]).get(project.id, {})
    now = session.scalars(sa.select(seconds_from_now(0))).one()
    plan = Plan.of(checks, rows, result, now)
    for row in plan.gone:
        row.found_at = None
    for slug in (*plan.appeared, *(check.slug for check in plan.due)):
        rows.setdefault(slug, ProjectCheck(project_id=project.id, slug=slug, times_handled=0))
    for slug in plan.appeared:
        row = rows[slug]
        row.found_at, row.resolved_at, row.resolved_by = now, None, None
    session.add_all(rows.values())
    said = [_handle(session, project, check, rows[check.slug], now) for check in plan.due]
    return [one for of_check in said for one in of_check]


def _handle(
    session: Session, project: Project, check: Check, row: ProjectCheck, now: datetime
) -> list[Said]:
    """A muted check is recorded, not sent (SB-16)."""
    row.last_handled_at = now
    row.times_handled += 1
    session.flush()
    audit.record(
        session,
        SYSTEM,
        Verb.SANITY_HANDLED,
        row,
        project_id=project.id,
        after={"check": check.slug, "is_sent": row.muted_at is None},
    )
    if row.muted_at is not None:
        return []
    cause = f"sanity:{project.id}:{check.slug}:{row.times_handled}"
    return [
        sanity_messages.say(session, project, check.slug, handler, f"{cause}:{number}")
        for number, handler in enumerate(check.handlers)
    ]


def _note_problem(session: Session, project: Project, answer: Answer) -> None:
    """Keep why the function failed, and tell project admins once a day (SB-9, SB-10)."""
    known = session.get(CheckProblem, project.id, populate_existing=True)
    if answer.error is None:
        if known is not None:
            session.delete(known)
        return
    if known is None:
        known = CheckProblem(project_id=project.id)
        session.add(known)
    known.error, known.traceback = answer.error, answer.traceback
    known.is_timeout = answer.is_timeout
    known.at = seconds_from_now(0)  # also when it is the same problem as before
    notices.sanity_problem(session, project, answer.error)
