"""The web application: pages, the JSON of the pages, and the signed client API."""

from datetime import datetime
from typing import Any

from flask import Flask
from flask.json.provider import DefaultJSONProvider
from werkzeug.middleware.proxy_fix import ProxyFix

from orchestra.application import create_core
from orchestra.config import Settings
from orchestra.domain.information import timestamp
from orchestra.outbox import Publisher
from orchestra.web import api, errors, interface, pages, requests, schemas, security, slack, status


def _plain(value: Any) -> Any:
    """Times go out in one form everywhere, errors included (specification C-8)."""
    return timestamp(value) if isinstance(value, datetime) else DefaultJSONProvider.default(value)


class OrderedJson(DefaultJSONProvider):
    """Keys are sent in the order in which they were given (specification A-6)."""

    sort_keys = False
    default = staticmethod(_plain)


def create_app(settings: Settings, publish: Publisher | None = None) -> Flask:
    """Make the web application.

    :param publish: hands jobs to the broker after a commit; without it the relay sends them.
    """
    settings = settings.with_secret_key()
    app = create_core(settings, "orchestra.web", publish=publish)
    app.json = OrderedJson(app)
    app.url_map.converters["int"] = requests.RowId
    app.config["MAX_CONTENT_LENGTH"] = settings.max_task_data_bytes + requests.BODY_ROOM_BYTES
    hops = settings.trusted_proxies
    if hops:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign] # Flask's documented way
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops
        )
    for part in (errors, security, status, schemas, api, interface, pages, slack):
        part.register(app)
    return app
