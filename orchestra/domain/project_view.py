"""The state of a project, for its admins and for the workers on it (N-14 to N-17)."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.domain import allowed_actions, sanity_list
from orchestra.domain.discarded import Kept, kept_by_task
from orchestra.domain.information import project_information, timestamp
from orchestra.domain.project_staffing import OpenRequest, open_requests
from orchestra.domain.versions import graph_of
from orchestra.errors import NotFound
from orchestra.models import Assignment, CreationProblem, Project, Task, Worker

Json = dict[str, Any]


def project_view(session: Session, viewer: Worker, project_id: int) -> Json:
    """:raises NotFound: there is no such project, or the viewer is not on it (P-20)."""
    project = session.get(Project, project_id)
    own_steps = _own_steps(session, viewer, project_id)
    if project is None or not (own_steps or viewer.is_project_admin):
        raise NotFound(f"There is no project {project_id}.")
    information = project_information(session, [project_id])[project_id]
    if viewer.is_project_admin:
        return _for_admins(session, project, information)
    return _for_workers(project, information, own_steps)


def _own_steps(session: Session, viewer: Worker, project_id: int) -> set[str]:
    return set(
        session.scalars(
            sa.select(Task.step)
            .join(Assignment, Assignment.task_id == Task.id)
            .where(
                Task.project_id == project_id,
                Assignment.worker_id == viewer.id,
                Assignment.discarded_at.is_(None),
            )
        )
    )


def _for_admins(session: Session, project: Project, information: Json) -> Json:
    problems = session.scalars(
        sa.select(CreationProblem).where(CreationProblem.project_id == project.id)
    )
    information["project"] |= {
        "revision": project.revision,
        "allowed_actions": allowed_actions.on_project(project.status),
    }
    _add_to_tasks(session, project, information["tasks"])
    information["creation_problems"] = [
        {"step": problem.step, "error": problem.error, "at": timestamp(problem.at)}
        for problem in problems
    ]
    information["preparation"] = {
        "prepared_at": timestamp(project.prepared_at),
        "problem": project.preparation_problem,
    }
    information["open_requests"] = [
        _described(one)
        for requests in open_requests(session, project.id).values()
        for one in requests
    ]
    checked = sanity_list.of_project(session, project)
    information["sanity_checks"] = [check.as_json() for check in checked.checks]
    information["sanity_problem"] = checked.problem and {
        "error": checked.problem.error,
        "since": timestamp(checked.problem.since),
        "at": timestamp(checked.problem.at),
    }
    return information


def _described(one: OpenRequest) -> Json:
    return {
        "request_id": one.id,
        "task_id": one.request.task_id,
        "level": one.level,
        "cause": one.request.cause.value,
        "state": one.request.state.value,
        "requested_by": one.request.requested_by,
        "replaces": one.replaced.username if one.replaced else None,
        "opened_at": timestamp(one.request.opened_at),
        "asked": one.asked,
        "declined": one.declined,
    }


def _add_to_tasks(session: Session, project: Project, shown: Json) -> None:
    kept = kept_by_task(session, project.id)
    for task in session.scalars(sa.select(Task).where(Task.project_id == project.id)):
        if task.step not in shown:
            continue  # created since the first look
        is_held = bool(shown[task.step]["assignments"])
        of_task = kept.get(task.id, Kept())
        shown[task.step] |= {
            "allowed_actions": allowed_actions.on_task(project.status, task, is_held=is_held),
            "discarded_assignments": of_task.assignments,
            "discarded_iterations": of_task.iterations,
            "review_draws": of_task.review_draws,
        }


def _for_workers(project: Project, information: Json, own_steps: set[str]) -> Json:
    """Without the work of others, except what came before the worker's own tasks (N-17)."""
    graph = graph_of(project.version)
    before = {step.slug for own in own_steps for step in graph.ancestors(own)}
    for slug, task in information["tasks"].items():
        if slug in own_steps:
            continue
        if slug not in before:
            task["latest_data"] = None
        for assignment in task["assignments"]:
            assignment["in_progress_task_data"] = None
            for iteration in assignment["iterations"]:
                iteration |= {"submitted_data": None, "comment": None}
    return information
