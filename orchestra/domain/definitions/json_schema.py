"""The JSON Schema files of both formats, made from the tables that the validation uses (D-16)."""

import json
from pathlib import Path

from orchestra.domain.definitions.shapes import JSON
from orchestra.domain.definitions.tables import VERSION, WORKFLOW

FOLDER = Path(__file__).parents[2] / "schemas"
FORMATS = {
    "workflow.schema.json": ("A workflow of Orchestra (workflow.json)", WORKFLOW),
    "version.schema.json": ("A workflow version of Orchestra (version.json)", VERSION),
}


def schema_of(file_name: str) -> JSON:
    title, shape = FORMATS[file_name]
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, "title": title} | shape.schema()


def write_schemas() -> None:
    """Bring the files up to date after a change of the tables."""
    for file_name in FORMATS:
        text = json.dumps(schema_of(file_name), indent=2, ensure_ascii=False)
        (FOLDER / file_name).write_text(text + "\n", encoding="utf-8")
