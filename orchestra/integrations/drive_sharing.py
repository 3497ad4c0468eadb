"""Who may open an object in Drive, beside those who may by its folder (I-32, I-33)."""

from collections.abc import Collection
from typing import Any

from orchestra.errors import NotFound
from orchestra.integrations.drive_connection import Connection, Refusal

WRITING_ROLES = {"owner", "organizer", "fileOrganizer", "writer"}
NO_ACCOUNT = "There is no Google account with this address. Another address of the person may work."
# Reasons that speak of our account or of the object: they are not the fault of an address.
OURS = {"insufficientFilePermissions", "insufficientPermissions", "appNotAuthorizedToFile"}

Permission = dict[str, Any]


def refused_addresses(
    drive: Connection, place: str, addresses: Collection[str], *, link_sharing: bool
) -> dict[str, str]:
    """Make these people writers, who are not yet; return those whom Drive refuses, and why."""
    given = _permissions(drive, place)
    if link_sharing and not any(permission["type"] == "anyone" for permission in given):
        _give(drive, place, {"type": "anyone", "role": "writer", "allowFileDiscovery": False})
    writers = {_address(permission) for permission in given if permission["role"] in WRITING_ROLES}
    refused = {}
    for address in addresses:
        if address.lower() in writers:
            continue
        try:
            _give(drive, place, {"type": "user", "role": "writer", "emailAddress": address})
        except Refusal as refusal:
            if refusal.status not in (400, 403) or refusal.reason in OURS:
                raise
            refused[address] = _why(refusal)
    return refused


def take_back(drive: Connection, place: str, addresses: Collection[str]) -> None:
    """What people have by the folder or the shared drive, and what owners have, they keep."""
    leaving = {address.lower() for address in addresses}
    for permission in _permissions(drive, place):
        if _address(permission) in leaving and _can_be_taken(permission):
            _take(drive, place, permission["id"])


def _permissions(drive: Connection, place: str) -> list[Permission]:
    found: list[Permission] = []
    token = None
    while True:
        answer = drive.ask(
            drive.permissions.list(
                fileId=place,
                fields="nextPageToken,permissions(id,type,role,emailAddress,permissionDetails)",
                pageSize=100,
                pageToken=token,
                supportsAllDrives=True,
            )
        )
        found += answer.get("permissions", [])
        token = answer.get("nextPageToken")
        if not token:
            return found


def _give(drive: Connection, place: str, permission: Permission) -> None:
    is_person = permission["type"] == "user"
    drive.ask(
        drive.permissions.create(
            fileId=place,
            body=permission,
            fields="id",
            supportsAllDrives=True,
            **({"sendNotificationEmail": False} if is_person else {}),
        )
    )


def _take(drive: Connection, place: str, permission_id: str) -> None:
    try:
        drive.tell(
            drive.permissions.delete(
                fileId=place, permissionId=permission_id, supportsAllDrives=True
            )
        )
    except NotFound:
        return  # somebody else took it back meanwhile


def _can_be_taken(permission: Permission) -> bool:
    """Drive tells the details of shared drives only."""
    details = permission.get("permissionDetails", [])
    is_own = not details or any(not detail.get("inherited") for detail in details)
    return permission["type"] == "user" and permission["role"] != "owner" and is_own


def _address(permission: Permission) -> str:
    return str(permission.get("emailAddress", "")).lower()


def _why(refusal: Refusal) -> str:
    if "no Google account" in refusal.said:
        return NO_ACCOUNT
    return refusal.said or "Google Drive refuses this address."
