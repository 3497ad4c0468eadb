"""Jobs that keep the store of files up to date."""

from orchestra import outbox
from orchestra.database import retry_deadlocks, transaction
from orchestra.domain import documents, folders
from orchestra.domain.documents import Copy
from orchestra.outbox import Job
from orchestra.project_files import store
from orchestra.tasks import celery


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
