"""What the author of a step says about a task that is offered (specification S-29)."""

from copy import deepcopy
from dataclasses import dataclass, field
from reprlib import repr as shortened  # also of what cannot say what it is
from typing import Any

from sqlalchemy.orm import Session

from orchestra.domain import execution, policies
from orchestra.domain.graph import FunctionReference
from orchestra.domain.prerequisites import prerequisites
from orchestra.domain.staffing_candidates import Wanted
from orchestra.domain.versions import graph_of


@dataclass(frozen=True)
class Detail:
    text: str | None = None
    problem: str | None = None  # why there is none


@dataclass(frozen=True)
class Question:
    """The author's function, and what it is told of the task."""

    function: FunctionReference
    facts: dict[str, Any] = field(repr=False)


def question_of(session: Session, wanted: Wanted) -> Question | None:
    """What is to be asked outside the transaction; None: the step has no such function."""
    reference = wanted.step.detailed_description_function
    return Question(reference, _facts(session, wanted)) if reference else None


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


def call(question: Question) -> Detail:
    """What the function gives; one that fails does not keep the offer back."""
    path = question.function.path
    try:
        text = policies.call(question.function, question.facts)
    except policies.PolicyFailed as error:
        return Detail(problem=str(error))
    if not isinstance(text, str):
        gave = execution.storable(shortened(text))
        return Detail(problem=f"{path} gave {gave}; text is allowed.")
    return Detail(text=execution.storable(text))
