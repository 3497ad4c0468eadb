"""Uploads that browsers send to the store themselves, past us (I-27, I-36).

One begins with a form of the store and a signed text that says what the file is for; nothing of it
is kept here. It is finished with that text: only then is the content looked at and made a file.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any

from flask import render_template
from itsdangerous import BadData, URLSafeTimedSerializer

from orchestra.database import reading
from orchestra.domain import files, folders
from orchestra.domain.derived_keys import derived_key
from orchestra.domain.files import Upload
from orchestra.errors import Invalid, NotFound, OrchestraError, TooLarge
from orchestra.integrations.files import UploadForm, refuse_larger
from orchestra.models import StoredFile
from orchestra.project_files import direct_store, store
from orchestra.web import auth, security, uploads

FINISH_WITHIN_SECONDS = 6 * 3600  # the largest files take a while; the bucket keeps them for a day
NOT_BEGUN = "This upload was not begun by you, or too long ago. Choose the file again."
NOT_SENT = "The file has not arrived. Choose it again."


@dataclass(frozen=True, kw_only=True)
class Begun:
    """An upload that its worker may finish."""

    file_id: str
    project_id: int
    task_id: int
    worker_id: int
    name: str  # as the person called it
    folder: str
    only_pictures: bool

    @property
    def sent_key(self) -> str:
        return folders.sent_key(self.project_id, self.file_id)


def render_page(template: str, **context: Any) -> str:
    """A page whose scripts may send files to the store, and ask no other host (W-1)."""
    address = _upload_address()
    if address is not None:
        security.allow("connect-src", [address])
    return render_template(template, sends_directly=address is not None, **context)


def _upload_address() -> str | None:
    """None, too, where the store lacks something: a page is there without it."""
    with suppress(OrchestraError):
        direct = direct_store()
        return direct.upload_address if direct else None
    return None


def begin(
    task_id: int, name: str, size_bytes: int, *, folder: str, only_pictures: bool
) -> tuple[UploadForm, str] | None:
    """The form to send a file with, and the text to finish with. None: it must come to us.

    :raises NotFound: the worker is not on the project of the task.
    :raises TooLarge: it is larger than uploads may be.
    """
    worker = auth.current_worker()
    with reading() as session:
        project_id = files.project_of_task(session, worker, task_id)
    direct = direct_store()
    if direct is None:
        return None
    at_most_bytes = uploads.settings().max_upload_bytes
    refuse_larger(size_bytes, at_most_bytes)
    begun = Begun(
        file_id=folders.new_id(),
        project_id=project_id,
        task_id=task_id,
        worker_id=worker.id,
        name=name,
        folder=folder,
        only_pictures=only_pictures,
    )
    form = direct.upload_form(begun.sent_key, at_most_bytes=at_most_bytes)
    return form, _signer().dumps(asdict(begun))


def read(signed: str) -> Begun:
    """:raises NotFound: the text is not one of ours, of this worker and of these hours."""
    try:
        begun = Begun(**_signer().loads(signed, max_age=FINISH_WITHIN_SECONDS))
    except BadData as error:
        raise NotFound(NOT_BEGUN) from error
    if begun.worker_id != auth.current_worker().id:
        raise NotFound(NOT_BEGUN)
    return begun


def find_finished(begun: Begun) -> StoredFile | None:
    """The file of an upload that was finished before.

    :raises NotFound: the worker is not on the project any more, or the file was deleted.
    """
    worker = auth.current_worker()
    with reading() as session:
        files.project_of_task(session, worker, begun.task_id)
        if session.get(StoredFile, begun.file_id) is None:
            return None
        return files.get_file(session, worker, begun.file_id)


@contextmanager
def kept(begun: Begun) -> Iterator[Upload]:
    """Keep what was sent while the block makes its row; if that fails the copy is forgotten.

    It lies at a place of its own: the form may still be good for sending something else.

    :raises NotFound: nothing was sent.
    :raises Invalid: it must be a picture, and is none.
    :raises TooLarge: it is larger than uploads may be.
    """
    with _forgotten_when_done(begun.sent_key):
        direct = direct_store()
        if direct is None:
            raise NotFound(NOT_SENT)
        key = folders.store_key(begun.project_id, folders.new_id())
        try:
            stored = direct.keep_sent(
                begun.sent_key, key, at_most_bytes=uploads.settings().max_upload_bytes
            )
        except NotFound as error:
            raise NotFound(NOT_SENT) from error
        with uploads.forgotten_on_failure(stored.place):
            with store().open(stored.place) as content:
                type_ = uploads.type_of(content, only_pictures=begun.only_pictures)
            yield Upload(
                id=begun.file_id,
                place=stored.place,
                name=begun.name,
                content_type=type_,
                size_bytes=stored.size_bytes,
                folder=begun.folder,
            )


@contextmanager
def _forgotten_when_done(sent: str) -> Iterator[None]:
    """What was sent is of no more use when it is a file, or can be none. After other failures the
    upload may be finished again; what nobody finishes is removed by the rules of the bucket."""
    try:
        yield
    except (Invalid, TooLarge):
        _forget(sent)
        raise
    _forget(sent)


def _forget(sent: str) -> None:
    with suppress(OrchestraError):
        store().delete(sent)


def _signer() -> URLSafeTimedSerializer:
    key = derived_key(uploads.settings().secret_key, "orchestra direct uploads")
    return URLSafeTimedSerializer(key)
