"""A server on loopback that speaks Google Drive v3 with its official client.

It holds one shared drive, ``DRIVE``, with one folder in it, ``ROOT``. What a test may order:

- ``server.fault(call, status=…)``: the next such call is answered so, and does nothing;
- ``server.fault(call, cut="before"|"after")``: the connection breaks before or after the work;
- ``server.fault(call, cut=n)``: it breaks when n bytes of a piece of an upload have arrived;
- ``server.fault(call, seconds=…)``: the answer takes its time.
"""

import json
import re
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from tests.contract.drive_objects import DOCUMENT, Drive, Fault, chosen, listed, problem

PIECES = 256 * 1024  # pieces of an upload are multiples of this, but for the last
ROUTES = (
    ("POST", r"/token", "token"),
    ("POST", r"(?:/resumable)?/upload/drive/v3/files", "files.create"),
    ("PATCH", r"(?:/resumable)?/upload/drive/v3/files/([^/]+)", "files.update"),
    ("PUT", r"/upload/drive/v3/files", "upload"),
    ("GET", r"/drive/v3/files", "files.list"),
    ("POST", r"/drive/v3/files", "files.create"),
    ("GET", r"/drive/v3/files/([^/]+)", "files.get"),
    ("PATCH", r"/drive/v3/files/([^/]+)", "files.update"),
    ("DELETE", r"/drive/v3/files/([^/]+)", "files.delete"),
    ("POST", r"/drive/v3/files/([^/]+)/copy", "files.copy"),
    ("GET", r"/drive/v3/files/([^/]+)/export", "files.export"),
    ("GET", r"/drive/v3/files/([^/]+)/permissions", "permissions.list"),
    ("POST", r"/drive/v3/files/([^/]+)/permissions", "permissions.create"),
    ("DELETE", r"/drive/v3/files/([^/]+)/permissions/([^/]+)", "permissions.delete"),
)


@dataclass
class Upload:
    """One that was begun: its file appears when the last byte is there."""

    facts: dict
    content_type: str
    length: int
    fields: str
    received: bytearray = field(default_factory=bytearray)
    file: dict | None = None


@dataclass
class Call:
    """One request, and what is to be answered: status, headers and content."""

    name: str
    ids: list
    query: dict
    headers: dict
    body: bytes
    status: int = 200
    answer_headers: dict = field(default_factory=dict)

    @property
    def json(self):
        return json.loads(self.body) if self.body else {}

    @property
    def fields(self):
        return self.query.get("fields", "kind,id,name,mimeType")


class DriveServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Conversation)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        self.drive = Drive(self.url)
        self.account = self.drive.account
        self.uploads = {}
        self.calls = []  # names, in the order of their arrival
        self.queries = []
        self.lock = threading.RLock()
        self.pauses = {}  # by call: a barrier that calls wait at after their work
        self._faults = []

    def fault(self, call, times=1, **details):
        self._faults += [(call, Fault(**details))] * times

    def next_fault(self, call):
        with self.lock:
            for index, (name, fault) in enumerate(self._faults):
                if name == call:
                    del self._faults[index]
                    return fault
        return None

    def count(self, call):
        return Counter(self.calls)[call]

    def handle_error(self, request, client_address):
        """Broken connections are ordered here; others show in what the client says."""


class Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        address = urlsplit(self.path)  # with a host, if it is asked as a proxy
        path, query = address.path, address.query
        name, ids = self._route(path)
        if name == "files.get" and "alt=media" in query:
            name = "files.download"
        fault = self.server.next_fault(name)
        body = self._body(fault)
        if body is None:
            return
        queried = {key: values[0] for key, values in parse_qs(query).items()}
        call = Call(name, ids, queried, {k.lower(): v for k, v in self.headers.items()}, body)
        with self.server.lock:
            self.server.calls.append(name)
            self.server.queries.append((name, queried))
        self._serve(call, fault)

    def log_message(self, format, *args):
        pass

    def _serve(self, call, fault):
        if fault and fault.cut == "before":
            self._cut()
            return
        try:
            if fault and fault.status:
                raise problem(fault)
            with self.server.lock:
                content = self._work(call)
        except Fault as found:
            call.status, call.answer_headers, content = found.status, found.headers, found.content
        if call.name in self.server.pauses:
            self.server.pauses[call.name].wait(10)
        if fault and fault.seconds:
            time.sleep(fault.seconds)
        if fault and fault.cut == "after":
            self._cut()
            return
        self._answer(call, content)

    def _work(self, call):
        if call.name == "token":
            return self.server.drive.account.token(call.body)
        self.server.drive.account.check(call.headers.get("authorization", ""))
        if call.name == "upload":
            return self._piece(call)
        if call.query.get("uploadType") == "resumable":
            return self._begin(call)
        return WORK[call.name](self.server.drive, call)

    def _begin(self, call):
        if call.ids:
            self.server.drive.file(call.ids[0], call.query)
        self.server.drive.check_parents(call.json, call.query)
        number = f"upload-{len(self.server.uploads)}"
        length = int(call.headers["x-upload-content-length"])
        kind = call.headers["x-upload-content-type"]
        self.server.uploads[number] = Upload(call.json, kind, length, call.fields)
        location = f"{self.server.url}upload/drive/v3/files?uploadType=resumable&upload_id={number}"
        call.answer_headers["Location"] = location
        return b""

    def _piece(self, call):
        upload = self.server.uploads.get(call.query["upload_id"])
        if upload is None:
            raise Fault.not_found("", "The upload session was not found.")
        given = call.headers.get("content-range", f"bytes 0-{len(call.body) - 1}/{upload.length}")
        match = re.fullmatch(r"bytes (?:\*|(\d+)-(\d+))/(\d+)", given)
        if not match or int(match[3]) != upload.length:
            raise Fault.bad("badRequest", "Invalid Content-Range.")
        if match[1] is not None and upload.file is None:
            self._take(upload, call.body, int(match[1]), int(match[2]))
        if upload.file is None:
            call.status = 308
            if upload.received:
                call.answer_headers["Range"] = f"bytes=0-{len(upload.received) - 1}"
            return b""
        return chosen(upload.file, upload.fields)

    def _take(self, upload, content, begin, end):
        is_last = end + 1 == upload.length
        if begin != len(upload.received) or len(content) != end - begin + 1:
            raise Fault.bad("badRequest", "This piece does not follow the ones before it.")
        if not is_last and len(content) % PIECES:
            raise Fault.bad("badRequest", "A piece must be a multiple of 256 KiB.")
        upload.received += content
        if is_last:
            made = self.server.drive.make(upload.facts, bytes(upload.received), upload.content_type)
            upload.file = made

    def _route(self, path):
        for method, pattern, name in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method == self.command:
                return name, [unquote(group) for group in match.groups()]
        return "unknown", []

    def _body(self, fault):
        """What was sent; None: the connection was cut while it came, as was ordered."""
        length = int(self.headers.get("Content-Length", 0))
        if not fault or not isinstance(fault.cut, int):
            return self.rfile.read(length)
        arrived = self.rfile.read(min(fault.cut, length))
        number = parse_qs(urlsplit(self.path).query)["upload_id"][0]
        with self.server.lock:
            self.server.calls.append("upload")
            # Drive keeps what arrived up to a border of pieces.
            self.server.uploads[number].received += arrived[: len(arrived) // PIECES * PIECES]
        self._cut()
        return None

    def _cut(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, call, content):
        if not isinstance(content, bytes):
            call.answer_headers.setdefault("Content-Type", "application/json; charset=UTF-8")
            content = json.dumps(content).encode()
        self.send_response(call.status)
        for name, value in call.answer_headers.items():
            self.send_header(name, value)
        if call.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


for method in ("POST", "PATCH", "PUT", "DELETE"):
    setattr(Conversation, f"do_{method}", Conversation.do_GET)


def _get(drive, call):
    return chosen(drive.file(call.ids[0], call.query), call.fields)


def _list(drive, call):
    return listed(drive, call.query)


def _create(drive, call):
    facts, content, content_type = call.json if not _parts(call) else {}, None, None
    if _parts(call):
        facts, content, content_type = _parts(call)
    drive.check_parents(facts, call.query)
    return chosen(drive.make(facts, content, content_type), call.fields)


def _update(drive, call):
    file = drive.file(call.ids[0], call.query)
    if _parts(call):
        _, content, _ = _parts(call)
        file["content"] = content
    elif call.query.get("uploadType") == "media":
        file["content"] = call.body
    else:
        file.update(call.json)
    return chosen(file, call.fields)


def _delete(drive, call):
    drive.file(call.ids[0], call.query)
    del drive.files[call.ids[0]]
    call.status = 204
    return b""


def _copy(drive, call):
    source = drive.file(call.ids[0], call.query)
    drive.check_parents(call.json, call.query)
    facts = {"mimeType": source["mimeType"], **call.json}
    return chosen(drive.make(facts, source["content"], None), call.fields)


def _export(drive, call):
    file = drive.file(call.ids[0], {"supportsAllDrives": "true"})
    if file["mimeType"] != DOCUMENT:
        raise Fault.forbidden("fileNotExportable", "Export only supports Docs Editors files.")
    call.answer_headers["Content-Type"] = call.query["mimeType"]
    return file["content"] or b""


def _download(drive, call):
    file = drive.file(call.ids[0], call.query)
    content = file["content"]
    if file["mimeType"].startswith("application/vnd.google-apps"):
        text = (
            "Only files with binary content can be downloaded. Use Export with Docs Editors files."
        )
        raise Fault.forbidden("fileNotDownloadable", text)
    call.answer_headers["Content-Type"] = file["mimeType"]
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", call.headers.get("range", ""))
    if not asked:
        return content
    begin = int(asked[1])
    end = min(int(asked[2] or len(content)), len(content) - 1)
    if begin >= len(content):
        raise Fault(status=416, headers={"Content-Range": f"bytes */{len(content)}"})
    call.status = 206
    call.answer_headers["Content-Range"] = f"bytes {begin}-{end}/{len(content)}"
    return content[begin : end + 1]


def _permissions(drive, call):
    file = drive.file(call.ids[0], call.query)
    return chosen({"permissions": file["permissions"]}, call.fields)


def _permit(drive, call):
    file = drive.file(call.ids[0], call.query)
    return chosen(drive.permit(file, call.json, call.query), call.fields)


def _forbid(drive, call):
    file = drive.file(call.ids[0], call.query)
    drive.forbid(file, call.ids[1])
    call.status = 204
    return b""


def _unknown(drive, call):
    raise Fault.not_found("", "Not Found")


def _parts(call):
    """Facts, content and its type of a request of two parts."""
    kind = call.headers.get("content-type", "")
    if not kind.startswith("multipart/related"):
        return None
    boundary = re.search(r'boundary="?([^";]+)', kind)[1].encode()
    _, facts, media, _ = call.body.split(b"--" + boundary)
    end = b"\r\n" if facts.startswith(b"\r\n") else b"\n"
    facts, media = (part.removesuffix(end).split(end * 2, 1) for part in (facts, media))
    content_type = re.search(rb"Content-Type: *(\S+)", media[0], re.IGNORECASE)[1].decode()
    return json.loads(facts[1]), media[1], content_type


WORK = {
    "files.get": _get,
    "files.list": _list,
    "files.create": _create,
    "files.update": _update,
    "files.delete": _delete,
    "files.copy": _copy,
    "files.export": _export,
    "files.download": _download,
    "permissions.list": _permissions,
    "permissions.create": _permit,
    "permissions.delete": _forbid,
    "unknown": _unknown,
}
