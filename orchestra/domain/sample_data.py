"""Sample people of a workflow: created or brought up to date by a function of its author.

The functions here know the running load from a context variable, so that an author's code has
nothing of the database in its hands (specification D-60 to D-62, D-67, D-68).
"""

from contextvars import ContextVar
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from orchestra.database import settings_of
from orchestra.domain import audit, certifications, people, versions
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.definitions import functions
from orchestra.domain.graph import FunctionReference
from orchestra.errors import Conflict, Forbidden, Invalid, OrchestraError
from orchestra.models import Role, TaskClass, Verb, Worker, WorkflowVersion


@dataclass(frozen=True)
class VersionDescription:
    """What a sample data function gets to know of the version it is called for."""

    workflow: str
    slug: str
    name: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True)
class SampleWorker:
    id: int
    username: str
    email: str
    name: str


@dataclass(frozen=True)
class _Load:
    session: Session
    workflow: str
    actor: Actor


_running: ContextVar[_Load] = ContextVar("running_load_of_sample_data")


def load(session: Session, workflow_slug: str, version_slug: str, *, actor: Actor = SYSTEM) -> None:
    """Call the sample data function of a workflow; doing it again changes nothing.

    :raises Forbidden: in production.
    :raises NotFound: no such version is loaded.
    :raises Invalid: the workflow has no such function, or the function failed.
    """
    if settings_of(session).environment == "production":
        raise Forbidden("Sample data has public passwords: it is not loaded in production.")
    version = versions.get_version(session, workflow_slug, version_slug)
    reference = FunctionReference.from_json(
        version.workflow.definition.get("sample_data_load_function")
    )
    if reference is None:
        raise Invalid(f"The workflow {workflow_slug!r} has no sample_data_load_function.")
    function = functions.resolve(reference.path)
    token = _running.set(_Load(session, workflow_slug, actor))
    try:
        function(_describe(version), **reference.kwargs)
    except (OrchestraError, IntegrityError, OperationalError):
        raise
    except Exception as error:
        raise Invalid(f"{reference.path} failed: {type(error).__name__}: {error}") from error
    finally:
        _running.reset(token)


def create_worker(
    username: str,
    password: str,
    first_name: str,
    last_name: str,
    email: str,
    *,
    project_admin: bool = False,
) -> SampleWorker:
    """Create the worker, or change of an existing one only what differs."""
    running = _load()
    session = running.session
    worker = people.find_worker(session, username) or Worker()
    _refuse_email_of_other(session, worker, email)
    session.add(worker)
    changes = _update(
        worker,
        username=username,
        first_name=first_name,
        last_name=last_name,
        email=email,
        is_in_project_admins=project_admin,
    )
    if not worker.password_hash or not people.password_fits(password, worker.password_hash):
        worker.password_hash = people.hash_password(password)
        worker.session_key = people.new_session_key()
        changes["password_changed"] = True
    session.flush()
    if changes:
        audit.record(session, running.actor, Verb.ACCOUNT_CHANGED, worker, after=changes)
    return SampleWorker(worker.id, worker.username, worker.email, worker.name)


def grant(
    worker: SampleWorker | str,
    certification_slug: str,
    role: str,
    task_class: str,
    workflow: str | None = None,
) -> None:
    """Certify a worker; a certification that the worker holds already is left as it is.

    :param role: ``entry_level`` or ``reviewer``.
    :param task_class: ``real`` or ``training``.
    :param workflow: slug; unset: the workflow whose sample data is being loaded.
    """
    running = _load()
    session, slug = running.session, workflow or running.workflow
    username = worker if isinstance(worker, str) else worker.username
    holder = people.get_worker(session, username)
    certification = certifications.get_certification(session, slug, certification_slug)
    wanted = certifications.Grant(
        certification, _member(Role, role), _member(TaskClass, task_class)
    )
    certifications.grant(session, holder, wanted, actor=running.actor)


def _load() -> _Load:
    try:
        return _running.get()
    except LookupError as error:
        raise Conflict(
            "Sample people can be made only while sample data is being loaded: "
            "orchestra workflows load-sample-data <slug>/<version>"
        ) from error


def _describe(version: WorkflowVersion) -> VersionDescription:
    return VersionDescription(version.workflow.slug, version.slug, version.name)


def _refuse_email_of_other(session: Session, worker: Worker, email: str) -> None:
    statement = sa.select(Worker).where(sa.func.lower(Worker.email) == email.lower())
    holder = session.scalars(statement).one_or_none()
    if holder is not None and holder is not worker:
        raise Conflict(f"The address {email} belongs to {holder.username} already.")


def _update(worker: Worker, **wanted: Any) -> dict[str, Any]:
    """Set what differs, and return it."""
    changes = {key: value for key, value in wanted.items() if getattr(worker, key) != value}
    for key, value in changes.items():
        setattr(worker, key, value)
    return changes


Member = TypeVar("Member", bound=StrEnum)


def _member(enumeration: type[Member], value: str) -> Member:
    try:
        return enumeration(value)
    except ValueError as error:
        known = ", ".join(enumeration)
        raise Invalid(f"{value!r} is none of {known}.") from error
