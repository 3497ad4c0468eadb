"""Who may write in the folder of a project at a service, following who is on the project (I-32)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from orchestra import outbox
from orchestra.database import settings_of, utcnow
from orchestra.domain import channels, folders
from orchestra.domain.locking import lock_project
from orchestra.models import Assignment, FolderShare, Task, Worker
from orchestra.outbox import Dispatch, Job

NO_ADDRESS = "The account has no e-mail address."


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What has to change at the service; workers by id, with their addresses."""

    place: str
    joined: Mapping[int, str] = field(default_factory=dict)
    left: Mapping[int, str] = field(default_factory=dict)


def follow(session: Session, project_id: int) -> None:
    """Somebody joined or left the project: the services are to hear of it."""
    if folders.are_at_service(settings_of(session)):
        outbox.enqueue(session, job_of(project_id))
    channels.follow(session, project_id)


def follow_worker(session: Session, worker_id: int) -> None:
    """The address of a worker is another one now."""
    if not folders.are_at_service(settings_of(session)):
        return
    their_projects = sa.select(FolderShare.project_id).where(FolderShare.worker_id == worker_id)
    for project_id in session.scalars(their_projects.order_by(FolderShare.project_id)):
        outbox.enqueue(session, job_of(project_id))


def job_of(project_id: int) -> Dispatch:
    kwargs = {"project_id": project_id}
    return Dispatch(Job.SHARE_FOLDER, kwargs, f"share:{project_id}", "messages")


def plan(session: Session, project_id: int) -> Plan | None:
    """What is to be done now; None, and the job is done, if nothing is."""
    lock_project(session, project_id)
    folder = folders.find(session, project_id, folders.PROJECT_FOLDER)
    team, shares = _team(session, project_id), _shares(session, project_id)
    joined = {
        id_: address
        for id_, address in team.items()
        if id_ not in shares or shares[id_].address != address
    }
    left = {id_: share.address for id_, share in shares.items() if team.get(id_) != share.address}
    if folder is None or folder.place is None or not (joined or left):
        outbox.done(session, job_of(project_id).dedupe_key)
        return None
    return Plan(place=folder.place, joined=joined, left=left)


def record(session: Session, project_id: int, done: Plan, refused: Mapping[str, str]) -> None:
    """The service did it, but for the addresses that it refused (I-33)."""
    lock_project(session, project_id)
    shares = _shares(session, project_id)
    for id_ in done.left:
        if id_ in shares and id_ not in done.joined:
            session.delete(shares[id_])
    for id_, address in done.joined.items():
        share = shares.get(id_)
        if share is None:
            share = FolderShare(project_id=project_id, worker_id=id_)
            session.add(share)
        share.address, share.at = address, utcnow()
        share.refused = refused.get(address) if address else NO_ADDRESS
    session.flush()


def refusals(session: Session, project_id: int) -> Sequence[FolderShare]:
    """Who cannot write in the folder, and why."""
    if not folders.are_at_service(settings_of(session)):
        return []
    refused = sa.select(FolderShare).where(
        FolderShare.project_id == project_id, FolderShare.refused.is_not(None)
    )
    return session.scalars(
        refused.options(joinedload(FolderShare.worker)).order_by(FolderShare.worker_id)
    ).all()


def forget(session: Session, project_id: int) -> None:
    """The folder is another one now, shared with nobody."""
    session.execute(
        sa.delete(FolderShare).where(FolderShare.project_id == project_id),
        execution_options={"synchronize_session": False},
    )


def _team(session: Session, project_id: int) -> dict[int, str]:
    """Those who see the project, by their assignments."""
    on_it = (
        sa.select(Worker.id, Worker.email)
        .join(Assignment, Assignment.worker_id == Worker.id)
        .join(Task, Task.id == Assignment.task_id)
        .where(Task.project_id == project_id, Assignment.discarded_at.is_(None), Worker.is_active)
        .distinct()
    )
    return {row.id: row.email or "" for row in session.execute(on_it)}


def _shares(session: Session, project_id: int) -> dict[int, FolderShare]:
    found = sa.select(FolderShare).where(FolderShare.project_id == project_id)
    return {share.worker_id: share for share in session.scalars(found)}
