"""The folder of a project and its team messages (I-26, L-25).

Where both are but rows of ours they are made with the project, and nothing waits. Where a service
keeps them a job makes them, and the first machine steps wait for it a while: they become due when
it is done or given up, or when the time is over.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.database import seconds_from_now, settings_of, utcnow
from orchestra.domain import audit, dispatching, folders, notices, sharing
from orchestra.domain.audit import SYSTEM, Actor, require_manager
from orchestra.domain.folders import (
    DOCUMENTS,
    FOLDERS,
    PROJECT_FOLDER,
    TEAM_MESSAGES,
    Wanted,
    new_id,
)
from orchestra.domain.locking import LockedProject, lock_project
from orchestra.errors import WrongStatus
from orchestra.models import FileKind, Project, ProjectStatus, StoredFile, Task, TaskStatus, Verb
from orchestra.outbox import Dispatch, Job

TEAM_MESSAGES_NAME = "Team Messages"
FOLDER_ID = "project_folder_id"  # in project data


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What the job made, and where people find it."""

    folder_id: str
    folder_url: str
    team_messages_url: str


def begin(session: Session, project: Project) -> None:
    """Give a project that is not stored yet its folder and its team messages, if they are rows."""
    if folders.are_at_service(settings_of(session)):
        return
    folder_id, messages_id = new_id(), new_id()
    project.project_data = project.project_data | {FOLDER_ID: folder_id}
    project.project_folder_url = f"{FOLDERS}/{folder_id}/"
    project.team_messages_url = f"{DOCUMENTS}/{messages_id}/"
    project.started_at = project.prepared_at = utcnow()
    common = {"project": project, "content_type": "", "size_bytes": 0}
    folder = StoredFile(
        id=folder_id,
        kind=FileKind.FOLDER,
        key=PROJECT_FOLDER,
        name=_folder_name(project),
        **common,
    )
    messages = StoredFile(
        id=messages_id,
        kind=FileKind.DOCUMENT,
        key=TEAM_MESSAGES,
        name=TEAM_MESSAGES_NAME,
        **common,
    )
    session.add_all([folder, messages])


def with_folder(project: Project, data: dict[str, Any]) -> dict[str, Any]:
    """Project data as somebody wants them: the folder is the system's to name."""
    folder_id = project.project_data.get(FOLDER_ID)
    return data | {FOLDER_ID: folder_id} if folder_id else data


def ask(session: Session, project: Project) -> float:
    """Ask for the job, if it needs one; how many seconds the first machine steps may wait."""
    if project.prepared_at is not None:
        return 0
    outbox.enqueue(session, job_of(project.id))
    return settings_of(session).prepare_wait_seconds


def hold_back(session: Session, project_id: int, seconds: float) -> None:
    """Let the first machine steps become due later."""
    if seconds > 0:
        session.execute(
            sa.update(Task)
            .where(*_first_machine_steps(project_id))
            .values(next_attempt_at=seconds_from_now(seconds)),
            execution_options={"synchronize_session": False},
        )


def job_of(project_id: int) -> Dispatch:
    kwargs = {"project_id": project_id}
    return Dispatch(Job.PREPARE_PROJECT, kwargs, f"prepare:{project_id}", "messages")


def finish(session: Session, project_id: int, prepared: Prepared) -> None:
    """The folder and the document are there; done again, it changes nothing."""
    outbox.done(session, job_of(project_id).dedupe_key)
    project = lock_project(session, project_id)
    if project.prepared_at is not None:
        return
    project.project_data = project.project_data | {FOLDER_ID: prepared.folder_id}
    project.project_folder_url = prepared.folder_url
    project.team_messages_url = prepared.team_messages_url
    project.prepared_at, project.preparation_problem = utcnow(), None
    project.revision += 1
    session.flush()
    made = {FOLDER_ID: prepared.folder_id}
    audit.record(session, SYSTEM, Verb.PROJECT_PREPARED, project, project_id=project.id, after=made)
    sharing.follow(session, project_id)
    _let_go(session, project)


def lost(session: Session, folder: StoredFile) -> None:
    """Somebody deleted a folder at the service: it is made anew under its key (I-35)."""
    project = lock_project(session, folder.project_id)
    session.execute(
        sa.update(StoredFile)
        .where(StoredFile.id == folder.id, StoredFile.place == folder.place)
        .values(place=None),
        execution_options={"synchronize_session": False},
    )
    notices.preparation_problem(
        session, project, f"The folder {folder.name} was deleted, and is made anew."
    )
    if folder.key == PROJECT_FOLDER:
        project.prepared_at = None
        sharing.forget(session, project.id)
        outbox.enqueue(session, job_of(project.id))


def give_up(session: Session, project_id: int, error: str) -> None:
    """Say what is wrong, and go on without a folder (L-24)."""
    project = lock_project(session, project_id)
    if project.prepared_at is not None:
        return
    project.preparation_problem = error
    session.flush()
    notices.preparation_problem(session, project, error)
    _let_go(session, project)


def try_again(session: Session, actor: Actor, project_id: int) -> None:
    """Ask once more for the job that was given up.

    :raises WrongStatus: it was not.
    """
    require_manager(actor)
    project = lock_project(session, project_id)
    if project.preparation_problem is None:
        raise WrongStatus(f"The folder of project {project_id} is there, or is being made.")
    before = {"preparation_problem": project.preparation_problem}
    project.preparation_problem = None
    audit.record(session, actor, Verb.PROJECT_EDITED, project, project_id=project.id, before=before)
    outbox.enqueue(session, job_of(project_id))


def unprepared(session: Session, limit: int) -> list[int]:
    """Projects whose job is nowhere, though it neither finished nor was given up: there should be
    none (L-136)."""
    if not folders.are_at_service(settings_of(session)):
        return []
    key = sa.literal("prepare:").concat(sa.cast(Project.id, sa.Text))
    return list(
        session.scalars(
            sa.select(Project.id)
            .where(
                Project.prepared_at.is_(None),
                Project.preparation_problem.is_(None),
                Project.status.in_((ProjectStatus.ACTIVE, ProjectStatus.PAUSED)),
                ~sa.exists().where(outbox.OutboxMessage.dedupe_key == key),
            )
            .order_by(Project.id)
            .limit(limit)
        )
    )


def ask_again(session: Session, project_id: int) -> None:
    """Ask for the job of one of :func:`unprepared`."""
    outbox.enqueue(session, job_of(project_id))


def own_folder(session: Session, actor: Actor, project_id: int) -> StoredFile:
    """The project's own folder, made if there is none yet."""
    name = _folder_name(session.get_one(Project, project_id))
    wanted = Wanted(kind=FileKind.FOLDER, key=PROJECT_FOLDER, name=name)
    return folders.reserve(session, actor, project_id, wanted)


def _folder_name(project: Project) -> str:
    return f"{project.started_at:%Y-%m-%d} {project.short_description}".replace("/", "-")


def _first_machine_steps(project_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        Task.project_id == project_id,
        Task.is_human.is_(False),
        Task.status == TaskStatus.AWAITING_PROCESSING,
        Task.attempts == 0,
    )


def _let_go(session: Session, project: Project) -> None:
    """Start the machine steps that waited; those of a paused project go on with it."""
    held = session.scalars(
        sa.update(Task)
        .where(*_first_machine_steps(project.id), Task.next_attempt_at.is_not(None))
        .values(next_attempt_at=None)
        .returning(Task.step),
        execution_options={"synchronize_session": False},
    ).all()
    locked = LockedProject.of(project)
    if locked.is_active:
        dispatching.dispatch_waiting(session, locked, held)
