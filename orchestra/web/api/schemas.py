"""The shape of the JSON of the signed API: what comes in is checked, what goes out is described."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from orchestra.domain.administration import LONGEST_NAME
from orchestra.domain.information import LARGEST_ID as LARGEST_ROW
from orchestra.domain.team_messages import LONGEST as LONGEST_MESSAGE
from orchestra.models import ProjectStatus, TaskClass, Verb

LARGEST_ID = 2**63 - 1
MOST_PROJECTS = 100
SETTABLE = [status.label for status in ProjectStatus if status is not ProjectStatus.COMPLETED]


class Text(fields.String):
    """Text that every database can keep: no NUL, no half of a surrogate pair."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise ValidationError("Contains a character that is no text.")
        return text


class Whole(fields.Integer):
    """A whole number; ``true``, fractions and text are none."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid", input=value)
        return value


class Number(Whole):
    """A whole number; numeric text is accepted (specification A-5), as query parameters are."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
            value = int(value)
        return super()._deserialize(value, attr, data, **kwargs)


class Id(Number):
    """A positive number."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=validate.Range(min=1, max=LARGEST_ID), **kwargs)


class Cursor(fields.Field[int]):
    """A place in a list, as an answer gave it; to client systems it is a text of ours."""

    def __init__(self, **kwargs: Any) -> None:
        described = {"type": "string", "pattern": r"^[0-9]{1,10}$", "example": "4711"}
        super().__init__(metadata=described | kwargs.pop("metadata", {}), **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        text = str(value)
        if not (text.isascii() and text.isdecimal()) or int(text[:11]) > LARGEST_ROW:
            raise ValidationError("Give a cursor from an earlier answer.")
        return int(text)


class StatusOf(fields.Field[ProjectStatus]):
    """A status by its label or its code, never by number (C-11)."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> ProjectStatus:
        for status in ProjectStatus:
            if value in (status.label, status.value):
                return status
        raise ValidationError(f"Give one of {', '.join(s.label for s in ProjectStatus)}.")


def require_one_of(body: Mapping[str, Any], one: str, other: str) -> None:
    """:raises ValidationError: the body has both or neither."""
    if (one in body) == (other in body):
        text = f"Give either {one} or {other}."
        raise ValidationError({one: [text], other: [text]})


class CreateProject(Schema):
    workflow_slug = Text(required=True, metadata={"example": "simple_workflow"})
    workflow_version_slug = Text(required=True, metadata={"example": "v1"})
    description = Text(
        required=True,
        validate=validate.Length(min=1, max=1000),
        metadata={"example": "Find a picture for the front page"},
    )
    priority = Whole(
        required=True,
        validate=validate.Range(min=-1_000_000, max=1_000_000),
        metadata={"description": "Larger is more urgent.", "example": 10},
    )
    task_class = Text(
        required=True, validate=validate.OneOf([member.value for member in TaskClass])
    )
    project_data = fields.Dict(
        keys=fields.String(),
        load_default=dict,
        metadata={"description": "Readable by all steps.", "example": {"url": "https://…"}},
    )


class MessageTeam(Schema):
    project_id = Id(required=True, metadata={"example": 123})
    message = Text(
        required=True,
        validate=validate.Length(min=1, max=LONGEST_MESSAGE),
        metadata={"example": "The client moved the deadline to Friday."},
    )


class ProjectBody(Schema):
    project_id = Id(required=True, metadata={"example": 123})


class AssignWorker(Schema):
    task_id = Id(required=True, metadata={"example": 456})
    worker_id = Id(metadata={"description": "Instead of `worker_username`."})
    worker_username = Text(
        validate=validate.Length(min=1, max=LONGEST_NAME), metadata={"example": "alice"}
    )

    @validates_schema
    def _exactly_one(self, body: dict[str, Any], **_kwargs: Any) -> None:
        require_one_of(body, "worker_id", "worker_username")


class SetStatus(Schema):
    project_id = Id(required=True, metadata={"example": 123})
    status = StatusOf(
        required=True,
        metadata={"type": "string", "enum": SETTABLE, "description": "As label or as code."},
    )


class NoQuery(Schema):
    pass


class ProjectsQuery(Schema):
    status = fields.List(
        StatusOf(metadata={"type": "string", "enum": [status.label for status in ProjectStatus]}),
        load_default=(),
        metadata={"description": "Any of these, each as a parameter of its own."},
    )
    workflow_slug = Text(metadata={"description": "Only projects of this workflow."})
    workflow_version_slug = Text(metadata={"description": "Only projects of such a version."})
    task_class = fields.Enum(
        TaskClass, by_value=True, metadata={"type": "string", "description": "Only such projects."}
    )
    started_after = fields.AwareDateTime(
        default_timezone=UTC, metadata={"description": "ISO 8601; UTC unless it says otherwise."}
    )
    started_before = fields.AwareDateTime(
        default_timezone=UTC, metadata={"description": "ISO 8601; UTC unless it says otherwise."}
    )
    q = Text(metadata={"description": "Text in the short description, in capitals or not."})
    limit = Number(
        load_default=50,
        validate=validate.Range(min=1, max=100),
        metadata={"description": "How many at most."},
    )
    cursor = Cursor(metadata={"description": "`next_cursor` of the page before."})


class EventsQuery(Schema):
    after = Cursor(
        metadata={
            "description": "`next` of the page before, or the `cursor` of the last event that is "
            "known; without it, from the beginning."
        }
    )
    limit = Number(
        load_default=100,
        validate=validate.Range(min=1, max=500),
        metadata={"description": "How many at most."},
    )
    project_id = Id(metadata={"description": "Only of this project."})
    verb = fields.List(
        fields.Enum(Verb, by_value=True, metadata={"type": "string"}),
        load_default=(),
        metadata={"description": "Any of these, each as a parameter of its own."},
    )


class StaffTask(Schema):
    task_id = Id(required=True, metadata={"example": 456})


class RestaffTask(StaffTask):
    worker_username = Text(
        required=True,
        validate=validate.Length(min=1, max=LONGEST_NAME),
        metadata={"description": "Who is to be replaced.", "example": "alice"},
    )


class ProjectInformation(Schema):
    project_id = Id(metadata={"example": 123})
    project_ids = fields.List(
        Id(),
        validate=validate.Length(min=1, max=MOST_PROJECTS),
        metadata={"description": "Instead of `project_id`.", "example": [123, 124]},
    )

    @validates_schema
    def _exactly_one(self, body: dict[str, Any], **_kwargs: Any) -> None:
        require_one_of(body, "project_id", "project_ids")
