"""JSON Schemas of what the signed API answers, for the OpenAPI document."""

from typing import Any

from orchestra.models import (
    AssignmentStatus,
    IterationStatus,
    ProjectStatus,
    Source,
    TaskStatus,
)
from orchestra.models.projects import Status
from orchestra.web.errors import HTTP_STATUS

Json = dict[str, Any]

ID = {"type": "integer", "minimum": 1}
COUNT = {"type": "integer", "minimum": 0}
TEXT = {"type": "string"}
TEXT_OR_NULL = {"type": ["string", "null"]}
DATA = {"type": "object", "description": "Returned as it was given; nothing is converted."}
TIME = {"type": "string", "format": "date-time", "example": "2026-09-23T20:16:02.667288Z"}
TIME_OR_NULL = {"type": ["string", "null"], "format": "date-time"}


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def record(**properties: Json) -> Json:
    """An object with all of these keys; additions are allowed at any time (C-10)."""
    return {"type": "object", "required": list(properties), "properties": properties}


def labels(statuses: type[Status]) -> Json:
    return {"type": "string", "enum": [status.label for status in statuses]}


def list_of(items: Json) -> Json:
    return {"type": "array", "items": items}


def map_of(values: Json) -> Json:
    return {"type": "object", "additionalProperties": values}


PROJECT: dict[str, Json] = {
    "id": ID,
    "short_description": TEXT,
    "priority": {"type": "integer", "description": "Larger is more urgent."},
    "team_messages_url": TEXT_OR_NULL,
    "task_class": {"type": "integer", "enum": [0, 1], "description": "1 real, 0 training."},
    "status": labels(ProjectStatus),
    "workflow_slug": TEXT,
    "workflow_version_slug": TEXT,
    "start_datetime": TIME,
    "end_datetime": TIME_OR_NULL,
}
PROJECT_EXAMPLE: Json = {
    "id": 123,
    "short_description": "Find a picture for the front page",
    "priority": 10,
    "team_messages_url": None,
    "task_class": 1,
    "status": "Active",
    "workflow_slug": "simple_workflow",
    "workflow_version_slug": "v1",
    "start_datetime": "2026-09-23T20:16:02.667288Z",
    "end_datetime": None,
}

SCHEMAS: dict[str, Json] = {
    "Error": {
        "type": "object",
        "required": ["error", "message"],
        "properties": {
            "error": {"type": "string", "enum": list(HTTP_STATUS)},
            "message": {"type": "string", "description": "A sentence that a person can act on."},
            "fields": map_of(list_of(TEXT)),
        },
        "example": {
            "error": "invalid",
            "message": "Some fields are missing or wrong; see `fields`.",
            "fields": {"priority": ["Not a valid integer."]},
        },
    },
    "Success": record(success={"type": "boolean"}) | {"example": {"success": True}},
    "Staffing": record(success={"type": "boolean"}, request_id=ID)
    | {"example": {"success": True, "request_id": 789}},
    "Created": record(project_id=ID) | {"example": {"project_id": 123}},
    "DetailsUrl": record(project_details_url=TEXT)
    | {"example": {"project_details_url": "https://example.org/orchestra/app/project/123"}},
    "Assigned": record(success={"type": "boolean"}, assignment_id=ID)
    | {"example": {"success": True, "assignment_id": 558}},
    "StatusSet": record(success={"type": "boolean"}, status=labels(ProjectStatus))
    | {"example": {"success": True, "status": "Paused"}},
    "Project": record(**PROJECT, project_data=DATA),
    "ListedProject": record(**PROJECT, open_tasks=COUNT, total_tasks=COUNT),
    "Projects": record(projects=list_of(ref("ListedProject")), next_cursor=TEXT_OR_NULL)
    | {
        "description": "`next_cursor` is null on the last page.",
        "example": {
            "projects": [PROJECT_EXAMPLE | {"open_tasks": 1, "total_tasks": 2}],
            "next_cursor": "123",
        },
    },
    "Event": record(
        id=ID,
        cursor=TEXT,
        at=TIME,
        verb={"type": "string", "description": "The list of verbs may grow."},
        actor=TEXT | {"description": "A user name, `system` or `key:<key id>`."},
        acting_as=TEXT_OR_NULL,
        source={"type": "string", "enum": [source.value for source in Source]},
        object=record(kind=TEXT, id={"type": ["integer", "null"]}),
        project_id={"type": ["integer", "null"]},
        changes=record(before={"type": "object"}, after={"type": "object"}),
    ),
    "Events": record(events=list_of(ref("Event")), next=TEXT)
    | {
        "description": "`next` is where to go on, also when nothing has happened yet.",
        "example": {
            "events": [
                {
                    "id": 4711,
                    "cursor": "4711",
                    "at": "2026-09-23T20:16:02.667288Z",
                    "verb": "task_assigned",
                    "actor": "key:mine",
                    "acting_as": None,
                    "source": "api",
                    "object": {"kind": "task", "id": 456},
                    "project_id": 123,
                    "changes": {"before": {}, "after": {"worker": "alice", "level": 0}},
                }
            ],
            "next": "4711",
        },
    },
    "Step": record(slug=TEXT, name=TEXT, description=TEXT, is_human={"type": "boolean"}),
    "Iteration": record(
        id=ID,
        status=labels(IterationStatus),
        submitted_data=DATA,
        comment=TEXT_OR_NULL,
        start_datetime=TIME,
        end_datetime=TIME_OR_NULL,
    ),
    "Assignment": record(
        id=ID,
        task=ID,
        worker=TEXT_OR_NULL | {"description": "User name; null: the machine."},
        level={"type": "integer", "minimum": 0},
        status=labels(AssignmentStatus),
        in_progress_task_data=DATA,
        start_datetime=TIME,
        recorded_work_seconds={"type": "integer", "minimum": 0},
        iterations=list_of(ref("Iteration")),
    ),
    "Task": record(
        id=ID,
        project=ID,
        status=labels(TaskStatus),
        step_slug=TEXT,
        start_datetime=TIME,
        latest_data={"type": ["object", "null"]},
        skip_note=TEXT_OR_NULL,
        assignments=list_of(ref("Assignment")),
    ),
    "Information": record(
        project=ref("Project"),
        steps=list_of({"type": "array", "items": TEXT, "minItems": 2, "maxItems": 2})
        | {"description": "Slug and description of each step, in dependency order."},
        step_details=list_of(ref("Step")),
        tasks=map_of(ref("Task")) | {"description": "By slug of the step; existing tasks only."},
    ),
    "InformationById": map_of(ref("Information"))
    | {"description": "The answer to `project_ids`; unknown ids are left out."},
    "InformationAnswer": {
        "anyOf": [ref("Information"), ref("InformationById")],
        "example": {
            "project": PROJECT_EXAMPLE | {"project_data": {}},
            "steps": [["crawl", "Find an awesome image on a website"]],
            "step_details": [
                {
                    "slug": "crawl",
                    "name": "Web Crawling",
                    "description": "Find an awesome image on a website",
                    "is_human": False,
                }
            ],
            "tasks": {},
        },
    },
    "WorkflowTypes": record(
        workflows=map_of(
            record(
                name=TEXT,
                description=TEXT,
                versions=map_of(record(name=TEXT, description=TEXT)),
            )
        )
    )
    | {
        "example": {
            "workflows": {
                "simple_workflow": {
                    "name": "Simple Workflow",
                    "description": "Crawl a website for an image and rate it",
                    "versions": {"v1": {"name": "Version 1", "description": "The first one"}},
                }
            }
        }
    },
}
