"""Taking files from people: first into the store, then onto the project (L-13, I-27)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from flask import current_app, request
from werkzeug.datastructures import FileStorage, MultiDict

from orchestra.config import Settings
from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import file_types, files, folders
from orchestra.domain.files import Upload
from orchestra.domain.information import LARGEST_ID
from orchestra.errors import Invalid, Malformed, TooLarge
from orchestra.models import StoredFile
from orchestra.project_files import ProjectFiles, address_of, store
from orchestra.web import auth

CONTROL = re.compile(r"(file|picture):(/.*)", re.DOTALL)  # names of file controls of a form
NOT_A_PICTURE = "This is no picture. Choose a PNG, JPEG, GIF or WebP file."
MOST_FORM_PARTS = 10_000


def settings() -> Settings:
    return cast(Settings, current_app.config["SETTINGS"])


def make_room(_endpoint: str | None, _in_path: dict[str, Any] | None) -> None:
    """Let bodies with files in them be larger than others; for ``url_value_preprocessor``,
    which runs before anything of the body is read."""
    if request.method in auth.READING:
        return
    without_files = current_app.config["MAX_CONTENT_LENGTH"]
    in_base64 = settings().max_upload_bytes * 4 // 3
    request.max_content_length = in_base64 + without_files
    request.max_form_memory_size = without_files
    request.max_form_parts = MOST_FORM_PARTS


@contextmanager
def kept(
    task_id: int,
    content: BinaryIO,
    name: str,
    *,
    folder: str = "",
    only_pictures: bool = False,
) -> Iterator[Upload]:
    """Keep the content while the block makes its row; if that fails it is forgotten.

    :raises NotFound: the worker is not on the project of the task.
    :raises Invalid: it must be a picture, and is none.
    :raises TooLarge: it is larger than uploads may be.
    """
    with reading() as session:
        project_id = files.project_of_task(session, auth.current_worker(), task_id)
    with _kept_for(project_id, content, name, folder=folder, only_pictures=only_pictures) as upload:
        yield upload


@contextmanager
def _kept_for(
    project_id: int,
    content: BinaryIO,
    name: str,
    *,
    folder: str = "",
    only_pictures: bool = False,
) -> Iterator[Upload]:
    type_ = type_of(content, only_pictures=only_pictures)
    file_id = folders.new_id()
    stored = store().put(
        folders.store_key(project_id, file_id),
        name,
        ProjectFiles(project_id, auth.current_actor()).place_of_folder(folder),
        content,
        type_,
        at_most_bytes=settings().max_upload_bytes,
    )
    with forgotten_on_failure(stored.place):
        yield Upload(
            id=file_id,
            place=stored.place,
            name=name,
            content_type=type_,
            size_bytes=stored.size_bytes,
            folder=folder,
        )


def type_of(content: BinaryIO, *, only_pictures: bool) -> str:
    """:raises Invalid: it must be a picture, and is none."""
    type_ = file_types.content_type(content)
    if only_pictures and not file_types.is_picture(type_):
        raise Invalid(NOT_A_PICTURE, fields={"file": [NOT_A_PICTURE]})
    return type_


@contextmanager
def forgotten_on_failure(place: str) -> Iterator[None]:
    """What the store keeps is not kept without the row that the block makes."""
    try:
        yield
    except BaseException:
        store().delete(place)
        raise


def chosen_files() -> list[FileStorage]:
    """The files of a form without JavaScript.

    :raises Invalid: none was chosen.
    """
    chosen = [file for file in request.files.getlist("file") if file.filename]
    if not chosen:
        raise Invalid("Choose a file first.")
    return chosen


def asked_task_id() -> int:
    """:raises Malformed: the form does not come from the page of a task."""
    text = request.form.get("task_id", "")
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or int(text) > LARGEST_ID:
        raise Malformed("The form does not say which task it belongs to. Reload the task.")
    return int(text)


def task_page() -> str:
    """Where a form beside a task leads back to."""
    return f"{auth.START_PAGE}/task/{asked_task_id()}"


def take_into(project_id: int, file: FileStorage, folder_id: str) -> StoredFile:
    """Keep an uploaded file in a folder; that the worker is on the project has been checked.

    :raises TooLarge: it is larger than uploads may be.
    :raises ProjectClosed: the project has ended.
    """
    content = cast(BinaryIO, file.stream)
    with _kept_for(project_id, content, file.filename or "", folder=folder_id) as upload:
        return _added_to(project_id, upload)


@retry_deadlocks
def _added_to(project_id: int, upload: Upload) -> StoredFile:
    with transaction() as session:
        return files.add_to(session, auth.current_actor(), project_id, upload)


def posted_with_files(task_id: int) -> tuple[MultiDict[str, str], dict[str, list[str]]]:
    """What a form without JavaScript posted, with the address of each file as the value of its
    field; and what was wrong with files, by the pointer of the field."""
    posted = MultiDict(request.form)
    errors: dict[str, list[str]] = {}
    for name, file in request.files.items(multi=True):
        control = CONTROL.fullmatch(name)
        if not control or not file.filename:
            continue
        kind, pointer = control.groups()
        try:
            added = take(task_id, file, only_pictures=kind == "picture")
        except (Invalid, TooLarge) as error:
            errors[pointer] = [error.message]
        else:
            posted.setlist(pointer, [address_of(added)])
    return posted, errors


def take(task_id: int, file: FileStorage, *, only_pictures: bool = False) -> StoredFile:
    """Keep an uploaded file and give it to the project of the task.

    :raises NotFound: the worker is not on the project of the task.
    :raises Invalid: it must be a picture, and is none.
    :raises TooLarge: it is larger than uploads may be.
    :raises ProjectClosed: the project has ended.
    """
    content = cast(BinaryIO, file.stream)
    name = file.filename or ""
    with kept(task_id, content, name, only_pictures=only_pictures) as upload:
        return _added(task_id, upload)


@retry_deadlocks
def _added(task_id: int, upload: Upload) -> StoredFile:
    with transaction() as session:
        return files.add(session, auth.current_actor(), task_id, upload)
