"""The JSON that our own pages use, with the login session."""

from flask import Flask

from orchestra.web.interface import (
    certifications,
    channels,
    checks,
    documents,
    files,
    inbox,
    operations,
    project_lists,
    project_people,
    projects,
    staffing,
    tasks,
    timing,
)


def register(app: Flask) -> None:
    app.register_blueprint(tasks.blueprint)
    app.register_blueprint(files.blueprint)
    app.register_blueprint(documents.blueprint)
    app.register_blueprint(certifications.blueprint)
    app.register_blueprint(inbox.blueprint)
    app.register_blueprint(projects.blueprint)
    app.register_blueprint(projects.shared)
    app.register_blueprint(project_people.blueprint)
    app.register_blueprint(project_lists.blueprint)
    app.register_blueprint(channels.blueprint)
    app.register_blueprint(operations.blueprint)
    app.register_blueprint(staffing.blueprint)
    app.register_blueprint(staffing.management)
    app.register_blueprint(checks.blueprint)
    app.register_blueprint(timing.blueprint)
