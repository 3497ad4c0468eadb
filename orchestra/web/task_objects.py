"""Parts of the task object (N-9) that a real task and a sample of one have in common."""

from typing import Any

from orchestra.domain.graph import Step
from orchestra.models import Worker, WorkflowVersion

Json = dict[str, Any]


def place(version: WorkflowVersion, step: Step) -> Json:
    """Workflow, version and step."""
    return {
        "workflow": {"slug": version.workflow.slug, "name": version.workflow.name},
        "workflow_version": {"slug": version.slug, "name": version.name},
        "step": {"slug": step.slug, "name": step.name, "description": step.description},
    }


def person(worker: Worker | None) -> Json | None:
    if worker is None:
        return None
    return {
        "username": worker.username,
        "first_name": worker.first_name,
        "last_name": worker.last_name,
    }
