"""The pages that people see."""

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask

from orchestra.domain.durations import hours_and_minutes
from orchestra.domain.time_records import day_words
from orchestra.project_files import address_of
from orchestra.web import auth
from orchestra.web.markdown import render_markdown
from orchestra.web.pages import (
    account_settings,
    accounts,
    admin,
    channel,
    checks,
    dashboard,
    documents,
    files,
    folders,
    frame,
    gallery,
    inbox,
    notifications,
    offers,
    operations,
    outside,
    passwords,
    preview,
    project,
    projects,
    registration,
    strange_pictures,
    switching,
    tasks,
    timecard,
    timers,
    unsubscribing,
    wording,
    workflow_static,
)

STATIC = Path(__file__).parent.parent / "static"
PARTS = (
    accounts,
    account_settings,
    notifications,
    passwords,
    registration,
    unsubscribing,
    dashboard,
    inbox,
    offers,
    tasks,
    gallery,
    files,
    documents,
    folders,
    workflow_static,
    strange_pictures,
    preview,
    switching,
    projects,
    project,
    channel,
    checks,
    operations,
    timecard,
    timers,
)


def register(app: Flask) -> None:
    auth.init_app(app)
    _prepare_templates(app)
    outside.register(app)
    for part in PARTS:
        app.register_blueprint(part.blueprint)
    admin.register(app)


def _prepare_templates(app: Flask) -> None:
    app.context_processor(frame.for_templates)
    app.jinja_env.globals["asset"] = asset
    app.jinja_env.globals["channel_link"] = channel.link_for_templates
    app.jinja_env.globals["largest_upload_bytes"] = app.config["SETTINGS"].max_upload_bytes
    app.jinja_env.filters["in_words"] = wording.in_words
    app.jinja_env.filters["exact"] = wording.exact
    app.jinja_env.filters["file_address"] = address_of
    app.jinja_env.filters["markdown"] = render_markdown
    app.jinja_env.filters["day"] = day_words
    app.jinja_env.filters["weekday"] = wording.weekday
    app.jinja_env.filters["hours"] = hours_and_minutes
    app.jinja_env.filters["since"] = wording.since_in_words
    app.jinja_env.filters["span"] = wording.span_in_words
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


@cache
def asset(name: str) -> str:
    """Address of a static file that changes with its content, so that browsers may keep it."""
    version = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={version}"
