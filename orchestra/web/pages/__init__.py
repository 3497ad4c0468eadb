"""The pages that people see."""

from flask import Flask

from orchestra.web.pages import gallery


def register(app: Flask) -> None:
    app.register_blueprint(gallery.blueprint)
