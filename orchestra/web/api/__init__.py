"""The signed API of client systems."""

from flask import Flask

from orchestra.web.api import description, limits, projects


def register(app: Flask) -> None:
    limits.register(app)
    app.register_blueprint(projects.blueprint)
    app.register_blueprint(description.blueprint)
