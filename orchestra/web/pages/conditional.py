"""Pages that are asked for every few seconds: unchanged, the answer is an empty 304."""

import hashlib

from flask import make_response, request
from flask import session as cookies
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf


def conditional(html: str) -> ResponseReturnValue:
    """The page, or nothing where the reader has it already (parts.md: no streams).

    The token in the page is signed anew each time; what counts is whose session it belongs to.
    """
    response = make_response(html)
    response.headers["Cache-Control"] = "private, no-cache"
    content = html.replace(generate_csrf(), cookies["csrf_token"])
    response.set_etag(hashlib.sha256(content.encode()).hexdigest(), weak=True)
    return response.make_conditional(request)
