"""What the author of a step says about a task that is offered (specification S-29)."""

import logging
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from orchestra.domain import policies
from orchestra.domain.graph import FunctionReference
from orchestra.domain.prerequisites import prerequisites
from orchestra.domain.staffing_candidates import Wanted
from orchestra.domain.versions import graph_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Detail:
    text: str | None = None
    problem: str | None = None  # why there is none


def describer_of(session: Session, wanted: Wanted) -> Callable[[], Detail]:
    """The author's function with its arguments, to be called outside the transaction."""
    reference = wanted.step.detailed_description_function
    if reference is None:
        return Detail
    return partial(_described, reference, _facts(session, wanted))


def _facts(session: Session, wanted: Wanted) -> dict[str, Any]:
    request, step = wanted.request, wanted.step
    project = request.task.project
    version = project.version
    graph = graph_of(version)
    return {
        "workflow": {"slug": version.workflow.slug, "name": version.workflow.name},
        "workflow_version": {"slug": version.slug, "name": version.name},
        "step": {"slug": step.slug, "name": step.name},
        "task_id": request.task_id,
        "level": request.level,
        "project": {
            "id": project.id,
            "short_description": project.short_description,
            "project_data": deepcopy(project.project_data),
            "team_messages_url": project.team_messages_url,
        },
        "prerequisites": prerequisites(session, project.id, graph, step.slug),
    }


def _described(reference: FunctionReference, facts: dict[str, Any]) -> Detail:
    """One that fails does not keep the offer back."""
    try:
        text = policies.call(reference, facts)
    except policies.PolicyFailed as error:
        logger.warning("detailed description failed", extra={"task": facts["task_id"]})
        return Detail(problem=str(error))
    if not isinstance(text, str):
        return Detail(problem=f"{reference.path} gave {text!r}; text is allowed.")
    return Detail(text=text)
