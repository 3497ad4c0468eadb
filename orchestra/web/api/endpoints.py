"""The calls of the signed API, as they are described."""

from dataclasses import dataclass

from marshmallow import Schema

from orchestra.web.api import schemas

WITH_BODY = ("too_large", "invalid")
CHANGING = (*WITH_BODY, "conflict", "idempotency_mismatch")
OF_TASKS = (
    *CHANGING,
    "not_found",
    "project_paused",
    "project_closed",
    "wrong_step_kind",
    "wrong_status",
)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One call, as it is described."""

    name: str
    method: str = "post"
    summary: str
    answer: str
    body: type[Schema] | None = None
    query: type[Schema] | None = None
    changes: bool = False
    kinds: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        return f"/orchestra/api/project/{self.name}/"


ENDPOINTS = (
    Endpoint(
        name="create_project",
        summary="Start a project; machine steps and outside services are not waited for.",
        body=schemas.CreateProject,
        answer="Created",
        changes=True,
        kinds=(*CHANGING, "not_found"),
    ),
    Endpoint(
        name="project_information",
        summary="The state of one project, or of up to 100.",
        body=schemas.ProjectInformation,
        answer="InformationAnswer",
        kinds=(*WITH_BODY, "not_found"),
    ),
    Endpoint(
        name="workflow_types",
        method="get",
        summary="Workflows and versions of which projects can be created.",
        answer="WorkflowTypes",
    ),
    Endpoint(
        name="projects",
        method="get",
        summary="Projects, the newest first, page by page; new ones do not move the others.",
        query=schemas.ProjectsQuery,
        answer="Projects",
    ),
    Endpoint(
        name="project_details_url",
        summary="The address of a project's page, for people who may see it.",
        body=schemas.ProjectBody,
        answer="DetailsUrl",
        kinds=(*WITH_BODY, "not_found"),
    ),
    Endpoint(
        name="set_project_status",
        summary="Pause a project, resume it (Active), or abort it for good.",
        body=schemas.SetStatus,
        answer="StatusSet",
        changes=True,
        kinds=(*CHANGING, "not_found", "wrong_status"),
    ),
    Endpoint(
        name="message_project_team",
        summary="Write to everybody on a project: to their inboxes and to the project's channel.",
        body=schemas.MessageTeam,
        answer="Success",
        changes=True,
        kinds=(*CHANGING, "not_found", "project_closed"),
    ),
    Endpoint(
        name="assign_worker_to_task",
        summary="Give a task that waits to a worker, to do it or to review it.",
        body=schemas.AssignWorker,
        answer="Assigned",
        changes=True,
        kinds=(*OF_TASKS, "worker_inactive", "already_on_task", "not_certified"),
    ),
    Endpoint(
        name="staff_task",
        summary="Look for somebody to do or review a task that waits; asked again, everybody is "
        "asked anew.",
        body=schemas.StaffTask,
        answer="Staffing",
        changes=True,
        kinds=OF_TASKS,
    ),
    Endpoint(
        name="restaff_task",
        summary="Look for somebody to take a task over from the worker who has it until then.",
        body=schemas.RestaffTask,
        answer="Staffing",
        changes=True,
        kinds=OF_TASKS,
    ),
    Endpoint(
        name="events",
        method="get",
        summary="What happened, in order. Ask again with `next`: no event is missed, none is "
        "told twice.",
        query=schemas.EventsQuery,
        answer="Events",
    ),
)
