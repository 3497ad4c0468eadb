"""Single objects in Drive, each asked for or changed by one call; lists of them by a few."""

import re
from io import BytesIO
from typing import Any

from googleapiclient.http import MediaIoBaseUpload

from orchestra.errors import NotFound, RefusedByService
from orchestra.integrations.drive_connection import Connection
from orchestra.integrations.files import MARKDOWN, Entry, Kind

FOLDER = "application/vnd.google-apps.folder"
DOCUMENT = "application/vnd.google-apps.document"
KINDS = {FOLDER: Kind.FOLDER, DOCUMENT: Kind.DOCUMENT}
PLACE = re.compile(r"[A-Za-z0-9_-]+")
FACTS = "id,name,mimeType,size,createdTime"
PAGE_SIZE = 200
SHARED = {"supportsAllDrives": True}  # what lies in a shared drive is hidden from other calls

Facts = dict[str, Any]  # of one object, as Drive tells them


def checked(place: str) -> str:
    """Ids are put into addresses and queries: nothing else may get there."""
    if not PLACE.fullmatch(place):
        raise NotFound("This is not the id of anything in Google Drive.")
    return place


def present(drive: Connection, place: str, wanted: str = "id,name,mimeType,size,trashed") -> Facts:
    """Facts of an object.

    :raises NotFound: it is gone, or in the bin.
    """
    facts = drive.ask(drive.files.get(fileId=checked(place), fields=wanted, **SHARED))
    if facts["trashed"]:
        raise NotFound(f"{facts['name']!r} is in the bin of Google Drive.")
    return facts


def content_size(drive: Connection, place: str) -> int:
    """:raises RefusedByService: it has no bytes of its own, as a document has none."""
    facts = present(drive, place)
    if "size" not in facts:
        raise RefusedByService("This has no content of its own; open it in Google Drive.")
    return int(facts["size"])


def listed(drive: Connection, area: dict[str, str], query: str) -> list[Facts]:
    """All of them, oldest first. Pages may overlap when something changes between them."""
    found: dict[str, Facts] = {}
    token = None
    while True:
        answer = drive.ask(
            drive.files.list(
                q=query,
                fields=f"nextPageToken,files({FACTS})",
                pageSize=PAGE_SIZE,
                pageToken=token,
                includeItemsFromAllDrives=True,
                **SHARED,
                **area,
            )
        )
        found |= {facts["id"]: facts for facts in answer.get("files", [])}
        token = answer.get("nextPageToken")
        if not token:
            return sorted(found.values(), key=age)


def age(facts: Facts) -> tuple[str, str]:
    """Sorts the oldest first, and always in the same way."""
    return facts["createdTime"], facts["id"]


def entry_of(facts: Facts) -> Entry:
    """The object as an entry of a folder."""
    return Entry(
        place=facts["id"],
        name=facts["name"],
        kind=KINDS.get(facts["mimeType"], Kind.FILE),
        content_type=facts["mimeType"],
        size_bytes=int(facts.get("size", 0)),
    )


def as_media(text: str) -> MediaIoBaseUpload:
    """Drive does not convert nothing at all."""
    return MediaIoBaseUpload(BytesIO((text or "\n").encode()), MARKDOWN)


def copied(drive: Connection, template: str, facts: Facts) -> Facts:
    """A copy of a document, with facts of its own."""
    try:
        return drive.ask(
            drive.files.copy(fileId=checked(template), body=facts, fields=FACTS, **SHARED)
        )
    except NotFound:
        raise RefusedByService(
            f"The template {template} is not in Google Drive, or not shared with the service "
            "account."
        ) from None


def trash(drive: Connection, place: str) -> None:
    """Put it in the bin, from where people can take it back."""
    drive.ask(drive.files.update(fileId=place, body={"trashed": True}, fields="id", **SHARED))
