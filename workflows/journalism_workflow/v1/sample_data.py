"""The six people of a small newsroom, with public passwords."""

from typing import Any

from orchestra.workflow_kit import create_worker, grant

# Username → password, first name, last name, what the person is certified for.
PEOPLE = {
    "journalism-editor": ("editor", "Edith", "Moreau", "editor"),
    "journalism-reporter-1": ("reporter", "Rosa", "Lindqvist", "reporter"),
    "journalism-reporter-2": ("reporter", "Ravi", "Menon", "reporter"),
    "journalism-photographer-1": ("photographer", "Pia", "Kowalska", "photographer"),
    "journalism-photographer-2": ("photographer", "Paul", "Okafor", "photographer"),
    "journalism-copy-editor": ("copy-editor", "Chloe", "Evans", "copy_editor"),
}
REVIEWERS = ("journalism-reporter-2", "journalism-photographer-2")


def load(workflow_version: Any) -> None:
    for username, (password, first_name, last_name, certification) in PEOPLE.items():
        email = f"{username}@example.org"
        worker = create_worker(username, password, first_name, last_name, email)
        grant(worker, certification, "entry_level", "real")
        if username in REVIEWERS:
            grant(worker, certification, "reviewer", "real")
