"""The person of the simple workflow."""

from typing import Any

from orchestra.workflow_kit import create_worker


def load(workflow_version: Any) -> None:
    create_worker("demo", "demo", "Demo", "User", "demo@example.org")
