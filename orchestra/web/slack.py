"""What Slack asks of us: the slash command of StaffBot, and answers to offers (S-54 to S-63)."""

import logging
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import Blueprint, Flask, Response, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from orchestra.config import Settings
from orchestra.database import Json, retry_deadlocks, transaction
from orchestra.domain import slack_requests, staffbot_commands
from orchestra.domain.slack_answers import BUSY, Answer
from orchestra.errors import Malformed, NotFound, Unavailable
from orchestra.web import requests
from orchestra.web.deadline import Deadline, TooLate, within
from orchestra.web.slack_signature import is_authentic

logger = logging.getLogger(__name__)
blueprint = Blueprint("slack", __name__, url_prefix="/orchestra/bots/staffbot")

LARGEST_BODY_BYTES = 256 * 1024
LONGEST_TEXT = 2000  # characters; no command and no token is as long
HOOKS_HOST = "hooks.slack.com"
# Together less than the three seconds that Slack waits (S-61).
WORK_SECONDS, PUT_OFF_SECONDS = 2.0, 0.4
TEAM_LISTS = ("allowed_team_ids", "allowed_team_domains", "allowed_domains")
Fields = Mapping[str, str]


def register(app: Flask) -> None:
    app.register_blueprint(blueprint)


@blueprint.post("/", strict_slashes=False)
def command() -> ResponseReturnValue:
    raw = _body()
    fields = _fields(raw)
    if not _is_authentic(raw, fields.get("token", "")):
        return Response(status=HTTPStatus.UNAUTHORIZED)
    reason = staffbot_commands.why_not_allowed(_settings().staffbot_config, fields)
    if reason is not None:
        return jsonify(staffbot_commands.refused(reason).payload)
    asked = {
        "kind": slack_requests.COMMAND,
        "user_id": fields.get("user_id", "")[:LONGEST_TEXT],
        "text": fields.get("text", "")[:LONGEST_TEXT],
        "request_id": requests.request_id(),
    }
    return _answered(_digest(raw, fields), asked, fields.get("response_url", ""))


@blueprint.post("/actions/", strict_slashes=False)
def press() -> ResponseReturnValue:
    raw = _body()
    payload = _payload(_fields(raw))
    if not _is_authentic(raw, _text(payload.get("token"))):
        return Response(status=HTTPStatus.UNAUTHORIZED)
    team, action = _part(payload, "team"), _first_action(payload)
    about = {"team_id": _text(team.get("id")), "team_domain": _text(team.get("domain"))}
    reason = staffbot_commands.why_not_allowed(_settings().staffbot_config, about, TEAM_LISTS)
    if reason is not None:
        return jsonify(staffbot_commands.refused(reason).payload)
    if payload.get("type") != "block_actions":
        return Response(status=HTTPStatus.OK)  # nothing of ours was pressed
    asked = {
        "kind": slack_requests.BUTTON,
        "user_id": _text(_part(payload, "user").get("id")),
        "name": _text(action.get("action_id")),
        "value": _text(action.get("value")),
        "request_id": requests.request_id(),
    }
    return _answered(sha256(raw).hexdigest(), asked, _text(payload.get("response_url")))


# --- Is it Slack? Nothing is looked up before that is known ---------------------------------------


def _body() -> bytes:
    """:raises NotFound: nothing is set by which a request could be told from a forged one."""
    if not _settings().answers_slack:
        raise NotFound("There is nothing at this address.")
    request.max_content_length = LARGEST_BODY_BYTES
    return request.get_data()


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings


def _is_authentic(raw: bytes, token: str) -> bool:
    return is_authentic(_settings(), dict(request.headers), raw, token, time.time())


def _fields(raw: bytes) -> Fields:
    """Read from the very bytes that are signed, whatever the request says about their form."""
    pairs = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: value.replace("\0", "") for name, value in pairs}


def _payload(fields: Fields) -> dict[str, Any]:
    try:
        return requests.json_object(fields.get("payload", "").encode())
    except Malformed:
        return {}


def _part(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = payload.get(name)
    return part if isinstance(part, dict) else {}


def _first_action(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    actions = payload.get("actions")
    first = actions[0] if isinstance(actions, list) and actions else {}
    return first if isinstance(first, dict) else {}


def _text(value: Any) -> str:
    """Without what no database keeps."""
    if not isinstance(value, str):
        return ""
    return value[:LONGEST_TEXT].replace("\0", "").encode("utf-8", "replace").decode()


def _digest(raw: bytes, fields: Fields) -> str:
    """The same for a repeat, and another one for a command that is given once more.

    Slack gives each command a trigger of its own, and signs a repeat of it anew; without a
    trigger the signature tells two commands apart.
    """
    signature = "" if fields.get("trigger_id") else request.headers.get("X-Slack-Signature", "")
    return sha256(raw + b"\n" + signature.encode("utf-8", "surrogateescape")).hexdigest()


# --- Answering in time ----------------------------------------------------------------------------


def _answered(digest: str, asked: Json, response_url: str) -> ResponseReturnValue:
    """Within three seconds, always; what takes longer is done by a job (S-61)."""
    url = response_url if _is_hook(response_url) else None
    try:
        if url is not None:
            payload = within(WORK_SECONDS, _later(digest, asked, url))
        else:
            payload = _now_or_later(digest, asked)
    except Unavailable as error:
        logger.warning("command not taken up: %s", error)
        answer = Answer(BUSY) if isinstance(error, TooLate) else Answer.refusing(error)
        payload = answer.payload
    return jsonify(payload)


def _now_or_later(digest: str, asked: Json) -> Json:
    try:
        return within(WORK_SECONDS, _now(digest, asked))
    except TooLate:
        return within(PUT_OFF_SECONDS, _later(digest, asked, None))


def _now(digest: str, asked: Json) -> Callable[[Deadline], Json]:
    return _in_transaction(lambda session: slack_requests.answer_now(session, digest, asked))


def _later(digest: str, asked: Json, url: str | None) -> Callable[[Deadline], Json]:
    return _in_transaction(lambda session: slack_requests.answer_later(session, digest, asked, url))


def _in_transaction(work: Callable[[Session], Json]) -> Callable[[Deadline], Json]:
    @retry_deadlocks
    def worked(deadline: Deadline) -> Json:
        with transaction() as session:
            payload = work(session)
            deadline.require_time()
        return payload

    return worked


def _is_hook(url: str) -> bool:
    """Whether an answer may be sent there: to nobody but Slack, or its stand-in of the settings."""
    try:
        parts = urlsplit(url)
        own = urlsplit(_settings().slack_api_url)
        if own.netloc and (parts.scheme, parts.netloc) == (own.scheme, own.netloc):
            return True
    except ValueError:
        return False
    return parts.scheme == "https" and parts.netloc == HOOKS_HOST
