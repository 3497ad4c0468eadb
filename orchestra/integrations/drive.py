"""Files, folders and documents in Google Drive, API v3 (specification I-32 to I-35)."""

import hashlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import lru_cache
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, Self

from google.oauth2.service_account import Credentials
from googleapiclient.http import MediaIoBaseUpload

from orchestra.config import Settings
from orchestra.config.drive import read_key
from orchestra.errors import BadConfiguration, NotFound, OrchestraError, RefusedByService
from orchestra.integrations import drive_connection
from orchestra.integrations.drive_connection import Connection
from orchestra.integrations.drive_content import content_of
from orchestra.integrations.drive_objects import (
    DOCUMENT,
    FACTS,
    FOLDER,
    SHARED,
    Facts,
    age,
    as_media,
    checked,
    content_size,
    copied,
    entry_of,
    listed,
    present,
    trash,
)
from orchestra.integrations.drive_sharing import refused_addresses, take_back
from orchestra.integrations.files import MARKDOWN, UNKNOWN, Entry, Stored, pieces
from orchestra.integrations.pausing import Pausing

SCOPES = ["https://www.googleapis.com/auth/drive"]
KEY_PROPERTY = "orchestraKey"
IN_MEMORY_BYTES = 1024 * 1024  # up to there a content waits in memory to be sent
CHUNK_BYTES = 8 * 1024 * 1024  # sent in one request; a multiple of 256 KiB, as Drive wants it

PAUSING = Pausing("Google Drive")  # of this process


