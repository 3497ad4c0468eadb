"""Workflow packages for tests, written to a folder of their own."""

import json
import sys
from copy import deepcopy
from itertools import count
from pathlib import Path
from typing import Any

_numbers = count(1)

FUNCTIONS = """\
def crawl(project_data, prerequisites, depth=1):
    return {}

def keyed(project_data, prerequisites, *, idempotency_key):
    return {}

def is_wanted(prerequisites, project_data, least=0):
    return True

def choose(task):
    return None

def describe(task_details):
    return "text"

def find_problems(project):
    return []

def narrow():
    return {}

def sample(workflow_version):
    return None

NUMBER = 5
"""

WORKFLOW = {
    "slug": "magazine",
    "name": "Magazine",
    "description": "Make a magazine.",
    "certifications": [
        {"slug": "editor", "name": "Editor", "description": "Edits."},
        {
            "slug": "writer",
            "name": "Writer",
            "description": "Writes.",
            "required_certifications": ["editor"],
        },
    ],
}
VERSION = {
    "slug": "v1",
    "name": "Version 1",
    "description": "The first.",
    "steps": [
        {
            "slug": "crawl",
            "name": "Crawl",
            "description": "Crawl.",
            "is_human": False,
            "execution_function": {"path": "{package}.functions.crawl"},
        },
        {
            "slug": "write",
            "name": "Write",
            "description": "Write.",
            "creation_depends_on": ["crawl"],
            "required_certifications": ["writer"],
            "user_interface": {
                "form": {
                    "type": "object",
                    "properties": {
                        "title": {"type": "string"},
                        "rating": {"type": "string", "enum": ["1", "2"]},
                        "photos": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "properties": {"src": {"type": "string"}},
                            },
                        },
                    },
                    "required": ["title"],
                }
            },
        },
    ],
}


class Draft:
    """A package that can be changed and written again."""

    def __init__(self, folder: Path) -> None:
        self.name = f"magazine_{next(_numbers)}"
        self.folder = folder / self.name
        self.workflow: dict[str, Any] = deepcopy(WORKFLOW)
        self.versions: dict[str, dict[str, Any]] = {"v1": deepcopy(VERSION)}

    @property
    def steps(self) -> list[dict[str, Any]]:
        return self.versions["v1"]["steps"]

    def write(self) -> Path:
        self.file("__init__.py", "")
        self.file("functions.py", FUNCTIONS)
        self.file("workflow.json", json.dumps(self.workflow))
        for slug, version in self.versions.items():
            self.file(f"{slug}/version.json", json.dumps(version))
        if str(self.folder.parent) not in sys.path:
            sys.path.insert(0, str(self.folder.parent))
        return self.folder

    def file(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{package}", self.name), encoding="utf-8")
