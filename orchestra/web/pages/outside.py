"""Scripts of others in our pages: of Google Analytics, or what the operator wants (I-40 to I-42).

They are told of a page what kind of page it is: its path without the ids.
"""

import re
from pathlib import Path
from typing import Any

from flask import Flask, current_app, request
from jinja2 import Template, TemplateError
from markupsafe import Markup

from orchestra.config import Settings
from orchestra.errors import BadConfiguration
from orchestra.web import security

VARIABLE = re.compile(r"<[^>]*>")
PLACEHOLDER = "{id}"
TEMPLATE = "outside_scripts_template"  # in the extensions of the application
GOOGLE = {
    "script-src": ["https://www.googletagmanager.com"],
    "connect-src": [
        "https://www.googletagmanager.com",
        "https://*.google-analytics.com",
        "https://*.analytics.google.com",
    ],
    "img-src": ["https://www.googletagmanager.com", "https://*.google-analytics.com"],
}


def register(app: Flask) -> None:
    app.extensions[TEMPLATE] = _template(app)
    app.jinja_env.globals["outside_scripts"] = _outside


def _template(app: Flask) -> Template | None:
    """:raises BadConfiguration: the file is no text, or no template."""
    file = app.config["SETTINGS"].third_party_scripts_template
    if not file:
        return None
    try:
        template = app.jinja_env.from_string(Path(file).read_text(encoding="utf-8"))
        template.render(path="/")
    except (OSError, ValueError, TemplateError) as error:
        problem = f"ORCHESTRA_THIRD_PARTY_SCRIPTS_TEMPLATE: {file} cannot be used: {error}."
        raise BadConfiguration([problem]) from error
    return template


def _outside() -> dict[str, Any] | None:
    """What the frame of this page shows of it; None, if nothing."""
    settings: Settings = current_app.config["SETTINGS"]
    template: Template | None = current_app.extensions[TEMPLATE]
    path = kind_of_page()
    if path is None or not (template or settings.google_analytics_key):
        return None
    if template:
        for directive in ("default-src", "img-src"):
            security.allow(directive, settings.csp_extra_origins)
        return {"scripts": Markup(template.render(path=path))}  # noqa: S704 # it is the operator's
    for directive, origins in GOOGLE.items():
        security.allow(directive, origins)
    return {"key": settings.google_analytics_key, "path": path}


def kind_of_page() -> str | None:
    """The path, with a placeholder for whatever changes in it.

    None where nobody else may learn of the page: its address is a secret, or it is none of ours.
    """
    if request.url_rule is None or security.is_secret_address():
        return None
    return VARIABLE.sub(PLACEHOLDER, request.url_rule.rule)
