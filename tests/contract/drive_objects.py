"""What the loopback Drive holds: its account, files, permissions, queries, and its errors."""

import itertools
import json
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt

FOLDER = "application/vnd.google-apps.folder"
DOCUMENT = "application/vnd.google-apps.document"
DRIVE, ROOT = "0Drive-of-the-newsroom", "1Root-folder_of-the-newsroom"
AUDIENCE = "https://oauth2.googleapis.com/token"
EMAIL = "orchestra@newsroom.iam.gserviceaccount.com"
CLAUSE = re.compile(
    r"'(?P<parent>[^']*)' in parents|trashed = (?P<trashed>true|false)|"
    r"appProperties has \{ key='(?P<key>[^']*)' and value='(?P<value>[^']*)' \}"
)
NO_ACCOUNT = (
    'Bad Request. User message: "You are trying to invite {}. Since there is no Google account '
    'associated with this email address, you must check the \\"Notify people\\" box to invite '
    'this recipient."'
)


@dataclass(eq=False)
class Fault(Exception):
    """An answer that is none of success, or a misfortune on the way."""

    status: int = 0
    reason: str = ""
    message: str = ""
    domain: str = "global"
    headers: dict = field(default_factory=dict)
    body: bytes | None = None
    cut: str | int | None = None
    seconds: float = 0

    @classmethod
    def not_found(cls, id_, message=""):
        return cls(status=404, reason="notFound", message=message or f"File not found: {id_}.")

    @classmethod
    def bad(cls, reason, message):
        return cls(status=400, reason=reason, message=message)

    @classmethod
    def forbidden(cls, reason, message):
        return cls(status=403, reason=reason, message=message)

    @property
    def content(self):
        if self.body is not None:
            return self.body
        detail = {"message": self.message, "domain": self.domain, "reason": self.reason}
        return {"error": {"code": self.status, "message": self.message, "errors": [detail]}}


def problem(fault):
    """The fault with the words that Drive has for it."""
    words = {
        "rateLimitExceeded": ("Rate Limit Exceeded", "usageLimits"),
        "userRateLimitExceeded": ("User Rate Limit Exceeded", "usageLimits"),
        "sharingRateLimitExceeded": ("Rate limit exceeded. User message: …", "usageLimits"),
        "storageQuotaExceeded": (
            "Service Accounts do not have storage quota. Leverage shared drives, or use OAuth "
            "delegation instead.",
            "usageLimits",
        ),
        "backendError": ("Backend Error", "global"),
        "notFound": ("File not found: x.", "global"),
    }
    if fault.reason in words and not fault.message:
        fault.message, fault.domain = words[fault.reason]
    return fault


@cache
def private_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def in_pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


class Account:
    """The service account: who holds its key gets access for an hour."""

    def __init__(self, url):
        self._url = url
        self._public = private_key().public_key()
        self.tokens = {}  # token: whose name it was given out in
        self.delegates = {"editor@newsroom.example"}

    def key(self, **other):
        """The JSON that Google gives out once."""
        return json.dumps(
            {
                "type": "service_account",
                "project_id": "newsroom",
                "private_key_id": "0123456789abcdef",
                "private_key": in_pem(private_key()),
                "client_email": EMAIL,
                "client_id": "1234567890",
                "token_uri": f"{self._url}token",
            }
            | other
        )

    def token(self, body):
        asked = parse_qs(body.decode())
        pem = self._public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        try:
            claims = jwt.decode(asked["assertion"][0], certs=pem, audience=AUDIENCE)
        except ValueError:
            raise self._refused("invalid_grant", "Invalid JWT Signature.") from None
        if claims["iss"] != EMAIL:
            raise self._refused("invalid_grant", "Invalid grant: account not found")
        if claims.get("sub") not in (None, *self.delegates):
            words = "Client is unauthorized to retrieve access tokens using this method."
            raise self._refused("unauthorized_client", words)
        token = f"ya29.{secrets.token_urlsafe(24)}"
        self.tokens[token] = claims.get("sub") or EMAIL
        return {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}

    def check(self, authorization):
        if authorization.removeprefix("Bearer ") not in self.tokens:
            raise Fault(status=401, reason="authError", message="Invalid Credentials")

    @staticmethod
    def _refused(error, description):
        told = json.dumps({"error": error, "error_description": description}).encode()
        status = 401 if error == "unauthorized_client" else 400
        return Fault(status=status, headers={"Content-Type": "application/json"}, body=told)


