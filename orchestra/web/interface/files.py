"""Files of the project of a task, as the pages and step interfaces use them (N-7, I-27, I-37)."""

import base64
import binascii
import hashlib
from dataclasses import asdict
from io import BytesIO
from typing import Any, BinaryIO, cast

from flask import Blueprint, Response, request
from marshmallow import Schema, fields, validate
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import files
from orchestra.domain.audit import Actor
from orchestra.domain.files import Upload
from orchestra.domain.information import timestamp
from orchestra.domain.repeats import Repeatable
from orchestra.errors import Invalid, Malformed
from orchestra.models import StoredFile, Worker
from orchestra.project_files import address_of
from orchestra.web import direct_uploads, requests, uploads
from orchestra.web.api.idempotency import answer_once, as_json, json_response, repeatable
from orchestra.web.api.schemas import Text, Whole
from orchestra.web.auth import current_actor, current_worker, guard_interface
from orchestra.web.interface.calls import Answer, looking, read_body, read_parameters
from orchestra.web.interface.schemas import Id, TaskBody, optional_text, text
from orchestra.web.markdown import DEEPEST_HEADING, LAST_HEADING, render_markdown

IMAGES = "Images"  # the folder of pictures that were put into texts
PICTURE_NAME = "picture"
OF_A_FILE = ("id", "name", "url")

blueprint = Blueprint("files_interface", __name__, url_prefix="/orchestra/api/interface")
blueprint.url_value_preprocessor(uploads.make_room)
guard_interface(blueprint)


class FilesQuery(Schema):
    task_id = Id(in_query=True)
    folder = fields.String(load_default=None)


class UploadForm(Schema):
    task_id = Id(in_query=True)
    folder = fields.String(load_default="")


class ImageForm(Schema):
    task_id = Id(in_query=True)


class ImageData(TaskBody):
    image_data = text()


class NewUpload(TaskBody):
    name = text()
    size_bytes = Whole(required=True, validate=validate.Range(min=0))
    folder = Text(load_default="")
    is_picture = fields.Boolean(load_default=False, truthy={True}, falsy={False})


class SentUpload(Schema):
    upload = text()


class MarkdownText(Schema):
    text = optional_text()
    below = Whole(load_default=LAST_HEADING, validate=validate.Range(min=0, max=DEEPEST_HEADING))


@blueprint.get("/files/")
def list_files() -> Response:
    asked = read_parameters(FilesQuery(), request.args.to_dict())
    with reading() as session:
        project_id = files.project_of_task(session, current_worker(), asked["task_id"])
        found = files.files_of(session, project_id, asked["folder"])
        return json_response(as_json([_described(file) for file in found]))


def _described(file: StoredFile) -> Answer:
    return {
        "id": file.id,
        "name": file.name,
        "folder": file.parent.name if file.parent else "",
        "type": file.content_type,
        "size_bytes": file.size_bytes,
        "changed_at": timestamp(file.created_at),
        "url": address_of(file),
    }


@blueprint.post("/files/")
def upload_file() -> Response:
    file = _uploaded_file()
    asked = read_parameters(UploadForm(), request.form.to_dict())
    content = cast(BinaryIO, file.stream)
    call = _call(content, asked | {"name": file.filename})
    with uploads.kept(
        asked["task_id"], content, file.filename or "", folder=asked["folder"]
    ) as upload:
        return _once(call, asked["task_id"], upload, OF_A_FILE)


@blueprint.post("/upload_image/")
def upload_image() -> Response:
    """A picture for a text: as a file, or as base64 in JSON."""
    if request.is_json:
        asked = requests.load(ImageData(), request.get_data())
        content: BinaryIO = BytesIO(_from_base64(asked.pop("image_data")))
        name = PICTURE_NAME
    else:
        file = _uploaded_file()
        asked = read_parameters(ImageForm(), request.form.to_dict())
        content, name = cast(BinaryIO, file.stream), file.filename or PICTURE_NAME
    call = _call(content, asked | {"name": name})
    with uploads.kept(asked["task_id"], content, name, folder=IMAGES, only_pictures=True) as upload:
        return _once(call, asked["task_id"], upload, ("url", "file_id"))


@blueprint.post("/direct_uploads/")
def begin_direct_upload() -> Response:
    """A form for sending the file to the store, or null: it must be posted to ``files/``."""
    asked = read_body(NewUpload())
    is_picture = asked["is_picture"]
    begun = direct_uploads.begin(
        asked["task_id"],
        asked["name"] or (PICTURE_NAME if is_picture else ""),
        asked["size_bytes"],
        folder=IMAGES if is_picture else asked["folder"],
        only_pictures=is_picture,
    )
    if begun is None:
        return json_response("null")
    form, upload = begun
    return json_response(as_json(asdict(form) | {"upload": upload}))


@blueprint.post("/direct_uploads/finish/")
def finish_direct_upload() -> Response:
    """Make what was sent a file of the project; again, it is the same file."""
    begun = direct_uploads.read(read_body(SentUpload())["upload"])
    finished = direct_uploads.find_finished(begun)
    if finished is not None:
        return json_response(as_json(_told(finished, OF_A_FILE)))
    call = repeatable(request, f"worker:{current_worker().id}", request.get_data())
    with direct_uploads.kept(begun) as upload:
        return _once(call, begun.task_id, upload, OF_A_FILE)


@retry_deadlocks
def _once(call: Repeatable, task_id: int, upload: Upload, keys: tuple[str, ...]) -> Response:
    """Add the file and answer with these keys; the same Idempotency-Key adds one file (N-4)."""

    with transaction() as session:
        return answer_once(
            session, call, lambda: _told(files.add(session, current_actor(), task_id, upload), keys)
        )


def _told(file: StoredFile, keys: tuple[str, ...]) -> Answer:
    told = {"id": file.id, "file_id": file.id, "name": file.name, "url": address_of(file)}
    return {key: told[key] for key in keys}


def _call(content: BinaryIO, asked: dict[str, Any]) -> Repeatable:
    """Two uploads are the same if the file is, whatever the body around it looks like."""
    content.seek(0)
    digest = hashlib.file_digest(cast(Any, content), "sha256").hexdigest()
    body = as_json(asked | {"digest": digest}).encode()
    return repeatable(request, f"worker:{current_worker().id}", body)


def _uploaded_file() -> FileStorage:
    file = request.files.get("file")
    if file is None or not file.filename:
        raise Malformed("Send the file as multipart/form-data, in a part named file.")
    return file


def _from_base64(data: str) -> bytes:
    """Also of a data address, as browsers make them."""
    encoded = data.partition(";base64,")[2] or data
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(
            "The picture is not in base64.", fields={"image_data": ["This is not base64."]}
        ) from error


@blueprint.delete("/files/<file_id>/")
def delete_file(file_id: str) -> Response:
    _hide(current_actor(), file_id)
    return Response(status=204)


@retry_deadlocks
def _hide(actor: Actor, file_id: str) -> None:
    with transaction() as session:
        files.hide(session, actor, file_id)


@blueprint.post("/preview_markdown/")
@looking(MarkdownText())
def preview_markdown(_session: Session, _worker: Worker, text: str | None, below: int) -> Answer:
    """How a text will look; nothing is stored."""
    return {"html": render_markdown(text or "", below=below)}
