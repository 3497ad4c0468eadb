"""The shape of the JSON of the signed API: what comes in is checked, what goes out is described."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from orchestra.domain.administration import LONGEST_NAME
from orchestra.domain.team_messages import LONGEST as LONGEST_MESSAGE
from orchestra.models import TaskClass

LARGEST_ID = 2**63 - 1
MOST_PROJECTS = 100


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


class Id(Whole):
    """A positive number; numeric text is accepted (specification A-5)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=validate.Range(min=1, max=LARGEST_ID), **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
            value = int(value)
        return super()._deserialize(value, attr, data, **kwargs)


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
        if len(body) != 1:
            text = "Give either project_id or project_ids."
            raise ValidationError({"project_id": [text], "project_ids": [text]})