class Drive:
    """One shared drive and what lies in it."""

    def __init__(self, url):
        self.account = Account(url)
        self.files = {}
        self.page_size = 100
        self.unknown = set()  # lower-case addresses without a Google account
        self.refusals = {}  # lower-case address: the fault that its permission meets
        self._numbers = itertools.count(1)
        self._began_at = datetime.now(UTC)
        self.files[ROOT] = self._new(ROOT, {"name": "Orchestra", "mimeType": FOLDER}, None)

    def make(self, facts, content, content_type):
        number = next(self._numbers)
        id_ = f"1File-{number}_{secrets.token_hex(4)}"
        kind = facts.get("mimeType") or content_type or "application/octet-stream"
        self.files[id_] = self._new(id_, {**facts, "mimeType": kind}, content, number)
        return self.files[id_]

    def _new(self, id_, facts, content, number=0):
        made = {
            "kind": "drive#file",
            "driveId": DRIVE,
            "trashed": False,
            "parents": [DRIVE],
            "appProperties": {},
            "permissions": [],
            "capabilities": {"canAddChildren": True},
            "createdTime": _time(self._began_at + timedelta(milliseconds=number)),
            "id": id_,
            **facts,
        }
        for name, value in made["appProperties"].items():
            if len((name + value).encode()) > 124:
                raise Fault.bad("badRequest", "A property is limited to 124 bytes.")
        return {**made, "content": content if content is not None else b""}

    def file(self, id_, query):
        """What is in a shared drive is hidden from calls that do not say they know such drives."""
        found = self.files.get(id_)
        if found is None or ("driveId" in found and query.get("supportsAllDrives") != "true"):
            raise Fault.not_found(id_)
        trashed = found["trashed"] or any(
            self.files[parent]["trashed"] for parent in found["parents"] if parent in self.files
        )
        if trashed != found["trashed"]:
            return Trashed(found)
        return found

    def check_parents(self, facts, query):
        for parent in facts.get("parents", []):
            self.file(parent, query)

    def permit(self, file, asked, query):
        address = asked.get("emailAddress", "")
        if address.lower() in self.refusals:
            raise self.refusals[address.lower()]
        if address.lower() in self.unknown and query.get("sendNotificationEmail") != "true":
            raise Fault.bad("invalidSharingRequest", NO_ACCOUNT.format(address))
        if asked["type"] == "user" and "@" not in address:
            raise Fault.bad("invalid", f"The specified emailAddress is invalid: {address}")
        given = {"kind": "drive#permission", "id": str(next(self._numbers)), **asked}
        file["permissions"].append(given)
        return given

    def forbid(self, file, permission_id):
        left = [given for given in file["permissions"] if given["id"] != permission_id]
        if len(left) == len(file["permissions"]):
            raise Fault.not_found("", f"Permission not found: {permission_id}.")
        file["permissions"] = left

    def named(self, name):
        """Those of this name that are not in the bin."""
        return [
            file for file in self.files.values() if file["name"] == name and not file["trashed"]
        ]


class Trashed(dict):
    """A file that is in the bin because its folder is."""

    def __init__(self, file):
        super().__init__(file | {"trashed": True})


def listed(drive, query):
    """A page of the files that the query finds, in no order that one could rely on."""
    clauses = [CLAUSE.fullmatch(text) for text in re.split(r" and (?![^{]*\})", query["q"])]
    if not all(clauses):
        raise Fault.bad("invalid", "Invalid Value")
    in_drives = query.get("includeItemsFromAllDrives") == query.get("supportsAllDrives") == "true"
    found = [
        drive.file(id_, {"supportsAllDrives": "true"})
        for id_, file in drive.files.items()
        if "driveId" not in file or (in_drives and query.get("driveId", DRIVE) == DRIVE)
    ]
    found = [file for file in found if all(_fits(file, clause) for clause in clauses)][::-1]
    begin = int(query.get("pageToken", "~0").removeprefix("~"))
    end = begin + min(drive.page_size, int(query.get("pageSize", 100)))
    page = {"files": found[begin:end]}
    if end < len(found):
        page["nextPageToken"] = f"~{end}"
    return chosen(page, query.get("fields", "nextPageToken,files(kind,id,name,mimeType)"))


def _fits(file, clause):
    if clause["parent"] is not None:
        return clause["parent"] in file["parents"]
    if clause["trashed"] is not None:
        return file["trashed"] == (clause["trashed"] == "true")
    return file["appProperties"].get(clause["key"]) == clause["value"]


def chosen(found, fields):
    """Only what ``fields`` names, such as ``nextPageToken,files(id,name)``."""
    shown = {}
    for match in re.finditer(r"(\w+)(?:\(([^)]*)\))?", fields):
        name, inner = match[1], match[2]
        value = _size(found) if name == "size" else found.get(name)
        if value is None:
            continue
        if inner:
            value = (
                [chosen(item, inner) for item in value]
                if isinstance(value, list)
                else chosen(value, inner)
            )
        shown[name] = value
    return shown


def _size(file):
    """Text, as all numbers of 64 bits; what is of Google's own kinds has none."""
    is_own = file["mimeType"].startswith("application/vnd.google-apps")
    return None if is_own else str(len(file["content"]))


def _time(at):
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"
