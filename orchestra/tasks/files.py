"""Jobs that keep the store of files up to date."""

import logging

from orchestra import outbox
from orchestra.database import retry_deadlocks, transaction
from orchestra.domain import documents, folders, preparing, sharing
from orchestra.domain.documents import Copy
from orchestra.domain.preparing import Prepared
from orchestra.domain.sharing import Plan
from orchestra.errors import BadConfiguration, OrchestraError, ProjectClosed, RefusedByService
from orchestra.outbox import Job
from orchestra.project_files import ProjectFiles, store
from orchestra.tasks import celery

logger = logging.getLogger(__name__)
PERMANENT = (RefusedByService, BadConfiguration)


@celery.task(name=Job.PREPARE_PROJECT.value)
def prepare_project(project_id: int) -> None:
    """Make the folder of a project and its team messages (I-26); done twice, there is one each."""
    try:
        prepared = _prepared(project_id)
    except ProjectClosed:
        _forget(preparing.job_of(project_id).dedupe_key)
    except OrchestraError as error:
        logger.warning("project not prepared: %s", error, extra={"project": project_id})
        _note_unprepared(project_id, error)
    else:
        with transaction() as session:
            preparing.finish(session, project_id, prepared)


def _prepared(project_id: int) -> Prepared:
    kept = ProjectFiles(project_id)
    folder = kept.folder
    messages = kept.make_document(preparing.TEAM_MESSAGES_NAME, "", key=folders.TEAM_MESSAGES)
    return Prepared(
        folder_id=folder,
        folder_url=kept.link(folder),
        team_messages_url=kept.document_link(messages),
    )


@retry_deadlocks
def _note_unprepared(project_id: int, error: OrchestraError) -> None:
    key, is_final = preparing.job_of(project_id).dedupe_key, isinstance(error, PERMANENT)
    with transaction() as session:
        if outbox.record_failure(session, key, error.message, is_final=is_final):
            preparing.give_up(session, project_id, error.message)


@celery.task(name=Job.SHARE_FOLDER.value)
def share_folder(project_id: int) -> None:
    """Share the folder of a project with those who joined it, and with nobody who left (I-32)."""
    try:
        while (plan := _plan(project_id)) is not None:
            _share(project_id, plan)
    except OrchestraError as error:
        logger.warning("folder not shared: %s", error, extra={"project": project_id})
        key, is_final = sharing.job_of(project_id).dedupe_key, isinstance(error, PERMANENT)
        with transaction() as session:
            outbox.record_failure(session, key, error.message, is_final=is_final)


@retry_deadlocks
def _plan(project_id: int) -> Plan | None:
    with transaction() as session:
        return sharing.plan(session, project_id)


def _share(project_id: int, plan: Plan) -> None:
    """An address that two people have stays shared when one of them leaves."""
    joined = {address for address in plan.joined.values() if address}
    store().unshare(plan.place, sorted({one for one in plan.left.values() if one} - joined))
    refused = store().share(plan.place, sorted(joined)) if joined else {}
    _record_shares(project_id, plan, refused)


@retry_deadlocks
def _record_shares(project_id: int, plan: Plan, refused: dict[str, str]) -> None:
    with transaction() as session:
        sharing.record(session, project_id, plan, refused)


def _forget(key: str) -> None:
    with transaction() as session:
        outbox.done(session, key)


@celery.task(name=Job.COPY_DOCUMENT.value)
def copy_document(document_id: str) -> None:
    """Give the store the newest text of a document. Whoever of several runs writes last has seen
    the newest."""
    copied: int | None = None
    while (copy := _to_copy(document_id, copied)) is not None:
        _write(copy)
        copied = copy.revision


@retry_deadlocks
def _to_copy(document_id: str, copied: int | None) -> Copy | None:
    """What is to be copied; None, and the job is done, if it was already."""
    with transaction() as session:
        copy = documents.copy_of(session, document_id)
        if copy is None or copy.revision == copied:
            outbox.done(session, documents.copying_of(document_id).dedupe_key)
            return None
        return copy


def _write(copy: Copy) -> None:
    if copy.place is not None:
        store().write_document(copy.place, copy.text)
        return
    place = store().make_document(copy.key, copy.name, None, copy.text)
    with transaction() as session:
        folders.placed(session, copy.document_id, place, len(copy.text.encode()))
