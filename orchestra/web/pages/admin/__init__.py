"""The pages of administration: they look, and offer the operations of the rules only (W-71)."""

from flask import Flask

from orchestra.web.pages.admin import (
    accounts,
    asked,
    checks,
    keys,
    people,
    records,
    settings,
    staffing,
    start,
    times,
    workflows,
)


def register(app: Flask) -> None:
    app.jinja_env.globals["asked_again"] = asked.again
    for section in (
        start,
        people,
        staffing,
        times,
        checks,
        accounts,
        workflows,
        keys,
        settings,
        records,
    ):
        app.register_blueprint(section.blueprint)
