"""Signed requests as client systems make them, each answer checked against the document."""

import base64
import hashlib
import json
from email.utils import format_datetime
from urllib.parse import urlencode

import jsonschema

from orchestra.database import utcnow
from orchestra.web.api.signature import Signer, generate_message

PREFIX = "/orchestra/api/project"
STRICT = ("(request-target)", "host", "date", "digest")


class Signed:
    """One key's way to send requests; every part of a request can be tampered with."""

    def __init__(self, client, key_id, secret, document):
        self.client = client
        self.key_id = key_id
        self.secret = secret
        self.document = document

    def request(self, method, path, content=b"", *, signed=STRICT, at=None, host="localhost"):
        """The arguments of a signed request, ready to be sent or changed."""
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        headers = {
            "Host": host,
            "Date": format_datetime(at or utcnow(), usegmt=True),
            "Digest": f"SHA-256={digest}",
        }
        self.sign(headers, method, path, signed)
        return {"method": method, "path": path, "data": content, "headers": headers}

    def sign(self, headers, method, path, signed=STRICT, algorithm="hmac-sha256"):
        message = generate_message(signed, headers, headers["Host"], method, path)
        signature = Signer(secret=self.secret, algorithm="hmac-sha256").sign(message)
        names = f'headers="{" ".join(signed)}",' if signed else ""
        headers["Authorization"] = (
            f'Signature keyId="{self.key_id}",algorithm="{algorithm}",{names}'
            f'signature="{signature}"'
        )

    def send(self, request, **changes):
        """Send a request; its answer must be one that the document allows."""
        headers = request["headers"] | changes.pop("headers", {})
        sent = request | changes | {"headers": headers}
        response = self.client.open(**sent, content_type="application/json")
        check(self.document, sent["method"], sent["path"], response)
        return response

    def post(self, name, body, headers=(), **options):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = self.request("POST", f"{PREFIX}/{name}/", content, **options)
        return self.send(request, headers=dict(headers))

    def get(self, name, query=(), **options):
        """:param query: names and values, as a mapping or as pairs; lists are repeated."""
        path = f"{PREFIX}/{name}/"
        if query:
            path += f"?{urlencode(query, doseq=True)}"
        return self.send(self.request("GET", path, **options))


def check(document, method, path, response):
    path = path.partition("?")[0].rstrip("/") + "/"
    operation = document["paths"].get(path, {}).get(method.lower())
    if operation is None:
        return
    described = operation["responses"][str(response.status_code)]
    schema = described["content"]["application/json"]["schema"]
    whole = schema | {"components": document["components"]}
    jsonschema.Draft202012Validator(whole).validate(response.get_json())