class DriveFiles:
    """Keeps everything under one folder of Drive, as a service account or on behalf of a person.

    A *place* is the id that Drive gave. The key of an object is kept with it, mixed with the root
    folder, so that two installations with one account do not find each other's objects.

    People may delete what they see. Then ``make_folder``, ``make_document``, ``put`` and
    ``entries`` raise NotFound with ``details={"folder": place}``: the folder that they were given
    is gone. To make it anew, call ``make_folder`` with the key of that folder, which finds no
    deleted ones, keep the new place, tell project admins, and repeat the call (I-35).
    """

    has_own_pages = True

    def __init__(
        self,
        credentials: Any,
        root: str,
        *,
        acts_for_person: bool = False,
        link_sharing: bool = False,
        api_url: str | None = None,
        pausing: Pausing | None = None,
    ) -> None:
        self._credentials, self._root = credentials, root
        self._acts_for_person, self._link_sharing = acts_for_person, link_sharing
        self._api_url = api_url or drive_connection.API_URL
        self._pausing = pausing or Pausing("Google Drive")

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """:raises BadConfiguration: there is no usable key."""
        credentials = _credentials(
            settings.google_service_account_json, settings.google_delegated_user
        )
        return cls(
            credentials,
            settings.google_project_root_id,
            acts_for_person=bool(settings.google_delegated_user),
            link_sharing=settings.drive_link_sharing,
            pausing=PAUSING,
        )

    def make_folder(self, key: str, name: str, parent: str | None) -> str:
        def make(drive: Connection, facts: Facts) -> Facts:
            return drive.ask(
                drive.files.create(body={**facts, "mimeType": FOLDER}, fields=FACTS, **SHARED)
            )

        return str(self._once(key, name, parent, make)["id"])

    def entries(self, folder: str) -> list[Entry]:
        with self._connected() as drive:
            area = self._area(drive, folder)
            found = listed(drive, area, f"'{folder}' in parents and trashed = false")
        return [entry_of(facts) for facts in found]

    def make_document(
        self, key: str, name: str, folder: str | None, text: str, *, template: str | None = None
    ) -> str:
        def make(drive: Connection, facts: Facts) -> Facts:
            if template is not None:
                return copied(drive, template, facts)
            request = drive.files.create(
                body={**facts, "mimeType": DOCUMENT},
                media_body=as_media(text),
                fields=FACTS,
                **SHARED,
            )
            return drive.ask(request)

        return str(self._once(key, name, folder, make)["id"])

    def read_document(self, place: str) -> str:
        with self._connected() as drive:
            present(drive, place)
            content = drive.content(drive.files.export(fileId=place, mimeType=MARKDOWN))
        return content.decode("utf-8-sig").replace("\r\n", "\n")

    def write_document(self, place: str, text: str) -> None:
        with self._connected() as drive:
            present(drive, place)
            drive.ask(
                drive.files.update(fileId=place, media_body=as_media(text), fields="id", **SHARED)
            )

    def put(
        self,
        key: str,
        name: str,
        folder: str | None,
        content: BinaryIO,
        content_type: str,
        *,
        at_most_bytes: int,
    ) -> Stored:
        """Keep the content. It waits on this disk first: only then its size is known, and after a
        break it can be sent again from where Drive has it. Even small ones go by themselves: beside
        the facts in one request, a last carriage return could be taken for a border."""
        with SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as whole:
            for piece in pieces(content, at_most_bytes):
                whole.write(piece)
            size_bytes = whole.tell()
            media = MediaIoBaseUpload(
                whole,
                content_type or UNKNOWN,
                chunksize=CHUNK_BYTES,
                resumable=size_bytes > 0,
            )

            def make(drive: Connection, facts: Facts) -> Facts:
                return drive.upload(
                    drive.files.create(body=facts, media_body=media, fields=FACTS, **SHARED)
                )

            kept = self._once(key, name, folder, make)
        return Stored(kept["id"], int(kept.get("size", size_bytes)))

    def open(self, place: str) -> BinaryIO:
        drive = self._connection()
        try:
            size_bytes = content_size(drive, place)
        except BaseException:
            drive.close()
            raise
        return content_of(drive, place, size_bytes)

    def share(self, place: str, addresses: Collection[str]) -> dict[str, str]:
        """Make these people writers; nobody is sent a mail. With ORCHESTRA_DRIVE_LINK_SHARING also
        anyone with the link, even if no people are named."""
        with self._connected() as drive:
            return refused_addresses(
                drive, checked(place), addresses, link_sharing=self._link_sharing
            )

    def unshare(self, place: str, addresses: Collection[str]) -> None:
        with self._connected() as drive:
            take_back(drive, checked(place), addresses)

    def address(self, place: str, *, download_as: str | None = None) -> str | None:
        """Drive sends the browser on to the page of the folder, document or file."""
        return f"https://drive.google.com/open?id={place}"

    def delete(self, place: str) -> None:
        """Put it in the bin of Drive, from where people can take it back for 30 days."""
        with self._connected() as drive:
            try:
                trash(drive, checked(place))
            except NotFound:
                return

    def check(self) -> str:
        with self._connected() as drive:
            facts = self._folder_facts(drive, None)
        folder = f"the folder {facts['name']!r} (GOOGLE_PROJECT_ROOT_ID)"
        if not facts["capabilities"]["canAddChildren"]:
            raise RefusedByService(
                f"The service account may not write into {folder}. Make it a manager of the shared "
                "drive."
            )
        if "driveId" not in facts and not self._acts_for_person:
            raise RefusedByService(
                f"Files in {folder} have no storage: service accounts have none of their own. "
                "Move the folder into a shared drive, or set GOOGLE_DELEGATED_USER."
            )
        return f"Google Drive answers; files are kept in {folder}"

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        drive = self._connection()
        try:
            yield drive
        finally:
            drive.close()

    def _connection(self) -> Connection:
        return Connection(self._credentials, self._api_url, self._pausing)

    def _once(
        self,
        key: str,
        name: str,
        folder: str | None,
        make: Callable[[Connection, Facts], Facts],
    ) -> Facts:
        """The object under the key, made if there is none (I-24).

        Drive has no unique names. Of several makers at once the oldest object wins, and every other
        maker takes back its own and nobody else's: theirs may hold work by now.
        """
        value = hashlib.sha256(f"{self._root}/{key}".encode()).hexdigest()
        with self._connected() as drive:
            area = self._area(drive, folder)
            of_key = f"appProperties has {{ key='{KEY_PROPERTY}' and value='{value}' }}"
            query = f"{of_key} and trashed = false"
            found = listed(drive, area, query)
            if found:
                return found[0]
            facts = {
                "name": name,
                "parents": [self._root if folder is None else folder],
                "appProperties": {KEY_PROPERTY: value},
            }
            try:
                made = make(drive, facts)
            except NotFound:  # somebody deleted it just now
                raise _gone(folder) from None
            first = min([made, *listed(drive, area, query)], key=age)
            if first["id"] != made["id"]:
                trash(drive, made["id"])
            return first

    def _area(self, drive: Connection, folder: str | None) -> dict[str, str]:
        """Where to search for what lies in the folder: Drive must be told which shared drive.

        :raises NotFound: the folder is gone; ``details`` name it.
        """
        facts = self._folder_facts(drive, folder)
        if "driveId" in facts:
            return {"corpora": "drive", "driveId": facts["driveId"]}
        return {"corpora": "user"}

    def _folder_facts(self, drive: Connection, folder: str | None) -> Facts:
        wanted = "id,name,mimeType,trashed,driveId,capabilities(canAddChildren)"
        try:
            facts = present(drive, self._root if folder is None else folder, wanted)
        except NotFound:
            raise _gone(folder) from None
        if facts["mimeType"] != FOLDER:
            raise RefusedByService(f"{facts['name']!r} in Google Drive is not a folder.")
        return facts


@lru_cache(maxsize=4)
def _credentials(text_or_path: str, subject: str) -> Any:
    """Kept, so that a process asks for access once an hour and not with each call."""
    try:
        return Credentials.from_service_account_info(
            read_key(text_or_path), scopes=SCOPES, subject=subject or None
        )
    except ValueError as error:
        known = str(error) if str(error).startswith("GOOGLE_") else ""
        problem = known or "GOOGLE_SERVICE_ACCOUNT_JSON: its private key cannot be read."
        raise BadConfiguration([problem]) from None


def _gone(folder: str | None) -> OrchestraError:
    if folder is not None:
        text = "The folder is not in Google Drive any more."
        return NotFound(text, details={"folder": folder})
    return RefusedByService(
        "The root folder (GOOGLE_PROJECT_ROOT_ID) is not in Google Drive, or not shared with the "
        "service account."
    )
