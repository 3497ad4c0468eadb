"""The JSON Schemas of workflow definitions, for editors that fetch them (D-16)."""

from pathlib import Path

from flask import Blueprint, Flask, Response, send_from_directory

import orchestra

FOLDER = Path(orchestra.__file__).parent / "schemas"

blueprint = Blueprint("schemas", __name__, url_prefix="/orchestra/schemas")


def register(app: Flask) -> None:
    app.register_blueprint(blueprint)


@blueprint.get("/<name>.schema.json")
def schema(name: str) -> Response:
    return send_from_directory(
        FOLDER, f"{name}.schema.json", mimetype="application/schema+json", max_age=300
    )
